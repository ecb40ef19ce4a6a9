"""Short-time analysis of speech as it streams: level, voicing, pitch and band levels every 10 ms.

The rows depend on the sound alone, never on how it was cut into chunks: samples are gathered into blocks of a fixed
number of hops before anything is computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from tellmark.types import F32, F64

SAMPLE_RATE_HZ = 16_000
HOP = 160  # samples; 10 ms
HOPS_PER_S = SAMPLE_RATE_HZ / HOP
BAND_EDGES_HZ = (100, 200, 300, 420, 560, 720, 900, 1100, 1330, 1600, 1930, 2320, 2800, 3400, 4200, 5300, 7500)
"""Borders of the 16 bands; about as wide as the ear's critical bands. Telephone sound fills the first 13."""
BANDS = len(BAND_EDGES_HZ) - 1
PITCH_HZ = (60.0, 420.0)

_PAD = 320  # half of the longest window: the first row is centred on the first sample
_SPECTRUM = 400  # 25 ms
_PERIODICITY = 640  # 40 ms: two periods of the lowest pitch and a half
_BLOCK = 256  # hops computed at once
_FLOOR = 1e-10  # -100 dBFS


@dataclass(frozen=True, slots=True)
class Analysis:
    """Rows every 10 ms; row k is centred at k * 10 ms."""

    level_db: F32  # (H,) RMS of 25 ms, dB below full scale (a full-scale sine is -3)
    bands_db: F32  # (H, BANDS) power in each band, same scale
    periodicity: F32  # (H,) height of the autocorrelation's peak in the range of pitch, 0 to 1
    pitch_hz: F32  # (H,) frequency of that peak, meaningful where ``periodicity`` is high
    samples: int  # samples heard at SAMPLE_RATE_HZ

    def cut(self, first: int, last: int) -> Analysis:
        """Rows ``first`` to ``last``, without copying; ``samples`` stays that of the whole."""
        rows = slice(first, last)
        return Analysis(
            self.level_db[rows], self.bands_db[rows], self.periodicity[rows], self.pitch_hz[rows], self.samples
        )


def analyse(chunks: Iterable[F32]) -> Analysis:
    """Analyse mono float chunks at ``SAMPLE_RATE_HZ``: ceil(samples / HOP) rows. Memory beside the rows is constant."""
    counted = _Counter(chunks)
    rows = [_block(windows) for windows in _windows(counted)]
    if not rows:
        nothing = np.zeros(0, np.float32)
        return Analysis(nothing, nothing.reshape(0, BANDS), nothing, nothing, samples=0)
    level, bands, periodicity, pitch = (np.concatenate(column) for column in zip(*rows, strict=True))
    return Analysis(level, bands, periodicity, pitch, counted.samples)


class _Counter:
    """Chunks as they come, counted."""

    def __init__(self, chunks: Iterable[F32]) -> None:
        self._chunks = chunks
        self.samples = 0

    def __iter__(self) -> Iterator[F32]:
        for chunk in self._chunks:
            self.samples += len(chunk)
            yield chunk


