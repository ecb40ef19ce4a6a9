"""The files a plan names: who is in them, and which can be used.

Real people go by a hash of whatever tells them apart, since file names often are names. A file that cannot be used is
left out with its reason, never silently.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tellmark.errors import InputError, MediaError
from tellmark.media import probe, sha256_of

if TYPE_CHECKING:
    from tellmark.generator.factory.plan import Folder

PICTURES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True, slots=True)
class Recording:
    """A file with sound that is long enough."""

    path: Path
    duration_s: float
    key: str  # hash of its place in the folder


@dataclass(frozen=True, slots=True)
class Imported:
    """A clip that another system made."""

    recording: Recording
    system: str


def pictures(folder: Folder, left_out: list[str]) -> dict[str, Path]:
    """Hash of the content -> picture. Copies of a picture are left out: an identity belongs to one split."""
    found: dict[str, Path] = {}
    for path in _files(folder.path):
        if path.suffix.lower() in PICTURES and found.setdefault(key := sha256_of(path)[:8], path) != path:
            left_out.append(f"{path} is a copy of {found[key].name}")
    if not found:
        raise InputError(f"{folder.path} holds no picture ({', '.join(PICTURES)}); add some, or name another folder")
    return found


def voices(folder: Folder, seconds: float, left_out: list[str]) -> dict[str, list[Recording]]:
    """Voice -> recordings of ``seconds`` or more. A sub-folder is a voice; a file in none is one by itself."""
    found: dict[str, list[Recording]] = {}
    files = _Files(folder.path, seconds, left_out)
    for path in _files(folder.path):
        files.add(found, _owner(folder.path, path), path, picture=False)
    return found


def people(folder: Folder, seconds: float, left_out: list[str]) -> dict[str, list[Recording]]:
    """Person -> footage with sound of ``seconds`` or more. ``persons`` tells them apart, else sub-folders, else files.

    Raises :class:`InputError` where nothing can be used, or ``persons`` contradicts itself.
    """
    files = _files(folder.path)
    owners = _owners(folder, folder.persons) if folder.persons else {path: _owner(folder.path, path) for path in files}
    found: dict[str, list[Recording]] = {}
    usable = _Files(folder.path, seconds, left_out)
    for path, person in sorted(owners.items()):
        usable.add(found, person, path, picture=True)
    if not found:
        raise InputError(
            f"{folder.path} has no footage of {seconds:g} s with sound; {'; '.join(left_out[:3]) or 'none'}"
        )
    return found


def imports(folder: Folder, seconds: float, left_out: list[str]) -> dict[str, list[Imported]]:
    """Person -> clips of other systems, each in a sub-folder with the system's name.

    ``persons`` tells the persons apart, else every clip is one. Raises :class:`InputError` where nothing can be used.
    """
    owners = _owners(folder, folder.persons) if folder.persons else {path: str(path) for path in _files(folder.path)}
    found: dict[str, list[Imported]] = {}
    usable = _Files(folder.path, seconds, left_out)
    for path, person in sorted(owners.items()):
        inside = path.relative_to(folder.path.resolve())
        if len(inside.parts) < 2:
            left_out.append(f"{path} lies in no sub-folder with the name of the system that made it")
            continue
        kept: dict[str, list[Recording]] = {}
        usable.add(kept, person, path, picture=True)
        for owner, recordings in kept.items():
            found.setdefault(owner, []).extend(Imported(recording, inside.parts[0]) for recording in recordings)
    if not found:
        raise InputError(
            f"{folder.path} has no clip of {seconds:g} s with sound in a sub-folder named after its system; "
            f"{'; '.join(left_out[:3]) or 'none'}"
        )
    return found


def _owners(folder: Folder, persons: Path) -> Mapping[Path, str]:
    """File -> person, from the CSV; rows of files outside the folder are passed over."""
    with persons.open(newline="", encoding="utf-8-sig") as handle:
        rows = list(csv.DictReader(handle))
    if not rows or not {"path", "person_id"} <= set(rows[0]):
        raise InputError(f"{persons} needs rows with the columns path and person_id; add them")
    owners: dict[Path, str] = {}
    for row in rows:
        path = Path(os.path.normpath(persons.parent.resolve() / row["path"]))
        if not path.is_relative_to(folder.path.resolve()) or not row["person_id"]:
            continue
        if owners.setdefault(path, row["person_id"]) != row["person_id"]:
            raise InputError(f"{persons} gives {row['path']} to two persons; remove one of the rows")
    return owners


def _files(folder: Path) -> list[Path]:
    """Every file by the place it has in the folder, although it may be a link to one elsewhere."""
    return sorted(path for path in folder.resolve().rglob("*") if path.is_file() and not path.name.startswith("."))


def _owner(folder: Path, path: Path) -> str:
    """The sub-folder a file lies in, or the file itself where it lies in none."""
    inside = path.relative_to(folder.resolve())
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem


class _Files:
    """Takes files one by one, and leaves out with the reason what cannot be used.

    A copy of an earlier file is left out: under two names, one person would be two, perhaps in two splits.
    """

    def __init__(self, folder: Path, seconds: float, left_out: list[str]) -> None:
        self._folder, self._seconds, self._left_out = folder.resolve(), seconds, left_out
        self._of_size: dict[int, list[Path]] = {}

    def add(self, found: dict[str, list[Recording]], owner: str, path: Path, *, picture: bool) -> None:
        """Add a file to its owner's recordings."""
        try:
            info = probe(path)
        except MediaError as error:
            self._left_out.append(str(error))
            return
        earlier = self._copied(path)
        for unusable, why in (
            (not info.has_audio, "has no sound"),
            (picture and not info.has_video, "has no picture"),
            (info.duration_s < self._seconds, f"is shorter than {self._seconds:g} s"),
            (earlier is not None, f"is a copy of {earlier.name if earlier else ''}"),
        ):
            if unusable:
                self._left_out.append(f"{path} {why}")
                return
        key = _hash(str(path.relative_to(self._folder)))
        found.setdefault(_hash(owner), []).append(Recording(path, info.duration_s, key))

    def _copied(self, path: Path) -> Path | None:
        """An earlier file with the same bytes; read only where one has the same size."""
        same_size = self._of_size.setdefault(path.stat().st_size, [])
        found = next((one for one in same_size if sha256_of(one) == sha256_of(path)), None)
        same_size.append(path)
        return found


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:8]
