"""Sync tell: a mouth opens with the sound it makes.

The gap of the lips is held against the loudness of the sound, at once and moved against each other: how well they go
together, how late the mouth is, and how much better than at other delays (the confidence of SyncNet, Chung and
Zisserman 2016, without a network). Nothing is said of a clip without sound. About 1 ms a window.
"""

from __future__ import annotations

import numpy as np

from tellmark import landmarks as lm
from tellmark.detector.windows.sound import RATE_HZ
from tellmark.detector.windows.stats import correlation, log_ratio, rms
from tellmark.detector.windows.window import FPS, Window
from tellmark.types import F32, F64

FAMILY = "sync"
DYNAMIC = True
FEATURES = {
    "at_once": "correlation of the lips' gap and the loudness, -1 to 1",
    "best": "the same at the delay of up to 0.2 s that suits it best",
    "late": "that delay of the mouth, s",
    "confidence": "best minus the median over delays of up to 0.4 s",
    "moves_with": "correlation of the lips' speed and the loudness, -1 to 1",
    "idle": "log2 of the lips' rms speed in the quieter over that in the louder half",
}
_RANGE_DB = 40.0  # below the loudest frame, beyond which all is silence
_SILENCE_DB = -50.0  # of full scale: sound that is never louder is none
_NEAR, _FAR = 5, 10  # frames of delay
_STILL = 0.002  # of the forehead's height: a gap that does not change by more stays shut


def compute(window: Window) -> F64:
    """(6,) in the order of ``FEATURES``; NaN without sound, in silence, and for less than a second and a quarter."""
    loudness = loudness_db(window.sound, len(window))
    if len(window) < 3 * _FAR or not len(window.sound) or loudness.max() < _SILENCE_DB:
        return np.full(len(FEATURES), np.nan)
    loudness = np.maximum(loudness, loudness.max() - _RANGE_DB) / _RANGE_DB
    gap = lm.mouth_opening(window.landmarks).astype(np.float64)
    speed = np.abs(np.gradient(gap))
    fits = np.array([_delayed(gap, loudness, delay) for delay in range(-_FAR, _FAR + 1)])
    near = fits[_FAR - _NEAR : _FAR + _NEAR + 1]
    loud = loudness > np.median(loudness)
    return np.array(
        [
            fits[_FAR],
            near.max(),
            (int(near.argmax()) - _NEAR) / FPS,
            near.max() - np.median(fits),
            correlation(speed, loudness, _STILL),
            log_ratio(rms(speed[~loud]), rms(speed[loud]) if loud.any() else 0.0, _STILL),
        ],
        np.float64,
    )


def _delayed(gap: F64, loudness: F64, delay: int) -> float:
    """Correlation of the gap with the loudness ``delay`` frames before."""
    if delay < 0:
        return _delayed(loudness, gap, -delay)
    return correlation(gap[delay:], loudness[: len(loudness) - delay], _STILL)


def loudness_db(sound: F32, frames: int) -> F64:
    """(frames,) dB of full scale; -100 where the sound has ended."""
    hop = round(RATE_HZ / FPS)
    padded = np.zeros(hop * frames)
    padded[: min(len(sound), len(padded))] = sound[: len(padded)]
    return np.asarray(10 * np.log10((padded.reshape(frames, hop) ** 2).mean(1) + 1e-10), np.float64)
