"""The numbers of a report: everything that the page shows, as plain JSON data."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellmark.reports import breakdown
from tellmark.reports.gap import FEWEST_PERSONS, Arm, too_few_persons
from tellmark.reports.limits import limits, overlaps
from tellmark.reports.records import Records, Score
from tellmark.reports.samples import ACTOR
from tellmark.reports.statistics import auc, auc_interval, gap, reliability, wilson
from tellmark.types import F64, Clip, VerdictKind

SCHEMA = "tellmark.report/1"
SPLITS = ("train", "val", "test")


def measure(records: Records) -> dict[str, Any]:
    """Every number of the report as plain JSON data (schema ``tellmark.report/1``)."""
    evaluation, overall = records.evaluation, records.evaluation.overall
    return {
        "schema": SCHEMA,
        "name": records.dataset.get("name", records.folder.name),
        "gap": _index(records),
        "detector": {key: value for key, value in overall.items() if key != "roc"}
        | {
            "model": evaluation.model,
            "seed": evaluation.seed,
            "clips": evaluation.n_clips,
            "fakes": sum(score.fake for score in evaluation.scores),
            "others": sum(not score.fake for score in evaluation.scores),
            "identities": evaluation.n_identities,
            "negative_class": evaluation.negative_class,
        },
        "zero": breakdown.zero(records),
        "tells": breakdown.by_tell(records) or _tells(records),
        "methods": breakdown.by_method(records) or _methods(records),
        "makings": breakdown.by_making(records),
        "compression": breakdown.by_compression(records),
        "sizes": breakdown.by_size(records),
        "durations": breakdown.by_duration(records),
        "doses": breakdown.doses(records),
        "distances": breakdown.distances(records),
        "motion": breakdown.motion(records),
        "groups": breakdown.by_group(records),
        "audit": _audit(records),
        "calibration": [
            {"low": one.low, "high": one.high, "clips": one.count, "mean_p": one.mean_p, "fakes": one.rate}
            for one in reliability(*scored(records))
        ],
        "watermark_matrix": evaluation.watermark,
        "channels": _channels(records),
        "composition": _composition(records),
        "overlaps": overlaps(records.clips),
        "encodings": sorted(
            {
                f"{clip.width}×{clip.height}, {clip.fps:g} fps, {clip.codec}, CRF {clip.crf}, preset {clip.preset}"
                for clip in records.clips
            }
        ),
        "marked": sum(clip.marked for clip in records.clips),
        "clips": len(records.clips),
        "licences": dict(sorted(Counter(clip.licence for clip in records.clips).items())),
        "limits": limits(records),
        "made_with": _made_with(records),
        "scores": [
            {
                "clip_id": _public(score.clip_id, score.identity, "clip"),
                "label": score.label,
                "method": score.method,
                "identity": _public(score.identity, score.identity, "person"),
                "p": score.p,
            }
            for score in evaluation.scores
        ],
    }


def scored(records: Records) -> tuple[F64, NDArray[np.bool_]]:
    """(scores, is it fake), in the order of the evaluation."""
    rows = records.evaluation.scores
    return np.array([row.p for row in rows]), np.array([row.fake for row in rows])


def _index(records: Records) -> dict[str, Any]:
    """The headline; without held-out scores, the uncorrected detectability of the evaluation.

    Of too few persons nothing is ``stated``: its figures are None, and ``why`` says so.
    """
    index = _measured(records)
    if index["persons"] >= FEWEST_PERSONS:
        return index | {"stated": True, "why": None}
    kept = ("corrected", "fakes", "negatives", "nulls", "identities", "persons")
    nothing = {name: [None, None] if name.endswith("ci") else None for name in index if name not in kept}
    return nothing | {name: index[name] for name in kept} | {"stated": False, "why": too_few_persons(index["persons"])}


def _measured(records: Records) -> dict[str, Any]:
    found = breakdown.overall(records)
    low, high = records.evaluation.overall["auc_ci"]
    plain = {"value": gap(records.evaluation.overall["auc"]), "ci": [gap(low), gap(high)]}
    parts = {"detectability": plain["value"], "detectability_ci": plain["ci"], "null": None, "null_ci": None}
    counts = {"fakes": len(records.evaluation.p(True)), "negatives": len(records.evaluation.p(False)), "nulls": 0}
    if found is None or not np.isfinite([found.value, found.low, found.high]).all():
        persons = _fewest(records.evaluation.scores)
        identities = records.evaluation.n_identities
        return plain | parts | counts | {"corrected": False, "identities": identities, "persons": persons}
    rows = records.gap.rows if records.gap else ()
    return {
        "value": found.value,
        "ci": [found.low, found.high],
        "detectability": found.detectability,
        "detectability_ci": list(found.detectability_ci),
        "null": found.null if found.corrected else None,
        "null_ci": list(found.null_ci) if found.corrected else None,
        "corrected": found.corrected,
        "fakes": sum(row.arm == Arm.FAKE for row in rows),
        "negatives": sum(row.arm == Arm.NEGATIVE for row in rows),
        "nulls": sum(row.arm == Arm.NULL for row in rows),
        "identities": len({row.clip.identity for row in rows}),
        "persons": found.persons,
    }


def _fewest(scores: Sequence[Score]) -> int:
    """Persons of the class that has fewer of them."""
    return min(len({score.identity for score in scores if score.fake is fake}) for fake in (True, False))


def _tells(records: Records) -> list[dict[str, Any]]:
    """Detectability of each tell as the evaluation has it, where no held-out scores are on record."""
    persons = _fewest(records.evaluation.scores)
    return [
        {
            "family": tell.family,
            **_uncorrected(tell.auc, tell.auc_ci, persons),
            "auc": tell.auc if persons >= FEWEST_PERSONS else None,
            "top_feature": tell.top_feature,
            "cohens_d": tell.cohens_d,
        }
        for tell in records.evaluation.tells
    ]


def _uncorrected(auc: float, interval: tuple[float, float], persons: int) -> dict[str, Any]:
    stated = persons >= FEWEST_PERSONS
    value, low, high = (gap(share) if stated else None for share in (auc, *interval))
    return {
        "gap": value, "gap_low": low, "gap_high": high,
        "detectability": value, "detectability_low": low, "detectability_high": high,
        "null": None, "null_low": None, "null_high": None, "persons": persons,
    }  # fmt: skip


def _audit(records: Records) -> dict[str, Any] | None:
    """The shortcut audit as far as it is shown; notes may name files, so they stay behind."""
    if records.audit is None:
        return None
    keys = ("number", "name", "meaning", "value", "interval", "pass_mark", "passed")
    controls = [{key: row.get(key) for key in keys} for row in records.audit["controls"]]
    return {"model": records.audit.get("model"), "clips": records.audit.get("n_clips"), "controls": controls}


def _methods(records: Records) -> list[dict[str, Any]]:
    """Detectability of each forgery method against all negatives."""
    rows = records.evaluation.scores
    negatives = [row for row in rows if not row.fake]
    table = []
    for method in sorted({row.method for row in rows if row.fake}):
        fakes = [row for row in rows if row.fake and row.method == method]
        both = fakes + negatives
        value = auc(np.array([row.p for row in fakes]), records.evaluation.p(False))
        low, high = auc_interval(
            np.array([row.p for row in both]),
            np.array([row.fake for row in both]),
            [row.identity for row in both],
            seed=records.evaluation.seed,
        )
        table.append(
            {
                "method": method,
                "clips": len(fakes),
                "negatives": len(negatives),
                **_uncorrected(value, (low, high), _fewest(both)),
            }
        )
    return table


def _channels(records: Records) -> list[dict[str, Any]]:
    """Verdicts and payloads after each channel, in the order in which the channels were tried."""
    order = list(dict.fromkeys(check.channel for check in records.checks))
    table = []
    for channel in order:
        rows = [check for check in records.checks if check.channel == channel]
        verdicts = Counter(check.verdict for check in rows)
        right = sum(check.payload_ok for check in rows)
        low, high = wilson(right, len(rows))
        table.append(
            {"channel": channel, "clips": len(rows)}
            | {verdict.value: verdicts[verdict] for verdict in VerdictKind}
            | {
                "payload_rate": right / len(rows),
                "payload_low": low,
                "payload_high": high,
                "median_p_value": float(np.median([check.p_value for check in rows])),
            }
        )
    return table


def _composition(records: Records) -> list[dict[str, Any]]:
    """Counts per split, label and method."""

    def key(clip: Clip) -> tuple[int, str, str, str]:
        order = SPLITS.index(clip.split) if clip.split in SPLITS else len(SPLITS)
        return order, clip.split, clip.label.value, clip.method

    table = []
    for (_, split, label, method), group in groupby(sorted(records.clips, key=key), key):
        clips = list(group)
        table.append(
            {
                "split": split,
                "label": label,
                "method": method,
                "clips": len(clips),
                "identities": len({clip.identity for clip in clips}),
                "voices": len({clip.voice_id for clip in clips}),
                "minutes": sum(clip.seconds for clip in clips) / 60,
            }
        )
    return table


def _made_with(records: Records) -> dict[str, Any]:
    """Versions, seeds, machine and plan, as far as dataset.json holds them."""
    generators = sorted({clip.generator_version for clip in records.clips})
    return {
        "report": f"tellmark {importlib.metadata.version('tellmark')}",
        "generator": generators,
        "versions": dict(records.dataset.get("versions", {})),
        "machine": dict(records.dataset.get("machine", {})),
        "dataset_seed": records.dataset.get("seed"),
        "evaluation_seed": records.evaluation.seed,
        "tells": records.gap.tells if records.gap else None,
        "plan": records.dataset.get("plan_text"),
    }


def _public(name: str, identity: str, prefix: str) -> str:
    """``name`` if it belongs to a virtual actor, else a pseudonym: names of real people leave no trace in a report."""
    return name if identity.startswith(ACTOR) else f"{prefix}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
