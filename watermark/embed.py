"""Adds the mark to video frames, in place on the planes that the encoder takes.

Chroma gets a fixed pattern. Luma gets the pattern times a gain that follows the local activity of the picture: texture
hides more than a flat wall does, where ripples would be seen and would cost the encoder bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark.errors import UsageError
from tellmark.types import F32, F64, U8
from tellmark.watermark.fec import encode
from tellmark.watermark.pattern import (
    CANONICAL,
    PATTERNS,
    PUBLIC_KEY,
    ChannelPattern,
    WatermarkKey,
    channel_patterns,
    pattern_at,
    synthesize,
)
from tellmark.watermark.payload import Payload

I8 = NDArray[np.int8]

MIN_SIDE = 64  # below this the finest waves are shorter than two chroma samples
_STEPS = 24.0  # one RMS of a stored luma pattern, in steps of int8: leaves room for peaks of 5.3 RMS
_ACTIVITY_SIDE = 128  # short side of the picture that the activity is measured on


@dataclass(frozen=True, slots=True)
class Strength:
    """How strong the mark is, in 8-bit code values.

    luma: RMS of the luma pattern where the activity is 1. luma_range: bounds of that RMS. exponent: how the RMS grows
    with activity. cb, cr: RMS of the chroma patterns.
    """

    luma: float = 0.55
    luma_range: tuple[float, float] = (0.41, 0.72)
    exponent: float = 0.04
    cb: float = 0.5
    cr: float = 0.6


DEFAULT_STRENGTH = Strength()


class Embedder:
    """Marks the frames of one clip with one payload.

    width, height: pixels, even. fps: frames a second. The patterns are made here (some 60 ms at 512x512); they and
    a buffer take 10 bytes a pixel. Not to be shared between threads; :meth:`embed` holds the GIL only briefly.

    Raises UsageError for a size that cannot be marked.
    """

    def __init__(
        self,
        payload: Payload,
        *,
        width: int,
        height: int,
        fps: float,
        key: WatermarkKey = PUBLIC_KEY,
        strength: Strength = DEFAULT_STRENGTH,
    ) -> None:
        if width % 2 or height % 2 or min(width, height) < MIN_SIDE:
            raise UsageError(f"cannot mark {width}x{height}: both sides must be even and at least {MIN_SIDE} pixels")
        if not fps > 0:
            raise UsageError(f"cannot mark a clip of {fps} frames a second: the rate must be positive")
        self._width, self._height, self._fps = width, height, fps
        self._strength = strength
        code = encode(payload.bits())
        luma, cb, cr = channel_patterns(key)
        self._luma = [self._plane(luma, code, pattern, _STEPS) for pattern in range(PATTERNS)]
        self._cb = [self._plane(cb, code, pattern, strength.cb) for pattern in range(PATTERNS)]
        self._cr = [self._plane(cr, code, pattern, strength.cr) for pattern in range(PATTERNS)]
        self._change = np.empty((height, width), np.float32)

    def embed(self, i420: U8, index: int) -> U8:
        """Mark frame ``index`` (counted from the clip's start) in place and return it.

        i420: (height * 3 // 2, width) uint8, C-contiguous, limited range.
        """
        height, width = self._height, self._width
        if i420.shape != (height * 3 // 2, width) or i420.dtype != np.uint8 or not i420.flags.c_contiguous:
            raise ValueError(f"expected contiguous uint8 {(height * 3 // 2, width)}, got {i420.dtype} {i420.shape}")
        pattern = pattern_at(index, self._fps)
        luma, chroma = i420[:height], i420[height:].reshape(2, height // 2, width // 2)
        # OpenCV adds with rounding and saturation, and lets go of the GIL meanwhile.
        change = self._change
        cv2.resize(self._luma_gain(luma), (width, height), dst=change, interpolation=cv2.INTER_LINEAR)
        cv2.multiply(self._luma[pattern], change, dst=change, dtype=cv2.CV_32F)
        cv2.add(luma, change, dst=luma, dtype=cv2.CV_8U)
        for plane, mark in zip(chroma, (self._cb[pattern], self._cr[pattern]), strict=True):
            cv2.add(plane, mark, dst=plane, dtype=cv2.CV_8U)
        return i420

    def _plane(self, channel: ChannelPattern, code: U8, pattern: int, rms: float) -> I8:
        """The pattern on this clip's sampling grid of the channel, in int8 with the given RMS."""
        step = 1 if channel.name == "y" else 2  # chroma planes have half the samples
        scale = CANONICAL / min(self._width, self._height)
        y: F64 = (np.arange(self._height // step) + 0.5) * step * scale
        x: F64 = (np.arange(self._width // step) + 0.5) * step * scale
        values = synthesize(channel, channel.coefficients(pattern, code), y, x)
        stored: I8 = np.rint(values * rms).clip(-127, 127).astype(np.int8)
        return stored

    def _luma_gain(self, luma: U8) -> F32:
        """RMS of the luma mark, divided by that of the stored pattern, on a coarse grid."""
        scale = _ACTIVITY_SIDE / min(luma.shape)
        size = (max(1, round(self._width * scale)), max(1, round(self._height * scale)))
        small = cv2.resize(luma, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        activity = cv2.blur(cv2.absdiff(small, cv2.blur(small, (5, 5))), (9, 9))
        gain = cv2.pow(activity + 0.05, self._strength.exponent) * self._strength.luma
        bounded: F32 = np.clip(gain, *self._strength.luma_range) / np.float32(_STEPS)
        return bounded
