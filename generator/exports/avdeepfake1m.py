"""AV-Deepfake1M (Cai et al. 2024): files with the segments in which sound, picture or both are forged.

``<split>_metadata.json`` lists all, ``<split>_metadata/<file>.json`` holds each alone, as the package ``avdeepfake1m``
reads them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tellmark.generator.exports import Dataset, is_fake, place, plain_name, write_json
from tellmark.types import Clip

_SOUND_HZ = 16_000  # of their audio_frames
_SPOKEN = ("splice",)  # methods that replace what is heard within the segment


def write(data: Dataset, out: Path) -> None:
    """Write a folder a split and its metadata."""
    names = {clip.clip_id: f"{plain_name(clip)}.mp4" for clip in data.clips}
    for split in data.splits:
        rows = []
        for clip in data.of(split):
            name = names[clip.clip_id]
            place(data.folder / clip.path, out / split / name)
            rows.append(_row(clip, name, split, names.get(clip.original or "")))
            write_json(out / f"{split}_metadata" / name.replace(".mp4", ".json"), rows[-1])
        write_json(out / f"{split}_metadata.json", rows)


def _row(clip: Clip, name: str, split: str, original: str | None) -> dict[str, Any]:
    segments = json.loads(clip.fake_segments)
    heard = segments if clip.method in _SPOKEN else []
    kind = "real"
    if is_fake(clip):
        kind = "both_modified" if heard else "visual_modified"
    return {
        "file": name,
        "original": original if is_fake(clip) else None,
        "split": split,
        "modify_type": kind,
        "audio_model": "espeak-ng" if heard and clip.voice_id.startswith("espeak:") else "",
        "fake_segments": segments,
        "audio_fake_segments": heard,
        "visual_fake_segments": segments,
        "video_frames": round(clip.seconds * clip.fps),
        "audio_frames": round(clip.seconds * _SOUND_HZ),
        "tellmark_label": clip.label.value,
        "tellmark_method": clip.method,
    }
