"""Finds the mark's sync waves under unknown scale, rotation, mirroring and shift, and says how sure that is.

For one geometry, the correlation with the sync waves at every shift of the tile is one small inverse FFT. Its value,
divided by the root of the summed squares, is standard normal if the picture does not carry this key's mark, because the
phases of the key are then uniform and independent of the picture. The p-value counts every shift, statistic and
geometry that was tried.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import scipy.fft
from scipy.stats import norm

from tellmark.types import F32
from tellmark.watermark.pattern import C64, I64, ChannelPattern
from tellmark.watermark.spectrum import IDENTITY, TILE_PX, Geometry, Spectrum, frequencies

_MIXES = ((1.0, 1.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 1.0))  # all channels; luma alone (grey pictures); chroma alone
COMMON = (Geometry(mirrored=True), *map(Geometry, (0.95, 0.9, 0.75, 0.8, 0.85, 0.5, 0.625, 2 / 3, 0.7)))
_SCALES = np.exp(np.arange(np.log(0.46), np.log(1.12), 0.0125))
_ROTATIONS_DEG = np.arange(-5.6, 5.61, 0.7)
GRID = tuple(
    Geometry(float(scale), float(rotation), 1.0, mirrored)
    for mirrored, rotation, scale in product((False, True), _ROTATIONS_DEG, _SCALES)
)
_UNMOVED_PX = 1
_CANDIDATES = 3  # of a stage, to be refined
_SHARE = 0.25  # of the chance of error, for each of four stages
_REFINE_STEPS = (0.006, 0.003, 0.0015)  # relative scale; rotation takes 60 times as many degrees


@dataclass(frozen=True, slots=True)
class Match:
    """The best shift under one geometry.

    z: the statistic, standard normal for one shift in an unmarked picture. shift: (y, x) of the picture's centre in the
    tile, map pixels.
    """

    z: float
    geometry: Geometry
    shift: tuple[float, float]


def correlate(spectrum: Spectrum, patterns: Iterable[ChannelPattern], geometry: Geometry) -> F32:
    """(3, TILE_PX, TILE_PX) z-values of each mix of channels at each shift."""
    fields = []
    for number, channel in enumerate(patterns):
        waves = channel.waves[: channel.sync]
        value = spectrum.at(number, frequencies(waves, geometry))
        value /= np.abs(value) + 1e-12
        amplitude = channel.amplitude[: channel.sync]
        value *= channel.phase[0, : channel.sync].conj() * amplitude
        fields.append(_shifted(value, waves) * np.float32(np.sqrt(2.0 / np.sum(amplitude**2))))
    mixes = np.array(_MIXES, np.float32)
    mixes /= np.sqrt(mixes.sum(axis=1, keepdims=True))
    surface: F32 = np.einsum("mc,cyx->myx", mixes, np.stack(fields), optimize=True)
    return surface


def _shifted(value: C64, waves: I64) -> F32:
    """(TILE_PX, TILE_PX) Re(sum of value * exp(-2 pi i waves . shift / TILE_PX)) at every whole shift."""
    grid = np.zeros((TILE_PX, TILE_PX // 2 + 1), np.complex64)
    # irfft2 counts a column x > 0 twice (with its conjugate) and column 0 once.
    grid[waves[:, 0] % TILE_PX, waves[:, 1]] = value.conj() * np.where(waves[:, 1] == 0, 2.0, 1.0)
    field: F32 = scipy.fft.irfft2(grid, s=(TILE_PX, TILE_PX), workers=1)
    return field * np.float32(TILE_PX**2 / 2)


def match(spectrum: Spectrum, patterns: tuple[ChannelPattern, ...], geometry: Geometry) -> Match:
    """The best shift and mix under ``geometry``, the shift refined below a pixel."""
    surface = correlate(spectrum, patterns, geometry)
    mix, y, x = (int(i) for i in np.unravel_index(int(surface.argmax()), surface.shape))
    return _matched(surface[mix], y, x, geometry)


def match_unmoved(spectrum: Spectrum, patterns: tuple[ChannelPattern, ...]) -> Match:
    """The best mix under no change of geometry and no shift, to within a pixel."""
    surface = correlate(spectrum, patterns, IDENTITY)
    near = np.arange(-_UNMOVED_PX, _UNMOVED_PX + 1)
    # The pattern starts in the picture's corner; shifts are told at its centre.
    rows, columns = ((spectrum.size[axis] // 2 + near) % TILE_PX for axis in (0, 1))
    nearby = surface[:, rows[:, None], columns]
    mix, y, x = (int(i) for i in np.unravel_index(int(nearby.argmax()), nearby.shape))
    return _matched(surface[mix], int(rows[y]), int(columns[x]), IDENTITY)


def _matched(plane: F32, y: int, x: int, geometry: Geometry) -> Match:
    shift = (y + _vertex(plane[:, x], y), x + _vertex(plane[y], x))
    return Match(float(plane[y, x]), geometry, shift)


def _vertex(line: F32, peak: int) -> float:
    """Offset of the vertex of the parabola through a peak and its neighbours, on a circle."""
    before, top, after = float(line[peak - 1]), float(line[peak]), float(line[(peak + 1) % len(line)])
    curvature = before - 2 * top + after
    return float(np.clip((before - after) / (2 * curvature), -0.5, 0.5)) if curvature < 0 else 0.0


def p_value(z: float, geometries: int, shifts: int = TILE_PX**2) -> float:
    """Chance that an unmarked picture reaches ``z`` at any of the shifts, mixes and geometries tried.

    As if all trials were independent (Sidak); they are positively correlated, so the true chance is a little lower.
    """
    return float(-np.expm1(geometries * shifts * len(_MIXES) * np.log1p(-norm.sf(z))))


def refine(spectrum: Spectrum, patterns: tuple[ChannelPattern, ...], start: Match) -> tuple[Match, int]:
    """Climb from ``start`` in scale, rotation and aspect; returns the best match and how many were tried."""
    best, tried = start, 0
    for step in _REFINE_STEPS:
        improved = True
        while improved and tried < 80:
            improved = False
            for candidate in _neighbours(best.geometry, step):
                found = match(spectrum, patterns, candidate)
                tried += 1
                if found.z > best.z:
                    best, improved = found, True
    return best, tried


def _neighbours(geometry: Geometry, step: float) -> list[Geometry]:
    return [
        changed
        for sign in (1, -1)
        for changed in (
            replace(geometry, scale=geometry.scale * (1 + sign * step)),
            replace(geometry, rotation_deg=geometry.rotation_deg + sign * 60 * step),
            replace(geometry, aspect=geometry.aspect * (1 + sign * step)),
        )
    ]


def candidates(
    spectrum: Spectrum, patterns: tuple[ChannelPattern, ...], thorough: bool
) -> Iterator[tuple[Match, float]]:
    """Matches worth a reading, each with its p-value, from the likeliest geometry to the least likely.

    Four stages share the chance of error: the picture as it is; shifted; common crops; and (``thorough``) the grid.
    The caller stops when it has what it wants; the smallest p-value seen is then valid.
    """
    unmoved = match_unmoved(spectrum, patterns)
    yield unmoved, min(1.0, p_value(unmoved.z, 1, (2 * _UNMOVED_PX + 1) ** 2) / _SHARE)
    for stage in ((IDENTITY,), COMMON, GRID) if thorough else ((IDENTITY,), COMMON):
        starts = sorted((match(spectrum, patterns, geometry) for geometry in stage), key=lambda m: m.z, reverse=True)
        tried = len(stage)
        for start in starts[:_CANDIDATES]:
            found, steps = refine(spectrum, patterns, start)
            tried += steps
            yield found, min(1.0, p_value(found.z, tried) / _SHARE)
