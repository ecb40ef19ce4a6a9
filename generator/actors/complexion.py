"""Skin: pores, marks, blood and sheen. All in the portrait's frame."""

from __future__ import annotations

import cv2
import numpy as np

from tellmark.generator.actors import ageing
from tellmark.generator.actors.facespace import f32
from tellmark.generator.actors.recipe import Recipe
from tellmark.generator.actors.scenery import noise
from tellmark.generator.types import SIZE
from tellmark.landmarks import FACE_OVAL, LEFT_BROW, LIPS_OUTER, RIGHT_BROW
from tellmark.types import F32

# Where skin is redder than elsewhere: points of the mesh, reach in face widths, and how much, log of green.
_BLOOD = (
    ((4, 1), (0.09, 0.07), 0.02),  # tip of the nose
    ((48, 278), (0.05, 0.05), 0.045),  # its wings
    ((164,), (0.14, 0.05), 0.03),  # under it
    ((50, 280), (0.16, 0.13), 0.02),  # cheeks
    ((159, 386), (0.11, 0.06), 0.028),  # lids
    ((145, 374), (0.11, 0.05), 0.025),
    ((199,), (0.13, 0.08), 0.015),  # chin
)


# Where skin shines more than elsewhere: a point of the mesh, reach in px, and how much.
_OILY = ((151, 42, 0.28), (4, 18, 0.1), (6, 16, 0.15), (117, 26, 0.25), (346, 26, 0.25), (199, 20, 0.2))


def skin_detail(recipe: Recipe, shape: F32, rng: np.random.Generator) -> F32:
    """(SIZE, SIZE, 3) log RGB: pores, blotches, freckles and a few moles."""
    pores = noise(rng, 0.8) - noise(rng, 1.6)
    detail = (0.0085 * pores + 0.003 * noise(rng, 3.0))[..., None] * f32([0.8, 1.0, 1.05])
    detail = detail + (0.005 * noise(rng, 14))[..., None] * f32([0.3, 1.0, 0.8])
    melanin = 0.012 * noise(rng, 9) + 0.016 * noise(rng, 26)  # uneven in everybody, and yellower where there is more
    detail = detail - melanin[..., None] * f32([0.3, 0.75, 1.7])
    # Lips are creased across.
    lips = np.zeros((SIZE, SIZE), np.float32)
    cv2.fillPoly(lips, [np.round(shape[list(LIPS_OUTER), :2]).astype(np.int32)], 1.0)
    creases = cv2.GaussianBlur(rng.normal(0, 1, (SIZE, SIZE)).astype(np.float32), (0, 0), sigmaX=0.9, sigmaY=4.0)
    creased = cv2.GaussianBlur(lips, (0, 0), 1.2) * np.minimum(creases / creases.std(), 1.0)
    marks = np.zeros((SIZE, SIZE), np.float32)
    freckled = rng.random() < 0.18
    for _ in range(int(rng.integers(60, 220)) if freckled else int(rng.poisson(2))):
        spot = shape[1, :2] + rng.normal(0, [55, 32] if freckled else [60, 70])
        strength = rng.uniform(0.08, 0.22) if freckled else rng.uniform(0.3, 0.7)
        cv2.circle(
            marks,
            np.round(spot * 16).astype(int).tolist(),
            int(16 * rng.uniform(0.5, 1.2)),
            float(strength),
            -1,
            cv2.LINE_AA,
            4,
        )
    keep = np.ones((SIZE, SIZE), np.float32)
    for loop in (LIPS_OUTER, RIGHT_BROW, LEFT_BROW):
        cv2.fillConvexPoly(keep, cv2.convexHull(np.round(shape[list(loop), :2]).astype(np.int32)), 0.35)
    marks = cv2.GaussianBlur(marks, (0, 0), 0.7) * keep
    detail = detail * keep[..., None] + 0.045 * creased[..., None]
    full = np.float32(1.0 if recipe.feminine else 0.4)
    detail = detail - full * cv2.GaussianBlur(lips, (0, 0), 1.5)[..., None] * f32([0.03, 0.11, 0.09])
    # Hair keeps light off the forehead, further down than the shadows' grid can tell.
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    reach = 0.45 * float(np.ptp(shape[list(FACE_OVAL), 0]))
    forehead = np.exp(-(((x - shape[10, 0]) / reach) ** 2) - ((y - shape[10, 1]) / (0.75 * reach)) ** 2)
    detail = detail - forehead[..., None] * f32([0.10, 0.115, 0.125])
    return np.asarray(detail - marks[..., None] * f32([0.5, 0.9, 1.0]), np.float32)


def blood(recipe: Recipe, shape: F32) -> F32:
    """(SIZE, SIZE) blood under the skin above the face's average: nose, cheeks, lids, upper lip and chin."""
    rng = np.random.default_rng([recipe.seed, 7])
    width = float(np.ptp(shape[list(FACE_OVAL), 0]))
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    out = np.zeros((SIZE, SIZE), np.float32)
    flush = float(np.exp(rng.normal(0, 0.5))) * min(1.0, 0.3 + float(np.mean(recipe.skin)))  # melanin hides it
    for points, reach, typical in _BLOOD:
        strength = typical * (0.4 * flush + 0.6 * float(np.exp(rng.normal(0, 0.4))))
        for point in points:
            u, v = (x - shape[point, 0]) / (reach[0] * width), (y - shape[point, 1]) / (reach[1] * width)
            out += np.float32(strength) * np.exp(-(u**2) - v**2)
    mottled = (0.012 * noise(rng, 12) + 0.012 * noise(rng, 36)) * np.float32(
        min(1.0, 0.3 + float(np.mean(recipe.skin)))
    )
    return np.asarray(out * np.clip(1 + 0.10 * noise(rng, 8), 0.5, 1.5) + mottled, np.float32)


def sheen(recipe: Recipe, shape: F32) -> F32:
    """(SIZE, SIZE, 1) how much the skin mirrors: forehead, nose and cheekbones most, in pores unevenly."""
    rng = np.random.default_rng([recipe.seed, 6])
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    oily = np.full((SIZE, SIZE), 0.35, np.float32)
    for point, reach, more in _OILY:
        oily += more * np.exp(-((x - shape[point, 0]) ** 2 + (y - shape[point, 1]) ** 2) / reach**2)
    pores = np.clip(1 + 0.12 * noise(rng, 0.9), 0, 2.5)
    # Beside dark skin, which a camera exposes for, as much shine would be white paint.
    much = rng.uniform(0.10, 0.26) * min(1.0, 0.22 + 0.95 * float(np.mean(recipe.skin)))
    much *= 1 - 0.4 * ageing.years(recipe.age)
    return np.asarray((much * oily * pores)[..., None], np.float32)


def grain(seed: int) -> F32:
    """(SIZE, SIZE, 3) what pores and fine creases add to the normals of skin, for what it mirrors."""
    rng = np.random.default_rng([seed, 9])
    slope = [0.011 * noise(rng, 1.0) + 0.011 * noise(rng, 2.2) + 0.010 * noise(rng, 6) for _ in range(2)]
    return np.dstack([*slope, np.zeros_like(slope[0])]).astype(np.float32)
