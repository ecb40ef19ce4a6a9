"""Reads what a study has measured on a dataset: held-out scores, doses, motion, the shortcut audit, groups."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tellmark.errors import InputError
from tellmark.types import Clip

GAP_SCHEMA = "tellmark.gap/1"
AUDIT_SCHEMA = "tellmark.audit/1"
GROUPED = ("language", "presentation", "monk_tone")  # what the manifest's params may say of a clip


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Scores of one clip by models that never saw its person (``tellmark.gap/1``)."""

    clip: Clip
    arm: str  # fake | negative | null | plain
    score: float  # all tells together, in [0, 1]
    tells: Mapping[str, float]  # of each tell alone
    windows: tuple[float, ...]  # of each window of 1.6 s, in order
    fold: int


@dataclass(frozen=True, slots=True)
class GapScores:
    """What the gap and the dose-response curves are computed from."""

    rows: tuple[HeldOut, ...]
    zero: tuple[HeldOut, ...]  # as if null renders were the forgeries
    doses: tuple[Mapping[str, Any], ...]  # dial, severity (0: without it), clip_id, identity, score, fold
    distances: tuple[Mapping[str, Any], ...]  # set, clips, value, low, high
    tells: str  # version of the features
    notes: tuple[str, ...]


def read_gap(path: Path, clips: tuple[Clip, ...]) -> GapScores | None:
    """gap.json; None where there is none. This and the next raise :class:`InputError` for a garbled file."""
    if not path.exists():
        return None
    record = json_object(path, "remove it, and run `tellmark report` again")
    if record.get("schema") != GAP_SCHEMA:
        raise InputError(f"{path} has schema {record.get('schema')!r}, not {GAP_SCHEMA!r}; remove it and report again")
    known = {clip.clip_id: clip for clip in clips}
    try:
        rows, zero = (tuple(_held_out(row, known) for row in record[part]) for part in ("rows", "zero"))
        return GapScores(
            rows, zero, tuple(record["doses"]), tuple(record["distances"]), str(record["tells"]), tuple(record["notes"])
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} lacks or garbles {error}; remove it, and run `tellmark report` again") from error


def _held_out(row: Mapping[str, Any], known: Mapping[str, Clip]) -> HeldOut:
    return HeldOut(
        clip=known[row["clip_id"]],
        arm=str(row["arm"]),
        score=float(row["score"]),
        tells={str(name): float(value) for name, value in row["tells"].items()},
        windows=tuple(float(value) for value in row["windows"]),
        fold=int(row["fold"]),
    )


def read_motion(path: Path) -> dict[str, dict[str, float]]:
    """motion.jsonl: clip_id -> measure -> value."""
    if not path.exists():
        return {}
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return {
            str(row["clip_id"]): {k: float(v) for k, v in row.items() if isinstance(v, int | float)} for row in rows
        }
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is garbled ({error}); remove it, and run `tellmark report` again") from error


def read_audit(path: Path) -> dict[str, Any] | None:
    """audit.json, as `tellmark audit` writes it."""
    if not path.exists():
        return None
    record = json_object(path, "run `tellmark audit` again, or remove it")
    if record.get("schema") != AUDIT_SCHEMA or not isinstance(record.get("controls"), list):
        raise InputError(f"{path} is no {AUDIT_SCHEMA}; run `tellmark audit` again, or remove it")
    return record


def read_groups(path: Path, clips: tuple[Clip, ...]) -> dict[str, dict[str, str]]:
    """Groups of each clip: from ``params`` of the manifest (:data:`GROUPED` and ``groups``), and from groups.csv."""
    found: dict[str, dict[str, str]] = {}
    table = {row["identity"]: row for row in csv_rows(path) if row.get("identity")} if path.exists() else {}
    for clip in clips:
        params = json.loads(clip.params)
        params = params if isinstance(params, dict) else {}
        given = params.get("groups")
        groups = {name: str(params[name]) for name in GROUPED if params.get(name) is not None}
        groups |= {str(name): str(value) for name, value in given.items()} if isinstance(given, dict) else {}
        groups |= {k: v for k, v in table.get(clip.identity, {}).items() if k != "identity" and v}
        if groups:
            found[clip.clip_id] = groups
    return found


def json_object(path: Path, hint: str) -> dict[str, Any]:
    """The object in a JSON file. Raises :class:`InputError` with ``hint`` where there is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing; {hint}") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}); {hint}") from error
    if not isinstance(value, dict):
        raise InputError(f"{path} holds no JSON object; {hint}")
    return value


def csv_rows(path: Path) -> tuple[dict[str, str], ...]:
    """The rows of a CSV file. Raises :class:`InputError` where it is none."""
    try:
        with path.open(newline="", encoding="utf-8") as handle:
            return tuple(dict(row) for row in csv.DictReader(handle))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as CSV ({error}); name a file of benchmarks/results") from error
