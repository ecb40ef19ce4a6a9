"""Evaluate a model on a dataset: the record the report reads.

The record, ``tellmark.evaluation/1``, is JSON-able; NaN is written as null:

- ``schema``, ``model`` (its name), ``dataset`` (the folder's name), ``n_clips``, ``n_identities``, ``seed``;
- ``negative_class``: ``real``, ``reference`` or ``mixed``;
- ``overall``: ``auc``, ``auc_ci`` [low, high] (95 %, bootstrap over identities), ``ap``, ``eer``, ``tpr_at_1pct_fpr``,
  ``tpr_at_01pct_fpr``, ``window_auc`` (single windows of 1.6 s instead of clips), ``brier``, ``ece``, ``ece_balanced``
  (classes weighed alike, as the probabilities suppose), ``intervals`` of these, ``roc`` [[fpr, tpr], ..];
- ``tells``: family -> ``auc``, ``auc_ci`` (of the family's own score), ``top_feature``, ``cohens_d`` (of that feature,
  on clip means);
- ``methods``: method -> ``auc`` of its fakes against all negatives, ``n``;
- ``watermark``: null, or ``fake_<arm>_vs_negative_<arm>`` -> AUC for the arms ``marked`` and ``clean``;
- ``groups``: what :func:`tellmark.detector.groups.group_gaps` says; ``audit``: the sentence of the dataset's audit and
  of the model's, or that there is none;
- ``scores``: [{``clip_id``, ``label``, ``identity``, ``method``, ``p``}, ..] of the clips that could be judged;
- ``notes``: sentences, among them why a part is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tellmark.detector import metrics
from tellmark.detector.audit_record import FILE, found_in, sentence
from tellmark.detector.clips import pseudonym
from tellmark.detector.features import NAMES, ClipFeatures, cached_features, clip_features
from tellmark.detector.groups import group_gaps
from tellmark.detector.layouts import read_dataset
from tellmark.detector.models.model import TellModel
from tellmark.detector.views import Views, cached_views
from tellmark.errors import InputError
from tellmark.finite import finite
from tellmark.runs import Progress
from tellmark.types import F64, Clip, Label
from tellmark.unreadable import Failed, left_out

if TYPE_CHECKING:  # torch takes seconds
    from tellmark.detector.models.fusion import Fusion

SCHEMA = "tellmark.evaluation/1"
CACHE = ".features"
Pairs = list[tuple[Clip, ClipFeatures]]


def measured(
    folder: Path, clips: Sequence[Clip], *, failed: Failed | None = None, progress: Progress | None = None
) -> tuple[Pairs, list[str]]:
    """Features of every clip, from the cache where it has them, and notes on the clips that are left out.

    Those are the clips without one whole window, and, where ``failed`` is there to be told, those that cannot be read.
    """
    pairs, notes = [], []
    for done, clip in enumerate(clips):
        why = "it cannot be read"
        with left_out(folder / clip.path, failed):
            found = cached_features(folder / clip.path, clip.sha256, folder / CACHE, clip_features)
            why = "" if len(found.x) else "no face was followed for 1.6 s"
        if why:
            notes.append(f"{clip.clip_id} was left out: {why}")
        else:
            pairs.append((clip, found))
        if progress:
            progress(done + 1, len(clips))
    return pairs, notes


def evaluate(
    model: TellModel | Fusion,
    folder: Path | str,
    *,
    split: str | None = "test",
    seed: int = 0,
    bootstraps: int = metrics.BOOTSTRAPS,
    failed: Failed | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The record of ``model`` on the clips of a dataset's ``split``; on all clips where it is None.

    failed: told of clips that cannot be read. Raises :class:`InputError` where the split has no clips, or none of a
    class that can be judged.
    """
    folder = Path(folder)
    clips = [clip for clip in read_dataset(folder) if split is None or clip.split == split]
    if not clips:
        raise InputError(f"{folder} has no clips of the split {split!r}; evaluate another one")
    pairs, notes = measured(folder, clips, failed=failed, progress=progress)
    if not pairs:
        raise InputError(f"no clip of {folder} shows a face for 1.6 s; give longer clips of one visible face")
    if isinstance(model, TellModel):
        verdicts = [model.judge(features.x) for _, features in pairs]
        families = {name: np.array([v.tells[name]["score"] for v in verdicts]) for name in model.probes}
    else:
        pairs, seen = _viewed(folder, pairs, model.needs, notes, failed)
        verdicts, families = [model.judge(views) for views in seen], {}
    scores = np.array([verdict.p_synthetic for verdict in verdicts])
    overlap = set(model.card.get("identities", ())) & {pseudonym(clip.identity) for clip, _ in pairs}
    if overlap:
        notes.append(f"{len(overlap)} identities were in the model's training: these numbers are too good")
    found = record(pairs, scores, families, model.name, folder.name, seed=seed, bootstraps=bootstraps, notes=notes)
    who = [clip.identity for (clip, _), verdict in zip(pairs, verdicts, strict=True) for _ in verdict.windows]
    fake = [
        clip.label is Label.FAKE for (clip, _), verdict in zip(pairs, verdicts, strict=True) for _ in verdict.windows
    ]
    single = np.concatenate([verdict.windows for verdict in verdicts])
    found["overall"]["window_auc"] = metrics.auc(np.array(fake, int), single)
    found["overall"]["intervals"]["window_auc"] = list(
        metrics.auc_interval(np.array(fake, int), single, who, bootstraps=bootstraps, seed=seed)
    )
    found["audit"] = audit_lines(folder, model)
    return finite(found)  # type: ignore[no-any-return]


