"""FaceForensics++ (Roessler et al. 2019): originals, manipulations a method, masks, and splits as lists of pairs.

A take is a number; two takes of a split make a pair, and a manipulated clip is called ``<its take>_<the other>``, as
their loaders put the names together. Who really lent a face is in ``metadata.csv``. Originals lie under ``youtube``
because loaders look there; nothing in it comes from there. Each dose of a dial is a method of its own.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

from tellmark.generator.exports import Dataset, place, write_json
from tellmark.manifest import to_row
from tellmark.types import Clip

_ORIGINALS = {"reference": "youtube", "real": "youtube", "null": "null", "plain": "plain"}


def write(data: Dataset, out: Path) -> None:
    """Write ``original_sequences``, ``manipulated_sequences``, ``splits`` and ``metadata.csv``."""
    takes = sorted({take_of(clip) for clip in data.clips})
    width = max(3, len(str(len(takes) - 1)))
    number = {take: f"{k:0{width}d}" for k, take in enumerate(takes)}
    other: dict[str, str] = {}
    for split in ("train", "val", "test"):
        members = sorted({take_of(clip) for clip in data.of(split)})
        pairs = [(members[k], members[min(k + 1, len(members) - 1)]) for k in range(0, len(members), 2)]
        for a, b in pairs:
            other[a], other[b] = b, a
        write_json(out / "splits" / f"{split}.json", [[number[a], number[b]] for a, b in pairs])
    with (out / "metadata.csv").open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, ["file", *to_row(data.clips[0])])
        writer.writeheader()
        for clip in data.clips:
            take, quality = take_of(clip), quality_of(clip)
            if clip.method in _ORIGINALS:
                name = Path("original_sequences", _ORIGINALS[clip.method], quality, "videos", f"{number[take]}.mp4")
            else:
                pair = f"{number[take]}_{number[other[take]]}"
                name = Path("manipulated_sequences", method_of(clip), quality, "videos", f"{pair}.mp4")
                mask = out / "manipulated_sequences" / method_of(clip) / "masks" / "videos" / f"{pair}.mkv"
                if clip.mask_path and not mask.exists():
                    place(data.folder / clip.mask_path, mask)
            place(data.folder / clip.path, out / name)
            writer.writerow({"file": name.as_posix(), **to_row(clip)})


def take_of(clip: Clip) -> str:
    """The take of a clip: what all clips of it have in common, its original's id or its own without the method."""
    owner = clip.original if clip.original and ":" not in clip.original else clip.clip_id
    return "-".join(owner.split("-")[:3])


def method_of(clip: Clip) -> str:
    """The method, with dial and dose."""
    params = json.loads(clip.params)
    return f"{clip.method}-{params['dial']}-{params['severity']:g}" if "dial" in params else clip.method


def quality_of(clip: Clip) -> str:
    """The rung, named after the CRF where the dataset has no ladder."""
    return clip.compression or ("raw" if clip.crf == 0 else f"c{clip.crf}")
