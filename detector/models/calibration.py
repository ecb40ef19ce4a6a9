"""From log-odds to probabilities that can be read as such, for clips of unseen persons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tellmark.types import F64

_FAR = 30.0  # log-odds beyond which nothing changes
_STRENGTH = 10.0  # of the fit against its ridge: scikit-learn's C
_MOST = 0.9  # of the fakes that may lapse


@dataclass(frozen=True, slots=True)
class Logistic:
    """p / (1 - p) = lapse + (1 - lapse) exp(slope * margin + offset): Platt's calibration where nothing lapses.

    lapse is the share of fakes whose margins are those of real clips, as psychometric functions have one (Wichmann and
    Hill 2001): however low a margin is, p does not fall below lapse / (1 + lapse).
    """

    slope: float = 1.0
    offset: float = 0.0
    lapse: float = 0.0

    def __call__(self, margin: ArrayLike) -> F64:
        told = np.asarray(1 / (1 + np.exp(-self._logit(margin))), np.float64)
        fake = self.lapse * (1 - told) + (1 - self.lapse) * told
        return np.asarray(fake / (fake + (1 - told)), np.float64)

    def log_odds(self, margin: ArrayLike) -> F64:
        """log(p / (1 - p))."""
        return np.asarray(np.log(self.lapse + (1 - self.lapse) * np.exp(self._logit(margin))), np.float64)

    def rise(self, start: float, end: float) -> float:
        """What the log-odds gain from one margin to the other, over what lies between: the slope if nothing lapses."""
        if self.lapse == 0 or start == end:
            return self.slope
        return float(self.log_odds(end) - self.log_odds(start)) / (end - start)

    def _logit(self, margin: ArrayLike) -> F64:
        return np.asarray(np.clip(self.slope * np.asarray(margin, np.float64) + self.offset, -_FAR, _FAR), np.float64)


def platt(margins: F64, labels: NDArray[np.int64]) -> Logistic:
    """Logistic fit of labels on margins (Platt 1999), classes of equal weight; never a falling curve."""
    from sklearn.linear_model import LogisticRegression

    scale = float(np.std(margins)) or 1.0
    fitted = LogisticRegression(C=_STRENGTH, class_weight="balanced").fit(margins[:, None] / scale, labels)
    return Logistic(max(0.0, float(fitted.coef_[0, 0])) / scale, float(fitted.intercept_[0]))


def lapsing(margins: F64, labels: NDArray[np.int64]) -> Logistic:
    """As :func:`platt`, with the share of fakes that lapse fitted as well, by maximum likelihood."""
    from scipy.optimize import minimize

    scale = float(np.std(margins)) or 1.0
    start = platt(margins / scale, labels)
    weights = np.where(labels == 1, 0.5 / np.mean(labels == 1), 0.5 / np.mean(labels == 0)) / len(labels)

    def loss(values: F64) -> float:
        odds = Logistic(*values).log_odds(margins / scale)
        missed = np.logaddexp(0, odds) - odds * (labels == 1)
        return float(weights @ missed + values[0] ** 2 / (2 * _STRENGTH * len(labels)))

    bounds = [(0, None), (None, None), (0, _MOST)]
    found = minimize(loss, [start.slope, start.offset, 0.05], bounds=bounds, method="L-BFGS-B").x
    return Logistic(float(found[0]) / scale, float(found[1]), float(found[2]))
