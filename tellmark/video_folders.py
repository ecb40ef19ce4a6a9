"""Folders of anybody's videos: who is in each, and which system made it. One reading for all commands.

A folder below that of real videos is a person (VoxCeleb2: person/video/clip.mp4); of a flat one (HDTF, CelebV) a file's
name without its last number is. A folder below that of forged videos is the system that made them, and their person is
the file's name without its last number. A table knows better.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tellmark.errors import InputError, UsageError

VIDEOS = frozenset((".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ts"))
UNNAMED = "unnamed system"


@dataclass(frozen=True, slots=True)
class Source:
    """A video that was found."""

    path: Path
    name: str  # relative to the folder that was walked, with forward slashes
    person_id: str
    system: str | None = None  # that made it; None of a real one


def video_files(folder: Path) -> list[Path]:
    """The files in and below ``folder`` that are videos by their name, in order; none that is hidden."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in VIDEOS
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def find_videos(folder: Path, persons: Path | None = None) -> list[Source]:
    """The real videos in and below ``folder``, by name.

    ``persons`` is a CSV file with the columns path (relative to itself) and person_id that knows better. Raises
    :class:`InputError` for a folder without videos and :class:`UsageError` for a table without the columns.
    """
    known = _table(persons)
    found = []
    for path in _some(folder):
        inner = path.relative_to(folder)
        person = inner.parts[0] if len(inner.parts) > 1 else _of_its_name(path)
        found.append(Source(path, inner.as_posix(), known.get(path.resolve(), {}).get("person_id") or person))
    return found


def find_fakes(folder: Path, persons: Path | None = None) -> list[Source]:
    """The forged videos in and below ``folder``, by name; ``persons`` as for :func:`find_videos`, which may have the
    column system.
    """
    known = _table(persons)
    found = []
    for path in _some(folder):
        inner, listed = path.relative_to(folder), known.get(path.resolve(), {})
        system = listed.get("system") or (inner.parts[0] if len(inner.parts) > 1 else UNNAMED)
        found.append(Source(path, inner.as_posix(), listed.get("person_id") or _of_its_name(path), system))
    return found


def find_both(real: Path, fakes: Path, persons: Path | None = None) -> list[Source]:
    """The videos of a folder of real and one of forged ones. Raises :class:`UsageError` where one is in both, too."""
    found = [*find_videos(real, persons), *find_fakes(fakes, persons)]
    seen: set[Path] = set()
    for source in found:
        path = source.path.resolve()
        if path in seen:
            raise UsageError(f"{source.path} is in the folder of real videos and in that of fakes; keep the two apart")
        seen.add(path)
    return found


def _some(folder: Path) -> Sequence[Path]:
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; give the folder that holds the videos")
    found = video_files(folder)
    if not found:
        raise InputError(f"{folder} holds no videos ({', '.join(sorted(VIDEOS))})")
    return found


def _of_its_name(path: Path) -> str:
    """The clips of one recording stay together: a last number is left out."""
    return re.sub(r"_\d+$", "", path.stem)


def _table(persons: Path | None) -> dict[Path, dict[str, str]]:
    """Its rows, by the file they are of."""
    if persons is None:
        return {}
    try:
        with persons.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if not {"path", "person_id"} <= set(reader.fieldnames or ()):
                raise UsageError(f"{persons} needs the columns path and person_id")
            return {(persons.parent / row["path"]).resolve(): row for row in reader if row["path"]}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{persons} cannot be read as CSV ({error})") from error
