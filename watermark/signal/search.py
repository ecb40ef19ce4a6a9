"""Finds the mark's sync waves under unknown scale, rotation, mirroring and shift, and says how sure that is.

For one geometry, the correlation with the sync waves at every shift of the tile is one small inverse FFT. Its value,
divided by the root of the summed squares, has zero mean and unit variance if the picture does not carry this key's
mark, because the phases of the key are then uniform and independent of the picture; ``chance.py`` has the rest of its
distribution. The p-value counts every shift, mix of channels and geometry that was tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import scipy.fft

from tellmark.types import F32, F64
from tellmark.watermark.signal import chance
from tellmark.watermark.signal.chance import Tail
from tellmark.watermark.signal.geometries import stages
from tellmark.watermark.signal.pattern import C64, I64, ChannelPattern
from tellmark.watermark.signal.spectrum import IDENTITY, TILE_PX, Geometry, Part, Spectrum, View, frequencies

_MIXES = np.array([[1, 1, 1], [1, 0, 0], [0, 1, 1]], np.float32)  # all channels; luma alone (grey pictures); chroma
_MIXES /= np.sqrt(_MIXES.sum(axis=1, keepdims=True))
_CANDIDATES = 3  # of a stage, to be refined
_BATCH = 16  # geometries that are scanned at once: their fields fit in a core's cache
_SCAN_PX = TILE_PX // 2  # shifts a scan looks at along each axis: every second one, still finer than any wave's half
_SHARE = 0.2  # of the chance of error, for each of five stages
_BESIDE = tuple(0.003 * step for step in range(-5, 6) if step)  # relative scales
_REFINE_STEPS = (0.006, 0.003, 0.0015)  # relative scale; rotation takes 60 times as many degrees


@dataclass(frozen=True, slots=True)
class Match:
    """The best shift under one geometry.

    log_chance: natural logarithm of how many shifts and mixes of an unmarked picture are expected to fit as well, under
    one geometry. shift: (y, x) of the picture's centre in the tile, map pixels.
    """

    log_chance: float
    geometry: Geometry
    shift: tuple[float, float]


@dataclass(frozen=True, slots=True)
class _SyncWaves:
    """The sync waves of all channels in one row of n.

    weights: conjugate phase times amplitude, scaled so that a channel's correlation has unit variance under the null.
    """

    channel: I64  # (n,) index into CHANNELS
    waves: I64  # (n, 2)
    weights: C64  # (n,)


@lru_cache(maxsize=8)
def _sync_waves(patterns: tuple[ChannelPattern, ...]) -> _SyncWaves:
    weights = []
    for channel in patterns:
        amplitude = channel.amplitude[: channel.sync]
        # irfft2 counts a column x > 0 twice (with its conjugate) and column 0 once.
        once = np.where(channel.waves[: channel.sync, 1] == 0, 2.0, 1.0)
        scale = TILE_PX**2 / np.sqrt(2.0 * np.sum(amplitude**2))
        weights.append(channel.phase[: channel.sync].conj() * amplitude * once * scale)
    return _SyncWaves(
        np.repeat(np.arange(len(patterns)), [channel.sync for channel in patterns]),
        np.concatenate([channel.waves[: channel.sync] for channel in patterns]),
        np.concatenate(weights).astype(np.complex64),
    )


@lru_cache(maxsize=8)
def _tails(patterns: tuple[ChannelPattern, ...]) -> tuple[Tail, ...]:
    """What each mix of channels does by chance."""
    sync = [channel.waves[: channel.sync] * (2 * np.pi / TILE_PX) for channel in patterns]
    made = []
    for mix in _MIXES.astype(np.float64):
        amplitudes = np.array([weight * np.sqrt(2 / len(waves)) for weight, waves in zip(mix, sync, strict=True)])
        gradient = sum(weight**2 * waves.T @ waves / len(waves) for weight, waves in zip(mix, sync, strict=True))
        curvature = float(np.sqrt(np.linalg.det(np.asarray(gradient))))
        used = mix > 0
        counts = np.array([len(waves) for waves in sync], np.float64)
        made.append(chance.tail(amplitudes[used], counts[used], curvature, TILE_PX**2))
    return tuple(made)


def log_chance(patterns: tuple[ChannelPattern, ...], largest: F32) -> F64:
    """(mixes, ...) largest value of each over all shifts -> the same shape, ln of its chance, all mixes counted."""
    chances: F64 = np.stack([tail.at_any(z) for tail, z in zip(_tails(patterns), largest, strict=True)])
    return chances + float(np.log(len(_MIXES)))


def correlate(spectrum: Spectrum, patterns: tuple[ChannelPattern, ...], geometry: Geometry) -> F32:
    """(mixes, TILE_PX, TILE_PX) correlation of each mix of channels at each shift, unit variance under the null.

    The magnitudes of the spectrum are left out (phase-only correlation): a few strong waves of the picture would
    otherwise decide alone.
    """
    sync = _sync_waves(patterns)
    value = spectrum.at(sync.channel, frequencies(sync.waves, geometry))
    value *= sync.weights / (np.abs(value) + np.float32(1e-12))
    grid = np.zeros((len(patterns), TILE_PX, TILE_PX // 2 + 1), np.complex64)
    # The inverse transform turns with +i, the correlation at a shift with -i: conjugate.
    grid[sync.channel, sync.waves[:, 0] % TILE_PX, sync.waves[:, 1]] = value.conj()
    fields = scipy.fft.irfft2(grid, s=(TILE_PX, TILE_PX), workers=1)
    surface: F32 = np.tensordot(_MIXES, fields, axes=1)
    return surface


def mixed(heard: Sequence[C64]) -> F32:
    """(mixes, n) as :func:`correlate`, at shifts of one's own.

    heard: (waves, n) of each channel its sync waves at n shifts, the phases of the key undone.
    """
    channels = [np.sqrt(2 / len(s)) * np.sum((s / (np.abs(s) + 1e-12)).real, axis=0) for s in heard]
    together: F32 = (_MIXES @ np.stack(channels)).astype(np.float32)
    return together


def scan(spectrum: Spectrum, patterns: tuple[ChannelPattern, ...], geometries: Sequence[Geometry]) -> F64:
    """(geometries,) least ln chance of each at every second shift: a quarter of the work of :func:`match`.

    Cb and Cr are added before the transform, since every mix takes both or neither.
    """
    sync = _sync_waves(patterns)
    weights = sync.weights * np.float32(_SCAN_PX**2 / TILE_PX**2)
    best = []
    for first in range(0, len(geometries), _BATCH):
        batch = geometries[first : first + _BATCH]
        where = np.concatenate(sync.waves @ np.stack([geometry.matrix() for geometry in batch])) / TILE_PX
        value = spectrum.at(np.tile(sync.channel, len(batch)), where).reshape(len(batch), -1)
        value *= weights / (np.abs(value) + np.float32(1e-12))
        luma, chroma = (_scanned(value, sync, channels) for channels in ((0,), (1, 2)))
        together = _MIXES[0, 0] * (luma + chroma)
        largest = np.stack([together.max(axis=1), luma.max(axis=1), _MIXES[2, 1] * chroma.max(axis=1)])
        best.append(log_chance(patterns, largest).min(axis=0))
    least: F64 = np.concatenate(best)
    return least


def _scanned(value: C64, sync: _SyncWaves, channels: tuple[int, ...]) -> F32:
    """(n, waves) -> (n, shifts) the sum of the channels' correlations; columns that hold no waves are left out."""
    rows, columns = sync.waves[:, 0] % _SCAN_PX, sync.waves[:, 1]
    own = [slice(*np.searchsorted(sync.channel, (channel, channel + 1))) for channel in channels]
    used = max(int(columns[waves].max()) for waves in own) + 1
    grid = np.zeros((len(value), _SCAN_PX, used), np.complex64)
    for waves in own:  # a wave occurs once in a channel, and may occur in several
        grid[:, rows[waves], columns[waves]] += value[:, waves].conj()
    down = scipy.fft.ifft(grid, axis=1, overwrite_x=True, workers=1)
    field: F32 = scipy.fft.irfft(down, _SCAN_PX, axis=2, workers=1)
    return field.reshape(len(value), -1)


