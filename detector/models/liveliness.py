"""How much moves in a window, and what real faces look like where as much moves.

Of other systems' fakes many are calm: a portrait that nods. Real people who sit still are calm as well, and most tells
follow motion, of whatever class: texture persists, flow fits, landmarks tremble against small steps. Measured against
real clips in which head and scenery move as much, calm alone says nothing, and systems that were never met are told
apart better (``docs/log.md``: chosen nested, by the figures of other systems and other persons).

The axes are four tells: how fast the head turns, comes nearer and moves its nose within the face, and how much the far
scenery changes. They themselves stay as they are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tellmark.detector.features import NAMES
from tellmark.detector.models.proportion import Proportion, robust_scale
from tellmark.types import F64

AXES = ("pose.speed", "pose.zoom", "rigidity.change", "jitter.nose_size")
FAMILIES = frozenset(name.split(".")[0] for name in AXES)
_COLUMNS = np.array([NAMES.index(name) for name in AXES])


def is_axis_of(found: Proportion) -> bool:
    """Whether tells are in proportion to motion there, and not to something else."""
    return np.array_equal(found.columns, _COLUMNS)


def learn(x: F64, real: NDArray[np.bool_], weights: F64) -> Proportion:
    """Axes from all windows of ``x`` (N, D), regressions from the ``real`` ones."""
    middle, spread = robust_scale(x[:, _COLUMNS])
    found = Proportion.along(_COLUMNS, middle, spread, np.eye(len(AXES)), np.zeros(len(AXES)), x.shape[1])
    return found.against(x, real, weights, steady=True)
