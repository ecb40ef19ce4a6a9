"""The parts of a virtual actor, painted from the recipe: a person who faces the camera at rest, layer by layer.

A face is a signed mixture of archetypes (:mod:`tellmark.generator.facespace`), given its own skin tone, age, light,
eyes, hair, neck, clothes and backdrop. :mod:`tellmark.generator.reference` moves the parts and films them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark.generator import (
    ageing,
    complexion,
    eyes,
    facespace,
    garments,
    glasses,
    headmodel,
    relief,
    scenery,
    strands,
)
from tellmark.generator.facespace import TEXTURE, FaceSpace, f32
from tellmark.generator.recipe import Recipe, draw_recipe
from tellmark.generator.scenery import smoothstep
from tellmark.generator.strands import Skull
from tellmark.generator.types import SIZE
from tellmark.landmarks import FACE_OVAL, LEFT_BROW, LEFT_EYE, LIPS_OUTER, RIGHT_BROW, RIGHT_EYE
from tellmark.types import F32

_FEATURE_PX = 32.0  # reach of an eye or the mouth
_COARSE = 8.0  # texture px, where coarse appearance ends and detail begins


@dataclass(frozen=True, slots=True)
class Parts:
    """An actor before composition, for renderers that need the parts."""

    recipe: Recipe
    shape: F32  # (478, 3) frontal mesh, portrait px
    backdrop: F32  # (SIZE, SIZE, 3) sRGB in [0, 1]; likewise all below
    back_hair: F32  # (SIZE, SIZE, 4) premultiplied
    torso: F32  # (SIZE, SIZE, 4) straight
    head: F32  # (SIZE, SIZE, 4) straight: face, ears, bald skull
    front_hair: F32  # (SIZE, SIZE, 4) premultiplied
    front_hair_z: F32  # (SIZE, SIZE) depth of the front hair, px; 1e6 where there is none
    glasses: tuple[F32, F32] | None  # (SIZE, SIZE, 4) premultiplied and their depth, px
    skull: Skull
    eye_light: F32  # (3,) linear light that reaches the eyes
    mouth_light: F32  # (3,) likewise


def shape_of(recipe: Recipe) -> F32:
    """(478, 3) the actor's frontal mesh, portrait px."""
    space = facespace.load()
    group = space.shapes[space.feminine == recipe.feminine].mean(axis=0)
    offset = np.tensordot(f32(recipe.shape_weights), space.shapes - group, axes=1)
    mirror = facespace.mirror(space.mean)
    shape = group + 0.65 * offset + 0.35 * offset[mirror] * f32([-1, 1, 1])  # faces are only a little askew
    for loop in (
        RIGHT_EYE,
        LEFT_EYE,
        LIPS_OUTER,
    ):  # no stares and no frowns: eyes and mouth keep half of what is theirs
        centre = group[list(loop), :2].mean(axis=0)
        near = np.exp(-(((group[:, :2] - centre) ** 2).sum(axis=1) / _FEATURE_PX**2))[:, None]
        own = shape - group
        shape = shape - 0.5 * near * (own - (near * own).sum(axis=0) / near.sum())
        if loop is not LIPS_OUTER:  # lids keep a round margin
            for _ in range(2):
                own = (shape - group)[list(loop)]
                shape[list(loop)] += 0.25 * (np.roll(own, 1, axis=0) + np.roll(own, -1, axis=0)) - 0.5 * own
    shape = ageing.sag(shape, recipe.age)
    shape[:, 0] = (shape[:, 0] - SIZE / 2) * recipe.aspect + SIZE / 2
    return np.asarray(shape - [(shape[33, 0] + shape[263, 0]) / 2 - SIZE / 2, 0, 0], np.float32)


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
    return np.asarray(fine + _natural(typical + drift), np.float32)


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


