"""The gap, whole and in parts: by tell, method, making, compression, size, duration and group; doses; motion."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellmark.reports.dose import curve
from tellmark.reports.gap import Arm, Gap, Scored, gap
from tellmark.reports.measured import HeldOut
from tellmark.reports.records import Records
from tellmark.types import F64, Label

WINDOW_S = 1.6
ALL_FAKES = "all forgeries"
FEWEST = 4  # clips of a class, below which a part is not shown
UNITS = {
    "delta P": "degrees a frame", "head spread": "degrees", "blink duration": "s", "gaze spread": "degrees",
}  # fmt: skip

Row = dict[str, Any]


def overall(records: Records) -> Gap | None:
    """The index: the gap of all tells together. None where nothing was scored."""
    rows = _rows(records)
    return gap(_scored(rows), seed=records.evaluation.seed) if rows else None


def zero(records: Records) -> Row | None:
    """The gap as if null renders were the forgeries: 0 but for chance, if the definition holds on these clips."""
    if records.gap is None or not records.gap.zero:
        return None
    scored = _scored(records.gap.zero)
    return {"clips": scored.count(Arm.FAKE), **_flat(gap(scored, seed=_seed(records)))}


def by_tell(records: Records) -> list[Row]:
    """A gap for each tell, the largest first, with the evaluation's strongest feature of it."""
    rows, known = _rows(records), {tell.family: tell for tell in records.evaluation.tells}
    found = []
    for name in rows[0].tells if rows else ():
        row = {"family": name, **_flat(gap(_scored(rows, partial(_tell, name)), seed=_seed(records)))}
        tell = known.get(name)
        row |= {"auc": None if row["detectability"] is None else (1 + row["detectability"]) / 2}
        row |= {"top_feature": tell.top_feature if tell else "", "cohens_d": tell.cohens_d if tell else None}
        found.append(row)
    return sorted(found, key=lambda row: (-(row["gap"] or 0), row["family"]))


def by_method(records: Records) -> list[Row]:
    """A gap for each method of forgery against all negatives."""
    return _parts(records, "method", _forgeries(_rows(records), lambda row: row.clip.method))


def by_making(records: Records) -> list[Row]:
    """A gap for each renderer and motion model that made forgeries, against all negatives; empty where there is one."""
    parts = _forgeries(_rows(records), _making)
    return _parts(records, "making", parts) if len(parts) > 1 else []


def by_compression(records: Records) -> list[Row]:
    """A gap for each rung of compression, clips of that rung alone."""
    return _parts(
        records, "compression", _split(_rows(records), lambda row: row.clip.compression or f"CRF {row.clip.crf}")
    )


def by_size(records: Records) -> list[Row]:
    """A gap for each size of picture, clips of that size alone."""
    return _parts(
        records, "size", _split(_rows(records), lambda row: f"{row.clip.width}\u00a0×\u00a0{row.clip.height}")
    )


def by_duration(records: Records) -> list[Row]:
    """A gap from the first 1, 2, 3 .. windows of the clips that have as many as any of these."""
    rows = _rows(records)
    if not rows:
        return []
    longest = int(np.quantile([len(row.windows) for row in rows], 0.25))
    rows = [row for row in rows if len(row.windows) >= longest]
    found = []
    for count in range(1, longest + 1):
        scored = _scored(rows, partial(_beginning, count))
        clips = {"clips": scored.count(Arm.FAKE), "negatives": scored.count(Arm.NEGATIVE)}
        found.append({"seconds": round(count * WINDOW_S, 1), **clips, **_flat(gap(scored, seed=_seed(records)))})
    return found


def by_group(records: Records) -> list[Row]:
    """A gap within each group of persons, as far as the records say who belongs where."""
    found = []
    for attribute in sorted({name for groups in records.groups.values() for name in groups}):
        parts = _split(
            [row for row in _rows(records) if attribute in records.groups.get(row.clip.clip_id, {})],
            partial(_group, records, attribute),
        )
        found += [{"attribute": attribute, **row} for row in _parts(records, "group", parts)]
    return found


def doses(records: Records) -> list[Row]:
    """The response to each dial, those seen in the smallest dose first."""
    table = records.gap.doses if records.gap else ()
    found = []
    for dial in sorted({row["dial"] for row in table}):
        rows = [row for row in table if row["dial"] == dial]
        severity = np.array([float(row["severity"]) for row in rows])
        scored = Scored(
            np.array([float(row["score"]) for row in rows]),
            np.where(severity > 0, Arm.FAKE.value, Arm.NEGATIVE.value),
            np.array([str(row["identity"]) for row in rows]),
            np.array([int(row["fold"]) for row in rows]),
        )
        one = curve(dial, severity, scored, seed=_seed(records))
        found.append(
            {
                "dial": dial,
                "severities": list(one.severities),
                "auc": list(one.auc),
                "auc_low": [_none(low) for low, _ in one.auc_ci],
                "auc_high": [_none(high) for _, high in one.auc_ci],
                "dose": one.dose,
                "dose_low": one.dose_ci[0],
                "dose_high": one.dose_ci[1],
                "clips": one.clips,
                "persons": one.persons,
            }
        )
    return sorted(found, key=lambda row: (row["dose"] is None, row["dose"] or 0, -max(row["auc"]), row["dial"]))


