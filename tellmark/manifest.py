"""The manifest of a dataset, one row a clip: ``manifest.parquet``, and the same rows as ``manifest.jsonl``.

The generator writes it; the detector, the check and the report read it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tellmark.errors import InputError
from tellmark.runs import atomic_path
from tellmark.types import Clip, Label

PARQUET, JSONL = "manifest.parquet", "manifest.jsonl"
_TYPES = {"str": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_(), "Label": pa.string()}
# Declared, so that a column that happens to be empty keeps its type.
_SCHEMA = pa.schema(
    [pa.field(field.name, _TYPES[str(field.type).split(" | ")[0]]) for field in dataclasses.fields(Clip)]
)


def write_manifest(folder: Path, clips: Sequence[Clip]) -> None:
    """Write both files, rows in order of their ids."""
    rows = [to_row(clip) for clip in sorted(clips, key=lambda clip: clip.clip_id)]
    with atomic_path(folder / PARQUET, force=True) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, _SCHEMA), temporary)
    with atomic_path(folder / JSONL, force=True) as temporary:
        temporary.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """The rows as they are, whatever they say. Raises :class:`InputError` where there is no manifest to be read."""
    path = folder / PARQUET
    try:
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    except FileNotFoundError as error:
        raise InputError(_no_dataset(folder)) from error
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path} cannot be read ({error}); build the dataset again") from error
    return rows


def _no_dataset(folder: Path) -> str:
    if (folder / ".build").is_dir():
        return f"{folder / PARQUET} is missing; finish the dataset with `tellmark dataset build --resume`"
    what = "holds no dataset" if folder.is_dir() else "is no folder"
    return f"{folder} {what}; give the folder that `tellmark dataset build` has filled"


def read_clips(folder: Path) -> list[Clip]:
    """The clips in order of their ids; columns that :class:`Clip` does not know are left out.

    Raises :class:`InputError` where there is no manifest, one without rows, or one of another kind.
    """
    path = folder / PARQUET
    names = {field.name for field in dataclasses.fields(Clip)}
    try:
        clips = [from_row({name: value for name, value in row.items() if name in names}) for row in read_rows(folder)]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is not the manifest of a dataset ({error}); run `tellmark dataset check`") from error
    if not clips:
        raise InputError(f"{path} lists no clips; finish the dataset with `tellmark dataset build --resume`")
    return sorted(clips, key=lambda clip: clip.clip_id)


def to_row(clip: Clip) -> dict[str, Any]:
    """A clip as plain JSON data."""
    return {**dataclasses.asdict(clip), "label": clip.label.value}


def from_row(row: dict[str, Any]) -> Clip:
    """The inverse of :func:`to_row`. Raises KeyError, TypeError or ValueError for rows of another kind."""
    return Clip(**{**row, "label": Label(row["label"])})
