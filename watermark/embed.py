"""Adds the mark to video frames, in place on the planes that the encoder takes.

Each plane gets its pattern times a gain that follows the local activity of the picture: texture hides more than a flat
wall does, where ripples would be seen and would cost the encoder bits. Where a whole frame would change by more than a
budget, all of its gains go down together: no clip comes out below the PSNR that the budget stands for.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from tellmark.errors import UsageError
from tellmark.types import F32, F64, U8
from tellmark.watermark.signal.fec import encode
from tellmark.watermark.signal.pattern import (
    CANONICAL,
    PUBLIC_KEY,
    TILE,
    ChannelPattern,
    WatermarkKey,
    channel_patterns,
    synthesize,
)
from tellmark.watermark.signal.payload import Payload

I8 = NDArray[np.int8]

MIN_SIDE = 64  # below this the finest waves of chroma are shorter than two samples
_STEPS = 24.0  # one RMS of a stored pattern, in steps of int8: leaves room for peaks of 5.3 RMS
_GRID_SIDE = 128  # short side of the picture that the gains are taken from
_FINEST = 0.4  # cycles a sample
_ACTIVITY_FLOOR = 0.05  # code values
_BUDGET = 1.95  # mean squared error over R, G and B: 45.2 dB, and .2 for patterns that are not quite Gaussian
_ROUNDED_RGB = 1 / 6  # of it, what rounding both pictures to whole RGB values takes
_IN_RGB = np.array([1.164**2, (0.392**2 + 2.017**2) / 3, (1.596**2 + 0.813**2) / 3])  # error in a plane -> in RGB


@dataclass(frozen=True, slots=True)
class Gain:
    """RMS of a pattern in 8-bit code values: ``rms`` where the activity is 1, growing with its power ``exponent``.

    bounds: of the RMS.
    """

    rms: float
    exponent: float
    bounds: tuple[float, float]

    def at(self, activity: F32) -> F32:
        """The RMS for each activity."""
        clipped: F32 = np.clip(self.rms * cv2.pow(activity + _ACTIVITY_FLOOR, self.exponent), *self.bounds)
        return clipped


@dataclass(frozen=True, slots=True)
class Strength:
    """How strong the mark is in each plane."""

    y: Gain = Gain(0.24, 0.3, (0.235, 0.75))
    cb: Gain = Gain(0.48, 0.15, (0.33, 0.68))
    cr: Gain = Gain(0.66, 0.15, (0.45, 0.93))

    def seen(self, luma: U8 | F32) -> list[F32]:
        """RMS of each plane's pattern in a picture with this luma (H, W), on a grid whose short side is _GRID_SIDE."""
        scale = _GRID_SIDE / min(luma.shape)
        step = max(1, min(luma.shape) // CANONICAL)
        sparse = np.ascontiguousarray(luma[::step, ::step])  # averaging every pixel of a large frame takes longest
        height, width = (max(1, round(side * scale)) for side in luma.shape)
        small = cv2.resize(sparse, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
        activity: F32 = cv2.blur(cv2.absdiff(small, cv2.blur(small, (5, 5))), (9, 9))
        return [gain.at(activity) for gain in (self.y, self.cb, self.cr)]


DEFAULT_STRENGTH = Strength()


class Embedder:
    """Marks the frames of one clip with one payload.

    width, height: pixels, even. The patterns are made here (some 20 ms at 512x512); they and their buffers take 8
    bytes a pixel. Not to be shared between threads; :meth:`embed` holds the GIL only briefly.

    Raises UsageError for a size that cannot be marked.
    """

    def __init__(
        self,
        payload: Payload,
        *,
        width: int,
        height: int,
        key: WatermarkKey = PUBLIC_KEY,
        strength: Strength = DEFAULT_STRENGTH,
    ) -> None:
        if width % 2 or height % 2 or min(width, height) < MIN_SIDE:
            raise UsageError(f"cannot mark {width}x{height}: both sides must be even and at least {MIN_SIDE} pixels")
        self._width, self._height = width, height
        self._strength = strength
        code = encode(payload.bits())
        self._patterns = [self._plane(channel, code) for channel in channel_patterns(key)]
        self._changes = [np.empty(pattern.shape, np.float32) for pattern in self._patterns]

    def embed(self, i420: U8) -> U8:
        """Mark a frame in place and return it.

        i420: (height * 3 // 2, width) uint8, C-contiguous, limited range.
        """
        height, width = self._height, self._width
        if i420.shape != (height * 3 // 2, width) or i420.dtype != np.uint8 or not i420.flags.c_contiguous:
            raise ValueError(f"expected contiguous uint8 {(height * 3 // 2, width)}, got {i420.dtype} {i420.shape}")
        planes = (i420[:height], *i420[height:].reshape(2, height // 2, width // 2))
        gains = _within_budget(self._strength.seen(planes[0]))
        # OpenCV adds with rounding and saturation, and lets go of the GIL meanwhile.
        for plane, pattern, gain, change in zip(planes, self._patterns, gains, self._changes, strict=True):
            size = (plane.shape[1], plane.shape[0])
            cv2.resize(gain / np.float32(_STEPS), size, dst=change, interpolation=cv2.INTER_LINEAR)
            cv2.multiply(pattern, change, dst=change, dtype=cv2.CV_32F)
            cv2.add(plane, change, dst=plane, dtype=cv2.CV_8U)
        return i420

    def _plane(self, channel: ChannelPattern, code: U8) -> I8:
        """The pattern on this clip's sampling grid of the channel, in int8: one RMS is _STEPS."""
        step = 1 if channel.name == "y" else 2  # chroma planes have half the samples
        scale = CANONICAL / min(self._width, self._height)
        y: F64 = (np.arange(self._height // step) + 0.5) * step * scale
        x: F64 = (np.arange(self._width // step) + 0.5) * step * scale
        # Waves too fine for a small frame's samples are left out; the detector does without them.
        seen = np.hypot(channel.waves[:, 0], channel.waves[:, 1]) * step * scale / TILE < _FINEST
        values = synthesize(channel, channel.coefficients(code) * seen, y, x)
        stored: I8 = np.rint(values * _STEPS).clip(-127, 127).astype(np.int8)
        return stored


def _within_budget(gains: list[F32]) -> list[F32]:
    """Gains that change the frame by no more than the budget, all lowered alike where that is needed."""
    errors = [float(np.interp(gain[::4, ::4], _RMS, _ROUNDED_ERROR).mean()) for gain in gains]
    share = min(1.0, float(np.sqrt((_BUDGET - _ROUNDED_RGB) / max(float(_IN_RGB @ errors), 1e-9))))
    return [gain * np.float32(share) for gain in gains]


def _rounded_error(rms: F64) -> F64:
    """Mean square of a Gaussian of this RMS after rounding to whole numbers: what a mark really changes."""
    steps = np.arange(0.5, 8.0)  # each brings 2k + 1 more: the square of k + 1, less that of k
    return np.asarray((2 * (2 * steps) * ndtr(-steps / np.maximum(rms, 1e-3)[:, None])).sum(axis=1))


_RMS = np.linspace(0.0, 4.0, 161)
_ROUNDED_ERROR = _rounded_error(_RMS)