def distances(records: Records) -> list[Row]:
    """Distances between sets of clips, as they were measured."""
    return [dict(row) for row in records.gap.distances] if records.gap else []


def motion(records: Records) -> list[Row]:
    """Each measure of motion: mean and 95 % interval over persons, for what is no forgery and for the forgeries.

    Methods of fewer than :data:`FEWEST` persons count among all forgeries and are not shown apart.
    """
    by_id = {clip.clip_id: clip for clip in records.clips}
    names = list(dict.fromkeys(name for values in records.motion.values() for name in values))
    found = []
    for name in names:
        sets: dict[str, dict[str, list[float]]] = {ALL_FAKES: {}}
        for clip_id, values in records.motion.items():
            clip = by_id.get(clip_id)
            if clip is not None and np.isfinite(values.get(name, np.nan)):
                both = (clip.method, ALL_FAKES) if clip.label is Label.FAKE else (clip.method,)
                for key in both:
                    sets.setdefault(key, {}).setdefault(clip.identity, []).append(values[name])
        fakes = {clip.method for clip in records.clips if clip.label is Label.FAKE}
        for method, people in sorted(sets.items(), key=lambda item: (item[0] in fakes, item[0] == ALL_FAKES, item[0])):
            if len(people) < FEWEST or (len(fakes) == 1 and method in fakes):
                continue
            means = np.array([np.mean(values) for values in people.values()])
            low, high = _mean_interval(means, _seed(records))
            found.append(
                {"measure": name, "unit": UNITS.get(name, ""), "method": method, "mean": float(means.mean()),
                 "low": low, "high": high, "persons": len(means)}
            )  # fmt: skip
    return found


def _parts(records: Records, name: str, parts: Iterable[tuple[str, Sequence[HeldOut]]]) -> list[Row]:
    found = []
    for value, rows in parts:
        scored = _scored(rows)
        if min(scored.count(Arm.FAKE), scored.count(Arm.NEGATIVE)) >= FEWEST:
            clips = {"clips": scored.count(Arm.FAKE), "negatives": scored.count(Arm.NEGATIVE)}
            found.append({name: value, **clips, **_flat(gap(scored, seed=_seed(records)))})
    return found


def _flat(one: Gap) -> Row:
    """The figures of a gap; all of them None where they are of too few persons to be stated."""
    pairs = {
        "gap": one.value, "gap_low": one.low, "gap_high": one.high, "detectability": one.detectability,
        "detectability_low": one.detectability_ci[0], "detectability_high": one.detectability_ci[1],
        "null": one.null, "null_low": one.null_ci[0], "null_high": one.null_ci[1],
    }  # fmt: skip
    return {key: _none(value) if one.stated else None for key, value in pairs.items()} | {"persons": one.persons}


def _rows(records: Records) -> list[HeldOut]:
    return [row for row in records.gap.rows if row.arm in set(Arm)] if records.gap else []


def _split(rows: Sequence[HeldOut], key: Callable[[HeldOut], str]) -> list[tuple[str, list[HeldOut]]]:
    return [(value, [row for row in rows if key(row) == value]) for value in sorted({key(row) for row in rows})]


def _forgeries(rows: Sequence[HeldOut], key: Callable[[HeldOut], str]) -> list[tuple[str, list[HeldOut]]]:
    """Each value of ``key`` among the forgeries, with the forgeries that have it and everything that is none."""
    values = sorted({key(row) for row in rows if row.arm == Arm.FAKE} - {""})
    return [(value, [row for row in rows if row.arm != Arm.FAKE or key(row) == value]) for value in values]


def _making(row: HeldOut) -> str:
    """Renderer and motion model of a forgery, as its manifest names them; empty where another system made it."""
    told = json.loads(row.clip.params)
    return f"{told['renderer']}, {told['motion_model']}" if {"renderer", "motion_model"} <= told.keys() else ""


def _scored(rows: Sequence[HeldOut], score: Callable[[HeldOut], float] = lambda row: row.score) -> Scored:
    return Scored(
        np.array([score(row) for row in rows], np.float64),
        np.array([row.arm for row in rows], dtype=str),
        np.array([row.clip.identity for row in rows], dtype=str),
        np.array([row.fold for row in rows], np.int64),
    )


def _tell(name: str, row: HeldOut) -> float:
    return row.tells[name]


def _group(records: Records, attribute: str, row: HeldOut) -> str:
    return records.groups[row.clip.clip_id][attribute]


def _beginning(count: int, row: HeldOut) -> float:
    """Mean log-odds of the first ``count`` windows."""
    clipped = np.clip(row.windows[:count], 1e-9, 1 - 1e-9)
    return float(np.mean(np.log(clipped / (1 - clipped))))


def _mean_interval(values: F64, seed: int, draws: int = 1000) -> tuple[float | None, float | None]:
    if len(values) < 2:
        return None, None
    rows: NDArray[np.int64] = np.random.default_rng(seed).integers(len(values), size=(draws, len(values)))
    low, high = np.percentile(values[rows].mean(1), [2.5, 97.5])
    return float(low), float(high)


def _seed(records: Records) -> int:
    return records.evaluation.seed


def _none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
