"""What is usual for a face belongs to the person: dynamics apart from their running mean and size.

Who smiles throughout, or moves the brows more than others, is known by it in any frame. What was usual so far is
therefore told apart from what happens now: ``apart`` gives each frame's codes against the mean and the size of those
before it, and that habit beside them, with which ``together`` gives the codes back exactly. Taking the mean of a known
class out is oracle concept erasure of a linear probe's knowledge (Belrose et al. 2023, "LEACE", section 6); mean and
size of features are what style transfer swaps (Huang & Belongie 2017, "Arbitrary style transfer"). Nothing looks ahead,
so it does for streams as well.

The motion model speaks in codes of the common habit, a mean of 0 and the usual size: there both are the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tellmark.types import F32

PRIOR = 100.0  # frames that the common habit counts for: 4 s


@dataclass(frozen=True, slots=True)
class Habit:
    """What had been usual until each frame."""

    mean: F32  # (T, D)
    size: F32  # (T, D) standard deviation over the common one


def apart(codes: F32, usual: F32) -> tuple[F32, Habit]:
    """Codes (T, D) to the same against their habit, (T, D), and that habit. usual: (D,) the common size of a code."""
    before = PRIOR + np.arange(len(codes))[:, None]  # frames that a habit is made of
    mean = _until(codes) / before
    off = (codes - mean).astype(np.float64)
    size = np.sqrt((PRIOR + _until((off / usual) ** 2)) / before)
    habit = Habit(mean.astype(np.float32), size.astype(np.float32))
    return (codes - habit.mean) / habit.size, habit


def together(dynamics: F32, habit: Habit) -> F32:
    """The inverse of :func:`apart`, for frames one after the other."""
    return dynamics * habit.size + habit.mean


def _until(rows: F32) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """(T, D) sums of the rows before each row."""
    return np.cumsum(rows, axis=0, dtype=np.float64) - rows
