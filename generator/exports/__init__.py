"""A dataset in the layouts that other people's loaders read: one module a format, each with ``write(data, out)``."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from tellmark.errors import InputError, UsageError
from tellmark.manifest import read_clips
from tellmark.media import sha256_of
from tellmark.types import Clip, Label

FORMATS = (
    "deepfakebench",
    "faceforensics",
    "dfdc",
    "avdeepfake1m",
    "videofolder",
    "webdataset",
    "croissant",
    "sample",
)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A finished dataset, read."""

    folder: Path
    clips: tuple[Clip, ...]
    facts: dict[str, Any]  # dataset.json

    def of(self, split: str) -> list[Clip]:
        """The clips of a split."""
        return [clip for clip in self.clips if clip.split == split]

    @property
    def splits(self) -> list[str]:
        """Those that hold clips, in the order train, val, test."""
        return [name for name in ("train", "val", "test") if self.of(name)]


def export(folder: Path | str, to: str, out: Path | str) -> dict[str, Any]:
    """Write the dataset in ``folder`` as format ``to`` (one of ``FORMATS``) into the new folder ``out``.

    Clips are linked where the file system can, else copied, and stay as they are: marked and signed. Beside them go
    ``LICENCES.csv``, the datasheet and ``SHA256SUMS``. Raises :class:`UsageError` for an unknown format or an ``out``
    that is not empty, :class:`InputError` where ``folder`` holds no dataset.
    """
    folder, out = Path(folder), Path(out)
    if to not in FORMATS:
        raise UsageError(f"--to {to}: unknown; choose one of {', '.join(FORMATS)}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is not empty; name a new folder")
    data = Dataset(folder, tuple(read_clips(folder)), _facts(folder))
    for clip in data.clips:
        if not (folder / clip.path).is_file():
            raise InputError(f"{folder / clip.path} is missing; run `tellmark dataset check {folder}`")
    temporary = out.with_name(f".{out.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        write: Callable[[Dataset, Path], None] = import_module(f"tellmark.generator.exports.{to}").write
        write(data, temporary)
        _licences(data, temporary / "LICENCES.csv")
        if not (temporary / "README.md").exists():
            shutil.copyfile(folder / "README.md", temporary / "README.md")
        files = sorted(path for path in temporary.rglob("*") if path.is_file())
        sums = "".join(f"{sha256_of(path)}  {path.relative_to(temporary).as_posix()}\n" for path in files)
        (temporary / "SHA256SUMS").write_text(sums, encoding="utf-8")
        if out.exists():
            out.rmdir()
        temporary.rename(out)
    except OSError as error:
        raise UsageError(f"{out} cannot be written ({error.strerror or error}); name another folder") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return {"format": to, "clips": len(data.clips), "files": len(files) + 1, "folder": str(out)}


def place(source: Path, target: Path) -> None:
    """The same file under another name: a hard link where that can be, else a copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def plain_name(clip: Clip) -> str:
    """The clip's id without dots, at which several loaders cut."""
    return clip.clip_id.replace(".", "_")


def is_fake(clip: Clip) -> bool:
    """Whether a two-class loader should count the clip as fake; a virtual actor's performance is no forgery."""
    return clip.label is Label.FAKE


def write_json(path: Path, value: Any) -> None:
    """Write JSON, making the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _facts(folder: Path) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{folder / 'dataset.json'} cannot be read ({error}); build the dataset again") from error
    return facts


def _licences(data: Dataset, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(["clip_id", "label", "method", "licence", "consent_sha256"])
        for clip in data.clips:
            writer.writerow([clip.clip_id, clip.label.value, clip.method, clip.licence, clip.consent_sha256 or ""])
