"""The spectrum of a residual map at any frequency, and how a picture's geometry moves the mark's waves in it.

A mark that was scaled, rotated or mirrored is the same set of waves at other frequencies. One zero-padded FFT of the
map followed by interpolation therefore serves every geometry that a search tries: no picture is ever warped.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import cos, radians, sin
from typing import Any, NamedTuple

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from tellmark.types import F32, F64
from tellmark.watermark.signal.analysis import SIDE
from tellmark.watermark.signal.pattern import C64, CANONICAL, I64, TILE

TILE_PX = TILE * SIDE // CANONICAL  # period of an unaltered mark in a map, pixels
_OVERSAMPLING = 2  # of the spectrum, relative to the map's size
_NYQUIST = 0.5  # cycles a pixel


class Part(NamedTuple):
    """A rectangle of the picture, in shares of its height and width."""

    top: float
    bottom: float
    left: float
    right: float

    def of(self, maps: F32) -> F32:
        """What (channels, h, w) maps show of it."""
        height, width = maps.shape[1:]
        rows = slice(round(self.top * height), round(self.bottom * height))
        return maps[:, rows, round(self.left * width) : round(self.right * width)]


WHOLE = Part(0.0, 1.0, 0.0, 1.0)


class View(NamedTuple):
    """What a spectrum is of: which of the ZOOMS of the analysis, which part of its maps, and if of their negative."""

    zoom: int
    part: Part
    negative: bool

    def of(self, maps: F32) -> F32:
        """What is seen of (channels, h, w) maps of this zoom."""
        seen = self.part.of(maps)
        return -seen if self.negative else seen


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a picture differs from the one that was marked, apart from a shift.

    scale: original size of the content over its present size, both at a short side of SIDE; below 1 after a crop.
    rotation_deg: counter-clockwise. aspect: factor on the horizontal scale. mirrored: left and right swapped.
    part: where in the present picture the marked one is looked for; the shift is then that at the part's centre.
    negative: light for dark and every colour for its opposite.
    """

    scale: float = 1.0
    rotation_deg: float = 0.0
    aspect: float = 1.0
    mirrored: bool = False
    part: Part = WHOLE
    negative: bool = False

    @property
    def view(self) -> View:
        """Where the mark shows best."""
        return View(1 if self.scale > 0.65 else 2, self.part, self.negative)

    @property
    def quarters(self) -> int:
        """Right angles, counter-clockwise, to turn the picture by so that it is upright, though perhaps mirrored."""
        return round((self.rotation_deg if self.mirrored else -self.rotation_deg) / 90) % 4

    @lru_cache(maxsize=16_384)  # noqa: B019 -- a search asks for the same twelve thousand again and again
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
        """Values at frequencies (n, 2) in cycles a pixel (y, x): complex64 (n,).

        channel: which map, one for all or one for each. A wave too fine for the map's pixels is 0.
        """
        if fine := bool(np.abs(frequency).max() >= _NYQUIST):
            seen = np.abs(frequency).max(axis=1) < _NYQUIST
            frequency = frequency * seen[:, None]
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
        if fine:
            value *= seen
        return value


def _apodisation(size: int, padded: int) -> F32:
    offset = (np.arange(size) - (size - 1) / 2) / padded
    return (np.sinc(offset) ** 2).astype(np.float32)


def frequencies(waves: I64, geometry: Geometry) -> F64:
    """(n, 2) cycles a map pixel at which waves (n, 2) of the pattern appear in a picture of this geometry."""
    return waves @ geometry.matrix() / TILE_PX
