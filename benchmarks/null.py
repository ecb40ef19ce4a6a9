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

from tellmark.types import F64
from tellmark.watermark.pattern import C64, ChannelPattern, WatermarkKey, channel_patterns
from tellmark.watermark.search import p_value
from tellmark.watermark.spectrum import IDENTITY, TILE_PX, Spectrum, frequencies

_BATCH = 64
_SELECTIONS = 8  # keys whose waves are used on each host
_TAIL = 0.01  # share of the draws that the fit of the tail uses

Row = dict[str, Any]


def p_values(spectra: Sequence[Spectrum], draws: int, seed: int = 0) -> F64:
    """(draws,) p-values of random keys on unmarked hosts under one geometry."""
    random = np.random.default_rng(seed)
    share = -(-draws // (len(spectra) * _SELECTIONS))
    made = [
        _largest(spectrum, channel_patterns(WatermarkKey.private(random.bytes(16))), share, random)
        for spectrum in spectra
        for _ in range(_SELECTIONS)
    ]
    largest = np.concatenate(made)[:draws]
    return np.array([p_value(float(z), 1) for z in largest])


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


def _largest(spectrum: Spectrum, patterns: Sequence[ChannelPattern], draws: int, random: np.random.Generator) -> F64:
    fields = [_Field(spectrum, number, channel) for number, channel in enumerate(patterns)]
    best = np.empty(draws)
    for first in range(0, draws, _BATCH):
        count = min(_BATCH, draws - first)
        y, cb, cr = (field.draw(count, random) for field in fields)
        chroma = scipy.fft.irfft2(cb + cr, s=(TILE_PX, TILE_PX), workers=1)
        luma = scipy.fft.irfft2(y, s=(TILE_PX, TILE_PX), workers=1)
        mixes = (luma, chroma / np.float32(np.sqrt(2)), (luma + chroma) / np.float32(np.sqrt(3)))
        best[first : first + count] = np.max([mix.max(axis=(1, 2)) for mix in mixes], axis=0)
    return best


class _Field:
    """One channel's sync waves on one host: phase-only samples, weighted so that a correlation has unit variance."""

    def __init__(self, spectrum: Spectrum, number: int, channel: ChannelPattern) -> None:
        self._waves = channel.waves[: channel.sync]
        amplitude = channel.amplitude[: channel.sync]
        value = spectrum.at(number, frequencies(self._waves, IDENTITY))
        once = np.where(self._waves[:, 1] == 0, 2.0, 1.0)  # irfft2 counts column 0 once, the others twice
        scale = TILE_PX**2 / np.sqrt(2.0 * np.sum(amplitude**2))
        self._samples: C64 = (value / np.abs(value) * amplitude * once * scale).astype(np.complex64)

    def draw(self, count: int, random: np.random.Generator) -> C64:
        """(count, TILE_PX, TILE_PX // 2 + 1) half spectra of the correlation under random phases."""
        turns = random.random((count, len(self._waves)), dtype=np.float32)
        grid = np.zeros((count, TILE_PX, TILE_PX // 2 + 1), np.complex64)
        phasors = np.exp(np.complex64(2j * np.pi) * turns)
        grid[:, self._waves[:, 0] % TILE_PX, self._waves[:, 1]] = self._samples * phasors
        return grid
