"""How strongly a window was compressed, as its pixels show it, and what real faces look like at that quality.

What gives a fake away at one quality is what compression does to every face at another: without pores, skin is smooth
in both. So each tell can be measured against real clips of the same quality: less the value, and over the spread, that
they have there (a regression on each, linear in the quality). The discriminant of a model of several rungs of
compression adds up these departures from real footage like this. The trees ask about the values themselves: halves
that see different things make different mistakes, and trees on departures did worse (``docs/log.md``).

The quality is a point on a few axes: the directions among tells of single pictures, spectrum and noise, that tell the
rungs of the training data apart (Fisher's discriminant). Detection is told no rung, and reads nothing but the pictures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellmark.detector.features import NAMES
from tellmark.types import F64

_FAMILIES = ("spectral", "noise")
_COLUMNS = np.array([column for column, name in enumerate(NAMES) if name.split(".")[0] in _FAMILIES])
_FAR = 4.0  # deviations at which a column, or an axis, is cut off: no line is drawn on beyond what was seen
_FARTHEST = 8.0  # deviations from real clips that still count
_SHRINK = 0.2  # of the discriminant's covariance, towards a sphere
_RIDGE, _RIDGE_OF_SPREAD = 0.02, 0.1  # of the regressions, for axes of spread 1
_FEWEST = 20  # windows of real clips that know a column, for a regression


@dataclass(frozen=True, slots=True)
class Quality:
    """C columns are read, A axes seen, D = len(NAMES) columns put in proportion."""

    middle: F64  # (C,) median
    spread: F64  # (C,) half of what lies between the 16th and the 84th percentile
    axes: F64  # (C, A)
    origin: F64  # (A,)
    usual: F64  # (1 + A, D) value of real clips: a constant, and what an axis adds
    scatter: F64  # (1 + A, D) log of their spread, the same

    def seen(self, x: F64) -> F64:
        """(N, A) the quality of each window of ``x`` (N, D): robust deviations from the training's middle."""
        standard = np.nan_to_num(np.clip((x[:, _COLUMNS] - self.middle) / self.spread, -_FAR, _FAR))
        return np.asarray(np.clip(standard @ self.axes - self.origin, -_FAR, _FAR), np.float64)

    def proportion(self, x: F64) -> F64:
        """(N, D) each column of ``x`` in deviations from real clips of the window's quality; NaN stays NaN."""
        basis = _basis(self.seen(x))
        return np.asarray(
            np.clip((x - basis @ self.usual) / np.exp(basis @ self.scatter), -_FARTHEST, _FARTHEST), np.float64
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, to be saved; :meth:`from_arrays` takes them back."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Quality:
        """Raises ``KeyError`` where one of the arrays is missing."""
        return cls(**{item.name: arrays[item.name].astype(np.float64) for item in fields(cls)})


def learn(x: F64, rungs: NDArray[np.str_], real: NDArray[np.bool_], weights: F64) -> Quality:
    """Axes from all windows of ``x`` (N, D) and their ``rungs``, two or more; regressions from the ``real`` ones."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    low, middle, high = (np.nan_to_num(np.nanpercentile(x[:, _COLUMNS], share, axis=0)) for share in (16, 50, 84))
    spread = (high - low) / 2 + 1e-6
    standard = np.nan_to_num(np.clip((x[:, _COLUMNS] - middle) / spread, -_FAR, _FAR))
    fisher = LinearDiscriminantAnalysis(solver="eigen", shrinkage=_SHRINK).fit(standard, rungs)
    axes = np.asarray(fisher.scalings_, np.float64)[:, : len(set(rungs.tolist())) - 1]
    low, origin, high = np.percentile(standard @ axes, [16, 50, 84], axis=0)
    unit = (high - low) / 2 + 1e-6
    nothing = np.zeros((1 + axes.shape[1], x.shape[1]))
    found = Quality(middle, spread, axes / unit, origin / unit, nothing.copy(), nothing.copy())
    basis = _basis(found.seen(x))
    for column, values in enumerate(x.T):
        known = real & np.isfinite(values)
        if known.sum() >= _FEWEST:
            lines = _regress(basis[known], values[known], weights[known])
            found.usual[:, column], found.scatter[:, column] = lines
    return found


def _regress(basis: F64, values: F64, weights: F64) -> tuple[F64, F64]:
    """Two lines on ``basis`` (N, 1 + A): of the values, whatever single ones do (Huber), and of their spread's log."""
    weights = weights / weights.sum()
    trust, deviation = np.ones(len(values)), 1.0
    usual, rest = np.zeros(basis.shape[1]), values
    for _ in range(3):
        usual = _ridge(basis, values, weights * trust, _RIDGE)
        rest = np.abs(values - basis @ usual)
        deviation = 1.48 * float(np.median(rest)) + 1e-9
        trust = np.minimum(1.0, 2 * deviation / (rest + 1e-9))
    scatter = _ridge(basis, np.log(rest + 0.1 * deviation), weights, _RIDGE_OF_SPREAD)
    scatter[0] += np.log(1.48 * np.median(rest / np.exp(basis @ scatter)) + 1e-9)
    return usual, scatter


def _ridge(basis: F64, values: F64, weights: F64, strength: float) -> F64:
    weighted = (basis * weights[:, None]).T
    penalty = np.diag([0.0] + [strength] * (basis.shape[1] - 1))
    return np.asarray(np.linalg.solve(weighted @ basis + penalty, weighted @ values), np.float64)


def _basis(seen: F64) -> F64:
    return np.hstack([np.ones((len(seen), 1)), seen])
