"""Datasets that benchmarks make of an index of real footage, in a folder that keeps them: made once, then gone on with.

The index is ``index.csv`` of a folder, with the columns path (beside it), kind (real | fake | speech), system (of a
fake), person_id, seconds, has_audio, licence and notes.
"""

from __future__ import annotations

import csv
from pathlib import Path

from tellmark import published
from tellmark import shipped as recipe
from tellmark.console import Console
from tellmark.errors import UsageError

INDEX = "index.csv"


def indexed(data: Path, kind: str) -> list[Path]:
    """The files of a kind, in the index's order. Raises :class:`UsageError` where it lists none."""
    found = []
    if (data / INDEX).is_file():
        with (data / INDEX).open(newline="", encoding="utf-8") as file:
            found = [data / row["path"] for row in csv.DictReader(file) if row.get("kind") == kind]
    if not found:
        raise UsageError(f"data={data} has no {INDEX} with rows of kind {kind}; see `docs/benchmarks.md`")
    return found


def ours(data: Path, work: Path) -> Path:
    """Real clips, our ``talk`` fakes of the same persons and null renders, on three rungs: those of the report."""
    return published.dataset("talk", data, work, Console().progress)


def shipped(data: Path, work: Path) -> Path:
    """What the detector that ships has learnt from: other systems' fakes and ours, and real clips of like scenery."""
    return recipe.made(data, work, Console().progress)