def match(spectrum: Spectrum, patterns: tuple[ChannelPattern, ...], geometry: Geometry) -> Match:
    """The best shift and mix under ``geometry``, the shift refined below a pixel."""
    surface = correlate(spectrum, patterns, geometry)
    chances = log_chance(patterns, surface.max(axis=(1, 2)))
    plane = surface[int(chances.argmin())]
    y, x = (int(i) for i in np.unravel_index(int(plane.argmax()), plane.shape))
    return Match(float(chances.min()), geometry, (y + _vertex(plane[:, x], y), x + _vertex(plane[y], x)))


def match_unmoved(spectrum: Spectrum, patterns: tuple[ChannelPattern, ...]) -> Match:
    """The best mix under no change of geometry and no shift at all."""
    # The pattern starts in the picture's corner; shifts are told at its centre.
    shift = (spectrum.size[0] / 2 % TILE_PX, spectrum.size[1] / 2 % TILE_PX)
    sync = _sync_waves(patterns)
    value = spectrum.at(sync.channel, frequencies(sync.waves, IDENTITY))
    value *= np.exp(-2j * np.pi / TILE_PX * (sync.waves @ np.array(shift)))
    z = [
        float((value[own] * sync.weights[own] / (np.abs(value[own]) + 1e-12)).real.sum()) * 2 / TILE_PX**2
        for own in (sync.channel == number for number in range(len(patterns)))
    ]
    chances = [float(tail.at_one(mixed)) for tail, mixed in zip(_tails(patterns), _MIXES @ np.array(z), strict=True)]
    return Match(min(chances) + float(np.log(len(_MIXES))), IDENTITY, shift)


def _vertex(line: F32, peak: int) -> float:
    """Offset of the vertex of the parabola through a peak and its neighbours, on a circle."""
    before, top, after = float(line[peak - 1]), float(line[peak]), float(line[(peak + 1) % len(line)])
    curvature = before - 2 * top + after
    return float(np.clip((before - after) / (2 * curvature), -0.5, 0.5)) if curvature < 0 else 0.0


