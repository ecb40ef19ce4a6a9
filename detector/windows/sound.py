"""The sound that goes with windows, read forwards, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tellmark.errors import MediaError
from tellmark.media import read_audio
from tellmark.types import F32

RATE_HZ = 16_000
NONE = np.zeros(0, np.float32)
"""What a window holds that nothing was heard with."""


class Sound:
    """The sound of a file as it is asked for; none of a file without, and none from where it cannot be decoded on."""

    def __init__(self, path: Path | str) -> None:
        self._chunks: Iterator[F32] = read_audio(path, RATE_HZ, 1.0)
        self._held, self._start = NONE, 0

    def between(self, start_s: float, end_s: float) -> F32:
        """(samples,) mono in [-1, 1] from ``start_s``, which never goes back, up to ``end_s`` or the sound's end."""
        first, last = round(start_s * RATE_HZ), round(end_s * RATE_HZ)
        while self._start + len(self._held) < last and len(chunk := self._next()):
            keep = max(0, first - self._start)
            self._start += min(keep, len(self._held))
            self._held = np.concatenate([self._held[keep:], chunk])
        return self._held[max(0, first - self._start) : max(0, last - self._start)]

    def _next(self) -> F32:
        try:
            return next(self._chunks, NONE)
        except MediaError:
            self._chunks = iter(())
            return NONE
