"""`tellmark bench detector --with part=own --with data=DIR`: our generator against real footage, persons held out.

DIR is a dataset of the factory with the methods ``real`` and a fake one, both marked, and several rungs of compression.
Every clip is scored by models that saw neither its person nor its original: one of all rungs as `tellmark train` makes
it, whose discriminant measures tells against real clips of the quality that it reads from the pixels; the same with the
tells as they are; and one that was taught on the clip's own rung, which nobody knows of a clip that comes along.
Persons are dealt to folds three times over: a calibration error is a mean over bins, and the luck of one deal is a
large part of it. Null and plain arms, where DIR has them, are more real clips to learn from; they are not judged. The
design was chosen on half of the persons, by a hash of their names: rows tell both halves apart. ``unseen=DIR2`` has
clips of the same people made by another renderer, with their real ones: they are judged by the models that were taught
on DIR without their person. ``work`` makes both of footage with an index.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from tellmark.detector import metrics
from tellmark.detector.evaluate import measured
from tellmark.detector.features import ClipFeatures
from tellmark.detector.layouts import read_dataset
from tellmark.detector.models.additive import Tells
from tellmark.detector.models.rows import FOLDS, folds
from tellmark.detector.train import fit
from tellmark.errors import UsageError
from tellmark.types import F64, Clip, Label

Pairs = list[tuple[Clip, ClipFeatures]]
Judged = list[tuple[Clip, float]]
_TARGETS = {
    "auc": ">= .97, lower bound >= .93", "tpr_at_1pct_fpr": ">= .6", "ece": "<= .05", "auc c40": ">= .90",
    "auc unseen renderer": ">= .85",
}  # fmt: skip
_DRAWS = 200
_DEALS = 3


def run(folder: Path, unseen: Path | None = None, *, deals: int = _DEALS) -> list[dict[str, Any]]:
    """Rows of {taught_on, measure, value, low, high, target, of}."""
    pairs, arms = _pairs(folder)
    others = _pairs(unseen)[0] if unseen is not None else []
    rungs = sorted({_rung(clip) for clip, _ in pairs})
    every = [set(rungs)]
    teachings = {"all rungs": (every, Tells())}
    if len(rungs) > 1:
        teachings |= {
            "all rungs, tells as they are": (every, Tells(by_quality=False)),
            "its own rung": ([{rung} for rung in rungs], Tells()),
        }
    rows: list[dict[str, Any]] = []
    for name, (taught, classifier) in teachings.items():
        judged: Judged = []
        foreign: Judged = []
        for chosen in taught:
            own, real, strangers = ([one for one in part if _rung(one[0]) in chosen] for part in (pairs, arms, others))
            for deal in range(deals):
                seen, strange = _held_out(own, real, strangers, classifier, deal)
                judged, foreign = judged + seen, foreign + strange
        for rung in rungs:
            suffix = "" if rung in ("c23", "as it is") else f" {rung}"
            here = [one for one in judged if _rung(one[0]) == rung]
            rows += _worth(here, name, suffix)
            for half in (True, False):
                part = [one for one in here if _developed_on(one[0].identity) is half]
                if {clip.label is Label.FAKE for clip, _ in part} == {True, False}:
                    side = "development half" if half else "other half"
                    rows += _worth(part, name, f"{suffix}, {side}", brief=True)
        if len(rungs) > 1:
            rows += _worth(judged, name, ", rungs together")
        if foreign:
            rows += _worth(foreign, name, " unseen renderer")
    return rows


def _developed_on(identity: str) -> bool:
    """Whether the design of the model was chosen on this person, among others."""
    return int(hashlib.sha256(identity.encode()).hexdigest()[:8], 16) % 2 == 0


def _rung(clip: Clip) -> str:
    return clip.compression or "as it is"


def _pairs(folder: Path) -> tuple[Pairs, Pairs]:
    """Marked clips of both classes, and the real ones of the arms."""
    clips = list(read_dataset(folder))
    judged = [clip for clip in clips if clip.method not in ("null", "plain") and clip.marked]
    if {clip.label is Label.FAKE for clip in judged} != {True, False}:
        raise UsageError(f"data={folder} needs marked clips of both classes; build it with real and a fake method")
    arms = [clip for clip in clips if clip.method in ("null", "plain")]
    return measured(folder, judged)[0], measured(folder, arms)[0]


def _held_out(pairs: Pairs, arms: Pairs, others: Pairs, classifier: Tells, deal: int) -> tuple[Judged, Judged]:
    """``pairs`` and ``others`` with their scores; ``arms`` are learnt from."""
    labels = np.array([int(clip.label is Label.FAKE) for clip, _ in pairs], np.int64)
    who = np.array([clip.identity for clip, _ in pairs])
    judged: Judged = []
    foreign: Judged = []
    for train, test in folds(labels, who, FOLDS, deal):
        held = set(who[test].tolist())
        more = [pair for pair in arms if pair[0].identity not in held]
        model = fit([*(pairs[i] for i in train), *more], classifier, 0)
        judged += [(pairs[i][0], model.judge(pairs[i][1].x).p_synthetic) for i in test]
        foreign += [(clip, model.judge(found.x).p_synthetic) for clip, found in others if clip.identity in held]
    return judged, foreign


def _perfect(clips: list[Clip], p: F64) -> tuple[float, float]:
    """ECE that a perfectly calibrated model reads on as many clips with these probabilities: mean, 95th percentile.

    A clip that was judged in several deals is drawn once, with the mean of what was said of it.
    """
    rng = np.random.default_rng(0)
    _, member = np.unique([clip.sha256 for clip in clips], return_inverse=True)
    mean = np.bincount(member, p) / np.bincount(member)
    read = [
        metrics.expected_calibration_error((rng.random(len(mean)) < mean).astype(int)[member], p) for _ in range(_DRAWS)
    ]
    return float(np.mean(read)), float(np.quantile(read, 0.95))


def _worth(judged: Judged, taught: str, suffix: str, *, brief: bool = False) -> list[dict[str, Any]]:
    """Rows on clips with their scores; ``brief`` leaves out what their probabilities are worth."""
    clips, p = [clip for clip, _ in judged], np.array([score for _, score in judged])
    labels = np.array([int(clip.label is Label.FAKE) for clip in clips])
    who = [clip.identity for clip in clips]
    one_each = {clip.sha256: clip.label is Label.FAKE for clip in clips}
    fakes, deals = sum(one_each.values()), len(clips) // len(one_each)
    of = f"{fakes} fakes, {len(one_each) - fakes} real, {len(set(who))} persons, {deals} deals of folds"

    def at_1_percent(y: Any, s: Any) -> float:
        return metrics.tpr_at_fpr(y, s, 0.01)

    rows = []
    kinds: list[tuple[str, metrics.Metric]] = [("auc", metrics.auc), ("tpr_at_1pct_fpr", at_1_percent)]
    if not brief:
        kinds += [
            ("eer", metrics.equal_error_rate), ("brier", metrics.brier), ("ece", metrics.expected_calibration_error),
            ("ece, 5 bins of equal mass", metrics.equal_mass_calibration_error),
        ]  # fmt: skip
    for name, metric in kinds:
        low, high = metrics.metric_interval(metric, labels, p, who)
        measure = name + suffix
        rows.append(
            {
                "taught_on": taught, "measure": measure, "value": round(metric(labels, p), 3), "low": round(low, 3),
                "high": round(high, 3), "target": _TARGETS.get(measure, ""), "of": of,
            }
        )  # fmt: skip
    if brief:
        return rows
    mean, most = _perfect(clips, p)
    measure = f"ece a perfectly calibrated model reads, and its 95th percentile{suffix}"
    rows.append(
        {
            "taught_on": taught,
            "measure": measure,
            "value": round(mean, 3),
            "low": "",
            "high": round(most, 3),
            "target": "",
            "of": of,
        }
    )
    return rows