def p_value(found: Match, geometries: int) -> float:
    """Chance that an unmarked picture fits as well as ``found`` under any of the geometries tried."""
    return float(-np.expm1(-geometries * np.exp(min(found.log_chance, 50.0))))


def refine(spectrum: Spectrum, patterns: tuple[ChannelPattern, ...], start: Match) -> tuple[Match, int]:
    """Climb from ``start``; returns the best match and how many others it has to be counted as.

    From an upright start of the right aspect, in scale alone: that is what most pictures went through, and with a weak
    mark the climb in rotation and aspect follows the noise, further than the data waves bear. Otherwise in all three.

    A climb finds the best of all that it might have come to, not of those few that it tried: it counts as everything as
    near to its start. Distances share the chance of error, 1 / r (r + 1) each: those of r steps and less have it all.
    """
    best, tried = start, 0
    upright = start.geometry.rotation_deg % 90 == 0 and start.geometry.aspect == 1
    for step in _REFINE_STEPS:
        improved = True
        while improved and tried < 80:
            improved = False
            for candidate in _neighbours(best.geometry, step, upright):
                found = match(spectrum, patterns, candidate)
                tried += 1
                if found.log_chance < best.log_chance:
                    best, improved = found, True
    return best, _reached(start.geometry, best.geometry, upright)


def _reached(start: Geometry, end: Geometry, upright: bool) -> int:
    """Geometries, a coarse step apart, that are as near to the start as the end is, over that distance's share."""
    steps = (
        np.log(end.scale / start.scale), np.log(end.aspect / start.aspect), (end.rotation_deg - start.rotation_deg) / 60
    )  # fmt: skip
    distance = max(1, int(np.ceil(np.abs(steps).max() / _REFINE_STEPS[0] - 1e-6)))
    return int((2 * distance + 1) ** (1 if upright else 3) * distance * (distance + 1))


def beside(spectrum: Spectrum, patterns: tuple[ChannelPattern, ...], found: Match) -> list[Match]:
    """Matches at scales beside that of ``found``, the likeliest first.

    Few sync waves tell the scale of a weak mark to a percent or two, and its data waves need a few thousandths.
    """
    scales = (found.geometry.scale * (1 + step) for step in _BESIDE)
    matches = [match(spectrum, patterns, replace(found.geometry, scale=scale)) for scale in scales]
    return sorted(matches, key=lambda one: one.log_chance)


def _neighbours(geometry: Geometry, step: float, upright: bool) -> list[Geometry]:
    scaled = [replace(geometry, scale=geometry.scale * (1 + sign * step)) for sign in (1, -1)]
    if upright:
        return scaled
    turned = [replace(geometry, rotation_deg=geometry.rotation_deg + sign * 60 * step) for sign in (1, -1)]
    return scaled + turned + [replace(geometry, aspect=geometry.aspect * (1 + sign * step)) for sign in (1, -1)]


def candidates(
    spectra: Callable[[View], Spectrum],
    patterns: tuple[ChannelPattern, ...],
    thorough: bool,
    insets: Callable[[], Sequence[Part]] = tuple,
) -> Iterator[tuple[Match, float]]:
    """Matches worth a reading, each with its p-value, from the likeliest geometry to the least likely.

    spectra: view -> spectrum. insets: asked, if need be, for parts of the picture that may be a marked one. Five stages
    share the chance of error: the picture as it is; shifted; common crops; and (``thorough``) other shapes and the
    grid. The caller stops when it has what it wants; the smallest p-value seen is then valid.
    """
    whole = spectra(IDENTITY.view)
    unmoved = match_unmoved(whole, patterns)
    yield unmoved, min(1.0, p_value(unmoved, 1) / _SHARE)
    for stage in stages(whole.size, thorough, insets):
        for geometry in _likeliest(spectra, patterns, stage):
            spectrum = spectra(geometry.view)
            found, reached = refine(spectrum, patterns, match(spectrum, patterns, geometry))
            yield found, min(1.0, p_value(found, len(stage) * reached) / _SHARE)


def _likeliest(
    spectra: Callable[[View], Spectrum],
    patterns: tuple[ChannelPattern, ...],
    stage: Sequence[Geometry],
) -> list[Geometry]:
    """The geometries of a stage that are worth refining, the best first."""
    if len(stage) <= _CANDIDATES:
        return list(stage)
    scanned: list[tuple[float, int, Geometry]] = []
    by_view: dict[View, list[Geometry]] = {}
    for geometry in stage:
        by_view.setdefault(geometry.view, []).append(geometry)
    for view, own in by_view.items():
        values = scan(spectra(view), patterns, own)
        scanned += [
            (float(value), number, geometry) for number, (value, geometry) in enumerate(zip(values, own, strict=True))
        ]
    return [geometry for _, _, geometry in sorted(scanned, key=lambda entry: entry[:2])[:_CANDIDATES]]
