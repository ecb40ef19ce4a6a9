"""What `bench reenact` shows for the eye: real, rendered and their difference side by side, as a video and a picture.

The sheets show the persons of the clips: they go where the user says, never among the results.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np

from tellmark.benchmarks.reenactment.clips import Clip
from tellmark.generator.track import FPS
from tellmark.pictures import write_image
from tellmark.types import U8, Kind
from tellmark.watermark.claims import Provenance
from tellmark.watermark.writer import ClipWriter

_SIDE = 256  # px of each picture on the still sheet


def write_sheet(folder: Path, clip: Clip, made: U8, count: int) -> None:
    """``clip-NUMBER.mp4`` and ``.png`` in a folder, which is created; existing ones are replaced.

    made: (T, 512, 512, 3), the clip rendered again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f"clip-{clip.number:03d}"
    with tempfile.TemporaryDirectory() as scratch:
        writer = ClipWriter(
            stem.with_suffix(".mp4"), width=3 * made.shape[2], height=made.shape[1], fps=FPS,
            provenance=Provenance(Kind.SYNTHETIC, stem.name, "compositeSynthetic"), force=True,
            registry=Path(scratch) / "registry.sqlite",
        )  # fmt: skip
        with writer:
            for real, frame in zip(clip.frames, made, strict=True):
                writer.write(np.concatenate(_three(real, frame), axis=1))
    columns = []
    for index in np.linspace(0, len(made) - 1, count).astype(int):
        pictures = _three(clip.frames[index], made[index])
        columns.append(np.concatenate([_small(picture) for picture in pictures], axis=0))
    write_image(stem.with_suffix(".png"), np.concatenate(columns, axis=1))


def _three(real: U8, made: U8) -> list[U8]:
    """Real, rendered, and grey plus their difference."""
    difference = 128 + (made.astype(np.int16) - real) // 2
    return [real, made, difference.astype(np.uint8)]


def _small(picture: U8) -> U8:
    return np.asarray(cv2.resize(picture, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.uint8)
