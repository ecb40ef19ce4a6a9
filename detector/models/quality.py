"""How strongly a window was compressed, as its pixels show it, and what real faces look like at that quality.

What gives a fake away at one quality is what compression does to every face at another: without pores, skin is smooth
in both. So each tell can be measured against real clips of the same quality (``proportion``). The discriminant of a
model of several rungs of compression adds up these departures from real footage like this. The trees ask about the
values themselves: halves that see different things make different mistakes, and trees on departures did worse
(``docs/log.md``).

The quality is a point on a few axes: the directions among tells of single pictures, spectrum and noise, that tell the
rungs of the training data apart (Fisher's discriminant). Detection is told no rung, and reads nothing but the pictures.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tellmark.detector.features import NAMES
from tellmark.detector.models.proportion import Proportion, robust_scale, standardised
from tellmark.types import F64

_FAMILIES = ("spectral", "noise")
_COLUMNS = np.array([column for column, name in enumerate(NAMES) if name.split(".")[0] in _FAMILIES])
_SHRINK = 0.2  # of the discriminant's covariance, towards a sphere


def learn(x: F64, rungs: NDArray[np.str_], real: NDArray[np.bool_], weights: F64) -> Proportion:
    """Axes from all windows of ``x`` (N, D) and their ``rungs``, two or more; regressions from the ``real`` ones."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    middle, spread = robust_scale(x[:, _COLUMNS])
    standard = standardised(x[:, _COLUMNS], middle, spread)
    fisher = LinearDiscriminantAnalysis(solver="eigen", shrinkage=_SHRINK).fit(standard, rungs)
    axes = np.asarray(fisher.scalings_, np.float64)[:, : len(set(rungs.tolist())) - 1]
    low, origin, high = np.percentile(standard @ axes, [16, 50, 84], axis=0)
    unit = (high - low) / 2 + 1e-6
    found = Proportion.along(_COLUMNS, middle, spread, axes / unit, origin / unit, x.shape[1])
    return found.against(x, real, weights)
