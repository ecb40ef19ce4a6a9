"""What each tell reads in real clips of the same circumstances, and how far a window is from that.

A few axes say under which circumstances a window was filmed: how strongly it was compressed (``quality``), or how much
moves in it (``liveliness``). Each tell is then measured against real clips that are alike on these axes: less the
value, and over the spread, that they have there (a regression, linear in the axes). Nothing is read but tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellmark.types import F64

_FAR = 4.0  # deviations at which a column, or an axis, is cut off: no line is drawn on beyond what was seen
_FARTHEST = 8.0  # deviations from real clips that still count
_RIDGE, _RIDGE_OF_SPREAD = 0.02, 0.1  # of the regressions, for axes of spread 1
_FEWEST = 20  # windows of real clips that know a column, for a regression


@dataclass(frozen=True, slots=True)
class Proportion:
    """C columns are read, A axes seen, D columns put in proportion."""

    columns: NDArray[np.intp]  # (C,) which are read
    middle: F64  # (C,) median
    spread: F64  # (C,) half of what lies between the 16th and the 84th percentile
    axes: F64  # (C, A)
    origin: F64  # (A,)
    usual: F64  # (1 + A, D) value of real clips: a constant, and what an axis adds
    scatter: F64  # (1 + A, D) log of their spread, the same

    @classmethod
    def along(
        cls, columns: NDArray[np.intp], middle: F64, spread: F64, axes: F64, origin: F64, width: int
    ) -> Proportion:
        """Axes alone: ``width`` columns stay as they are until :meth:`against` is asked."""
        nothing = np.zeros((1 + axes.shape[1], width))
        return cls(columns, middle, spread, axes, origin, nothing, nothing)

    def against(self, x: F64, real: NDArray[np.bool_], weights: F64, *, steady: bool = False) -> Proportion:
        """The same axes with the regressions of the ``real`` rows of ``x`` (N, D), which count ``weights`` (N,).

        steady: the spread is taken to be the same everywhere, and columns that are an axis themselves stay in their
        own units.
        """
        usual, scatter = self.usual.copy(), self.scatter.copy()
        basis = _basis(self.seen(x))
        for column, values in enumerate(x.T):
            known = real & np.isfinite(values)
            if known.sum() >= _FEWEST:
                terms = 1 if steady and column in self.columns else basis.shape[1]
                lines = _regress(basis[known, :terms], values[known], weights[known], 1 if steady else terms)
                usual[:terms, column], scatter[: len(lines[1]), column] = lines
        return replace(self, usual=usual, scatter=scatter)

    def seen(self, x: F64) -> F64:
        """(N, A) the circumstances of each window of ``x`` (N, D): robust deviations from the training's middle."""
        standard = standardised(x[:, self.columns], self.middle, self.spread)
        return np.asarray(np.clip(standard @ self.axes - self.origin, -_FAR, _FAR), np.float64)

    def of(self, x: F64) -> F64:
        """(N, D) each column of ``x`` in deviations from real clips of the window's circumstances; NaN stays NaN."""
        basis = _basis(self.seen(x))
        return np.asarray(
            np.clip((x - basis @ self.usual) / np.exp(basis @ self.scatter), -_FARTHEST, _FARTHEST), np.float64
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, to be saved; :meth:`from_arrays` takes them back."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Proportion:
        """Raises ``KeyError`` where one of the arrays is missing."""
        return cls(
            arrays["columns"].astype(np.intp),
            **{item.name: arrays[item.name].astype(np.float64) for item in fields(cls) if item.name != "columns"},
        )


def standardised(values: F64, middle: F64, spread: F64) -> F64:
    """``values`` (N, C) in deviations, cut off where they are far; 0 where nothing is known."""
    return np.asarray(np.nan_to_num(np.clip((values - middle) / spread, -_FAR, _FAR)), np.float64)


def robust_scale(values: F64) -> tuple[F64, F64]:
    """Median, and half of what lies between the 16th and the 84th percentile, of each column of ``values`` (N, C)."""
    low, middle, high = (np.nan_to_num(np.nanpercentile(values, share, axis=0)) for share in (16, 50, 84))
    return middle, (high - low) / 2 + 1e-6


def _regress(basis: F64, values: F64, weights: F64, terms: int) -> tuple[F64, F64]:
    """Two lines on ``basis`` (N, B): of the values, whatever single ones do (Huber), and of their spread's log.

    The second one has the first ``terms`` of the basis alone.
    """
    weights = weights / weights.sum()
    trust, deviation = np.ones(len(values)), 1.0
    usual, rest = np.zeros(basis.shape[1]), values
    for _ in range(3):
        usual = _ridge(basis, values, weights * trust, _RIDGE)
        rest = np.abs(values - basis @ usual)
        deviation = 1.48 * float(np.median(rest)) + 1e-9
        trust = np.minimum(1.0, 2 * deviation / (rest + 1e-9))
    basis = basis[:, :terms]
    scatter = _ridge(basis, np.log(rest + 0.1 * deviation), weights, _RIDGE_OF_SPREAD)
    scatter[0] += np.log(1.48 * np.median(rest / np.exp(basis @ scatter)) + 1e-9)
    return usual, scatter


def _ridge(basis: F64, values: F64, weights: F64, strength: float) -> F64:
    weighted = (basis * weights[:, None]).T
    penalty = np.diag([0.0] + [strength] * (basis.shape[1] - 1))
    return np.asarray(np.linalg.solve(weighted @ basis + penalty, weighted @ values), np.float64)


def _basis(seen: F64) -> F64:
    return np.hstack([np.ones((len(seen), 1)), seen])
