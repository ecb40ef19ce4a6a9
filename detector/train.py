"""Train a model on a dataset, and say what it is worth on persons, and on methods, that it has not seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellmark.detector import metrics, tells
from tellmark.detector.clips import identity_leaks, pseudonym
from tellmark.detector.evaluate import evaluate, measured, record
from tellmark.detector.features import ClipFeatures
from tellmark.detector.layouts import read_dataset
from tellmark.detector.models import liveliness
from tellmark.detector.models.additive import Tells
from tellmark.detector.models.model import Judgement, TellModel
from tellmark.detector.models.rows import FOLDS, Rows, folds
from tellmark.errors import InputError
from tellmark.runs import Progress, check_output
from tellmark.types import F64, Clip, Label
from tellmark.unreadable import Failed

Pairs = Sequence[tuple[Clip, ClipFeatures]]
FALSE_ALARMS = 0.03
"""Share of real clips of unseen persons above the threshold of a card: below the 5 % asked for, to leave room."""
DEALS = 3
"""Deals of persons to folds that set the threshold: one deal alone moves it by .05, for a few clips decide."""


def train(
    folders: Path | str | Sequence[Path],
    out: Path | str,
    *,
    name: str = "tells",
    seed: int = 0,
    classifier: Tells | None = None,
    licence: str = "research use",
    force: bool = False,
    failed: Failed | None = None,
    progress: Progress | None = None,
) -> TellModel:
    """Train on the clips of one dataset, or of several, and write the model to ``out``.

    Fakes are the positive class, real and reference clips the negative one. Clips of the split ``test`` are held out
    for the final numbers; all others are used for training and, with persons held out in turn, for cross-validation
    and calibration, in :data:`DEALS` deals for the threshold. The model's card holds both evaluations (without the
    scores of single clips), the data and the seed. failed: told of clips that cannot be read. Raises
    :class:`InputError` for a dataset without both classes, or with an identity in several splits, and
    :class:`~tellmark.errors.UsageError` where ``out`` exists and not ``force``.
    """
    out = Path(out)
    check_output(out, force=force)
    sources = [Path(folders)] if isinstance(folders, Path | str) else list(folders)
    pairs: list[tuple[Clip, ClipFeatures]] = []
    held_out: list[Path] = []
    for folder in sources:
        clips = read_dataset(folder)
        if leaks := identity_leaks(clips):
            raise InputError(
                f"{folder}: {leaks[0]} and {len(leaks) - 1} more identities are in several splits; split by identity"
            )
        taught = [clip for clip in clips if clip.split != "test"]
        pairs += measured(folder, taught, failed=failed, progress=progress)[0]
        if {clip.label is Label.FAKE for clip in clips if clip.split == "test"} == {True, False}:
            held_out.append(folder)
    classifier = classifier or Tells()
    model = fit(pairs, classifier, seed)
    if silent := sorted(set(classifier.families) - set(model.probes)):
        raise InputError(
            f"too few clips of one class say anything of {' and '.join(silent)}, and the model would learn that; "
            "leave out --also, or give both classes clips with sound and large faces"
        )
    dataset = "+".join(folder.name for folder in sources)
    validation = cross_validate(pairs, classifier, seed=seed, dataset=dataset)
    others = [cross_validate(pairs, classifier, seed=seed + deal, dataset=dataset) for deal in range(1, DEALS)]
    scores = [one for deal in (validation, *others) for one in deal["scores"]]
    card = {
        "name": name,
        "licence": licence,
        "seed": seed,
        "datasets": [folder.name for folder in sources],
        "clips": dict(Counter(str(clip.label) for clip, _ in pairs)),
        "methods": dict(Counter(clip.method for clip, _ in pairs)),
        "identities": sorted({pseudonym(clip.identity) for clip, _ in pairs}),
        "families": list(model.probes),
        "rungs": sorted({clip.compression for clip, _ in pairs if clip.compression}),
        "by_quality": model.proportion is not None and not liveliness.is_axis_of(model.proportion),
        "by_motion": model.proportion is not None and liveliness.is_axis_of(model.proportion),
        "cross_validation": _brief(validation),
        "operating_point": (point := _operating_point(scores)),
        "above": _above(scores, point["threshold"]),
        "unseen_methods": leave_one_method_out(pairs, classifier, seed=seed),
        "test": {},
    }
    model = replace(model, card=card)
    card["test"] = {folder.name: _brief(evaluate(model, folder, seed=seed, failed=failed)) for folder in held_out}
    model.save(out, force=force)
    return model


def fit(pairs: Pairs, classifier: Tells, seed: int) -> TellModel:
    """A model of all windows of ``pairs``. Raises :class:`InputError` where a class is missing."""
    _labels(pairs)
    return classifier.fit(*rows_of(pairs), seed=seed)


def cross_validate(
    pairs: Pairs, classifier: Tells, *, seed: int = 0, dataset: str = "", count: int = FOLDS
) -> dict[str, Any]:
    """The ``tellmark.evaluation/1`` record of models that saw none of the persons they judge, calibration included."""
    labels, who = _labels(pairs), np.array([clip.identity for clip, _ in pairs])
    verdicts: list[Judgement | None] = [None] * len(pairs)
    for chosen, judged in folds(labels, who, count, seed):
        model = fit([pairs[i] for i in chosen], classifier, seed)
        for i in judged:
            verdicts[i] = model.judge(pairs[i][1].x)
    done = [(pair, verdict) for pair, verdict in zip(pairs, verdicts, strict=True) if verdict is not None]
    scores = np.array([verdict.p_synthetic for _, verdict in done])
    families: dict[str, F64] = {
        family: np.array([verdict.tells[family]["score"] for _, verdict in done])
        for family in tells.FAMILIES
        if all(family in verdict.tells for _, verdict in done)
    }
    return record([pair for pair, _ in done], scores, families, "cross-validation", dataset, seed=seed)


def leave_one_method_out(pairs: Pairs, classifier: Tells, *, seed: int = 0, fewest: int = 3) -> dict[str, Any]:
    """Method -> ``auc`` and number ``n`` of its fakes, by models that saw neither it nor the persons judged.

    The persons of the negatives are split in halves: the fakes are told apart from one half by a model of the other,
    and the other way round; the AUC is the mean of both. Fakes of a negative's person are judged in that person's half
    alone, since their model must not know the person. Methods with fewer than ``fewest`` clips are left out; empty
    for fewer than three methods, since too little would remain to learn from.
    """
    labels, who = _labels(pairs), np.array([clip.identity for clip, _ in pairs])
    methods = np.array([clip.method for clip, _ in pairs])
    if len(set(methods[labels == 1])) < 3:
        return {}
    persons = np.array(sorted(set(who[labels == 0])))
    half = np.isin(who, np.random.default_rng(seed).permutation(persons)[: len(persons) // 2])
    stranger = ~np.isin(who, persons)
    result: dict[str, Any] = {}
    for method in sorted(set(methods[labels == 1])):
        unseen = (labels == 1) & (methods == method)
        if unseen.sum() < fewest:
            continue
        areas = []
        for side in (half, ~half):
            judged = ((labels == 0) & side) | (unseen & (side | stranger))
            taught = ~judged & ~np.isin(who, who[judged])
            if len(set(labels[taught].tolist())) == 2 and len(set(labels[judged].tolist())) == 2:
                model = classifier.learn(*rows_of([pairs[i] for i in np.flatnonzero(taught)]), seed=seed)
                margins = [float(model.margin(pairs[i][1].x).mean()) for i in np.flatnonzero(judged)]
                areas.append(metrics.auc(labels[judged], margins))
        if areas:
            result[str(method)] = {"auc": float(np.mean(areas)), "n": int(unseen.sum())}
    return result


def rows_of(pairs: Pairs) -> tuple[F64, Rows]:
    """Features and descriptions of all windows."""
    clips = [clip for clip, features in pairs for _ in features.x]
    rows = Rows(
        np.array([int(clip.label is Label.FAKE) for clip in clips], np.int64),
        np.array([clip.sha256 for clip in clips]),  # ids repeat between datasets
        np.array([clip.identity for clip in clips]),
        np.array([clip.method for clip in clips]),
        np.array([clip.compression or "" for clip in clips]),
        np.array([clip.source_id for clip in clips]),
    )
    return np.concatenate([features.x for _, features in pairs]), rows


def _operating_point(scores: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The threshold that :data:`FALSE_ALARMS` allows, and what lies above it."""
    real, fake = (
        np.array([one["p"] for one in scores if (one["label"] == Label.FAKE) is side]) for side in (False, True)
    )
    threshold = metrics.threshold_at(real, FALSE_ALARMS)
    return {
        "threshold": threshold,
        "false_alarms": float((real > threshold).mean()),
        "hits": float((fake > threshold).mean()),
    }


def _above(scores: Sequence[dict[str, Any]], threshold: float) -> dict[str, float]:
    """Method -> share of its clips, of persons unseen, above the threshold."""
    methods = sorted({str(one["method"]) for one in scores})
    return {name: float(np.mean([one["p"] > threshold for one in scores if one["method"] == name])) for name in methods}


def _labels(pairs: Pairs) -> NDArray[np.int64]:
    labels = np.array([int(clip.label is Label.FAKE) for clip, _ in pairs], np.int64)
    if len(set(labels.tolist())) < 2:
        raise InputError(
            "training needs fakes and real or reference clips that show a face for 1.6 s; add the missing class"
        )
    return labels


def _brief(evaluation: dict[str, Any]) -> dict[str, Any]:
    """An evaluation without what is long: single scores and the curve."""
    brief = {key: value for key, value in evaluation.items() if key != "scores"}
    brief["overall"] = {key: value for key, value in evaluation["overall"].items() if key != "roc"}
    return brief
