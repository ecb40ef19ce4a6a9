"""From log-odds to probabilities that can be read as such, for clips of unseen persons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tellmark.types import F64


@dataclass(frozen=True, slots=True)
class Logistic:
    """p = 1 / (1 + exp(-(slope * margin + offset))): Platt's calibration."""

    slope: float = 1.0
    offset: float = 0.0

    def __call__(self, margin: ArrayLike) -> F64:
        logit = np.clip(self.slope * np.asarray(margin, np.float64) + self.offset, -30, 30)
        return np.asarray(1 / (1 + np.exp(-logit)), np.float64)


def platt(margins: F64, labels: NDArray[np.int64]) -> Logistic:
    """Logistic fit of labels on margins (Platt 1999), classes of equal weight; never a falling curve."""
    from sklearn.linear_model import LogisticRegression

    scale = float(np.std(margins)) or 1.0
    fitted = LogisticRegression(C=10.0, class_weight="balanced").fit(margins[:, None] / scale, labels)
    return Logistic(max(0.0, float(fitted.coef_[0, 0])) / scale, float(fitted.intercept_[0]))
