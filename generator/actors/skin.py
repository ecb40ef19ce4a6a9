"""The skin of a virtual actor without light: a mixed texture on the face, continued over ears, skull and neck."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark.generator.actors import ageing, complexion, facespace, headmodel, noses
from tellmark.generator.actors.facespace import TEXTURE, FaceSpace, f32
from tellmark.generator.actors.recipe import Recipe
from tellmark.generator.actors.scenery import smoothstep
from tellmark.generator.actors.skull import Skull
from tellmark.generator.types import SIZE
from tellmark.landmarks import FACE_OVAL, LEFT_BROW, LEFT_EYE, LIPS_OUTER, RIGHT_BROW, RIGHT_EYE
from tellmark.types import F32

_COARSE = 8.0  # texture px, where coarse appearance ends and detail begins
_EARS_UP = 20  # texture px: from the brows to the nose, where the people mixed held their heads up
_SHADE = 14.0  # texture px; wider than this is light and shade of the photographs, narrower what belongs to the skin


def texture_of(recipe: Recipe, space: FaceSpace) -> F32:
    """(TEXTURE, TEXTURE, 3) log RGB on the mean shape, without skin colour: coarse extrapolated, fine mixed."""
    own = space.feminine == recipe.feminine
    typical = cv2.GaussianBlur(space.textures[own].mean(axis=0), (0, 0), _COARSE)
    mixed = np.tensordot(f32(recipe.detail_weights)[own], space.textures[own], axes=1)
    small = np.stack([cv2.resize(texture, (128, 128), interpolation=cv2.INTER_AREA) for texture in space.textures])
    drift = np.tensordot(f32(recipe.tone_weights), small - small[own].mean(axis=0), axes=1)
    grey = drift.mean(axis=-1, keepdims=True)
    # Signed mixtures exaggerate tints more than light and shade, and both more than people vary: bounded softly.
    drift = 0.24 * np.tanh((grey + 0.35 * (drift - grey)) / 0.24)
    drift = cv2.resize(cv2.GaussianBlur(drift, (0, 0), 2.5), (TEXTURE, TEXTURE), interpolation=cv2.INTER_CUBIC)
    fine = 1.15 * (mixed - cv2.GaussianBlur(mixed, (0, 0), _COARSE))
    return np.asarray(fine + _unlit(_natural(typical + drift), space.mean), np.float32)


def _unlit(coarse: F32, mean: F32) -> F32:
    """Coarse log RGB without most of the shade it was photographed in: the light is given to the form, once."""
    plain = _plain_skin(mean)
    weight = np.maximum(cv2.GaussianBlur(plain, (0, 0), _SHADE), 1e-4)
    shade = cv2.GaussianBlur(coarse.mean(axis=-1) * plain, (0, 0), _SHADE) / weight
    shade -= np.median(shade[plain > 0.5])
    inside = cv2.GaussianBlur(plain, (0, 0), 2 * _SHADE)  # beyond the face there is hair, which is dark by itself
    return np.asarray(coarse - (0.6 * np.minimum(2 * inside, 1) * np.clip(shade, -0.4, 0.4))[..., None], np.float32)


def _plain_skin(mean: F32) -> F32:
    """(TEXTURE, TEXTURE) 1 on plain skin of the mean shape: the face without eyes, brows, mouth and outline."""
    points = facespace.to_texture(mean)
    plain = np.zeros((TEXTURE, TEXTURE), np.uint8)
    cv2.fillPoly(plain, [np.round(points[list(FACE_OVAL)]).astype(np.int32)], 1)
    plain = cv2.erode(plain, np.ones((41, 41), np.uint8))
    for loop in (RIGHT_EYE, LEFT_EYE, RIGHT_BROW, LEFT_BROW, LIPS_OUTER):
        hull = cv2.convexHull(np.round(points[list(loop)]).astype(np.int32))
        cv2.polylines(plain, [hull], True, 0, 20)
        cv2.fillConvexPoly(plain, hull, 0)
    return np.asarray(plain, np.float32)


def _natural(coarse: F32) -> F32:
    """Coarse log RGB with the casts of mixed photographs held back: skin is redder here and there, never greener."""
    red = coarse[..., 0] - coarse[..., 1]
    yellow = (coarse[..., 0] + coarse[..., 1]) / 2 - coarse[..., 2]
    middle = slice(TEXTURE // 4, 3 * TEXTURE // 4)
    out = coarse.copy()
    red = red - np.median(red[middle, middle])
    less = np.where(red < 0, 0.95 * red, 0)  # of the redness that is missing
    out[..., 0] -= less / 2
    out[..., 1] += less / 2
    yellow = yellow - np.median(yellow[middle, middle])
    out[..., 2] += 0.5 * yellow
    return out


def paint(recipe: Recipe, shape: F32, space: FaceSpace) -> tuple[F32, F32]:
    """(SIZE, SIZE, 3) log sRGB of the skin without light, its own everywhere, and the ears' coverage (SIZE, SIZE)."""
    rng = np.random.default_rng([recipe.seed, 1])
    points, triangles = facespace.mesh(space.mean)
    target = facespace.vertices(shape)
    face = facespace.warp(texture_of(recipe, space), points, target, triangles, SIZE)
    ears = (space.ears + space.ears[:, ::-1]) / 2
    ears = np.roll(np.dstack([ears, _ear_mask()]), -_EARS_UP, axis=0)
    ears = facespace.warp(ears, points, target, triangles, SIZE)
    oval = oval_of(shape)
    inner = cv2.erode(oval, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9)))
    blend = cv2.GaussianBlur(cv2.erode(inner, np.ones((13, 13), np.uint8)), (0, 0), 6.0)[..., None]
    # What sources had in shade at the face's edge is shade again here: the light is given to the form, once. Of colour,
    # and of the hair that some wore into the forehead, nothing is kept there.
    known = cv2.erode(inner, np.ones((25, 25), np.uint8))
    for loop in (RIGHT_EYE, LEFT_EYE, RIGHT_BROW, LEFT_BROW, LIPS_OUTER):
        hull = cv2.convexHull(np.round(shape[list(loop), :2]).astype(np.int32))
        cv2.polylines(known, [hull], True, 0.0, 16)
        cv2.fillConvexPoly(known, hull, 0.0)
    fill = _spread(face, known > 0)
    rim = well_inside(shape)
    coarse = cv2.GaussianBlur(face, (0, 0), 9.0)
    y = np.mgrid[:SIZE, :SIZE][0].astype(np.float32)
    brows, top = float(shape[[105, 334], 1].mean()), float(shape[10, 1])
    rim = rim * (1 - 0.7 * smoothstep(y, brows - 10, brows - 34)[..., None])
    grey = np.clip((fill - coarse).mean(axis=-1, keepdims=True), -0.1, 0.6)
    tint = fill - coarse - (fill - coarse).mean(axis=-1, keepdims=True)
    face = face + (1 - rim) * (0.8 * grey + tint)
    blend = blend * (1 - smoothstep(y, brows + 0.55 * (top - brows), top)[..., None] * (1 - rim))
    log = fill * (1 - blend) + face * blend
    # The hair before the ears is not part of them.
    ear_alpha = ears[..., 3:] * smoothstep(beyond_outline(shape)[0], 0.03, 0.10)[..., None]
    own = ears[..., :3] - fill
    level = own.mean(axis=-1, keepdims=True)
    ear = fill + np.clip(1.2 * level, -0.5, 0.2) + 0.4 * np.clip(own - level, -0.2, 0.2) + f32([0.02, -0.03, -0.03])
    log = log * (1 - ear_alpha) + ear * ear_alpha
    # Where the ear leaves the cheek there is a furrow.
    along = np.exp(-(((beyond_outline(shape)[0] - 0.035) / 0.022) ** 2))
    furrow = along * cv2.GaussianBlur(ears[..., 3], (0, 0), 4.0)
    log = log - furrow[..., None] * f32([0.22, 0.34, 0.36])
    # Of the nostrils that the mixture blurred little stays beside those that are drawn.
    log = log + 0.8 * noses.near(shape)[..., None] * np.clip(cv2.GaussianBlur(log, (0, 0), 9.0) - log, 0, 1)
    log = log - noses.hollows(shape, np.random.default_rng([recipe.seed, 12]))
    log = log + np.log(f32(recipe.skin)) + complexion.skin_detail(recipe, shape, rng)
    log -= complexion.blood(recipe, shape)[..., None] * facespace.BLOOD
    return log + ageing.colour(shape, recipe.age, recipe.grey, rng), ears[..., 3]


