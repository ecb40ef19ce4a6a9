"""What an audit found: one row a measured control, and how it is told, as text, as JSON and in a sentence."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tellmark.errors import InputError
from tellmark.finite import finite
from tellmark.runs import atomic_path
from tellmark.types import Failure

SCHEMA = "tellmark.audit/1"
FILE = "audit.json"  # in the dataset's folder


@dataclass(frozen=True, slots=True)
class Control:
    """One row. A control of the list of twelve may take several rows; it passes where all of them do."""

    number: int  # 1 to 12
    name: str
    meaning: str  # what it would show if it failed
    value: float | None
    interval: tuple[float, float] | None  # 95 %, bootstrap over identities
    pass_mark: str
    passed: bool | None  # None: not measured, or on too few clips to be judged
    note: str = ""  # on what it was measured, or why it was not

    @property
    def verdict(self) -> str:
        """``pass``, ``FAIL``, ``not measured``, or ``too few clips`` where a value could not be judged."""
        if self.passed is None:
            return "not measured" if self.value is None else "too few clips"
        return "pass" if self.passed else "FAIL"


@dataclass(frozen=True, slots=True)
class Audit:
    """All rows on one dataset, and one model where one was given."""

    dataset: str
    model: str | None  # None: models trained on the dataset itself, persons held out
    n_clips: int
    n_identities: int
    seed: int
    bootstraps: int
    controls: tuple[Control, ...]
    matrix: tuple[dict[str, Any], ...] = ()  # control 11: {"rung" or "left_out", "auc", "auc_ci", "n"}
    notes: tuple[str, ...] = ()  # which clips were left out, and why
    unreadable: tuple[Failure, ...] = ()

    @property
    def failed(self) -> tuple[Control, ...]:
        """The rows that miss their mark."""
        return tuple(row for row in self.controls if row.passed is False)

    def sentence(self) -> str:
        """One line for wherever the numbers of this dataset or model are shown."""
        return sentence(self.to_json())

    def table(self) -> str:
        """The rows for a person."""
        lines = [f"{'#':>2}  {'control':34} {'value':>7}  {'95 %':16} {'pass mark':18} verdict"]
        for row in self.controls:
            value = "" if row.value is None else f"{row.value:.3f}"
            interval = "" if row.interval is None else f"[{row.interval[0]:.3f}, {row.interval[1]:.3f}]"
            lines.append(f"{row.number:2}  {row.name:34} {value:>7}  {interval:16} {row.pass_mark:18} {row.verdict}")
            if row.note:
                lines.append(f"    {row.note}")
        if self.notes:
            lines.append(f"left out of {self.n_clips + len(self.notes)} clips: {len(self.notes)}")
            lines += [f"    {note}" for note in self.notes]
        return "\n".join([*lines, self.sentence()])

    def to_json(self) -> dict[str, Any]:
        """The ``tellmark.audit/1`` object; numbers that do not exist are null."""
        found = {"schema": SCHEMA, **dataclasses.asdict(self)}
        for row, control in zip(found["controls"], self.controls, strict=True):
            row["verdict"] = control.verdict
        return finite(found)  # type: ignore[no-any-return]

    def save(self, path: Path) -> None:
        """Write the JSON object to ``path``, over an earlier one."""
        with atomic_path(path, force=True) as temporary:
            temporary.write_text(json.dumps(self.to_json(), indent=1), encoding="utf-8")


def sentence(record: dict[str, Any]) -> str:
    """The same line from a record that was read."""
    of = f"{record['dataset']}, {record['model'] or 'models trained on it'}"
    failed = _names(row for row in record["controls"] if row["passed"] is False)
    open_ = _names(row for row in record["controls"] if row["passed"] is None)
    if not failed and not open_:
        return f"audit of {of}: all twelve controls pass"
    said = f"audit of {of}: " + (f"FAILS {failed}" if failed else "no control fails")
    return said + (f"; not judged: {open_}" if open_ else "")


def found_in(path: Path) -> dict[str, Any] | None:
    """The record at ``path``; None where there is none. Raises :class:`InputError` for something else."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["schema"] != SCHEMA:
            raise ValueError(f"its schema is {record['schema']}")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no audit ({error}); run `tellmark audit` again or remove it") from error
    return dict(record)


def beside(model: Path) -> Path:
    """Where the audit of a model is kept: ``NAME.audit.json`` beside it."""
    return model.with_name(f"{model.stem}.audit.json")


def _names(rows: Any) -> str:
    found: Sequence[dict[str, Any]] = list(rows)
    return ", ".join(f"{row['number']} ({row['name']})" for row in found)
