"""Places where a weak mark may lie although its sync waves do not single them out.

Every coded bit rides on several waves. Where the mark lies, the copies of a bit say the same, whichever bit was sent:
the products of different copies add up. Elsewhere they have zero mean, for the phases of a key are uniform and
independent of the picture. In a crop of half of each side this says as much again as the sync waves do (docs/log.md).

What the bits are does not enter. A place that was chosen so is therefore none that a code fits better by chance: a
reading there is as sure as anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import scipy.ndimage
import scipy.sparse
from scipy.special import log_ndtr, softmax

from tellmark.types import F32, F64
from tellmark.watermark.signal.demodulate import channel_gains, channel_patterns_of, whitened
from tellmark.watermark.signal.fec import CODE_BITS
from tellmark.watermark.signal.geometries import COMMON, CROPS
from tellmark.watermark.signal.pattern import WatermarkKey
from tellmark.watermark.signal.search import Match, correlate, log_chance, mixed, p_value
from tellmark.watermark.signal.spectrum import TILE_PX, Geometry, Spectrum, View, frequencies

_LOOKED_AT = 100  # shifts of a geometry: those that its sync waves like best
_SHIFTS = 3  # of these that are kept
_LOOKED_CLOSELY, _MOST = 24, 12  # places that are looked at closely; that are worth decoding, at five scales each
_APART_PX, _APART_SCALE = 8, 0.02  # places nearer to one another are one
_CLOSE_PX = np.stack(np.meshgrid(*2 * [np.arange(-1.5, 1.6, 0.5)], indexing="ij"), axis=-1).reshape(-1, 2)
_BESIDE = (-0.006, -0.003, 0.003, 0.006)  # of a place's scale


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mark may lie.

    p_value: of the sync waves alone, as they fitted before the place was looked at closely. It counts the shifts of its
    own geometry, and as many geometries as were tried for each place: times the number of places it is that of the
    likeliest. share: of the chance of error that readings at all places have together; shares add up to 1. They are in
    proportion to how unlikely it is that copies agree as well, which is independent of how a code fits, and of the sync
    waves.
    """

    match: Match
    p_value: float
    share: float


@dataclass(frozen=True, slots=True)
class _Rated:
    """log_chance: ln of the chance that sync waves fit and copies agree as well; agreed: of the latter alone."""

    log_chance: float
    agreed: float
    match: Match


def further(spectra: Callable[[View], Spectrum], key: WatermarkKey, thorough: bool) -> list[Place]:
    """The likeliest places of common geometries and (``thorough``) of upright crops, best first.

    spectra: view -> spectrum.
    """
    geometries = (*COMMON, *CROPS) if thorough else COMMON
    found = [rated for geometry in geometries for rated in _best(spectra(geometry.view), key, geometry)]
    close = [_closer(spectra(rated.match.geometry.view), key, rated) for rated in _apart(found, _LOOKED_CLOSELY)]
    near = [_scaled(spectra(rated.match.geometry.view), key, rated) for rated in _apart(close, _MOST)]
    likeliest = sorted((rated for scales in near for rated in scales), key=lambda rated: rated.log_chance)
    shares = softmax([-rated.agreed for rated in likeliest])
    counted = len(geometries) / len(likeliest)
    return [
        Place(rated.match, min(1.0, counted * p_value(rated.match, 1)), float(share))
        for rated, share in zip(likeliest, shares, strict=True)
    ]


def _apart(found: Sequence[_Rated], most: int) -> list[_Rated]:
    """The likeliest, at most so many, without those that lie where a likelier one does."""
    kept: list[_Rated] = []
    for rated in sorted(found, key=lambda rated: rated.log_chance):
        if not any(_same(rated.match, other.match) for other in kept):
            kept.append(rated)
        if len(kept) == most:
            break
    return kept


def _same(one: Match, other: Match) -> bool:
    if one.geometry.mirrored != other.geometry.mirrored:
        return False
    if abs(one.geometry.scale / other.geometry.scale - 1) > _APART_SCALE:
        return False
    offsets = (np.subtract(one.shift, other.shift) + TILE_PX / 2) % TILE_PX - TILE_PX / 2
    return bool(np.abs(offsets).max() <= _APART_PX)


