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


def kernel_distance(a: F64, b: F64, people_a: Sequence[str], people_b: Sequence[str]) -> float:
    """Unbiased squared MMD of rows (N, D) and (M, D) under k(x, y) = (x . y / D + 1)^3; near 0 for one distribution.

    Clips of one person are no independent draws, so pairs of one person count nowhere; NaN without other pairs.
    """
    who_a, who_b = np.asarray(people_a), np.asarray(people_b)
    sides = ((a, a, who_a, who_a), (b, b, who_b, who_b), (a, b, who_a, who_b))
    masks = [one[:, None] != other[None] for _, _, one, other in sides]
    if not all(mask.any() for mask in masks):
        return float("nan")
    aa, bb, ab = (float(_kernel(x, y)[mask].mean()) for (x, y, _, _), mask in zip(sides, masks, strict=True))
    return aa + bb - 2 * ab


def interval(
    a: F64, b: F64, people_a: Sequence[str], people_b: Sequence[str], *, seed: int = 0, rounds: int = 200
) -> tuple[float, float]:
    """95 % interval of :func:`kernel_distance`.

    Half of the persons are drawn without replacement, which varies as much as whole samples do (delete-half jackknife).
    Drawing with replacement would put a clip beside itself, which the distance takes for likeness.
    """
    who_a, who_b = np.asarray(people_a), np.asarray(people_b)
    names = np.unique(np.concatenate([who_a, who_b]))
    rng = np.random.default_rng(seed)
    whole, values = kernel_distance(a, b, people_a, people_b), []
    for _ in range(rounds):
        drawn = rng.permutation(names)[: max(2, len(names) // 2)]
        left, right = np.isin(who_a, drawn), np.isin(who_b, drawn)
        values.append(kernel_distance(a[left], b[right], who_a[left].tolist(), who_b[right].tolist()) - whole)
    known = np.array(values)[np.isfinite(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.percentile(known, [2.5, 97.5])
    return whole + float(low), whole + float(high)


def _kernel(a: F64, b: F64) -> F64:
    return np.asarray((a @ b.T / a.shape[1] + 1) ** 3, np.float64)


def mean_features(x: F64) -> F64:
    """(D,) mean of the windows (N, D) that have a value; NaN where none has."""
    known = np.isfinite(x)
    return np.asarray(np.where(known, x, 0).sum(0) / np.where(known.any(0), known.sum(0), np.nan), np.float64)
