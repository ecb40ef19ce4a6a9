"""Random features, for models to learn from."""

from __future__ import annotations

import numpy as np

from tellmark.detector.features import NAMES
from tellmark.types import F64

_FIRST = 95  # what there was when chances were chosen that tests depend on


def normal(rng: np.random.Generator, *shape: int) -> F64:
    """(*shape, len(NAMES)) normal values; columns added later are drawn apart, and leave those of the others alone."""
    first = rng.normal(size=(*shape, _FIRST))
    more = rng.spawn(1)[0].normal(size=(*shape, len(NAMES) - _FIRST))
    return np.asarray(np.concatenate([first, more], axis=-1), np.float64)