def _best(spectrum: Spectrum, key: WatermarkKey, geometry: Geometry) -> list[_Rated]:
    """The best few shifts under ``geometry``."""
    patterns = channel_patterns_of(key)
    chances = log_chance(patterns, correlate(spectrum, patterns, geometry)).min(axis=0)
    y, x = np.nonzero(chances == scipy.ndimage.minimum_filter(chances, 3, mode="wrap"))
    order = np.argsort(chances[y, x])[:_LOOKED_AT]
    shifts, sync = np.stack([y[order], x[order]], axis=1).astype(np.float64), chances[y[order], x[order]]
    agreed = log_ndtr(-agreement(spectrum, key, geometry, shifts)[0])
    places = [
        _Rated(
            float(sync[n] + agreed[n]),
            float(agreed[n]),
            Match(float(sync[n]), geometry, (float(shifts[n, 0]), float(shifts[n, 1]))),
        )
        for n in range(len(order))
    ]
    return _apart(places, _SHIFTS)


def _closer(spectrum: Spectrum, key: WatermarkKey, place: _Rated) -> _Rated:
    """The likeliest shift around that of ``place``, every half of a pixel."""
    shifts = np.array(place.match.shift) + _CLOSE_PX
    deviates, sync = agreement(spectrum, key, place.match.geometry, shifts)
    agreed = log_ndtr(-deviates)
    best = int((sync + agreed).argmin())
    y, x = (float(value) % TILE_PX for value in shifts[best])
    return _Rated(float(sync[best] + agreed[best]), float(agreed[best]), replace(place.match, shift=(y, x)))


def _scaled(spectrum: Spectrum, key: WatermarkKey, rated: _Rated) -> list[_Rated]:
    """It, and the likeliest at scales beside: data waves need a few thousandths, closer than this evidence tells."""
    geometry = rated.match.geometry
    others = (replace(geometry, scale=geometry.scale * (1 + step)) for step in _BESIDE)
    return [
        rated,
        *(_closer(spectrum, key, replace(rated, match=replace(rated.match, geometry=one))) for one in others),
    ]


def agreement(spectrum: Spectrum, key: WatermarkKey, geometry: Geometry, shifts: F64) -> tuple[F64, F64]:
    """How well copies of the coded bits agree at shifts (n, 2), map pixels, and ln of the sync waves' chance there.

    Both (n,). Without a mark agreement has zero mean and unit variance, with a tail somewhat heavier than a Gaussian's.
    """
    patterns = channel_patterns_of(key)
    received = []
    for channel, pattern in enumerate(patterns):
        samples = whitened(spectrum.at(channel, frequencies(pattern.waves, geometry)), key, channel)
        turns = np.exp(np.float32(-2 * np.pi / TILE_PX) * 1j * (pattern.waves @ shifts.T).astype(np.float32))
        received.append((samples * pattern.phase.conj())[:, None] * turns)
    heard = [samples[: pattern.sync] for samples, pattern in zip(received, patterns, strict=True)]
    gains = channel_gains([samples.real for samples in heard])
    soft: F32 = np.zeros((CODE_BITS, len(shifts)), np.float32)
    alone, spread, spread_alone = np.zeros(len(shifts)), np.zeros((CODE_BITS, len(shifts))), np.zeros(len(shifts))
    for samples, pattern, gain, copies in zip(received, patterns, gains, _copies(key), strict=True):
        data = samples[pattern.sync :]
        soft += gain * (copies @ np.concatenate([data.real, data.imag]))
        # By its random phase each half of a wave has half of its power, whichever the shift.
        power = np.tile(np.abs(data[:, 0]) ** 2 / 2, 2)
        alone += gain**2 * np.sum(power)
        spread += gain**2 * (copies @ power)[:, None]
        spread_alone += gain**4 * np.sum(power**2)
    together: F64 = np.sum(soft**2, axis=0) - alone
    variance = 2 * (np.sum(spread**2, axis=0) - spread_alone)
    deviates = together / np.sqrt(np.maximum(variance, 1e-12))  # an empty picture has none
    return deviates, log_chance(patterns, mixed(heard)).min(axis=0)


@cache
def _copies(key: WatermarkKey) -> list[scipy.sparse.csr_array]:
    """Of each channel (CODE_BITS, 2 n): which halves of its n data waves, in phase, then in quadrature, carry a bit."""
    made = []
    for pattern in channel_patterns_of(key):
        bits = pattern.code_index.T.ravel()
        made.append(
            scipy.sparse.csr_array(
                (np.ones(len(bits), np.float32), (bits, np.arange(len(bits)))), (CODE_BITS, len(bits))
            )
        )
    return made
