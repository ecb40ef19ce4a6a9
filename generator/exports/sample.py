"""A sample to look at before the download: up to twelve clips, one of every method first, in one archive."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from tellmark.generator.exports import Dataset
from tellmark.manifest import to_row
from tellmark.types import Clip

_CLIPS = 12


def write(data: Dataset, out: Path) -> None:
    """Write ``sample.zip``: clips, masks, tracks, their rows and the datasheet. The same dataset, the same bytes."""
    chosen = choose(data.clips)
    with zipfile.ZipFile(out / "sample.zip", "w") as archive:
        for clip in chosen:
            for name in (clip.path, clip.mask_path, clip.track_path):
                if name and name not in archive.namelist():
                    _add(archive, name, (data.folder / name).read_bytes())
        rows = "".join(json.dumps(to_row(clip), ensure_ascii=False) + "\n" for clip in chosen)
        _add(archive, "manifest.jsonl", rows.encode())
        _add(archive, "README.md", (data.folder / "README.md").read_bytes())


def choose(clips: tuple[Clip, ...]) -> list[Clip]:
    """One clip of each method, then more of each in turn."""
    groups: dict[str, list[Clip]] = {}
    for clip in clips:
        groups.setdefault(clip.method, []).append(clip)
    turns = max(map(len, groups.values()))
    return [group[k] for k in range(turns) for group in groups.values() if k < len(group)][:_CLIPS]


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name), content)  # ZipInfo's date is 1980 whenever it is written
