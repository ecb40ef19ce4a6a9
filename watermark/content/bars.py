"""Bars around a picture: what players and platforms put there so that it fits another shape."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from tellmark.watermark.content.fingerprint import GRID, Fingerprint

_RANGE = 3  # code values within which a bar may vary


def without_bars(item: Fingerprint) -> Fingerprint:
    """What is left when rows and columns at the edges that are even, of one value and never change are cut off."""
    still = np.ptp(item.frames, axis=0) <= _RANGE
    mean = item.frames.mean(axis=0)
    rows = _bars(mean, still)
    columns = _bars(mean.T, still.T)
    if (rows, columns) == (slice(0, GRID), slice(0, GRID)):
        return item
    inside = item.frames[:, rows, columns]
    frames = np.stack([cv2.resize(frame, (GRID, GRID), interpolation=cv2.INTER_LINEAR) for frame in inside])
    return Fingerprint(frames, item.aspect * inside.shape[2] / inside.shape[1])


def _bars(mean: Any, still: Any) -> slice:
    """The rows between the bars above and below, without those that a bar ends in; all, where bars are all there is."""
    bar = still.all(axis=1) & (np.ptp(mean, axis=1) <= _RANGE)
    if bar.sum() > GRID // 2 or not bar.any():
        return slice(0, GRID)
    picture = np.flatnonzero(~bar)
    first, last = int(picture[0]), int(picture[-1])
    return slice(first + (first > 0), last + 1 - (last < GRID - 1))
