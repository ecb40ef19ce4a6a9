"""Controls 5, 6 and 9 to 12: whether the experiment itself is in order."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellmark.detector import metrics
from tellmark.detector.audit.material import NONE_ANEW, Material, mean_of, missing
from tellmark.detector.audit.variants import AS_IS, LADDER, stripped
from tellmark.detector.audit_record import Control
from tellmark.detector.features import clip_features
from tellmark.detector.models.rows import FOLDS, clip_means, folds
from tellmark.detector.train import leave_one_method_out
from tellmark.errors import MediaError
from tellmark.types import F64

_STRIPPED, _TRIED = 3, 40  # clips
_DRAWS = 5


def random_labels(material: Material) -> Iterator[Control]:
    """5: labels dealt anew, so that nothing can be learned; all clips of a person and class keep together."""
    x, rows = material.rows
    units = np.char.add(rows.identities, np.char.add("|", rows.labels.astype(str)))
    names = np.unique(units)
    truth = np.array([int(name.endswith("1")) for name in names])
    values, lows, highs = [], [], []
    for draw in range(_DRAWS):
        dealt = dict(zip(names, np.random.default_rng([material.seed, draw]).permutation(truth), strict=True))
        fresh = type(rows)(np.array([dealt[one] for one in units]), rows.clips, rows.identities, rows.methods)
        margins = np.zeros(len(rows))
        for train, test in folds(fresh.labels, fresh.identities, FOLDS, draw):
            margins[test] = material.classifier.boost(x[train], fresh[train], seed=draw).margin(x[test])
        first, means = clip_means(fresh.clips, margins)
        labels, who = fresh.labels[first], fresh.identities[first].tolist()
        values.append(metrics.auc(labels, means))
        low, high = metrics.auc_interval(labels, means, who, bootstraps=material.bootstraps, seed=draw)
        lows.append(low)
        highs.append(high)
    interval = float(np.mean(lows)), float(np.mean(highs))
    yield Control(
        5, "random labels", "if it fails, something beside the labels leaks from training to test",
        float(np.mean(values)), interval, "interval holds .5", interval[0] <= 0.5 <= interval[1],
        f"mean of {_DRAWS} deals: " + ", ".join(f"{value:.3f}" for value in values),
    )  # fmt: skip


def splits(material: Material) -> Iterator[Control]:
    """6: nobody is in two splits."""
    names = {clip.split for clip in material.clips}
    for what in ("identity", "source_id", "voice_id"):
        found: dict[str, set[str]] = {}
        for clip in material.clips:
            if key := str(getattr(clip, what)):
                found.setdefault(key, set()).add(clip.split)
        title = f"{what.removesuffix('_id')} in two splits"
        meaning = "if it fails, the test knows whom the training has seen"
        if not found:
            yield missing(6, title, meaning, "0", "the clips do not say")
            continue
        over = sum(len(one) > 1 for one in found.values())
        note = f"{len(found)} in {len(names)} splits" + ("; folds hold persons out" if len(names) < 2 else "")
        yield Control(6, title, meaning, float(over), None, "0", over == 0, note)


def strip(material: Material) -> Iterator[Control]:
    """9: without metadata, credentials, sound and SEI messages every score stays what it was, to the bit."""
    name, meaning, mark = "change by stripping", "if it fails, the detector reads the file and not the picture", "0"
    worst, done = 0.0, 0
    with tempfile.TemporaryDirectory() as folder:
        for i in material.drawn(_TRIED):
            if done == _STRIPPED:
                break
            try:
                bare = clip_features(stripped(material.paths[i], Path(folder) / f"{i}.mp4"), limit=2)
            except MediaError:
                continue
            whole = clip_features(material.paths[i], limit=2)
            if len(bare.x) and len(bare.x) == len(whole.x):
                one, other = (material.judges()[i].judge(found.x).windows for found in (bare, whole))
                worst = max(worst, float(np.abs(one - other).max()))
                done += 1
    if not done:
        yield missing(9, name, meaning, mark, "no clip is H.264")
        return
    note = f"{done} clips, two windows each"
    yield Control(9, name, meaning, worst, None, mark, worst == 0, note)


def intervals(material: Material) -> Iterator[Control]:
    """10 and 12: the result itself, with its interval, its spread over seeds, and what its probabilities are worth."""
    labels, scores, who = material.labels, material.scores(), material.who.tolist()
    value = metrics.auc(labels, scores)
    interval = metrics.auc_interval(labels, scores, who, bootstraps=material.bootstraps, seed=material.seed)
    meaning = "not a pass mark of its own: how far the result can be trusted"
    note = f"{len(labels)} clips, {len(set(who))} persons, {material.bootstraps} bootstraps"
    enough = material.bootstraps >= 1000
    yield Control(10, "AUC, interval over persons", meaning, value, interval, ">= 1000 bootstraps", enough, note)
    if material.model is None:
        others = [metrics.auc(labels, material.scores(seed)) for seed in material.deals]
        spread = max(others) - min(others)
        said = "AUC by seed of the folds: " + ", ".join(f"{one:.3f}" for one in others)
        yield Control(10, "spread over seeds", meaning, spread, None, "printed", True, said)
    meaning = "if it fails, a probability is not to be read as one"
    unseen = "persons held out" if material.model is None else "by the model given"

    def balanced(y: Any, p: Any) -> float:
        return metrics.expected_calibration_error(y, p, balanced=True)

    deals = [material.scores(seed) for seed in material.deals]
    # A perfectly calibrated model: what its probabilities promise comes true, alike in all deals, and alike for
    # whatever was written of one clip, which is forged or is not.
    once = np.unique([f"{clip.source_id} {clip.method}" for clip in material.clips], return_inverse=True)[1]
    # NaN where a draw holds one class alone
    ideal = [np.mean([balanced(_drawn(p, once, seed), p) for p in deals]) for seed in range(200)]
    often = float(np.nanpercentile(ideal, 95))
    said = (
        f"{unseen}, classes weighed alike; a perfectly calibrated model on so few clips reads {np.nanmean(ideal):.3f}, "
    )
    said += f"up to {often:.3f} in 19 cases of 20"

    def row(p: F64) -> Control:
        interval = metrics.metric_interval(balanced, labels, p, who, bootstraps=200, seed=material.seed)
        return Control(12, "ECE", meaning, balanced(labels, p), interval, "<= .05", None, said)

    ece = mean_of([row(p) for p in deals], 0.05)
    error = float(ece.value or 0.0)
    passed = error <= 0.05 or (None if error <= often else False)  # None: no worse than what nobody could better
    yield replace(ece, passed=passed)
    brier = metrics.brier(labels, scores)
    yield Control(12, "Brier", meaning, brier, None, "printed", True, unseen)
    sure = metrics.tpr_at_fpr(labels, scores, 0.01)
    yield Control(12, "TPR at 1 % FPR", meaning, sure, None, "printed", True, f"{int((labels == 0).sum())} negatives")


def matrix(material: Material) -> tuple[list[Control], list[dict[str, Any]]]:
    """11: one method left out at a time, and the ladder of rungs; the rows and the matrix itself."""
    meaning = "not a pass mark of its own: where the result ends"
    cells: list[dict[str, Any]] = []
    for name, variant in {"as it is": AS_IS, **LADDER}.items() if material.most else ():
        chosen, scores = material.variant(variant)
        labels = material.labels[chosen]
        area = metrics.auc(labels, scores)
        interval = metrics.auc_interval(
            labels, scores, material.who[chosen].tolist(), bootstraps=material.bootstraps, seed=material.seed
        )
        cells.append({"rung": name, "auc": area, "auc_ci": list(interval), "n": len(chosen)})
    ladder = "ladder, lowest rung"
    rows = [
        _lowest(11, ladder, meaning, cells, "rung") if cells else missing(11, ladder, meaning, "a matrix", NONE_ANEW)
    ]
    left_out = leave_one_method_out(
        list(zip(material.clips, material.features, strict=True)), material.classifier, seed=material.seed
    )
    unseen: list[dict[str, Any]] = [{"left_out": method, **found} for method, found in left_out.items()]
    if unseen:
        rows.append(_lowest(11, "one method left out, lowest", meaning, unseen, "left_out"))
    else:
        why = "it takes three methods with three fakes or more each"
        rows.append(missing(11, "one method left out, lowest", meaning, "a matrix", why))
    return rows, [*cells, *unseen]


def _lowest(number: int, name: str, meaning: str, cells: Sequence[dict[str, Any]], key: str) -> Control:
    worst = min(cells, key=lambda cell: float(cell["auc"]))
    interval = tuple(worst["auc_ci"]) if "auc_ci" in worst else None
    note = ", ".join(f"{cell[key]} {cell['auc']:.3f}" for cell in cells)
    return Control(number, name, meaning, float(worst["auc"]), interval, "a matrix", True, note)


def _drawn(scores: F64, once: NDArray[np.intp], seed: int) -> NDArray[np.int64]:
    """(N,) labels that come true as (N,) scores say; clips with the same number in ``once`` share their luck."""
    luck = np.random.default_rng(seed).random(once.max() + 1)
    return np.asarray(luck[once] < scores, np.int64)
