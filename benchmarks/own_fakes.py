"""`tellmark bench detector --with part=own --with data=DIR`: our generator against real footage, persons held out.

DIR is a dataset of the factory with the methods ``real`` and a fake one, both marked, and the rungs c23 and c40. Every
clip is scored by a model that saw neither its person nor its original. ``unseen=DIR2`` has clips of the same people
made by another renderer: they are judged by the models that were trained on DIR without their person.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tellmark.detector import metrics
from tellmark.detector.evaluate import measured
from tellmark.detector.features import ClipFeatures
from tellmark.detector.layouts import read_dataset
from tellmark.detector.model import FOLDS, Tells, folds
from tellmark.detector.train import fit
from tellmark.errors import UsageError
from tellmark.types import F64, Clip, Label

Pairs = list[tuple[Clip, ClipFeatures]]
_TARGETS = {
    "auc": ">= .97, lower bound >= .93", "tpr_at_1pct_fpr": ">= .6", "ece": "<= .05", "auc c40": ">= .90",
    "auc unseen renderer": ">= .85",
}  # fmt: skip


def run(folder: Path, unseen: Path | None = None) -> list[dict[str, Any]]:
    """Rows of {measure, value, low, high, target, of}."""
    pairs = _pairs(folder)
    others = _pairs(unseen) if unseen is not None else []
    scores, foreign = _held_out(pairs, others)
    rows: list[dict[str, Any]] = []
    for rung in sorted({clip.compression or "as it is" for clip, _ in pairs}):
        chosen = [i for i, (clip, _) in enumerate(pairs) if (clip.compression or "as it is") == rung]
        suffix = "" if rung in ("c23", "as it is") else f" {rung}"
        rows += _worth([pairs[i][0] for i in chosen], scores[chosen], suffix)
    if others:
        negatives = [
            i for i, (clip, _) in enumerate(pairs) if clip.label is not Label.FAKE and clip.compression in (None, "c23")
        ]
        fakes = [
            i for i, (clip, _) in enumerate(others) if clip.label is Label.FAKE and clip.compression in (None, "c23")
        ]
        clips = [*(pairs[i][0] for i in negatives), *(others[i][0] for i in fakes)]
        rows += _worth(clips, np.append(scores[negatives], foreign[fakes]), " unseen renderer")
    return rows


def _pairs(folder: Path) -> Pairs:
    clips = [clip for clip in read_dataset(folder) if clip.method not in ("null", "plain") and clip.marked]
    if {clip.label is Label.FAKE for clip in clips} != {True, False}:
        raise UsageError(f"data={folder} needs marked clips of both classes; build it with real and a fake method")
    return measured(folder, clips)[0]


def _held_out(pairs: Pairs, others: Pairs) -> tuple[F64, F64]:
    labels = np.array([int(clip.label is Label.FAKE) for clip, _ in pairs], np.int64)
    who = np.array([clip.identity for clip, _ in pairs])
    scores, foreign = np.full(len(pairs), np.nan), np.full(len(others), np.nan)
    for train, test in folds(labels, who, FOLDS, 0):
        model = fit([pairs[i] for i in train], Tells(), 0)
        for i in test:
            scores[i] = model.judge(pairs[i][1].x).p_synthetic
        held = set(who[test])
        for i, (clip, features) in enumerate(others):
            if clip.identity in held:
                foreign[i] = model.judge(features.x).p_synthetic
    return scores, foreign


def _worth(clips: Sequence[Clip], scores: F64, suffix: str) -> list[dict[str, Any]]:
    keep = np.isfinite(scores)
    clips, p = [clip for clip, kept in zip(clips, keep, strict=True) if kept], scores[keep]
    labels = np.array([int(clip.label is Label.FAKE) for clip in clips])
    who = [clip.identity for clip in clips]
    of = f"{int(labels.sum())} fakes, {int((1 - labels).sum())} real, {len(set(who))} persons"

    def at_1_percent(y: Any, s: Any) -> float:
        return metrics.tpr_at_fpr(y, s, 0.01)

    rows = []
    for name, metric in (
        ("auc", metrics.auc), ("tpr_at_1pct_fpr", at_1_percent), ("eer", metrics.equal_error_rate),
        ("brier", metrics.brier), ("ece", metrics.expected_calibration_error),
    ):  # fmt: skip
        low, high = metrics.metric_interval(metric, labels, p, who)
        measure = name + suffix
        rows.append(
            {
                "measure": measure, "value": round(metric(labels, p), 3), "low": round(low, 3), "high": round(high, 3),
                "target": _TARGETS.get(measure, ""), "of": of,
            }
        )  # fmt: skip
    return rows
