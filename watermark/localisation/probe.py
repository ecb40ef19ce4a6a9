"""How much of a mark an encoder leaves at each place of a given video, found by trying it.

Texture keeps a mark, a wall that stands still gathers it over time, and what moves is predicted from elsewhere and
loses it. Instead of a model of all that, a second mark, of a key that nobody else uses, is added to the video as it was
received, and the video is encoded once more: what is left of the second mark tells what the first one can have left.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from tellmark.encoding import Encoding, VideoWriter
from tellmark.media import VideoReader
from tellmark.types import F32, U8, Kind
from tellmark.watermark.embed import Embedder
from tellmark.watermark.signal.analysis import SIDE
from tellmark.watermark.signal.fec import encode
from tellmark.watermark.signal.pattern import CANONICAL, WatermarkKey, channel_patterns, synthesize
from tellmark.watermark.signal.payload import Payload

QUALITIES = (18, 23, 28, 33, 36)  # CRF of x264, ascending
_FPS = 25.0
# Its macroblock tree, in assembler, reads memory that nobody wrote where a row is no multiple of 64 pixels.
_REPEATABLE = {"x264-params": "cpu-independent=1"}
_KEY = WatermarkKey.private(b"tellmark probe of what survives")
_PAYLOAD = Payload(Kind.CONTROL, 0)
# Pixels added on either side. In the blocks of the encoder before, what it has rounded once would be rounded back.
_BEFORE, _AFTER = 6, 10


class Probe:
    """Takes the frames of a video, all of one size, and gives them back with the second mark, encoded at ``crf``."""

    def __init__(self, crf: int) -> None:
        self._encoding = Encoding(crf=crf, keyframe_s=10.0)
        self._folder = tempfile.TemporaryDirectory()
        self._path = Path(self._folder.name) / "probe.mp4"
        self._open = ExitStack()  # the writer, until all frames were given
        self._tools: tuple[Embedder, VideoWriter] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)
        self._folder.cleanup()

    def write(self, i420: U8) -> None:
        """Take one more frame: (H * 3 / 2, W) uint8, which stays as it is."""
        if self._tools is None:
            height, width = i420.shape[0] * 2 // 3, i420.shape[1]
            embedder = Embedder(_PAYLOAD, width=width, height=height, key=_KEY)
            wide, high = (side + _BEFORE + _AFTER for side in (width, height))
            writer = VideoWriter(
                self._path, width=wide, height=high, fps=_FPS, encoding=self._encoding, options=_REPEATABLE
            )
            self._tools = embedder, self._open.enter_context(writer)
        embedder, writer = self._tools
        widened = (
            cv2.copyMakeBorder(plane, before, after, before, after, cv2.BORDER_REPLICATE)
            for plane, before, after in _planes(embedder.embed(i420.copy()))
        )
        writer.write(_joined(widened))

    def frames(self) -> Iterator[U8]:
        """All of them, in the same order and shape."""
        if self._tools is None:
            return
        self._open.close()
        with VideoReader(self._path) as reader:
            for frame in reader:
                yield _joined(plane[before:-after, before:-after] for plane, before, after in _planes(frame.i420()))


def pattern(height: int, width: int) -> F32:
    """(3, height, width): the second mark over the maps of a video, unit RMS."""
    y, x = ((np.arange(side) + 0.5) * (CANONICAL / SIDE) for side in (height, width))
    code = encode(_PAYLOAD.bits())
    return np.stack([synthesize(c, c.coefficients(code), y, x) for c in channel_patterns(_KEY)])


def _planes(i420: U8) -> Iterator[tuple[U8, int, int]]:
    """Y, Cb and Cr, each with its added pixels before and after."""
    height = i420.shape[0] * 2 // 3
    yield i420[:height], _BEFORE, _AFTER
    for plane in i420[height:].reshape(2, height // 2, -1):
        yield plane, _BEFORE // 2, _AFTER // 2


def _joined(planes: Iterable[U8]) -> U8:
    y, *chroma = planes
    return np.concatenate([y, *(plane.reshape(-1, y.shape[1]) for plane in chroma)])
