"""WebDataset: tar shards a split, in which a sample is ``KEY.mp4``, ``KEY.json`` and, where there are, mask and track.

Shards hold about a gigabyte. The same dataset gives the same bytes.
"""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

from tellmark.generator.exports import Dataset, plain_name
from tellmark.manifest import to_row
from tellmark.types import Clip

SHARD_BYTES = 1_000_000_000


def write(data: Dataset, out: Path) -> None:
    """Write ``<split>-000000.tar`` and on."""
    for split in data.splits:
        shard, number, filled = None, 0, 0
        for clip in data.of(split):
            files = _files(data.folder, clip)
            size = sum(path.stat().st_size for path in files.values())
            if shard is not None and filled + size > SHARD_BYTES:
                shard.close()
                shard, number, filled = None, number + 1, 0
            if shard is None:
                shard = tarfile.open(out / f"{split}-{number:06d}.tar", "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115
            _add(shard, f"{plain_name(clip)}.json", json.dumps(to_row(clip), ensure_ascii=False).encode())
            for suffix, path in files.items():
                _add(shard, f"{plain_name(clip)}.{suffix}", path.read_bytes())
            filled += size
        if shard is not None:
            shard.close()


def _files(folder: Path, clip: Clip) -> dict[str, Path]:
    given = {"mp4": clip.path, "mask.mkv": clip.mask_path, "track.npz": clip.track_path}
    return {suffix: folder / path for suffix, path in given.items() if path}


def _add(shard: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)  # of nobody, from 1970: the same bytes each time
    member.size = len(content)
    shard.addfile(member, io.BytesIO(content))
