"""The rows of a dataset's manifest, as the detector reads and writes them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from tellmark.errors import InputError
from tellmark.runs import atomic_path
from tellmark.types import Clip, Label

MANIFEST = "manifest.parquet"


def read_clips(folder: Path) -> list[Clip]:
    """The clips of a dataset, in the order of its manifest.

    Raises :class:`InputError` where there is no manifest, or one that lacks columns or rows.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise InputError(f"{path} is missing; give a folder made by `tellmark dataset build`")
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); build the dataset again") from error
    names = [field.name for field in dataclasses.fields(Clip)]
    required = [f.name for f in dataclasses.fields(Clip) if f.default is dataclasses.MISSING]
    if missing := [name for name in required if name not in table]:
        raise InputError(f"{path} lacks the columns {', '.join(missing)}; build the dataset again")
    if table.empty:
        raise InputError(f"{path} has no rows; build the dataset again")
    table = table[[name for name in names if name in table]].astype(object)
    rows = table.where(table.notna(), None).to_dict("records")
    try:
        return [
            Clip(**{str(key): value for key, value in row.items()} | {"label": Label(row["label"])}) for row in rows
        ]
    except ValueError as error:
        raise InputError(f"{path}: {error}; labels are real, reference and fake") from error


def write_clips(folder: Path, clips: Sequence[Clip]) -> None:
    """Write ``manifest.parquet`` and ``manifest.jsonl``."""
    rows = [{**dataclasses.asdict(clip), "label": str(clip.label)} for clip in clips]
    with atomic_path(folder / MANIFEST, force=True) as temporary:
        pd.DataFrame(rows).to_parquet(temporary, index=False)
    with atomic_path(folder / "manifest.jsonl", force=True) as temporary:
        temporary.write_text("".join(json.dumps(row) + "\n" for row in rows))


def pseudonym(identity: str) -> str:
    """Twelve hex digits that stand for an identity where its name must not appear: in a model's card."""
    return hashlib.sha256(identity.encode()).hexdigest()[:12]


def identity_leaks(clips: Sequence[Clip]) -> list[str]:
    """Identities that appear in more than one split."""
    splits: dict[str, set[str]] = {}
    for clip in clips:
        splits.setdefault(clip.identity, set()).add(clip.split)
    return sorted(identity for identity, found in splits.items() if len(found) > 1)
