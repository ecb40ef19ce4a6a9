"""What is a face's own beyond the mixtures: a nose, eyes, brows, mouth, chin and jaw of this size, at this place.

Smooth fields over the mesh, each an affine move around its centre that fades out; drawn for every actor, from nobody.
Spreads are about those of people or below (Farkas 1994: most measures vary by 5 to 8 %), as mixtures vary, too.
"""

from __future__ import annotations

import numpy as np

from tellmark.generator.actors.facespace import f32
from tellmark.landmarks import FACE_OVAL, LEFT_BROW, LEFT_EYE, LIPS_OUTER, RIGHT_BROW, RIGHT_EYE
from tellmark.types import F32

# Points whose mean is the centre; reach across and down, face widths; and what a strength of 1 does there: scale across
# and down, move outwards and down, face widths.
_FIELDS: dict[str, tuple[tuple[int, ...], tuple[float, float], tuple[float, float, float, float]]] = {
    "nose, broad": ((4, 2), (0.20, 0.16), (0.09, 0, 0, 0)),
    "nose, long": ((4, 2), (0.22, 0.17), (0, 0.03, 0, 0.020)),
    "eyes, apart": (RIGHT_EYE, (0.24, 0.16), (0, 0, 0.012, 0)),
    "eyes, large": (RIGHT_EYE, (0.17, 0.11), (0.05, 0.07, 0, 0)),
    "eyes, low": (RIGHT_EYE, (0.30, 0.17), (0, 0, 0, 0.009)),
    "brows, low": (RIGHT_BROW, (0.26, 0.09), (0, 0, 0, 0.013)),
    "mouth, wide": (LIPS_OUTER, (0.26, 0.12), (0.07, 0, 0, 0)),
    "lips, full": (LIPS_OUTER, (0.26, 0.12), (0, 0.13, 0, 0)),
    "mouth, low": (LIPS_OUTER, (0.30, 0.14), (0, 0, 0, 0.012)),
    "chin, long": ((152,), (0.38, 0.24), (0, 0, 0, 0.024)),
    "jaw, broad": ((172, 397), (1.0, 0.30), (0.035, 0, 0, 0)),
    "cheeks, broad": ((234, 454), (1.0, 0.25), (0.025, 0, 0, 0)),
    "forehead, broad": ((54, 284), (1.0, 0.25), (0.025, 0, 0, 0)),
    "bridge, broad": ((6, 197), (0.09, 0.16), (0.14, 0, 0, 0)),
    "nose, turned up": ((4, 1), (0.11, 0.09), (0, 0.06, 0, -0.012)),
    "nostrils, broad": ((48, 278), (0.18, 0.07), (0.08, 0, 0, 0)),
    "eyes, slanted": ((33,), (0.08, 0.07), (0, 0, 0, -0.010)),
    "eyes, open": (RIGHT_EYE, (0.13, 0.06), (0, 0.10, 0, 0)),
    "brows, arched": ((105,), (0.10, 0.08), (0, 0, 0, -0.009)),
    "brows, close": ((107,), (0.08, 0.08), (0, 0, -0.010, 0.004)),
    "upper lip, full": ((0,), (0.16, 0.045), (0, 0, 0, -0.010)),
    "lower lip, full": ((17,), (0.16, 0.05), (0, 0, 0, 0.010)),
    "chin, broad": ((152,), (0.24, 0.14), (0.10, 0, 0, 0)),
    "jaw, angular": ((172,), (0.18, 0.16), (0, 0, 0.020, 0.012)),
    "cheekbones, broad": ((116,), (0.18, 0.14), (0, 0, 0.014, 0)),
    "middle, long": ((2,), (0.8, 0.30), (0, 0, 0, 0.020)),
}
COUNT = len(_FIELDS)
_PAIRED = {RIGHT_EYE: LEFT_EYE, RIGHT_BROW: LEFT_BROW}
_PAIRED |= {(33,): (263,), (105,): (334,), (107,): (336,), (172,): (397,), (116,): (345,)}
# What is more common in men, strengths; in women as much less.
_MASCULINE = {
    "jaw, broad": 0.35, "chin, broad": 0.45, "brows, low": 0.35, "lips, full": -0.3, "nose, broad": 0.25,
    "eyes, large": -0.25, "eyes, open": -0.25, "jaw, angular": 0.35, "brows, arched": -0.4, "chin, long": 0.3,
}  # fmt: skip


def draw(feminine: bool, rng: np.random.Generator) -> F32:
    """(COUNT,) strengths for somebody of the group."""
    typical = f32([(-1 if feminine else 1) * _MASCULINE.get(name, 0.0) for name in _FIELDS])
    return np.asarray(np.clip(typical + rng.normal(0, 0.9, COUNT), -1.8, 1.8), np.float32)


def shaped(shape: F32, strengths: tuple[float, ...]) -> F32:
    """(478, 3) ``shape`` with its own features; ``strengths`` (COUNT,), about -2 to 2."""
    width = float(np.ptp(shape[list(FACE_OVAL), 0]))
    middle = float(shape[list(FACE_OVAL), 0].mean())
    move = np.zeros_like(shape)
    for (points, reach, (wider, taller, outwards, down)), strength in zip(_FIELDS.values(), strengths, strict=True):
        for loop in (points, _PAIRED[points]) if points in _PAIRED else (points,):
            centre = shape[list(loop), :2].mean(axis=0)
            offset = shape[:, :2] - centre
            near = np.exp(-((offset / (f32(reach) * width)) ** 2).sum(axis=1, keepdims=True))
            side = np.sign(centre[0] - middle) if points in _PAIRED else 0
            move[:, :2] += strength * near * (offset * f32([wider, taller]) + width * f32([side * outwards, down]))
    return np.asarray(shape + move, np.float32)
