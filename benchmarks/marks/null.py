"""How often a key would be seen where there is none: a million draws of key and host, and what their tail says.

A key is nothing but which waves are sync waves and their phases; the phases are uniform and independent of everything
else. A draw therefore takes the waves of one of a few keys, fresh uniform phases, and the spectrum of a host at those
waves, and finds the largest correlation over all shifts and mixes of channels, as the detector does for one geometry.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import scipy.fft

from tellmark.types import F32, F64
from tellmark.watermark.signal.pattern import C64, ChannelPattern, WatermarkKey, channel_patterns
from tellmark.watermark.signal.search import log_chance
from tellmark.watermark.signal.spectrum import IDENTITY, TILE_PX, Spectrum, frequencies

_BATCH = 4  # fields that stay in a core's cache
_SELECTIONS = 8  # keys whose waves are used on each host
_TAIL = 0.01  # share of the draws that the fit of the tail uses

Row = dict[str, Any]


def p_values(spectra: Sequence[Spectrum], draws: int, seed: int = 0) -> F64:
    """(draws,) p-values of random keys on unmarked hosts under one geometry."""
    random = np.random.default_rng(seed)
    share = -(-draws // (len(spectra) * _SELECTIONS))
    made = []
    for spectrum in spectra:
        for _ in range(_SELECTIONS):
            patterns = channel_patterns(WatermarkKey.private(random.bytes(16)))
            expected = np.exp(log_chance(patterns, _largest(spectrum, patterns, share, random)).min(axis=0))
            made.append(-np.expm1(-expected))
    values: F64 = np.concatenate(made)[:draws]
    return values


def rows(values: F64) -> Iterator[Row]:
    """How many p-values lie below each level, and what the tail predicts for the level of a report.

    Below the share _TAIL of the draws, -ln p of an honest test is exponential with mean 1. Its fitted mean (maximum
    likelihood, with its standard error) gives the chance of p <= 1e-6.
    """
    for level in (0.5, 0.1, 0.05, 0.01, 1e-3, 1e-4, 1e-5, 1e-6):
        share = float(np.mean(values <= level))
        yield {"measure": "null", "condition": f"share of p <= {level:g}", "clips": len(values), "mean": share}
    yield {"measure": "null", "condition": "smallest p", "clips": len(values), "mean": float(values.min())}
    threshold = float(np.quantile(values, _TAIL))
    beyond = np.log(threshold) - np.log(values[values <= threshold])
    mean, error = float(beyond.mean()), float(beyond.mean() / np.sqrt(len(beyond)))
    yield {
        "measure": "null",
        "condition": "tail: mean of -ln p",
        "mean": mean,
        "min": mean - error,
        "max": mean + error,
    }
    rate = _TAIL * (1e-6 / threshold) ** (1 / mean)
    yield {"measure": "null", "condition": "tail: chance of p <= 1e-6", "clips": len(values), "mean": rate}


def _largest(spectrum: Spectrum, patterns: Sequence[ChannelPattern], draws: int, random: np.random.Generator) -> F32:
    """(mixes, draws) largest correlation over all shifts, in the order of the search.

    A key whose phases are all opposite is as likely, and has the same correlation with the opposite sign: each field is
    two draws.
    """
    fields = [_Field(spectrum, number, channel) for number, channel in enumerate(patterns)]
    half = -(-draws // 2)
    best = np.empty((3, 2, half), np.float32)
    for first in range(0, half, _BATCH):
        count = min(_BATCH, half - first)
        y, cb, cr = (field.draw(count, random) for field in fields)
        luma, chroma = _inverse(y), _inverse(cb + cr)
        for number, (mix, scale) in enumerate(((luma + chroma, 3), (luma, 1), (chroma, 2))):
            now = best[number, :, first : first + count]
            now[0], now[1] = mix.max(axis=(1, 2)), -mix.min(axis=(1, 2))
            now /= np.sqrt(scale)
    return best.reshape(3, -1)[:, :draws]


def _inverse(columns: C64) -> F32:
    """Real fields from half spectra, whose columns beyond those given are empty."""
    rows = scipy.fft.ifft(columns, axis=1, workers=1)
    fields: F32 = scipy.fft.irfft(rows, n=TILE_PX, axis=2, workers=1)
    return fields


class _Field:
    """One channel's sync waves on one host: phase-only samples, weighted so that a correlation has unit variance."""

    def __init__(self, spectrum: Spectrum, number: int, channel: ChannelPattern) -> None:
        self._waves = channel.waves[: channel.sync]
        self._columns = int(channel.waves[:, 1].max()) + 1
        amplitude = channel.amplitude[: channel.sync]
        value = spectrum.at(number, frequencies(self._waves, IDENTITY))
        once = np.where(self._waves[:, 1] == 0, 2.0, 1.0)  # irfft counts column 0 once, the others twice
        scale = TILE_PX**2 / np.sqrt(2.0 * np.sum(amplitude**2))
        self._samples: C64 = (value / np.abs(value) * amplitude * once * scale).astype(np.complex64)

    def draw(self, count: int, random: np.random.Generator) -> C64:
        """(count, TILE_PX, columns) half spectra of the correlation under random phases."""
        turns = random.random((count, len(self._waves)), dtype=np.float32)
        grid = np.zeros((count, TILE_PX, self._columns), np.complex64)
        phasors = np.exp(np.complex64(2j * np.pi) * turns)
        grid[:, self._waves[:, 0] % TILE_PX, self._waves[:, 1]] = self._samples * phasors
        return grid