def _viewed(
    folder: Path, pairs: Pairs, needs: Sequence[str], notes: list[str], failed: Failed | None
) -> tuple[Pairs, list[Views]]:
    """Those of the clips whose views can be had, and these; ``notes`` on the others. The features may be of a cache."""
    kept: Pairs = []
    seen: list[Views] = []
    for clip, features in pairs:
        with left_out(folder / clip.path, failed):
            seen.append(cached_views(folder / clip.path, clip.sha256, folder / CACHE, needs).views)
            kept.append((clip, features))
    lost = {clip.clip_id for clip, _ in pairs} - {clip.clip_id for clip, _ in kept}
    notes += [f"{clip.clip_id} was left out: it cannot be read" for clip, _ in pairs if clip.clip_id in lost]
    return kept, seen


def audit_lines(folder: Path, model: TellModel | Fusion | None = None) -> list[str]:
    """What the audits of a dataset and of a model say, or that there was none."""
    said = found_in(folder / FILE)
    lines = [sentence(said) if said else f"{folder.name} was not audited; run `tellmark audit`"]
    own = model.card.get("audit") if model is not None else None
    return [*lines, str(own)] if own else lines


def record(
    pairs: Sequence[tuple[Clip, ClipFeatures]],
    scores: F64,
    families: dict[str, F64],
    model: str,
    dataset: str,
    *,
    seed: int,
    bootstraps: int = metrics.BOOTSTRAPS,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """The record for clips with calibrated ``scores`` (N,) and scores of each family alone."""
    clips = [clip for clip, _ in pairs]
    labels = np.array([int(clip.label is Label.FAKE) for clip in clips])
    who = [clip.identity for clip in clips]
    if len(set(labels.tolist())) < 2:
        raise InputError("the evaluation needs clips of both classes that show a face for 1.6 s; add the missing one")
    negative = {str(clip.label) for clip in clips if clip.label is not Label.FAKE}
    fpr, tpr = metrics.roc(labels, scores)
    watermark, reason = _watermark_matrix(clips, labels, scores)
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "model": model,
        "dataset": dataset,
        "n_clips": len(clips),
        "n_identities": len(set(who)),
        "seed": seed,
        "negative_class": negative.pop() if len(negative) == 1 else "mixed",
        "overall": {
            "auc": metrics.auc(labels, scores),
            "auc_ci": list(metrics.auc_interval(labels, scores, who, bootstraps=bootstraps, seed=seed)),
            "ap": metrics.average_precision(labels, scores),
            "eer": metrics.equal_error_rate(labels, scores),
            "tpr_at_1pct_fpr": metrics.tpr_at_fpr(labels, scores, 0.01),
            "brier": metrics.brier(labels, scores),
            "ece": metrics.expected_calibration_error(labels, scores),
            "ece_balanced": metrics.expected_calibration_error(labels, scores, balanced=True),
            "tpr_at_01pct_fpr": metrics.tpr_at_fpr(labels, scores, 0.001),
            "intervals": _intervals(labels, scores, who, bootstraps, seed),
            "roc": np.column_stack([fpr, tpr]).round(6).tolist(),
        },
        "tells": _tells(pairs, labels, families, who, seed, bootstraps),
        "methods": _methods(clips, labels, scores),
        "watermark": watermark,
        "groups": group_gaps(clips, labels, scores, bootstraps=bootstraps, seed=seed),
        "scores": [
            {"clip_id": c.clip_id, "label": str(c.label), "identity": c.identity, "method": c.method, "p": float(p)}
            for c, p in zip(clips, scores, strict=True)
        ],
        "notes": [*notes, *([reason] if reason else [])],
    }
    return finite(found)  # type: ignore[no-any-return]


