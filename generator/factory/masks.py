"""Mask videos: what was made or changed in each frame, losslessly, as FFV1 in Matroska.

Grey, one frame a frame of the clip: 0 untouched, 255 made; 16 levels, which keeps soft edges and small files. The
same masks give the same bytes. H.264 was smaller, but its readers stretch grey levels as they please.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np

from tellmark.runs import atomic_path
from tellmark.types import U8

STEP = 17  # of 16 levels
_FULL = 2  # AVCOL_RANGE_JPEG


class MaskWriter:
    """Context manager that takes the masks of one clip; the file appears when all are written."""

    def __init__(self, path: Path, fps: float) -> None:
        self.path = path
        self._rate = Fraction(fps).limit_denominator(1001)
        self._stack = ExitStack()
        self._count = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            temporary = stack.enter_context(atomic_path(self.path, force=True))
            self._container = stack.enter_context(
                av.open(str(temporary), "w", format="matroska", options={"fflags": "+bitexact"})
            )
            self._stack = stack.pop_all()
        self._stream: Any = self._container.add_stream("ffv1", rate=self._rate)
        self._stream.pix_fmt, self._stream.thread_count = "gray", 1
        self._stream.options = {"g": "1", "coder": "1", "context": "1"}
        self._stream.codec_context.color_range = _FULL
        return self

    def write(self, mask: U8) -> None:
        """Append a (H, W) uint8 mask; whatever is not 0 stays above 0."""
        if not self._count:
            self._stream.height, self._stream.width = mask.shape
        levels = np.maximum((mask.astype(np.uint16) + STEP // 2) // STEP, mask > 0) * STEP
        frame = av.VideoFrame.from_ndarray(levels.astype(np.uint8), format="gray")
        frame.pts, frame.time_base, frame.color_range = self._count, 1 / self._rate, _FULL
        self._container.mux(self._stream.encode(frame))
        self._count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self._count:
                self._container.mux(self._stream.encode())
        except BaseException:
            self._stack.__exit__(*sys.exc_info())
            raise
        self._stack.__exit__(kind, error, trace)


def read_masks(path: Path) -> Iterator[U8]:
    """The masks, (H, W) uint8 each."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield np.asarray(frame.to_ndarray(), np.uint8)


def mask_frames(path: Path) -> int:
    """How many masks a file holds."""
    with av.open(str(path)) as container:
        return sum(packet.size > 0 for packet in container.demux(video=0))