def _skin(recipe: Recipe, shape: F32, space: FaceSpace) -> tuple[F32, F32]:
    """(SIZE, SIZE, 3) log sRGB of the skin without light, its own everywhere, and the ears' coverage (SIZE, SIZE)."""
    rng = np.random.default_rng([recipe.seed, 1])
    points, triangles = facespace.mesh(space.mean)
    target = facespace.vertices(shape)
    face = facespace.warp(texture_of(recipe, space), points, target, triangles, SIZE)
    ears = (space.ears + space.ears[:, ::-1]) / 2
    ears = facespace.warp(np.dstack([ears, _ear_mask()]), points, target, triangles, SIZE)
    oval = _oval(shape)
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
    rim = _well_inside(shape)
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
    ear_alpha = ears[..., 3:] * smoothstep(_beyond_outline(shape)[0], 0.03, 0.10)[..., None]
    ear = fill + np.clip(0.9 * (ears[..., :3] - fill), -0.28, 0.08) + f32([0.02, -0.03, -0.03])
    log = log * (1 - ear_alpha) + ear * ear_alpha
    log = log + np.log(f32(recipe.skin)) + complexion.skin_detail(recipe, shape, rng)
    return log + ageing.colour(shape, recipe.age, recipe.grey, rng), ears[..., 3]


def _well_inside(shape: F32) -> F32:
    """(SIZE, SIZE, 1) 1 in the middle of the face, 0 at its outline."""
    inner = cv2.erode(_oval(shape), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (23, 23)))
    return np.asarray(cv2.GaussianBlur(inner, (0, 0), 14.0)[..., None], np.float32)