def _windows(chunks: Iterable[F32]) -> Iterator[F32]:
    """(hops, 2 * _PAD) windows centred on every hop, ``_BLOCK`` hops at a time; zeros beyond both ends."""
    need = (_BLOCK - 1) * HOP + 2 * _PAD
    pieces, held, total = [np.zeros(_PAD, np.float32)], _PAD, 0
    for chunk in chunks:
        pieces.append(chunk)
        held += len(chunk)
        total += len(chunk)
        if held >= need:
            buffer = np.concatenate(pieces)
            while len(buffer) >= need:
                yield _sliding(buffer[:need])
                buffer = buffer[_BLOCK * HOP :]
            pieces, held = [buffer], len(buffer)
    # The last hop lies on the last sample or up to 10 ms before it.
    left = -(-(held - _PAD) // HOP) if total else 0
    if left > 0:
        buffer = np.concatenate([*pieces, np.zeros(2 * _PAD + HOP, np.float32)])
        while left > 0:
            hops = min(left, _BLOCK)
            yield _sliding(buffer[: (hops - 1) * HOP + 2 * _PAD])
            buffer, left = buffer[hops * HOP :], left - hops


def _sliding(buffer: F32) -> F32:
    return np.lib.stride_tricks.sliding_window_view(buffer, 2 * _PAD)[::HOP]


def _block(windows: F32) -> tuple[F32, ...]:
    """Level (dB), bands (dB), periodicity and pitch (Hz) of a block of windows."""
    spare = (2 * _PAD - _SPECTRUM) // 2
    short = windows[:, spare : spare + _SPECTRUM].astype(np.float64)
    level = 10 * np.log10(np.mean(short**2, axis=1) + _FLOOR)
    power = np.abs(np.fft.rfft(short * _HANN, 512)) ** 2 @ _BAND_WEIGHTS
    periodicity, pitch = autocorrelation_peak(windows.astype(np.float64))
    return tuple(row.astype(np.float32) for row in (level, 10 * np.log10(power + _FLOOR), periodicity, pitch))


def autocorrelation_peak(windows: F64) -> tuple[F64, F64]:
    """Peak of the autocorrelation divided by that of the window (Boersma 1993), below 1.2 kHz: height and Hz."""
    windows = windows - windows.mean(axis=1, keepdims=True)
    spectrum = np.abs(np.fft.rfft(windows * _LONG_HANN, 1024)) ** 2
    correlation = np.fft.irfft(spectrum * _PITCH_FILTER, 1024)[:, : _LAGS[-1] + 2]
    normal = correlation / (correlation[:, :1] + _FLOOR) / _LONG_CORRELATION
    # Towards short lags: the double of a period fits as well as the period.
    score = normal[:, _LAGS] - 0.03 * np.log2(_LAGS / _LAGS[0])
    best = _LAGS[np.argmax(score, axis=1)]
    row = np.arange(len(best))
    before, peak, after = normal[row, best - 1], normal[row, best], normal[row, best + 1]
    curve = before - 2 * peak + after
    shift = np.where(curve < -1e-9, 0.5 * (before - after) / np.minimum(curve, -1e-9), 0.0)
    return np.clip(peak, 0, 1), SAMPLE_RATE_HZ / (best + np.clip(shift, -0.5, 0.5))


def _band_weights() -> F64:
    """(257, BANDS): sums the power spectrum into bands; scaled so that a full-scale sine in a band is -3 dB."""
    frequency = np.fft.rfftfreq(512, 1 / SAMPLE_RATE_HZ)
    edges = np.array(BAND_EDGES_HZ, np.float64)
    inside = (frequency[:, None] >= edges[:-1]) & (frequency[:, None] < edges[1:])
    return np.asarray(inside * (2.0 / (512 * np.sum(_HANN**2))), np.float64)


_HANN = np.hanning(_SPECTRUM + 2)[1:-1]
_LONG_HANN = np.hanning(_PERIODICITY + 2)[1:-1]
_BAND_WEIGHTS = _band_weights()
_LAGS = np.arange(int(SAMPLE_RATE_HZ / PITCH_HZ[1]), int(SAMPLE_RATE_HZ / PITCH_HZ[0]) + 1)
_FREQUENCY = np.fft.rfftfreq(1024, 1 / SAMPLE_RATE_HZ)
_PITCH_FILTER = np.where((_FREQUENCY > 50) & (_FREQUENCY < 1200), 1.0, 0.0)
_WINDOW_SPECTRUM = np.abs(np.fft.rfft(_LONG_HANN, 1024)) ** 2
_LONG_CORRELATION = np.fft.irfft(_WINDOW_SPECTRUM, 1024)[: _LAGS[-1] + 2]
_LONG_CORRELATION = _LONG_CORRELATION / _LONG_CORRELATION[0]
