"""Reads the mark's waves once the geometry is known: coded bits for the decoder, and the fit of a known payload.

Everything here works on *wave samples*: one complex number a wave and window, the spectrum of that window's map at the
wave's frequency with the shift undone. A wave sent with coefficient c is then received as (positive gain) * c + noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from scipy.special import ndtr

from tellmark.types import F32, F64, U8
from tellmark.watermark.analysis import WINDOW_S
from tellmark.watermark.fec import CODE_BITS
from tellmark.watermark.pattern import C64, HOP_S, PATTERNS, ChannelPattern, WatermarkKey, channel_patterns
from tellmark.watermark.search import Match
from tellmark.watermark.spectrum import TILE_PX, Spectrum, frequencies

_RINGS = 4  # bands of wavelengths whose gain is estimated apart
_NEIGHBOURHOOD = 4  # waves within this many tile periods give the local level
PHASES = round(PATTERNS * HOP_S / WINDOW_S)  # start phases of the hopping cycle, in windows
SPEEDS = (1.0, 0.8, 0.87, 0.93, 1.08, 1.16, 1.25)  # six seconds tolerate an error of 4 %: a quarter of a second

Waves = tuple[C64, C64, C64]  # (windows, n) for each channel


def wave_samples(maps: F32, patterns: Sequence[ChannelPattern], found: Match) -> Waves:
    """Samples of one map (3, h, w): an array (1, n) a channel."""
    spectrum = Spectrum(maps)
    samples = []
    for number, channel in enumerate(patterns):
        value = spectrum.at(number, frequencies(channel.waves, found.geometry))
        turns = channel.waves @ np.array(found.shift) / TILE_PX
        samples.append((value * np.exp(-2j * np.pi * turns)).astype(np.complex64)[None])
    return samples[0], samples[1], samples[2]


def soft_bits(waves: Waves, times_s: F64, key: WatermarkKey, *, speed: float = 1.0, sync: bool = True) -> F32:
    """(phases, CODE_BITS) log-likelihood ratios up to scale, for each start phase of the hopping cycle.

    waves: of all windows. times_s: (windows,) the middle of each. speed: how much faster than recorded the clip plays;
    0 where the encoder froze one layout. sync: the sync waves are in the samples and tell how well each wavelength came
    through.
    """
    cycle = (times_s[None] * speed + np.arange(PHASES)[:, None] * WINDOW_S) / HOP_S
    layouts = np.floor(cycle + 1e-6).astype(np.int64) % PATTERNS
    distinct, back = np.unique(layouts, axis=0, return_inverse=True)
    soft: F32 = np.stack([_soft_bits(waves, layout, key, sync) for layout in distinct])[back.reshape(-1)]
    return soft


def _soft_bits(waves: Waves, pattern_of: NDArray[np.int64], key: WatermarkKey, sync: bool) -> F32:
    soft = np.zeros(CODE_BITS)
    for number, channel in enumerate(channel_patterns_of(key)):
        for pattern in np.unique(pattern_of):
            received = _whitened(waves[number][pattern_of == pattern].sum(axis=0), key, number)
            received = received * channel.phase[pattern].conj()
            gains = _gains(channel, received[: channel.sync].real) if sync else channel.amplitude[channel.sync :]
            data = received[channel.sync :] * gains
            # Bit 1 is sent as -1 on its axis.
            np.add.at(soft, channel.code_index[pattern][:, 0], -data.real)
            np.add.at(soft, channel.code_index[pattern][:, 1], -data.imag)
    scaled: F32 = (soft / (soft.std() + 1e-12)).astype(np.float32)
    return scaled


def _gains(channel: ChannelPattern, sync: F32) -> F32:
    """(data waves,) expected amplitude over noise power, from how strongly the sync waves of like wavelength came in.

    The mean of each ring is shrunk by its own uncertainty; a ring that shows nothing keeps a little weight.
    """
    radius = np.hypot(channel.waves[:, 0], channel.waves[:, 1])
    edges = np.quantile(radius[: channel.sync], np.linspace(0, 1, _RINGS + 1)[1:-1])
    ring = np.searchsorted(edges, radius)
    gains = np.empty(_RINGS, np.float32)
    for number in range(_RINGS):
        member = sync[ring[: channel.sync] == number]
        mean, error = float(member.mean()), float(member.std() / np.sqrt(len(member))) + 1e-9
        gains[number] = max(mean**3 / (mean**2 + error**2), 0.15 * error)
    expected: F32 = gains[ring[channel.sync :]]
    return expected


def fit(waves: Waves, code: U8 | None, key: WatermarkKey) -> F64:
    """(windows,) p-values: chance that a window without the mark fits some hop of the pattern as well.

    code: the coded payload; None fits the sync waves alone.
    """
    samples = [_whitened(values, key, number) for number, values in enumerate(waves)]
    best = np.full(len(waves[0]), -np.inf)
    layouts = range(PATTERNS if code is not None else 1)
    for pattern in layouts:
        score = np.zeros(len(best))
        power = np.zeros(len(best))
        for channel, received in zip(channel_patterns_of(key), samples, strict=True):
            used = slice(None) if code is not None else slice(channel.sync)
            sent = channel.coefficients(pattern, code if code is not None else np.zeros(CODE_BITS, np.uint8))
            product = received[:, used] * sent[used].conj()
            score += product.real.sum(axis=1)
            power += (np.abs(product) ** 2).sum(axis=1) / 2
        best = np.maximum(best, score / np.sqrt(power + 1e-12))
    p_values: F64 = -np.expm1(len(layouts) * np.log1p(-ndtr(-best)))
    return p_values


def _whitened(samples: C64, key: WatermarkKey, channel: int) -> C64:
    """Samples (.., n) divided by the local level of the spectrum, loud ones limited to unit magnitude."""
    magnitude = np.abs(samples)
    level = np.sqrt((_neighbours(key, channel) @ (magnitude**2).T).T)
    whitened: C64 = samples / np.maximum(np.maximum(magnitude, 0.6 * level), 1e-9)
    return whitened


@cache
def channel_patterns_of(key: WatermarkKey) -> tuple[ChannelPattern, ChannelPattern, ChannelPattern]:
    """:func:`channel_patterns`, remembered."""
    return channel_patterns(key)


@cache
def _neighbours(key: WatermarkKey, channel: int) -> scipy.sparse.csr_array:
    """(n, n) averages over the waves around each wave, itself included."""
    waves = channel_patterns_of(key)[channel].waves
    near = np.abs(waves[:, None] - waves[None]).max(axis=2) <= _NEIGHBOURHOOD
    return scipy.sparse.csr_array((near / near.sum(axis=1, keepdims=True)).astype(np.float32))
