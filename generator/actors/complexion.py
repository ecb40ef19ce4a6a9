"""Skin: pores, marks, sheen and beards. All in the portrait's frame."""

from __future__ import annotations

import cv2
import numpy as np

from tellmark.generator.actors import fibres
from tellmark.generator.actors.facespace import f32
from tellmark.generator.actors.recipe import Recipe
from tellmark.generator.actors.scenery import noise
from tellmark.generator.types import SIZE
from tellmark.landmarks import FACE_OVAL, LEFT_BROW, LIPS_OUTER, RIGHT_BROW
from tellmark.types import F32


def skin_detail(recipe: Recipe, shape: F32, rng: np.random.Generator) -> F32:
    """(SIZE, SIZE, 3) log RGB: pores, blotches, freckles and a few moles."""
    pores = noise(rng, 0.8) - noise(rng, 1.6)
    detail = (0.011 * pores + 0.003 * noise(rng, 3.0))[..., None] * f32([0.8, 1.0, 1.05])
    detail = detail + (0.005 * noise(rng, 14))[..., None] * f32([0.3, 1.0, 0.8])
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
    return np.asarray(detail * keep[..., None] - marks[..., None] * f32([0.5, 0.9, 1.0]), np.float32)


def beard(recipe: Recipe, shape: F32, rng: np.random.Generator) -> F32:
    """(SIZE, SIZE, 4) premultiplied: stubble to full beard, single hairs on jaw, chin and upper lip."""
    oval = list(FACE_OVAL)
    jaw = oval[oval.index(361) : oval.index(132) + 1]
    outline = np.round(shape[[*jaw, 215, 207, 206, 165, 164, 391, 426, 427, 435], :2]).astype(np.int32)
    region = np.zeros((SIZE, SIZE), np.float32)
    cv2.fillPoly(region, [outline], 1.0)
    region = cv2.GaussianBlur(region, (0, 0), 6.0)
    lips = shape[list(LIPS_OUTER), :2]
    lips = lips.mean(axis=0) + (lips - lips.mean(axis=0)) * [1.0, 1.15]
    cv2.fillPoly(region, [np.round(lips).astype(np.int32)], 0.0)
    low, high = shape[jaw, :2].min(axis=0) - 4, shape[jaw, :2].max(axis=0) + 4
    low[1] = shape[2, 1]
    root = rng.uniform(low, high, (int(34000 * (0.35 + 0.65 * recipe.beard)), 2))
    # Thickest on chin and upper lip, sparse towards the cheeks.
    away = np.abs(root[:, 0] - shape[164, 0]) / np.ptp(shape[oval, 0])
    rise = np.clip((shape[152, 1] - root[:, 1]) / np.ptp(shape[oval, 1]) - 0.12, 0, 1)
    inside = region[root[:, 1].astype(int), root[:, 0].astype(int)] ** 1.5 * np.exp(-7 * away * rise)
    root = root[rng.random(len(root)) < inside]
    middle = shape[164, :2]
    heading = np.stack([(root[:, 0] - middle[0]) / 140 + rng.normal(0, 0.3, len(root)), np.ones(len(root))], axis=1)
    length = (0.8 + 9.0 * recipe.beard**1.6) * rng.uniform(0.5, 1.2, len(root))
    t = np.linspace(0, 1, 8)[None, :, None]
    path = root[:, None] + heading[:, None] * length[:, None, None] * t
    hairs = np.dstack([path, np.zeros(path.shape[:2])]).astype(np.float32)
    tone = np.asarray(recipe.hair.colour) * 0.55 * np.exp(rng.normal(0, 0.14, (len(root), 1, 1)))
    tone = np.broadcast_to(tone + rng.normal(0, 0.01, (len(root), 1, 3)), hairs.shape)
    thickness = np.full(len(root), 0.16 + 0.17 * recipe.beard, np.float32)
    drawn = fibres.draw(hairs, np.clip(tone, 0, 1).astype(np.float32), thickness, 1.0)[1]
    # Between the hairs, and where they are shaved, roots show through the skin.
    shade = (cv2.GaussianBlur(region, (0, 0), 4.0) * (0.14 + 0.20 * recipe.beard))[..., None]
    under = np.dstack([shade * np.asarray(recipe.hair.colour, np.float32) * 0.40, shade])
    return np.asarray(drawn + under * (1 - drawn[..., 3:]), np.float32)


def sheen(recipe: Recipe, shape: F32) -> F32:
    """(SIZE, SIZE, 1) how much the skin mirrors: forehead, nose and cheekbones most, in pores unevenly."""
    rng = np.random.default_rng([recipe.seed, 6])
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    oily = np.full((SIZE, SIZE), 0.35, np.float32)
    for point, reach in ((151, 42), (4, 18), (6, 16), (117, 26), (346, 26), (199, 20)):
        oily += 0.6 * np.exp(-((x - shape[point, 0]) ** 2 + (y - shape[point, 1]) ** 2) / reach**2)
    pores = np.clip(1 + 0.16 * noise(rng, 0.9) + 0.06 * noise(rng, 3), 0, 2.5)
    return np.asarray((rng.uniform(0.02, 0.09) * oily * pores)[..., None], np.float32)