def _oval(shape: F32) -> F32:
    oval = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(oval, [np.round(shape[list(FACE_OVAL), :2] * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return oval.astype(np.float32) / 255


def _beyond_outline(shape: F32) -> tuple[F32, F32]:
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


def _cover(shape: F32, skull: Skull, ears: F32) -> F32:
    """(SIZE, SIZE) coverage of the bald head's texture; beside the jaw it goes on behind what is seen at rest."""
    cover = np.maximum(cv2.GaussianBlur(_oval(shape), (0, 0), 1.0), ears)
    # Below the ears skin goes on behind what is seen at rest, and thins out.
    beyond, low = _beyond_outline(shape)
    y = np.mgrid[:SIZE, :SIZE][0].astype(np.float32)
    bound = 0.06 * smoothstep(y, shape[[127, 356], 1].mean() - 12, shape[[234, 454], 1].mean()) + 0.12 * low
    cover = np.maximum(cover, smoothstep((bound - beyond) / (0.02 + 0.08 * low), 0, 1))
    bald = np.zeros((SIZE, SIZE), np.float32)
    x, y = np.round(skull.centre[:2] * 16).astype(int).tolist()
    across, up = np.round(skull.radii[:2] * 16).astype(int).tolist()
    cv2.ellipse(bald, (x, y), (across, up), 0, 165, 375, 1.0, -1, cv2.LINE_AA, 4)
    return np.maximum(cover, cv2.GaussianBlur(bald, (0, 0), 1.0))


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


def parts_of(seed: int) -> Parts:
    """All parts of actor ``seed``."""
    recipe, space = draw_recipe(seed), facespace.load()
    shape = shape_of(recipe)
    skull = strands.skull_of(shape[list(FACE_OVAL)])
    light = f32(recipe.light)
    hair, order = strands.grow(recipe.hair, skull, seed)
    colours = strands.shade(hair, order, recipe.hair, skull, light, seed, recipe.grey, recipe.lamp.key)
    thickness = strands.thickness(hair, recipe.hair, skull)
    split_z = float(skull.face[:, 2].max() + 0.05 * skull.height)
    back, front, hair_z = strands.draw(hair, colours, thickness, split_z)
    front = strands.undercoat(front, hair, thickness, split_z, recipe.hair.colour)
    log, ears = _skin(recipe, shape, space)
    skin = np.exp(np.median(log[_well_inside(shape)[..., 0] > 0.5], axis=0))
    body, body_z = garments.torso(recipe.body, skull.face, skin)
    # Closer to the jaw than the shadows' grid can tell, little light gets in.
    near = cv2.GaussianBlur(np.roll(_oval(shape), 6, axis=0), (0, 0), 9.0)[..., None]
    body[..., :3] *= 1 - 0.32 * near * f32([0.85, 1.0, 1.05])
    head_z = relief.head_depth(shape, skull)
    head_z = np.where((ears > 0.5) & (head_z >= relief.FAR), skull.centre[2] * 0.8, head_z)
    blockers = np.minimum(np.minimum(head_z, body_z), np.where(front[..., 3] > 0.6, hair_z - 4, relief.FAR))
    rng = np.random.default_rng([seed, 4])
    folds = ageing.lines(shape, recipe.age, rng)
    # The depth falls off steeply at the outline, in steps that only a wider smoothing hides.
    inside = _well_inside(shape)
    normal = inside * relief.normals(head_z, 3.0, folds) + (1 - inside) * relief.normals(head_z, 8.0, folds)
    normal = normal / np.linalg.norm(normal, axis=2, keepdims=True)
    lit, gloss = relief.shine_on(normal, head_z, blockers, recipe.lamp, seed)
    lit, gloss = _beyond(lit, head_z), _beyond(gloss, head_z)
    picture = _lit(np.exp(log), lit, gloss * complexion.sheen(recipe, shape))
    if recipe.beard > 0:
        beard = complexion.beard(recipe, shape, np.random.default_rng([recipe.seed, 1]))
        picture = picture * (1 - beard[..., 3:]) + _lit(beard[..., :3], lit)
    worn = None
    if recipe.glasses is not None:
        layer, depth, shade = glasses.paint(recipe.glasses, shape, light)
        picture, worn = picture * shade[..., None], (layer, depth)
    around = [np.round(shape[list(loop), :2].mean(axis=0)).astype(int) for loop in (RIGHT_EYE, LEFT_EYE)]
    bright = np.mean([lit[y - 12 : y + 16, x - 16 : x + 16].mean(axis=(0, 1)) for x, y in around], axis=0)
    x, y = np.round(shape[[13, 14], :2].mean(axis=0)).astype(int)
    before_mouth = lit[y - 12 : y + 12, x - 24 : x + 24].mean(axis=(0, 1))
    # Beside dark skin the white is darker too: less light comes back from the lids.
    dark = 0.62 + 0.38 * min(1.0, float(np.mean(recipe.skin)) / 0.6)
    eye_light = f32(np.clip(bright, 0.12, 1.1)) * np.float32(dark)
    picture = eyes.paint(picture.astype(np.float32), shape, recipe.iris, light, float(eye_light.mean() ** (1 / 2.2)))
    lit, gloss = relief.shine_on(relief.normals(body_z, 1.6), body_z, blockers, recipe.lamp, seed)
    return Parts(
        recipe=recipe,
        shape=shape,
        backdrop=scenery.backdrop(recipe.background, light, recipe.body.seed ^ 1),
        back_hair=strands.backed(back, recipe.hair.colour),
        torso=np.dstack([_lit(body[..., :3], lit, 0.02 * gloss), body[..., 3]]).astype(np.float32),
        head=np.dstack([picture, _cover(shape, skull, ears)]).astype(np.float32),
        front_hair=front,
        front_hair_z=hair_z,
        glasses=worn,
        skull=skull,
        eye_light=eye_light,
        mouth_light=f32(np.clip(before_mouth, 0.12, 1.2)),
    )


def _beyond(light: F32, depth: F32) -> F32:
    """The light continued over the head's outline, to where only a turned head shows skin."""
    known = cv2.erode((depth < relief.FAR).astype(np.float32), np.ones((5, 5), np.uint8))[..., None]
    near = np.zeros_like(light)
    for sigma in (40, 7):
        weight = cv2.GaussianBlur(known, (0, 0), sigma)[..., None]
        trust = np.clip(20 * weight, 0, 1)
        near += trust * (cv2.GaussianBlur(light * known, (0, 0), sigma).reshape(light.shape) / (weight + 1e-4) - near)
    return np.asarray(light * known + near * (1 - known), np.float32)


def _lit(colour: F32, light: F32, gloss: F32 | float = 0.0) -> F32:
    """sRGB of a surface under linear light."""
    linear = np.clip(colour, 0, 1) ** 2.2 * np.maximum(light, 0.004) + gloss
    return np.asarray(np.clip(linear, 0, 1) ** (1 / 2.2), np.float32)
