"""Reads the mark's waves once the geometry is known: coded bits for the decoder, and the fit of a known payload.

Everything here works on *wave samples*: one complex number a wave, the spectrum of a map at the wave's frequency with
the shift undone. A wave sent with coefficient c is then received as (positive gain) * c + noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
from scipy.special import ndtr

from tellmark.types import F32, U8
from tellmark.watermark.signal.fec import CODE_BITS
from tellmark.watermark.signal.pattern import C64, I64, ChannelPattern, WatermarkKey, channel_patterns
from tellmark.watermark.signal.search import Match
from tellmark.watermark.signal.spectrum import TILE_PX, Spectrum, frequencies

_NEIGHBOURHOOD = 7  # waves within this many tile periods give the local level
_LIMIT = 1.1  # of the local level: what is louder counts as much as this
_PRIOR_WAVES = 15  # sync waves that the expected gain of a chroma channel counts for
_PRIOR_GAIN = 0.3
_LEAST_GAIN = 0.03

Waves = tuple[C64, C64, C64]  # (n,) for each channel


def wave_samples(spectrum: Spectrum, patterns: Sequence[ChannelPattern], found: Match) -> Waves:
    """Samples of one map's spectrum."""
    samples = []
    for number, channel in enumerate(patterns):
        value = spectrum.at(number, frequencies(channel.waves, found.geometry))
        turns = channel.waves @ np.array(found.shift) / TILE_PX
        samples.append((value * np.exp(-2j * np.pi * turns)).astype(np.complex64))
    return samples[0], samples[1], samples[2]


def soft_bits(waves: Waves, key: WatermarkKey) -> F32:
    """(CODE_BITS,) log-likelihood ratios up to scale, positive where a bit is more likely 1."""
    patterns = channel_patterns_of(key)
    received = [whitened(waves[n], key, n) * channel.phase.conj() for n, channel in enumerate(patterns)]
    gains = channel_gains([samples[: channel.sync].real for samples, channel in zip(received, patterns, strict=True)])
    soft = np.zeros(CODE_BITS)
    for channel, samples, gain in zip(patterns, received, gains, strict=True):
        data = samples[channel.sync :] * gain
        # Bit 1 is sent as -1 on its axis.
        np.add.at(soft, channel.code_index[:, 0], -data.real)
        np.add.at(soft, channel.code_index[:, 1], -data.imag)
    scaled: F32 = (soft / (soft.std() + 1e-12)).astype(np.float32)
    return scaled


def channel_gains(sync: Sequence[F32]) -> list[F32]:
    """Expected amplitude over noise power of each channel, from how strongly its sync waves (n, ...) came in: (...,).

    Luma has hundreds of them. Chroma has few: each of its channels is drawn towards both together, and these towards
    what is usual. Bands of wavelengths with a gain each cost more by their noise than they bring (docs/log.md).
    """
    luma, *chroma = sync
    total, count = sum(waves.sum(axis=0) for waves in chroma), sum(len(waves) for waves in chroma)
    expected = np.maximum(0.0, (total + _PRIOR_WAVES * _PRIOR_GAIN) / (count + _PRIOR_WAVES))
    means = [luma.mean(axis=0)]
    means += [(waves.sum(axis=0) + _PRIOR_WAVES * expected) / (len(waves) + _PRIOR_WAVES) for waves in chroma]
    return [np.maximum(_LEAST_GAIN, mean) for mean in means]


def fit(waves: Waves, code: U8 | None, key: WatermarkKey) -> float:
    """p-value: chance that a map without the mark fits the pattern as well.

    code: the coded payload; None fits the sync waves alone.
    """
    score, power = 0.0, 1e-12
    for number, channel in enumerate(channel_patterns_of(key)):
        used = slice(None) if code is not None else slice(channel.sync)
        sent = channel.coefficients(code if code is not None else np.zeros(CODE_BITS, np.uint8))
        product = whitened(waves[number], key, number)[used] * sent[used].conj()
        score += float(product.real.sum())
        power += float((np.abs(product) ** 2).sum()) / 2
    return float(ndtr(-score / np.sqrt(power)))


def whitened(samples: C64, key: WatermarkKey, channel: int) -> C64:
    """Samples (n,) divided by the local level of the spectrum, loud ones limited to unit magnitude."""
    magnitude = np.abs(samples)
    level = _level(magnitude, channel_patterns_of(key)[channel].waves)
    whitened: C64 = samples / np.maximum(np.maximum(magnitude, _LIMIT * level), 1e-9)
    return whitened


@cache
def channel_patterns_of(key: WatermarkKey) -> tuple[ChannelPattern, ChannelPattern, ChannelPattern]:
    """:func:`channel_patterns`, remembered."""
    return channel_patterns(key)


def _level(magnitude: F32, waves: I64) -> F32:
    """(n,) root mean square over the waves around each wave, itself included."""
    limit = int(np.abs(waves).max())
    rows, columns = waves[:, 0] + limit, waves[:, 1]
    grid = np.zeros((2, 2 * limit + 1, limit + 1), np.float32)
    grid[:, rows, columns] = magnitude**2, np.ones(len(waves))
    size = (2 * _NEIGHBOURHOOD + 1, 2 * _NEIGHBOURHOOD + 1)
    power, count = (cv2.blur(plane, size, borderType=cv2.BORDER_CONSTANT)[rows, columns] for plane in grid)
    level: F32 = np.sqrt(power / count)
    return level
