"""What each block of the picture holds in each half second: sums that say how well it fits a mark that is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from tellmark.types import F64


@dataclass(frozen=True, slots=True)
class BlockSums:
    """times_s: (windows, 2) start and end. All other arrays: (windows, 3, rows, columns) for Y, Cb and Cr.

    scores: correlation of a block with the mark. ideal: the same of a mark of unit gain, nothing of it lost. power: of
    what was correlated. chance: mean square of what blocks correlate with the mark shifted elsewhere. came, put,
    uncertain: of the probe's mark, what came back, what was put in, and the mean square of the former by chance.
    quality: CRF at which x264 leaves as much of a mark as is left here.
    """

    times_s: F64
    scores: F64
    ideal: F64
    power: F64
    chance: F64
    came: F64
    put: F64
    uncertain: F64
    quality: float

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Of parts that follow one another."""
        *arrays, _ = (each.name for each in fields(cls))
        whole = {name: np.concatenate([getattr(part, name) for part in parts]) for name in arrays}
        return cls(**whole, quality=parts[-1].quality)
