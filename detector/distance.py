"""How far apart two sets of videos are, as sets: a kernel distance in the space of the tells.

After KID (Binkowski et al. 2018): the unbiased squared maximum mean discrepancy with a cubic kernel. FVD and KID use
the features of networks trained on millions of videos; here they are the tells, so that values compare with each other
and with no published ones. Unlike a Frechet distance it needs no covariance of a hundred features from fifty clips.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tellmark.detector.features import ClipFeatures
from tellmark.types import F64


def embed(clips: Sequence[ClipFeatures], real: Sequence[ClipFeatures]) -> F64:
    """(N, D) mean features of ``clips`` in standard deviations of ``real``; unknown ones at real video's median."""
    with np.errstate(invalid="ignore"):
        x, r = (np.array([mean_features(one.x) for one in side]) for side in (clips, real))
    keep = np.isfinite(r).sum(0) > 1
    x, r = x[:, keep], r[:, keep]
    centre, scale = np.nanmedian(r, 0), np.nanstd(r, 0)
    scale = np.where(scale > 0, scale, 1)
    return np.asarray(np.clip(np.where(np.isfinite(x), (x - centre) / scale, 0), -5, 5), np.float64)


def kernel_distance(a: F64, b: F64) -> float:
    """Unbiased squared MMD of rows (N, D) and (M, D) under k(x, y) = (x . y / D + 1)^3; near 0 for one distribution."""
    if min(len(a), len(b)) < 2:
        return float("nan")
    kaa, kbb, kab = (_kernel(*pair) for pair in ((a, a), (b, b), (a, b)))
    within = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (kaa, kbb)]
    return float(within[0] + within[1] - 2 * kab.mean())


def interval(a: F64, b: F64, groups: Sequence[str], *, seed: int = 0, rounds: int = 200) -> tuple[float, float]:
    """95 % interval; ``groups`` are the persons of a, then of b.

    Half of the persons are drawn without replacement, which varies as much as whole samples do (delete-half jackknife).
    Drawing with replacement would put a clip beside itself, which the distance takes for likeness.
    """
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    rng = np.random.default_rng(seed)
    whole, values = kernel_distance(a, b), []
    for _ in range(rounds):
        chosen = np.isin(index, rng.permutation(len(names))[: max(2, len(names) // 2)])
        value = kernel_distance(a[chosen[: len(a)]], b[chosen[len(a) :]])
        if np.isfinite(value):
            values.append(value - whole)
    if not values:
        return float("nan"), float("nan")
    low, high = np.percentile(values, [2.5, 97.5])
    return whole + float(low), whole + float(high)


def _kernel(a: F64, b: F64) -> F64:
    return np.asarray((a @ b.T / a.shape[1] + 1) ** 3, np.float64)


def mean_features(x: F64) -> F64:
    """(D,) mean of the windows (N, D) that have a value; NaN where none has."""
    known = np.isfinite(x)
    return np.asarray(np.where(known, x, 0).sum(0) / np.where(known.any(0), known.sum(0), np.nan), np.float64)
