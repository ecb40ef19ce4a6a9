"""Small statistics that several tells share. Floors keep still or flat regions from turning noise into large values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellmark.types import F32


def rms(values: NDArray[Any]) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def magnitude(across: F32, down: F32) -> F32:
    """Lengths of vectors, element by element.

    Not OpenCV's, whose last bits depend on where the arrays lie in memory: the same pictures have to give the same
    scores, to the bit.
    """
    return np.asarray(np.sqrt(across * across + down * down), np.float32)


def log_ratio(a: float, b: float, floor: float) -> float:
    """log2((a + floor) / (b + floor))."""
    return float(np.log2((a + floor) / (b + floor)))


def correlation(a: NDArray[Any], b: NDArray[Any], floor: float) -> float:
    """Pearson correlation over all values, columns centred; a deviation of ``floor`` counts as nothing."""
    x, y = a - a.mean(0), b - b.mean(0)
    return float(np.mean(x * y) / (rms(x) * rms(y) + floor**2))


def unrest(curves: NDArray[Any], floor: float) -> float:
    """log2 of rms second over rms first differences along time: -inf for a line, 0.8 for white noise."""
    return log_ratio(rms(np.diff(curves, n=2, axis=0)), rms(np.diff(curves, axis=0)), floor)
