"""What the speech encoder hears, as the sound comes: mel bands, loudness, voicing and pitch every 10 ms.

Everything is put against the sound's own past alone, never its future: floors, peaks and means forget exponentially and
start from a prior, so that each is a recursive filter whose state is all that has to be kept. (``levels`` does the same
with the seconds on either side, which a stream does not have.)
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import fft, signal

from tellmark.generator.audio.acoustics import HOP, HOPS_PER_S, SAMPLE_RATE_HZ, autocorrelation_peak
from tellmark.generator.audio.levels import smoothstep
from tellmark.types import F32, F64

MELS = 32
COLUMNS = 2 * MELS + 6
"""Bands against their mean in speech, bands above their floor, then energy, level under the peak, periodicity, voiced,
pitch and how long one has listened."""
REACH = 320  # samples; a row hears so much to either side of its centre (20 ms)

_SPECTRUM = 400  # 25 ms
_MEL_HZ = (80.0, 7600.0)
_SHARPNESS = 0.3  # per dB, of the soft minimum and maximum
_FLOOR_S, _PEAK_S, _MEAN_S = 2.0, 6.0, 6.0  # after which a floor, a peak, a mean has forgotten all but a third
_PRIOR_FLOOR_DB, _PRIOR_PEAK_DB = -60.0, -60.0
_PRIOR_BANDS_DB = np.linspace(-18.0, -42.0, MELS)  # speech under its peak
_PRIOR_PITCH_ST = 5.0  # above 100 Hz
_PRIOR_HOPS = 10.0  # of sound that a prior counts for
_SPEECH_RANGE_DB = 45.0  # from loud syllables down to what still counts
_MARGIN_DB = 5.0  # how far steady noise strays above its floor
_LEAST_SPAN_DB = 12.0
_AT_ONCE = 64  # hops whose spectra fit into the cache


class Hearing:
    """Sound in, in pieces of any size; rows out as soon as they are complete. Row k is centred at k * 10 ms."""

    def __init__(self) -> None:
        self._samples = np.zeros(REACH, np.float32)
        self._floor = _Follower(_FLOOR_S)
        self._peak = _Follower(_PEAK_S)
        self._band_floor = _Follower(_FLOOR_S)
        self._mean = _Follower(_MEAN_S)
        self._pitch = _Follower(_MEAN_S)
        self._heard = 0

    def push(self, samples: F32) -> F32:
        """(N,) mono samples at ``SAMPLE_RATE_HZ`` to the (H, COLUMNS) rows they complete."""
        self._samples = np.concatenate([self._samples, samples.astype(np.float32, copy=False)])
        hops = max(0, (len(self._samples) - 2 * REACH) // HOP + 1)
        if not hops:
            return np.zeros((0, COLUMNS), np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(self._samples, 2 * REACH)[: hops * HOP : HOP]
        self._samples = self._samples[hops * HOP :]
        blocks = [_analysed(windows[start : start + _AT_ONCE]) for start in range(0, hops, _AT_ONCE)]
        return self._against_the_past(*(np.concatenate(column) for column in zip(*blocks, strict=True)))

    def _against_the_past(self, bands: F64, periodicity: F64, pitch_hz: F64) -> F32:
        level = 10 * np.log10(np.sum(10 ** (bands / 10), axis=1) + 1e-10)
        peak = self._peak.soft(level, _SHARPNESS, _PRIOR_PEAK_DB)
        floor = np.maximum(self._floor.soft(level, -_SHARPNESS, _PRIOR_FLOOR_DB), peak - _SPEECH_RANGE_DB)
        energy = np.clip((level - floor - _MARGIN_DB) / np.maximum(peak - floor - _MARGIN_DB, _LEAST_SPAN_DB), 0, 1.5)
        voiced = smoothstep((periodicity - 0.5) / 0.3) * smoothstep(energy / 0.15)

        under = bands - peak[:, None]
        mean = self._mean.mean(under, (smoothstep(energy / 0.5) * voiced)[:, None], _PRIOR_BANDS_DB)
        above = bands - self._band_floor.soft(bands, -_SHARPNESS, _PRIOR_FLOOR_DB + _PRIOR_BANDS_DB)
        pitch = 12 * np.log2(pitch_hz / 100.0)[:, None]
        pitch = (pitch - self._pitch.mean(pitch, (voiced**2)[:, None], np.array([_PRIOR_PITCH_ST])))[:, 0] * voiced
        times = np.arange(self._heard, self._heard + len(level)) / HOPS_PER_S
        self._heard += len(level)
        rest = (
            *(energy, np.clip(level - peak, -60, 10) / 20, periodicity, voiced),
            *(np.clip(pitch, -18, 18) / 6, np.exp(-times / 2.0)),
        )
        bands = np.column_stack([np.clip(under - mean, -40, 20) / 20, np.clip(above, -5, 45) / 20])
        return np.column_stack([bands, *rest]).astype(np.float32)


class _Follower:
    """Weighted means that forget: sums of the past, a hop older counting e^(-1 / (tau * HOPS_PER_S)) as much."""

    def __init__(self, tau_s: float) -> None:
        self._decay = float(np.exp(-1 / (tau_s * HOPS_PER_S)))
        self._state: F64 | None = None

    def mean(self, values: F64, weight: F64, prior: F64) -> F64:
        """(H, C) running mean of the values (H, C) under the weights (H, 1); the prior (C,) fades like all else."""
        sums = np.column_stack([values * weight, weight])
        if self._state is None:
            self._state = self._decay * _PRIOR_HOPS * np.append(prior, 1.0)[None]
        sums, self._state = signal.lfilter([1.0], [1.0, -self._decay], sums, axis=0, zi=self._state)
        return np.asarray(sums[:, :-1] / sums[:, -1:], np.float64)

    def soft(self, level_db: F64, sharpness: float, prior_db: float | F64) -> F64:
        """Soft maximum of the past levels, (H,) or (H, C); with negative sharpness their soft minimum."""
        level = np.maximum(level_db if level_db.ndim == 2 else level_db[:, None], -100.0)
        prior = np.broadcast_to(np.asarray(prior_db, np.float64), level.shape[1:])
        ones = np.ones((len(level), 1))
        found = np.log(self.mean(np.exp(sharpness * level), ones, np.exp(sharpness * prior))) / sharpness
        return np.asarray(found.reshape(level_db.shape), np.float64)


def _analysed(windows: F32) -> tuple[F64, F64, F64]:
    """Bands, periodicity and pitch of (H, 2 * REACH) windows."""
    return mel_db(windows), *autocorrelation_peak(windows.astype(np.float64))


def mel_db(windows: F32) -> F64:
    """(H, 2 * REACH) windows to (H, MELS) power in each band, dB below full scale (a full-scale sine is -3)."""
    spare = (2 * REACH - _SPECTRUM) // 2
    window, weights = _filters()
    power = np.abs(fft.rfft(windows[:, spare : spare + _SPECTRUM] * window, 512)) ** 2 @ weights
    return np.asarray(10 * np.log10(power.astype(np.float64) + 1e-10), np.float64)


def _mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))


@cache
def _filters() -> tuple[F32, F32]:
    """The window (400,) and the triangular mel filters (257, MELS) (Davis & Mermelstein 1980; HTK's mel scale)."""
    window = np.hanning(_SPECTRUM + 2)[1:-1]
    mel = np.linspace(_mel(_MEL_HZ[0]), _mel(_MEL_HZ[1]), MELS + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    bins = np.fft.rfftfreq(512, 1 / SAMPLE_RATE_HZ)[:, None]
    rise = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights = np.clip(np.minimum(rise, fall), 0, None) * 2.0 / (512 * np.sum(window**2))
    return window.astype(np.float32), weights.astype(np.float32)
