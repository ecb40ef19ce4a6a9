"""A stretch of a recording, cropped, resized and encoded again: the plain arm of real footage, without a mark.

It takes a file and no frames, so that nothing which was generated in memory can leave through it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from tellmark.encoding import Encoding, VideoWriter
from tellmark.media import VideoReader, rgb_to_i420
from tellmark.runs import atomic_path
from tellmark.types import U8


@dataclass(frozen=True, slots=True)
class Stretch:
    """``frames`` frames of a file at ``fps``, from number ``first`` on, within a square window."""

    path: Path
    first: int
    frames: int
    fps: float
    window: tuple[int, int, int]  # x, y, side, px

    def read(self, side: int) -> Iterator[U8]:
        """The frames: (side, side, 3) RGB."""
        x, y, given = self.window
        how = cv2.INTER_AREA if given > side else cv2.INTER_CUBIC
        with VideoReader(self.path, fps=self.fps) as reader:
            for frame in reader:
                if frame.index >= self.first + self.frames:
                    return
                if frame.index >= self.first:
                    crop = frame.rgb()[y : y + given, x : x + given]
                    yield np.ascontiguousarray(cv2.resize(crop, (side, side), interpolation=how), dtype=np.uint8)


def recode(stretch: Stretch, out: Path, *, sides: tuple[int, int], audio: Path, encoding: Encoding) -> None:
    """Write the stretch to ``out`` (MP4, replaced if there), resized to the first of ``sides`` and then to the second.

    Two sides, since the marked clips it is compared with were framed at one size and written at another.
    """
    with (
        atomic_path(out, force=True) as temporary,
        VideoWriter(
            temporary, width=sides[1], height=sides[1], fps=stretch.fps, audio=audio, encoding=encoding
        ) as writer,
    ):
        for frame in stretch.read(sides[0]):
            writer.write(rgb_to_i420(resized(frame, sides[1])))


def resized(frame: U8, side: int) -> U8:
    """A square frame, shrunk by averaging; the frame itself where it has that size."""
    if frame.shape[0] == side:
        return frame
    return np.asarray(cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
