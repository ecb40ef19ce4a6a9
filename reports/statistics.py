"""The few statistics that a report computes itself, from scores that are on record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from tellmark.types import F64

Z95 = 1.959964  # two-sided 95 % quantile of the standard normal


@dataclass(frozen=True, slots=True)
class Bin:
    """One bar of a reliability diagram: clips whose score lies in [low, high)."""

    low: float
    high: float
    count: int
    mean_p: float  # mean score
    rate: float  # share of fakes
    rate_ci: tuple[float, float]  # 95 %


def gap(auc: float) -> float:
    """Detectability 2 AUC - 1: 0 for chance, 1 for perfect separation (Somers' D; the Gini index of the ROC)."""
    return 2 * auc - 1


def auc(
    positive: F64,  # (P,)
    negative: F64,  # (N,)
) -> float:
    """Probability that a positive scores above a negative, ties counting half (Mann and Whitney 1947)."""
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, side="left")
    not_above = np.searchsorted(ordered, positive, side="right")
    return float(np.mean((below + not_above) / 2) / len(negative))


def auc_interval(
    p: F64,  # (C,) scores
    fake: NDArray[np.bool_],  # (C,)
    groups: Sequence[str],  # (C,) identity of each clip
    *,
    seed: int = 0,
    rounds: int = 1000,
) -> tuple[float, float]:
    """95 % percentile interval of the AUC; identities, not clips, are drawn with replacement.

    Clips of one identity resemble each other, so drawing clips would make the interval too narrow. Draws in which a
    class is missing are left out.
    """
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    members = [np.flatnonzero(index == k) for k in range(len(names))]
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(rounds):
        rows = np.concatenate([members[k] for k in rng.integers(len(names), size=len(names))])
        if fake[rows].any() and not fake[rows].all():
            values.append(auc(p[rows][fake[rows]], p[rows][~fake[rows]]))
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """95 % score interval of a proportion (Wilson 1927); (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    share, z2 = successes / trials, Z95**2
    centre = share + z2 / (2 * trials)
    spread = Z95 * sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    scale = 1 + z2 / trials
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def reliability(
    p: F64,  # (C,) scores in [0, 1]
    fake: NDArray[np.bool_],  # (C,)
    bins: int = 10,
) -> list[Bin]:
    """Equal-width bins of the score against the share of fakes found there; empty bins are left out."""
    which = np.minimum((p * bins).astype(int), bins - 1)
    table = []
    for k in range(bins):
        rows = which == k
        count = int(rows.sum())
        if count:
            hits = int(fake[rows].sum())
            table.append(Bin(k / bins, (k + 1) / bins, count, float(p[rows].mean()), hits / count, wilson(hits, count)))
    return table
