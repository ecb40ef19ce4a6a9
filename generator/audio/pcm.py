"""Raw sound from a pipe, as it comes."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tellmark.errors import InputError, UsageError
from tellmark.types import F32

PIECE_S = 0.020
"""The longest piece that is waited for; it adds to the delay of the frames."""

_FORMATS = {"s16le": ("<i2", 32768.0), "s32le": ("<i4", 2147483648.0), "f32le": ("<f4", 1.0)}
_LOOK_S = 0.1  # how often a quiet pipe is left to see whether to stop


@dataclass(frozen=True, slots=True)
class PcmFormat:
    """How samples are written: ``name`` as FFmpeg calls it, interleaved channels."""

    name: str = "s16le"
    sample_rate_hz: int = 16_000
    channels: int = 1

    def __post_init__(self) -> None:
        if self.name not in _FORMATS:
            raise UsageError(f"{self.name}: unknown; choose one of {', '.join(_FORMATS)}")
        if not 8_000 <= self.sample_rate_hz <= 192_000:
            raise UsageError(f"{self.sample_rate_hz} Hz: must lie between 8000 and 192000")
        if not 1 <= self.channels <= 8:
            raise UsageError(f"{self.channels} channels: must lie between 1 and 8")


def read_pcm(descriptor: int, layout: PcmFormat, stop: threading.Event | None = None) -> Iterator[F32]:
    """Mono pieces of at most ``PIECE_S``, in [-1, 1], until the pipe ends or ``stop`` is set.

    A pipe that ends within a sample loses that sample. Raises :class:`InputError` for floats that are no sound.
    """
    kind, full = _FORMATS[layout.name]
    size = np.dtype(kind).itemsize * layout.channels
    most = max(1, round(PIECE_S * layout.sample_rate_hz)) * size
    left = b""
    while stop is None or not stop.is_set():
        if stop is not None and not select.select([descriptor], [], [], _LOOK_S)[0]:
            continue
        data = os.read(descriptor, most - len(left))
        if not data:
            return
        left += data
        whole = len(left) // size * size
        samples = np.frombuffer(left[:whole], kind).astype(np.float32).reshape(-1, layout.channels) / full
        left = left[whole:]
        if not np.isfinite(samples).all():
            raise InputError("the sound holds numbers that are none: is it really f32le?")
        if len(samples):
            yield np.clip(samples.mean(axis=1), -1, 1).astype(np.float32)
