"""Which persons of a folder of footage the watermark is never tuned on, told by hashes that name nobody."""

from __future__ import annotations

import csv
import hashlib
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib import resources
from pathlib import Path

from tellmark.errors import UsageError

HELD_OUT, DEVELOPMENT = "held-out", "development"


def of_split(paths: Iterable[Path], folder: Path, split: str) -> list[Path]:
    """Those of ``paths`` in ``folder`` that show persons of a split. Clips that no index names are for development.

    Of footage in which none of the persons kept aside appears, nobody was tuned on: all that its index names are held
    out. Raises :class:`UsageError` for an unknown split.
    """
    if split not in (HELD_OUT, DEVELOPMENT):
        raise UsageError(f"split={split}: choose {HELD_OUT} or {DEVELOPMENT}")
    who = persons(folder)
    aside = {person for person in who.values() if is_kept_aside(person)} or set(who.values())
    return [path for path in paths if (who.get(path.name) in aside) == (split == HELD_OUT)]


def is_kept_aside(person_id: str) -> bool:
    """Whether nothing of the watermark was tuned on this person."""
    return hashlib.sha256(person_id.encode()).hexdigest().startswith(_hashes())


def persons(folder: Path) -> dict[str, str]:
    """Who is in a file, by its name, as far as the index.csv of the folder, or of the one above, says."""
    for index in (folder / "index.csv", folder.parent / "index.csv"):
        if index.is_file():
            with index.open(newline="", encoding="utf-8") as handle:
                rows = list(csv.DictReader(handle))
            return {Path(row["path"]).name: row["person_id"] for row in rows if row.get("person_id")}
    return {}


@cache
def _hashes() -> tuple[str, ...]:
    text = resources.files("tellmark.benchmarks").joinpath("kept_aside.toml").read_text("utf-8")
    return tuple(tomllib.loads(text)["persons"])
