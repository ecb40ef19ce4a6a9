"""The linear half of the model: Fisher's discriminant over all columns, and over how unusual each of them is.

Trees learn which values of few columns the fakes they met have; a discriminant weighs every column by how far it tells
the classes apart given all others, and holds better on systems it never met (measured: ``bench detector --with
part=unseen``). Each column counts twice: as it is, and as its distance from the middle, since a fake may lie on either
side. The covariance is that of Fisher (1936), shrunk towards a sphere (Ledoit and Wolf 2004, with a fixed share).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellmark.types import F64

_FAR = 3.0  # deviations at which a column is cut off
_BEND = 0.7  # what the distance counts for before it is weighed
_USUAL = 0.8  # mean distance of a normal variable from its middle
_SHRINK = 0.2


@dataclass(frozen=True, slots=True)
class Discriminant:
    """A sum over columns, each array (D,). A missing value counts as the middle."""

    middle: F64  # median
    spread: F64  # half of what lies between the 16th and the 84th percentile
    slope: F64  # of the column
    bend: F64  # of its distance from the middle

    def parts(self, x: F64) -> F64:
        """(N, D) what each column adds to each row of ``x`` (N, D)."""
        z = _standard(x, self.middle, self.spread)
        return z * self.slope + _distance(z) * self.bend

    def scaled(self, factor: float) -> Discriminant:
        """The same with everything it adds multiplied."""
        return Discriminant(self.middle, self.spread, self.slope * factor, self.bend * factor)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, to be saved; :meth:`from_arrays` takes them back."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Discriminant:
        """Raises ``KeyError`` where one of the arrays is missing."""
        return cls(**{item.name: arrays[item.name].astype(np.float64) for item in fields(cls)})


def learn(
    x: F64,
    labels: NDArray[np.int64],
    weights: F64,
    used: NDArray[np.intp],
    *,
    looks: NDArray[np.intp] | None = None,
    steady: float = 0.0,
) -> Discriminant:
    """Tell ``labels`` 1 from 0 by the columns ``used`` of ``x`` (N, D); the others add nothing.

    looks: (P, 2) rows that show one window in two encodings. What differs between them counts ``steady`` times more in
    the covariance, so that columns which an encoder moves weigh less.
    """
    middle, spread = np.zeros(x.shape[1]), np.ones(x.shape[1])
    for column in map(int, used):
        if len(known := x[np.isfinite(x[:, column]), column]):
            low, middle[column], high = np.percentile(known, [16, 50, 84])
            spread[column] = (high - low) / 2 + 1e-6
    z = _standard(x, middle, spread)[:, used]
    columns = np.hstack([z, _distance(z)])
    means = np.stack([np.average(columns[labels == k], axis=0, weights=weights[labels == k]) for k in (0, 1)])
    rest = columns - means[labels]
    within = (rest * weights[:, None]).T @ rest / weights.sum()
    if looks is not None and len(looks):
        moved = columns[looks[:, 0]] - columns[looks[:, 1]]
        within += steady * moved.T @ moved / (2 * len(looks))
    sphere = np.eye(len(within)) * (np.trace(within) / len(within) + 1e-9)
    found = np.linalg.solve((1 - _SHRINK) * within + _SHRINK * sphere, means[1] - means[0])
    slope, bend = np.zeros(x.shape[1]), np.zeros(x.shape[1])
    slope[used], bend[used] = found[: len(used)], found[len(used) :]
    return Discriminant(middle, spread, slope, bend)


def _standard(x: F64, middle: F64, spread: F64) -> F64:
    return np.asarray(np.nan_to_num(np.clip((x - middle) / spread, -_FAR, _FAR)), np.float64)


def _distance(z: F64) -> F64:
    return _BEND * (np.abs(z) - _USUAL)