def _intervals(
    labels: np.ndarray[Any, Any], scores: F64, who: Sequence[str], bootstraps: int, seed: int
) -> dict[str, list[float]]:
    def at(rate: float) -> metrics.Metric:
        return lambda y, s: metrics.tpr_at_fpr(y, s, rate)

    kinds: dict[str, metrics.Metric] = {
        "ap": metrics.average_precision, "eer": metrics.equal_error_rate, "tpr_at_1pct_fpr": at(0.01),
        "tpr_at_01pct_fpr": at(0.001), "brier": metrics.brier, "ece": metrics.expected_calibration_error,
    }  # fmt: skip
    return {
        name: list(metrics.metric_interval(kind, labels, scores, who, bootstraps=bootstraps, seed=seed))
        for name, kind in kinds.items()
    }


def _tells(
    pairs: Sequence[tuple[Clip, ClipFeatures]],
    labels: np.ndarray[Any, Any],
    families: dict[str, F64],
    who: Sequence[str],
    seed: int,
    bootstraps: int,
) -> dict[str, Any]:
    means = np.array([known_mean(features.x) for _, features in pairs])
    result: dict[str, Any] = {}
    for family, scores in families.items():
        columns = [i for i, name in enumerate(NAMES) if name.startswith(f"{family}.")]
        effects = np.array([metrics.cohens_d(labels, means[:, i]) for i in columns])
        top = int(np.argmax(np.nan_to_num(np.abs(effects))))
        result[family] = {
            "auc": metrics.auc(labels, scores),
            "auc_ci": list(metrics.auc_interval(labels, scores, who, bootstraps=bootstraps, seed=seed)),
            "top_feature": NAMES[columns[top]],
            "cohens_d": float(effects[top]),
        }
    return result


def known_mean(x: F64) -> F64:
    """(D,) mean of the known values of each column of ``x`` (N, D); NaN where none is."""
    known = np.isfinite(x)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, x, 0).sum(0) / np.where(known.any(0), known.sum(0), np.nan), np.float64)


def _methods(clips: Sequence[Clip], labels: np.ndarray[Any, Any], scores: F64) -> dict[str, Any]:
    names = np.array([clip.method for clip in clips])
    result = {}
    for method in sorted(set(names[labels == 1])):
        rows = (labels == 0) | (names == method)
        count = int(((labels == 1) & (names == method)).sum())
        result[str(method)] = {"auc": metrics.auc(labels[rows], scores[rows]), "n": count}
    return result


def _watermark_matrix(
    clips: Sequence[Clip], labels: np.ndarray[Any, Any], scores: F64
) -> tuple[dict[str, float] | None, str | None]:
    """AUC of each arm of the fakes against each arm of the negatives: what reads watermarks fails off the diagonal."""
    marked = np.array([clip.marked for clip in clips])
    arms = {"marked": marked, "clean": ~marked}
    matrix = {}
    for fake_arm, fake_rows in arms.items():
        for negative_arm, negative_rows in arms.items():
            rows = np.where(labels == 1, fake_rows, negative_rows)
            if len(set(labels[rows].tolist())) < 2:
                return None, (
                    f"no watermark × class matrix: it needs marked and clean clips of both classes, and there are no "
                    f"{fake_arm} fakes or no {negative_arm} negatives"
                )
            matrix[f"fake_{fake_arm}_vs_negative_{negative_arm}"] = metrics.auc(labels[rows], scores[rows])
    return matrix, None
