"""The README's figures and where they come from: claims.toml, read, filled in from result files, and compared."""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from string import Formatter
from typing import Any

import numpy as np

from tellmark.errors import InputError
from tellmark.runs import RESULTS

_MACHINE = r"[a-z0-9-]+-\d+core"
_REDUCE: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": sum,
    "min": min,
    "max": max,
}


@dataclass(frozen=True, slots=True)
class Run:
    """A benchmark that measures values of a claim."""

    bench: str
    results: str  # what its result file is called, without the machine
    settings: Mapping[str, Any] = field(default_factory=dict)

    def needs(self) -> set[str]:
        """The folders that its settings ask for: those in braces, such as ``{data}``."""
        said = (str(value) for value in self.settings.values())
        return {name for text in said for _, name, _, _ in Formatter().parse(text) if name}

    def filled(self, folders: Mapping[str, str]) -> dict[str, Any]:
        """Its settings, with ``folders`` put in."""
        return {
            key: value.format(**folders) if isinstance(value, str) else value for key, value in self.settings.items()
        }


@dataclass(frozen=True, slots=True)
class Claim:
    """One row of the README's table of figures."""

    row: str  # how its first cell begins
    says: str  # its second cell, with {0}, {1} .. for the values
    values: tuple[Mapping[str, Any], ...]
    runs: tuple[Run, ...]  # that write its values
    peer: Mapping[str, Any] | None  # what the first value is set against
    higher_is_better: bool
    alone: str = ""  # why there is no peer
    quick: bool = False  # part of the short form of `bench all`
    long: bool = False  # in its short form there unless asked for

    def text(self, folder: Path = RESULTS) -> str:
        """The cell as the results of ``folder`` have it."""
        return self.says.format(*(value(where, folder) for where in self.values))


def claims() -> list[Claim]:
    """All of claims.toml, in order."""
    table = tomllib.loads(resources.files("tellmark.benchmarks").joinpath("claims.toml").read_text("utf-8"))
    return [
        Claim(
            one["row"], one["says"], tuple(one["values"]), tuple(_runs(one)), one.get("peer"),
            one["better"] == "higher", one.get("alone", ""), one.get("quick", False), one.get("long", False),
        )
        for one in table["claim"]
    ]  # fmt: skip


def _runs(claim: Mapping[str, Any]) -> Iterator[Run]:
    """Those of a row of the file; the results of the first value are what the first one writes, unless it says so."""
    for one in claim["run"]:
        yield Run(one["bench"], one.get("results", claim["values"][0]["results"]), one.get("settings", {}))


def value(where: Mapping[str, Any], folder: Path = RESULTS) -> float:
    """One value of a claim. Raises :class:`InputError` where no result file has it."""
    rows = _rows(where["results"], where.get("machine"), folder)
    wanted = {key: text if isinstance(text, list) else [text] for key, text in where["where"].items()}
    rows = [row for row in rows if all(row.get(key) in texts for key, texts in wanted.items())]
    columns = where["column"] if isinstance(where["column"], list) else [where["column"]]
    found = [float(row[column]) for row in rows for column in columns if row.get(column)]
    least = max((len(texts) for texts in wanted.values()), default=1)
    if len(found) < least or (len(found) > 1 and "reduce" not in where):
        raise InputError(f"{where['results']} has {len(found)} values for {dict(where['where'])}; run the bench again")
    return float(where.get("scale", 1)) * _REDUCE[where.get("reduce", "sum")](found)


def readme_rows(text: str) -> dict[str, str]:
    """First cell -> second cell of the README's table "What it measures"."""
    part = text[text.index("## What it measures") :]
    lines = [line for line in part[: part.index("\n## ", 3)].splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {row[0].strip("| "): row[1] for row in cells if len(row) == 3 and row[1] != "measured"}


def _rows(name: str, machine: str | None, folder: Path) -> list[dict[str, str]]:
    if name == "card":
        return _card()
    files = [path for path in sorted(folder.glob(f"{name}-*.csv")) if re.fullmatch(f"{name}-{_MACHINE}", path.stem)]
    files.sort(key=lambda path: path.stem.count("-"))  # of `stream`, and not of `stream-hour`, whose name goes on
    files = [path for path in files if path.stem == f"{name}-{machine}"] or files
    if not files:
        raise InputError(f"{folder} has no results of {name}; run `tellmark bench {name}`")
    with files[0].open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _card() -> list[dict[str, str]]:
    """What the model that ships says of itself, as rows of {measure, value}."""
    from tellmark.detector.detect import default_model

    return [{"measure": name, "value": repr(number)} for name, number in said_by(default_model().card).items()]


def said_by(card: Mapping[str, Any]) -> dict[str, float]:
    """What a model's card says of persons held out: AUC, its 95 % interval, and its mean on systems left out."""
    overall, left_out = card["cross_validation"]["overall"], card["unseen_methods"].values()
    low, high = overall["auc_ci"]
    weights = [one["n"] for one in left_out]
    mean = float(np.average([one["auc"] for one in left_out], weights=weights)) if weights else float("nan")
    values = {"auc": overall["auc"], "auc, low": low, "auc, high": high, "auc, systems left out": mean}
    return {name: float(number) for name, number in values.items()}
