"""A simulated camera: scene light in, the pixels of a consumer camera out.

Order as in the device: handheld shake (asked of the renderer), lens blur, motion blur of the shutter, vignetting,
exposure and white balance that drift, shot and read noise in linear light, chroma denoising, the sRGB curve, 8 bits.
All of a frame follows from the camera's seed and the time; frames can be taken in any order.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numba as nb
import numpy as np

from tellmark.generator.types import SIZE
from tellmark.types import F32, U8

_LEVELS = 4096
_CURVE_X = np.linspace(0, 1, _LEVELS, dtype=np.float64)
# sRGB (IEC 61966-2-1), as a table over linear light in [0, 1].
_SRGB = (
    np.where(_CURVE_X <= 0.0031308, 12.92 * _CURVE_X, 1.055 * _CURVE_X ** (1 / 2.4) - 0.055).astype(np.float32) * 255
)
TO_LINEAR = np.where(
    np.arange(256) <= 10, np.arange(256) / 255 / 12.92, ((np.arange(256) / 255 + 0.055) / 1.055) ** 2.4
).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Drift:
    """A slow random function of time: a sum of sines, unit variance."""

    frequency_hz: F32  # (K,)
    phase: F32  # (K,)
    amplitude: F32  # (K,)

    def __call__(self, time_s: float) -> float:
        return float((self.amplitude * np.sin(2 * np.pi * self.frequency_hz * time_s + self.phase)).sum())


def drift(rng: np.random.Generator, slowest_hz: float, fastest_hz: float) -> Drift:
    """A drift whose components lie between the two frequencies, weaker the faster."""
    frequency = np.geomspace(slowest_hz, fastest_hz, 6) * rng.uniform(0.8, 1.25, 6)
    amplitude = frequency**-0.7
    amplitude *= np.sqrt(2 / (amplitude**2).sum())
    phase = rng.uniform(0, 2 * np.pi, 6)
    return Drift(frequency.astype(np.float32), phase.astype(np.float32), amplitude.astype(np.float32))


class Camera:
    """One camera in one hand (or on one tripod), drawn from a seed."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([7, seed])
        self._seed = seed
        self.distance = float(rng.uniform(4.2, 9.0))  # to the face, in face widths
        self._shake_px = float(rng.choice([0.15, 0.6, 1.6], p=[0.4, 0.35, 0.25]))
        self._shake = [drift(rng, 0.15, 4.0) for _ in range(2)]
        self._exposure = drift(rng, 0.05, 0.6)
        self._exposure_ev = float(rng.uniform(0.01, 0.05))
        self._balance = [drift(rng, 0.04, 0.3) for _ in range(2)]
        self._balance_gain = np.exp(rng.normal(0, [0.05, 0.0, 0.06])).astype(np.float32)
        self._focus = drift(rng, 0.05, 0.5)
        self._lens_px = float(rng.uniform(0.45, 0.80))
        self._shutter = float(rng.uniform(0.25, 0.6))  # open for this share of a frame
        self._full_well = float(rng.uniform(1500, 6000))  # electrons at white
        self._read = float(rng.uniform(2.0, 6.0))  # electrons
        self._chroma = float(rng.uniform(0.35, 0.9))
        y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32) / SIZE - 0.5
        self._vignette = (1 - rng.uniform(0.1, 0.35) * (x**2 + y**2)).astype(np.float32)

    def shake(self, time_s: float) -> tuple[float, float]:
        """Shift of the picture by the hand, px."""
        return self._shake_px * self._shake[0](time_s), self._shake_px * self._shake[1](time_s)

    def expose(
        self,
        light: F32,
        index: int,
        time_s: float,
        motion_px: tuple[float, float] = (0.0, 0.0),
        moving: F32 | None = None,
    ) -> U8:
        """One frame from (SIZE, SIZE, 3) linear light; overwrites ``light``.

        motion_px: how far the subject moves across the picture in one frame.
        moving: where it is, (h, w) in [0, 1] of any size; None: everywhere.
        """
        rng = np.random.default_rng([11, self._seed, index])
        light = self._shutter_blur(light, motion_px, moving)
        sigma = self._lens_px * float(np.exp(0.12 * self._focus(time_s)))
        light = cv2.GaussianBlur(light, (5, 5), sigma, dst=light)
        gain = np.float32(2 ** (self._exposure_ev * self._exposure(time_s))) * self._balance_gain
        gain = gain * np.exp([0.006 * self._balance[0](time_s), 0, 0.008 * self._balance[1](time_s)])
        luma = rng.standard_normal((SIZE, SIZE), dtype=np.float32)
        chroma = rng.standard_normal((SIZE // 2, SIZE // 2, 2), dtype=np.float32)
        chroma = cv2.resize(chroma, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
        out = np.empty((SIZE, SIZE, 3), np.uint8)
        _develop(
            light, self._vignette, gain.astype(np.float32), luma, chroma,
            np.float32(1 / self._full_well), np.float32((self._read / self._full_well) ** 2), np.float32(self._chroma),
            _SRGB, out,
        )  # fmt: skip
        return out

    def _shutter_blur(self, light: F32, motion_px: tuple[float, float], moving: F32 | None) -> F32:
        dx, dy = motion_px[0] * self._shutter, motion_px[1] * self._shutter
        length = float(np.hypot(dx, dy))
        if length < 0.6:
            return light
        reach = min(int(np.ceil(length / 2)), 8)
        kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
        for t in np.linspace(-0.5, 0.5, 4 * reach + 3):
            x, y = reach + np.clip(t * dx, -reach, reach), reach + np.clip(t * dy, -reach, reach)
            ix, iy = min(int(x), 2 * reach - 1), min(int(y), 2 * reach - 1)
            fx, fy = x - ix, y - iy
            kernel[iy, ix] += (1 - fx) * (1 - fy)
            kernel[iy, ix + 1] += fx * (1 - fy)
            kernel[iy + 1, ix] += (1 - fx) * fy
            kernel[iy + 1, ix + 1] += fx * fy
        blurred = cv2.filter2D(light, -1, kernel / kernel.sum())
        if moving is None:
            return np.asarray(blurred, np.float32)
        share = cv2.resize(moving, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
        return np.asarray(cv2.blendLinear(blurred, light, share, 1 - share), np.float32)


@nb.njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator]
def _develop(
    light: F32, vignette: F32, gain: F32, luma: F32, chroma: F32, shot: float, read: float, chroma_share: float,
    curve: F32, out: U8,
) -> None:  # fmt: skip
    last = len(curve) - 1
    for y in range(light.shape[0]):
        for x in range(light.shape[1]):
            for c in range(3):
                value = max(0.0, light[y, x, c] * vignette[y, x])
                noise = luma[y, x]
                if c == 0:
                    noise = noise + chroma_share * chroma[y, x, 0]
                elif c == 2:
                    noise = noise + chroma_share * chroma[y, x, 1]
                value = (value + noise * np.sqrt(shot * value + read)) * gain[c]
                place = min(max(value, 0.0), 1.0) * last
                low = min(int(place), last - 1)
                srgb = curve[low] + (curve[low + 1] - curve[low]) * (place - low)
                out[y, x, c] = np.uint8(srgb + 0.5)
