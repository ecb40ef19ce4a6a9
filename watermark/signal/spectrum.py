"""The spectrum of a residual map at any frequency, and how a picture's geometry moves the mark's waves in it.

A mark that was scaled, rotated or mirrored is the same set of waves at other frequencies. One zero-padded FFT of the
map followed by interpolation therefore serves every geometry that a search tries: no picture is ever warped.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import cos, radians, sin
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from tellmark.types import F32, F64
from tellmark.watermark.signal.analysis import SIDE
from tellmark.watermark.signal.pattern import C64, CANONICAL, I64, TILE

TILE_PX = TILE * SIDE // CANONICAL  # period of an unaltered mark in a map, pixels
_OVERSAMPLING = 2  # of the spectrum, relative to the map's size


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a picture differs from the one that was marked, apart from a shift.

    scale: original size of the content over its present size, both at a short side of SIDE; below 1 after a crop.
    rotation_deg: counter-clockwise. aspect: factor on the horizontal scale. mirrored: left and right swapped.
    """

    scale: float = 1.0
    rotation_deg: float = 0.0
    aspect: float = 1.0
    mirrored: bool = False

    @property
    def zoom(self) -> int:
        """Which of the ZOOMS of the analysis shows the mark best."""
        return 1 if self.scale > 0.65 else 2

    @lru_cache(maxsize=16_384)  # noqa: B019 -- a search asks for the same eleven thousand again and again
    def matrix(self) -> F64:
        """(2, 2): an offset (y, x) in the picture -> the same offset in the marked original, map pixels."""
        angle = radians(self.rotation_deg)
        c, s = cos(angle), sin(angle)
        mirror = -1.0 if self.mirrored else 1.0
        turned: F64 = np.array([[c, s], [-s, c]]) @ np.diag([self.scale, self.scale * self.aspect * mirror])
        return turned


IDENTITY = Geometry()


class Spectrum:
    """Fourier transform of maps (channels, h, w), with the origin at the picture's centre.

    reach: largest frequency across that will be asked for, cycles a pixel; less of it is less work.
    """

    def __init__(self, maps: F32, reach: float = 0.5) -> None:
        height, width = maps.shape[1:]
        self.size = (height, width)
        self._padded = tuple(scipy.fft.next_fast_len(_OVERSAMPLING * side, real=True) for side in (height, width))
        # Interpolating the spectrum linearly multiplies the map by sinc**2: undo that first.
        flat = maps / (_apodisation(height, self._padded[0])[:, None] * _apodisation(width, self._padded[1]))
        # As rfft2, less what is known to be zero and what nobody asks for.
        kept = int(reach * self._padded[1]) + 2  # the last one is interpolated with its neighbour
        across: NDArray[Any] = scipy.fft.rfft(flat, self._padded[1], axis=2, workers=1)[:, :, :kept]
        values: NDArray[Any] = scipy.fft.fft(across, self._padded[0], axis=1, overwrite_x=True, workers=1)
        turn_y = (height - 1) / 2 * scipy.fft.fftfreq(self._padded[0])
        turn_x = (width - 1) / 2 * scipy.fft.rfftfreq(self._padded[1])[:kept]
        values *= np.exp(2j * np.pi * turn_y).astype(np.complex64)[:, None]
        values *= np.exp(2j * np.pi * turn_x).astype(np.complex64)
        self._rows, self._columns = values.shape[1:]
        self._values: C64 = values.reshape(-1)

    def at(self, channel: I64 | int, frequency: F64) -> C64:
        """Values at frequencies (n, 2) in cycles a pixel (y, x), |frequency| < 0.5: complex64 (n,).

        channel: which map, one for all or one for each.
        """
        mirrored = frequency[:, 1] < 0  # a real map's spectrum is conjugate-symmetric and only half of it is stored
        position = np.where(mirrored, -frequency.T, frequency.T) * np.array(self._padded)[:, None]
        corner = np.floor(position)
        part_y, part_x = (position - corner).astype(np.float32)
        row, column = corner.astype(np.int64)
        first = channel * (self._rows * self._columns) + column
        upper = first + row % self._rows * self._columns
        lower = first + (row + 1) % self._rows * self._columns
        value: C64 = (self._values[upper] * (1 - part_x) + self._values[upper + 1] * part_x) * (1 - part_y)
        value += (self._values[lower] * (1 - part_x) + self._values[lower + 1] * part_x) * part_y
        np.conjugate(value, out=value, where=mirrored)
        return value


def _apodisation(size: int, padded: int) -> F32:
    offset = (np.arange(size) - (size - 1) / 2) / padded
    return (np.sinc(offset) ** 2).astype(np.float32)


def frequencies(waves: I64, geometry: Geometry) -> F64:
    """(n, 2) cycles a map pixel at which waves (n, 2) of the pattern appear in a picture of this geometry."""
    return waves @ geometry.matrix() / TILE_PX
