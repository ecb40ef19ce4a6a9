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
from tellmark.films import gather_films
from tellmark.generator.factory import dataset
from tellmark.generator.factory.plan import load_plan

INDEX = "index.csv"
_FEW = 12  # persons
_SPLAT = """\
name = "splat"
seed = 3
seconds = 3.2
methods = ["real", "talk"]
renderer = "splat"
motion = ["diffusion", "rules"]
compression = ["c23"]

[splits]
train = 1.0

[footage]
folder = "films-splat"
persons = "films-splat/persons.csv"
licence = "research use"
consent = "Footage that the benchmark was given, used for measuring alone; nothing of it is passed on."
"""


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


def other_renderer(data: Path, work: Path) -> Path:
    """Real clips and ``talk`` fakes of some of the same persons, drawn by the renderer that nothing is taught here."""
    gather_films(data / INDEX, work / "films-splat", seconds=3.2, most=_FEW)
    plan = work / "splat.toml"
    plan.write_text(_SPLAT, encoding="utf-8")
    with Console().progress(plan.stem) as progress:
        dataset.build(load_plan(plan), work / plan.stem, resume=True, progress=progress)
    return work / plan.stem


def shipped(data: Path, work: Path) -> Path:
    """What the detector that ships has learnt from: other systems' fakes and ours, and real clips of like scenery."""
    return recipe.made(data, work, Console().progress)
