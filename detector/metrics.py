"""How well scores separate two classes: AUC with identity-clustered confidence intervals, EER, calibration error.

All functions take ``labels`` (N,) with 1 = fake and 0 = negative, and ``scores`` (N,) where larger means more fake.
They follow scikit-learn's definitions (tested against it) and return NaN where a class is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tellmark.types import F64

BOOTSTRAPS = 1000
_TAIL = 0.2  # share of the negatives that tell how their tail falls off
_NEVER = 1e-12  # probabilities nearer to 0 or 1 than that are taken for it
Metric = Callable[[ArrayLike, ArrayLike], float]


def auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Area under the ROC curve: P(score of a fake > score of a negative), ties counted half (Mann-Whitney)."""
    y, s = _checked(labels, scores)
    return float(weighted_aucs(y, s, np.ones((1, len(y))))[0])


def auc_interval(
    labels: ArrayLike,
    scores: ArrayLike,
    groups: Sequence[str],
    *,
    bootstraps: int = BOOTSTRAPS,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile confidence interval of :func:`auc` from a bootstrap that resamples whole groups (identities).

    Clips of one person are not independent, so persons are drawn with replacement, not clips (cluster bootstrap, Field
    and Welsh 2007). Draws that miss a class are left out; NaN where all do.
    """
    y, s = _checked(labels, scores)
    values = [weighted_aucs(y, s, weights) for weights in _draws(groups, bootstraps, seed)]
    return percentiles(np.concatenate(values) if values else np.zeros(0), level)


def difference_interval(
    first: tuple[ArrayLike, ArrayLike, Sequence[str]],
    second: tuple[ArrayLike, ArrayLike, Sequence[str]],
    *,
    bootstraps: int = BOOTSTRAPS,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float]:
    """As :func:`auc_interval`, of AUC(first) - AUC(second), each (labels, scores, groups).

    A group is drawn as often for one as for the other: what the two have in common cancels.
    """
    (y, s), (z, t) = _checked(*first[:2]), _checked(*second[:2])
    values = [
        weighted_aucs(y, s, weights[:, : len(y)]) - weighted_aucs(z, t, weights[:, len(y) :])
        for weights in _draws([*first[2], *second[2]], bootstraps, seed)
    ]
    return percentiles(np.concatenate(values) if values else np.zeros(0), level)


def metric_interval(
    metric: Metric,
    labels: ArrayLike,
    scores: ArrayLike,
    groups: Sequence[str],
    *,
    bootstraps: int = BOOTSTRAPS,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float]:
    """As :func:`auc_interval`, of any other ``metric(labels, scores)``; slower, one draw after the other."""
    y, s = _checked(labels, scores)
    values = [
        metric(np.repeat(y, times), np.repeat(s, times))
        for weights in _draws(groups, bootstraps, seed)
        for times in weights
    ]
    return percentiles(np.array(values, np.float64), level)


def roc(labels: ArrayLike, scores: ArrayLike) -> tuple[F64, F64]:
    """False and true positive rates, one pair a threshold from above the largest score downwards, (0, 0) first."""
    y, s = _checked(labels, scores)
    order = np.argsort(-s, kind="stable")
    last_of_level = np.append(np.diff(s[order]) != 0, True) if len(s) else np.zeros(0, bool)
    hits = np.cumsum(y[order])[last_of_level]
    alarms = np.cumsum(1 - y[order])[last_of_level]
    with np.errstate(invalid="ignore"):
        return np.append(0.0, alarms / (1 - y).sum()), np.append(0.0, hits / y.sum())


def average_precision(labels: ArrayLike, scores: ArrayLike) -> float:
    """Sum over thresholds of precision times the gain in recall."""
    y, s = _checked(labels, scores)
    if not y.sum() > 0:
        return float("nan")
    fpr, tpr = roc(y, s)
    hits, alarms = tpr * y.sum(), fpr * (1 - y).sum() if (1 - y).any() else np.zeros_like(tpr)
    precision = hits[1:] / (hits + alarms)[1:]
    return float(np.sum(np.diff(tpr) * precision))


def equal_error_rate(labels: ArrayLike, scores: ArrayLike) -> float:
    """Error rate where the ROC curve, joined by straight lines, has FPR = 1 - TPR."""
    fpr, tpr = roc(labels, scores)
    gap = fpr - (1 - tpr)
    if not np.isfinite(gap).all():
        return float("nan")
    after = int(np.argmax(gap >= 0))
    before = max(after - 1, 0)
    step = gap[after] - gap[before]
    part = -gap[before] / step if step > 0 else 0.0
    return float(fpr[before] + part * (fpr[after] - fpr[before]))


def tpr_at_fpr(labels: ArrayLike, scores: ArrayLike, fpr: float = 0.01) -> float:
    """Largest true positive rate of a threshold whose false positive rate does not exceed ``fpr``."""
    false_rate, true_rate = roc(labels, scores)
    if not np.isfinite(false_rate).all() or not np.isfinite(true_rate).all():
        return float("nan")
    return float(true_rate[false_rate <= fpr].max())


def threshold_at(negatives: ArrayLike, share: float) -> float:
    """Probability with ``share`` of further negatives above it expected; infinite below 1 / share - 1 negatives.

    negatives: probabilities (N,) in [0, 1]. share: below a fifth. A quantile of a hundred probabilities hangs on the
    two that are read highest, so the upper fifth of the log-odds is taken for exponential, as tails are in the limit
    (Pickands 1975): given k exceedances of a start, of sum s, a further one exceeds it by more than y with the
    probability (1 + y / s) ** -k, which counts that their mean is not known (Geisser 1993).
    """
    from scipy.special import expit, logit

    odds = np.sort(logit(np.clip(np.asarray(negatives, np.float64), _NEVER, 1 - _NEVER)))
    count = len(odds)
    if (count + 1) * share < 1:
        return float("inf")
    k = max(int(_TAIL * count), 1)
    start = odds[count - k - 1]
    above = (k + 1) / (count + 1)  # share of further ones above the start
    return float(expit(start + np.sum(odds[count - k :] - start) * ((above / share) ** (1 / k) - 1)))


def brier(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean squared difference between probability and outcome."""
    y, p = _checked(labels, probabilities)
    return float(np.mean((p - y) ** 2)) if len(y) else float("nan")


def expected_calibration_error(
    labels: ArrayLike, probabilities: ArrayLike, bins: int = 10, *, balanced: bool = False
) -> float:
    """Mean |share of fakes - mean probability| over ``bins`` equally wide bins, weighted by size (Guo et al. 2017).

    ``balanced`` weighs the classes alike: probabilities that suppose equal classes are not wrong where one is rarer.
    """
    y, p = _checked(labels, probabilities)
    if not len(y) or (balanced and len(set(y.tolist())) < 2):
        return float("nan")
    weights = (
        np.where(y == 1, 0.5 / max(y.sum(), 1), 0.5 / max((1 - y).sum(), 1))
        if balanced
        else np.full(len(y), 1 / len(y))
    )
    index = np.minimum((p * bins).astype(int), bins - 1)
    gaps = np.bincount(index, weights=weights * (y - p), minlength=bins)
    return float(np.abs(gaps).sum())


def equal_mass_calibration_error(labels: ArrayLike, probabilities: ArrayLike, bins: int = 5) -> float:
    """As :func:`expected_calibration_error`, over ``bins`` of equally many clips: none is too small to say anything."""
    y, p = _checked(labels, probabilities)
    if not len(y):
        return float("nan")
    order = np.argsort(p, kind="stable")
    return float(sum(abs((y - p)[part].sum()) for part in np.array_split(order, bins)) / len(y))


def cohens_d(labels: ArrayLike, values: ArrayLike) -> float:
    """(Mean of fakes - mean of negatives) / pooled standard deviation; NaN values are left out."""
    y, v = np.asarray(labels), np.asarray(values, dtype=np.float64)
    fakes, negatives = v[(y == 1) & np.isfinite(v)], v[(y == 0) & np.isfinite(v)]
    if len(fakes) < 2 or len(negatives) < 2:
        return float("nan")
    freedom = len(fakes) + len(negatives) - 2
    pooled = ((len(fakes) - 1) * fakes.var(ddof=1) + (len(negatives) - 1) * negatives.var(ddof=1)) / freedom
    return float((fakes.mean() - negatives.mean()) / np.sqrt(pooled)) if pooled > 0 else float("nan")


def _checked(labels: ArrayLike, scores: ArrayLike) -> tuple[F64, F64]:
    y, s = np.asarray(labels, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if y.shape != s.shape or y.ndim != 1:
        raise ValueError(f"labels {y.shape} and scores {s.shape} must be vectors of one length")
    if not np.isin(y, (0.0, 1.0)).all():
        raise ValueError("labels must be 0 or 1")
    return y, s


def _draws(groups: Sequence[str], bootstraps: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Blocks (B, N) of how often each clip is drawn, whole groups at a time."""
    _, member = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    count = int(member.max(initial=-1)) + 1
    if count:
        draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=bootstraps)
        yield from (block[:, member] for block in np.array_split(draws, 20))


def percentiles(values: F64, level: float) -> tuple[float, float]:
    """The middle ``level`` of the finite ``values``; NaN without one."""
    values = values[np.isfinite(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def weighted_aucs(labels: F64, scores: F64, weights: NDArray[np.generic]) -> F64:
    """AUC for each row of ``weights`` (B, N); NaN in rows that weigh a class zero."""
    _, level = np.unique(scores, return_inverse=True)
    order = np.argsort(level, kind="stable")
    starts = np.flatnonzero(np.diff(level[order], prepend=-1))
    if not len(starts):
        return np.full(len(weights), np.nan)
    w, y = np.asarray(weights, dtype=np.float64)[:, order], labels[order]
    fakes = np.add.reduceat(w * y, starts, axis=1)
    negatives = np.add.reduceat(w * (1 - y), starts, axis=1)
    below = np.cumsum(negatives, axis=1) - negatives
    pairs = fakes.sum(axis=1) * negatives.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        area: F64 = np.sum(fakes * (below + 0.5 * negatives), axis=1) / pairs
    return area
