"""The hairs of the brows, over the soft shade that mixed faces have there. In the portrait's frame."""

from __future__ import annotations

import numpy as np

from tellmark.generator.actors import fibres
from tellmark.generator.actors.facespace import f32
from tellmark.generator.actors.recipe import Recipe
from tellmark.landmarks import FACE_OVAL
from tellmark.types import F32

# Upper and lower edge from the temple to the nose.
_EDGES = (((70, 63, 105, 66, 107), (46, 53, 52, 65, 55)), ((300, 293, 334, 296, 336), (276, 283, 282, 295, 285)))
_HAIRS, _POINTS = 260, 6  # of a brow; on a hair


def paint(recipe: Recipe, shape: F32, rng: np.random.Generator) -> F32:
    """(SIZE, SIZE, 4) premultiplied sRGB without light."""
    width = float(np.ptp(shape[list(FACE_OVAL), 0]))
    thin = float(rng.uniform(0.55, 0.85) if recipe.feminine else rng.uniform(0.8, 1.15))
    dense = float(rng.uniform(0.6, 1.0) if recipe.feminine else rng.uniform(0.8, 1.3))
    hairs, alpha = [], []
    for (upper, lower), outwards in zip(_EDGES, (-1, 1), strict=True):
        count = round(_HAIRS * dense)
        along = rng.beta(1.3, 1.15, count)  # 0 at the temple
        across = np.clip(0.5 + 0.26 * thin * rng.normal(0, 1, count), -0.1, 1.1)
        place = along * (len(upper) - 1)
        top, bottom = (
            np.stack([np.interp(place, np.arange(5), shape[list(edge), k]) for k in (0, 1)], axis=1)
            for edge in (upper, lower)
        )
        # The tracker's brows are thicker than hair grows at the temple.
        root = top + (bottom - top) * (across * (0.45 + 0.55 * along) + 0.25 * (1 - along))[:, None]
        # They grow upwards beside the nose, outwards along the ridge, and downwards from above.
        rise = 1.5 * np.clip((along - 0.72) / 0.28, 0, 1) + 0.5 * (across - 0.45) - 0.25 * (1 - along)
        way = np.stack([np.full(count, outwards, float), -rise], axis=1) + rng.normal(0, 0.16, (count, 2))
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        length = width * rng.uniform(0.022, 0.046, count) * (0.75 + 0.25 * along)
        t = np.linspace(0, 1, _POINTS)[None, :, None]
        bend = f32([outwards, 0.25]) * t**2 * 0.5
        hairs.append(root[:, None] + (way[:, None] * t + bend) * length[:, None, None])
        alpha.append((0.30 + 0.14 * np.minimum(along * 3, 1)) * rng.uniform(0.5, 1, count))
    path = np.concatenate(hairs)
    tone = f32(recipe.hair.colour) * 0.42 * np.exp(rng.normal(0, 0.18, (len(path), 1, 1)))
    colour = np.broadcast_to(np.clip(tone, 0, 1), (*path.shape[:2], 3))
    strands = np.dstack([path, np.zeros(path.shape[:2])]).astype(np.float32)
    opacity = np.concatenate(alpha).astype(np.float32)
    return fibres.draw(strands, np.ascontiguousarray(colour, np.float32), opacity, 1.0)[1]