def well_inside(shape: F32) -> F32:
    """(SIZE, SIZE, 1) 1 in the middle of the face, 0 at its outline."""
    inner = cv2.erode(oval_of(shape), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (23, 23)))
    return np.asarray(cv2.GaussianBlur(inner, (0, 0), 14.0)[..., None], np.float32)


def oval_of(shape: F32) -> F32:
    oval = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(oval, [np.round(shape[list(FACE_OVAL), :2] * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return oval.astype(np.float32) / 255


def beyond_outline(shape: F32) -> tuple[F32, F32]:
    """(SIZE, SIZE) how far outside the face oval a pixel lies, in shares of the oval's reach, and ``below_ears``."""
    oval = shape[list(FACE_OVAL), :2]
    middle = oval.mean(axis=0)
    outline = oval - middle
    order = np.argsort(way := np.arctan2(outline[:, 1], outline[:, 0]))
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    angle = np.arctan2(y - middle[1], x - middle[0])
    reach = np.interp(angle, way[order], np.linalg.norm(outline, axis=1)[order], period=2 * np.pi)
    below = headmodel.below_ears(shape, float(np.ptp(oval[:, 1])))[order]
    low = np.interp(angle, way[order], below, period=2 * np.pi)
    return f32(np.hypot(x - middle[0], y - middle[1]) / reach - 1), f32(low)


def cover_of(shape: F32, skull: Skull, ears: F32) -> F32:
    """(SIZE, SIZE) coverage of the bald head's texture; beside the jaw it goes on behind what is seen at rest."""
    cover = np.maximum(cv2.GaussianBlur(oval_of(shape), (0, 0), 1.0), ears)
    # Below the ears skin goes on behind what is seen at rest, and thins out.
    beyond, low = beyond_outline(shape)
    y = np.mgrid[:SIZE, :SIZE][0].astype(np.float32)
    bound = 0.06 * smoothstep(y, shape[[127, 356], 1].mean() - 12, shape[[234, 454], 1].mean()) + 0.12 * low
    cover = np.maximum(cover, smoothstep((bound - beyond) / (0.02 + 0.08 * low), 0, 1))
    x, y = (np.mgrid[:SIZE, :SIZE].astype(np.float32)[::-1] - skull.centre[:2, None, None]) / skull.radii[
        :2, None, None
    ]
    x = x / skull.breadth(y * skull.radii[1] + skull.centre[1])
    bald = (np.hypot(x, y) < 1) & (y < 0.26)
    return np.maximum(cover, cv2.GaussianBlur(bald.astype(np.float32), (0, 0), 1.2))


def _ear_mask() -> F32:
    """(TEXTURE, TEXTURE) where the ears are in the ear mixture."""
    mask = np.zeros((TEXTURE, TEXTURE), np.float32)
    right = np.array(
        [(100, 226), (80, 206), (62, 203), (51, 216), (50, 240), (55, 268), (63, 300), (73, 324), (86, 336), (104, 326)]
    )
    for ear in (right, right * [-1, 1] + [TEXTURE, 0]):
        cv2.fillPoly(mask, [ear.astype(np.int32)], 1.0)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 2.5), np.float32)


def _spread(picture: F32, known: NDArray[np.bool_]) -> F32:
    """Smooth continuation of the known pixels over the whole picture: normalised blurs from wide to narrow."""
    weight = known.astype(np.float32)
    out = np.zeros_like(picture)
    out[:] = picture[known].mean(axis=0)
    for sigma in (60.0, 25.0, 10.0):
        small = max(1, int(sigma // 5))
        size = (SIZE // small, SIZE // small)
        w = cv2.GaussianBlur(cv2.resize(weight, size, interpolation=cv2.INTER_AREA), (0, 0), sigma / small)
        p = cv2.resize(picture * weight[..., None], size, interpolation=cv2.INTER_AREA)
        p = cv2.GaussianBlur(p, (0, 0), sigma / small) / np.maximum(w, 1e-4)[..., None]
        trust = smoothstep(w, 0.005, 0.12)[..., None]
        p, trust = (cv2.resize(a, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR) for a in (p, trust))
        out += trust.reshape(SIZE, SIZE, 1) * (p - out)
    return out
