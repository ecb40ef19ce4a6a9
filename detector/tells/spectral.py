"""Spectral tell: up-sampling layers leave too little, or oddly shaped, power at high spatial frequencies.

Azimuthally averaged power spectrum of the face's centre (Durall et al. 2020, "Watch your up-convolution"; Frank et al.
2020), summarised by its slopes, its deviation from a power law and its anisotropy; the same slope of what surrounds the
face serves as the clip's own standard, since compression bends both. About 4 ms a window.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from tellmark.detector.windows.window import SIZE, Window
from tellmark.types import F32, F64

FAMILY = "spectral"
DYNAMIC = False
FEATURES = {
    "slope_low": "log2 power per octave, 3-12 cycles per patch",
    "slope_mid": "log2 power per octave, 12-32 cycles per patch",
    "slope_high": "log2 power per octave, 32-62 cycles per patch",
    "bend": "log2 power above the extrapolated middle slope at 48-62 cycles",
    "ripple": "largest rise of a frequency over its neighbours, log2 power",
    "anisotropy": "log2 power, horizontal over vertical frequencies",
    "slope_vs_surround": "slope_mid minus that of the surround, log2 power per octave",
    "bend_vs_surround": "bend minus that of the surround, log2 power",
    "high_variation": "standard deviation over time of the power at 32-62 cycles, log2",
}
_PATCH = 128  # px; 62 cycles per patch is just below the Nyquist frequency


def compute(window: Window) -> F64:
    """(9,) means over every sixth frame, in the order of ``FEATURES``."""
    rows, highs = [], []
    for index in window.sampled:
        grey = window.grey[index].astype(np.float32)
        middle = (SIZE - _PATCH) // 2
        face = _spectrum(grey[middle : middle + _PATCH, middle : middle + _PATCH])
        corners = [_spectrum(grey[:_PATCH, :_PATCH]), _spectrum(grey[:_PATCH, -_PATCH:])]
        radial, surround = _radial(face), (_radial(corners[0]) + _radial(corners[1])) / 2
        low, mid, high = _slope(radial, 3, 12), _slope(radial, 12, 32), _slope(radial, 32, 62)
        inner = radial[10:61]
        ripple = np.max(inner[1:-1] - (inner[:-2] + inner[2:]) / 2)
        bend, bend_surround = _bend(radial), _bend(surround)
        slope_gap = mid - _slope(surround, 12, 32)
        rows.append([low, mid, high, bend, ripple, _anisotropy(face), slope_gap, bend - bend_surround])
        highs.append(radial[32:62].mean())
    return np.append(np.mean(rows, axis=0), np.std(highs) if len(highs) > 1 else np.nan)


@cache
def _grids() -> tuple[F64, NDArray[np.intp], NDArray[np.intp]]:
    """Hann window; whole radius of every frequency, row by row; how many have each of the radii below 65."""
    hann = np.hanning(_PATCH)
    frequency = np.fft.fftfreq(_PATCH, 1 / _PATCH)
    radius = np.round(np.hypot(frequency[:, None], frequency[None, : _PATCH // 2 + 1])).astype(np.intp).ravel()
    window = np.asarray(np.outer(hann, hann), np.float64)
    return window, radius, np.bincount(radius)[:65]


def _spectrum(patch: F32) -> F64:
    found = scipy.fft.rfft2((patch - patch.mean()) * _grids()[0])
    return np.asarray(found.real**2 + found.imag**2, np.float64)


def _radial(power: F64) -> F64:
    """(65,) log2 of the mean power at each whole radius; one grey level of white noise is the floor's order."""
    radius, count = _grids()[1:]
    means: F64 = np.log2(np.bincount(radius, power.ravel())[:65] / count + 1.0)
    return means


@cache
def _octaves(start: int, stop: int) -> tuple[F64, F64]:
    """Octaves of whole radii, and what a value at each adds to a line's slope."""
    octaves = np.log2(np.arange(start, stop))
    centred = octaves - octaves.mean()
    return octaves, centred / (centred**2).sum()


def _slope(radial: F64, start: int, stop: int) -> float:
    return float(_octaves(start, stop)[1] @ radial[start:stop])


def _bend(radial: F64) -> float:
    """How far 48 to 62 cycles lie above the line through 12 to 32."""
    octaves = _octaves(12, 32)[0]
    far = _octaves(48, 62)[0].mean() - octaves.mean()
    return float(radial[48:62].mean() - radial[12:32].mean() - _slope(radial, 12, 32) * far)


def _anisotropy(power: F64) -> float:
    horizontal, vertical = power[:8, 16:60].mean(), power[16:60, :8].mean()
    return float(np.log2((horizontal + 1) / (vertical + 1)))
