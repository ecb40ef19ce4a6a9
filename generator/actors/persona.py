"""The parts of a virtual actor, painted from the recipe: a person who faces the camera at rest, layer by layer.

A face is a signed mixture of archetypes (:mod:`tellmark.generator.actors.facespace`), given its own skin tone, age,
light, eyes, hair, neck, clothes and backdrop. :mod:`tellmark.generator.actors.reference` moves the parts and films
them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from tellmark.generator.actors import (
    ageing,
    beards,
    brows,
    complexion,
    eyes,
    facespace,
    features,
    fibres,
    garments,
    glasses,
    jaw,
    noses,
    proportions,
    relief,
    scenery,
    sitting,
    skin,
    strands,
)
from tellmark.generator.actors.facespace import f32
from tellmark.generator.actors.recipe import Recipe, draw_recipe
from tellmark.generator.actors.scenery import smoothstep
from tellmark.generator.actors.skull import Skull, skull_of
from tellmark.generator.types import SIZE
from tellmark.landmarks import FACE_OVAL, LEFT_EYE, LIPS_OUTER, RIGHT_EYE
from tellmark.types import F32

_FEATURE_PX = 32.0  # reach of an eye or the mouth


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
    shape = proportions.settled(features.shaped(shape, recipe.features), group)
    shape = ageing.sag(shape, recipe.age)
    shape[:, 0] = (shape[:, 0] - SIZE / 2) * recipe.aspect + SIZE / 2
    return np.asarray(shape - [(shape[33, 0] + shape[263, 0]) / 2 - SIZE / 2, 0, 0], np.float32)


def parts_of(seed: int) -> Parts:
    """All parts of actor ``seed``."""
    recipe, space = draw_recipe(seed), facespace.load()
    shape = shape_of(recipe)
    skull = skull_of(shape[list(FACE_OVAL)])
    light = f32(recipe.light)
    hair, order = strands.grow(recipe.hair, skull, seed)
    colours = fibres.shade(hair, order, recipe.hair, skull, light, seed, recipe.grey, recipe.lamp.key)
    thickness = fibres.thickness(hair, order, recipe.hair, skull)
    split_z = float(skull.face[:, 2].max() + 0.05 * skull.height)
    crown = float(skull.centre[1] - 0.4 * skull.radii[1])
    back, front, hair_z = fibres.draw(hair, colours, thickness, split_z, crown)
    front = fibres.undercoat(front, hair, thickness, split_z, crown, recipe.hair.colour)
    log, ears = skin.paint(recipe, shape, space)
    tone = np.exp(np.median(log[skin.well_inside(shape)[..., 0] > 0.5], axis=0))
    body, body_z = garments.torso(recipe.body, skull.face, tone)
    body[..., :3] = garments.held_by(sitting.exposure(recipe.shot, recipe.skin), body[..., :3])
    body[..., :3] *= jaw.on_neck(shape, recipe.beard)
    head_z = relief.head_depth(shape, skull)
    head_z = np.where((ears > 0.5) & (head_z >= relief.FAR), skull.centre[2] * 0.8, head_z)
    blockers = np.minimum(np.minimum(head_z, body_z), np.where(front[..., 3] > 0.6, hair_z - 4, relief.FAR))
    rng = np.random.default_rng([seed, 4])
    folds = ageing.lines(shape, recipe.age, rng)
    # The depth falls off steeply at the outline, in steps that only a wider smoothing hides.
    inside = skin.well_inside(shape)
    normal = inside * relief.normals(head_z, 4.0, folds) + (1 - inside) * relief.normals(head_z, 8.0, folds)
    normal = normal / np.linalg.norm(normal, axis=2, keepdims=True)
    lit, gloss = relief.shine_on(normal, head_z, blockers, recipe.lamp, seed, complexion.grain(seed))
    lit, gloss = noses.evened(_beyond(lit, head_z), shape), _beyond(gloss, head_z)
    beyond, low = skin.beyond_outline(shape)  # where the jaw turns under, it turns from the light
    edge = (low * np.exp(-(((beyond - 0.01) / 0.06) ** 2)))[..., None]  # and turns slowly, where the mesh has an edge
    lit = lit * (1 - edge) + edge * cv2.GaussianBlur(lit, (0, 0), 5.0)
    left, mirrored = jaw.turned_under(shape, beyond, low)
    lit, gloss = lit * left, gloss * mirrored
    # Nor can their grid tell how little light there is beside hair that lies on the skin.
    beneath = cv2.GaussianBlur(np.roll(front[..., 3], 5, axis=0), (0, 0), 6.0)[..., None]
    lit = lit * (1 - 0.45 * beneath * f32([0.85, 1.0, 1.05]))
    deep = lit ** f32([0.93, 1.0, 1.10])  # what comes out of skin in the shade has been in blood and melanin for longer
    hairs, roots = beards.paint(recipe, shape, np.random.default_rng([recipe.seed, 1]))
    bare = 1 - 0.85 * np.maximum(hairs, roots)[..., 3:]  # a beard hides what skin mirrors
    picture = _lit(np.exp(log), deep, gloss * bare * complexion.sheen(recipe, shape))
    # A head that turns shows more of its side, where there is hair and no skin.
    thick = cv2.GaussianBlur(np.maximum(front[..., 3], back[..., 3]), (0, 0), 5.0) * smoothstep(beyond, -0.02, 0.03)
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    beside = smoothstep(np.abs(x - skull.centre[0]) / skull.radii[0], 0.64, 0.82)
    ear_top = float(shape[[127, 356], 1].mean())
    scalp = (0.9 * beside * smoothstep(y, ear_top + 8, ear_top - 14) * smoothstep(thick, 0.1, 0.4))[..., None]
    picture = picture * (1 - scalp) + scalp * _lit(f32(recipe.hair.colour) * np.float32(0.45), lit)
    own_brows = brows.paint(recipe, shape, np.random.default_rng([recipe.seed, 8]))
    for layer in (own_brows, roots, hairs):
        picture = picture * (1 - layer[..., 3:]) + _lit(layer[..., :3], lit)
    # Beyond the jaw's outline single hairs stand before what is behind it.
    lower = smoothstep(np.mgrid[:SIZE, :SIZE][0].astype(np.float32), shape[13, 1], shape[17, 1])
    tips = np.dstack([_lit(hairs[..., :3], lit), hairs[..., 3:]]) * (lower * (1 - skin.oval_of(shape)))[..., None]
    hair_z = np.where((tips[..., 3] > 0.05) & (front[..., 3] < 0.2), skull.face[:, 2].mean(), hair_z)
    front = front + tips * (1 - front[..., 3:])
    worn = None
    if recipe.glasses is not None:
        layer, depth, shade = glasses.paint(recipe.glasses, shape, light)
        picture, worn = picture * shade[..., None], (layer, depth)
    around = [np.round(shape[list(loop), :2].mean(axis=0)).astype(int) for loop in (RIGHT_EYE, LEFT_EYE)]
    bright = np.mean([lit[y - 12 : y + 16, x - 16 : x + 16].mean(axis=(0, 1)) for x, y in around], axis=0)
    if worn is not None:  # in the light of the face, not glowing
        worn[0][..., :3] *= np.clip(bright, 0.12, 1.1) ** np.float32(1 / 2.2)
    x, y = np.round(shape[[13, 14], :2].mean(axis=0)).astype(int)
    before_mouth = lit[y - 12 : y + 12, x - 24 : x + 24].mean(axis=(0, 1))
    # Much of what lights an eye has come from the lids: beside dark skin the white is darker, too.
    eye_light = f32(np.clip(bright, 0.12, 1.1)) * np.float32(0.05 + 1.5 * np.mean(recipe.skin))
    picture = eyes.paint(picture.astype(np.float32), shape, recipe.iris, light, float(eye_light.mean() ** (1 / 2.2)))
    lit, gloss = relief.shine_on(relief.normals(body_z, 1.6), body_z, blockers, recipe.lamp, seed)
    return Parts(
        recipe=recipe,
        shape=shape,
        backdrop=scenery.backdrop(recipe.background, light, recipe.lamp.warmth, recipe.lighting, recipe.body.seed ^ 1),
        back_hair=fibres.backed(back, recipe.hair.colour),
        torso=np.dstack([_lit(body[..., :3], lit, 0.01 * gloss), body[..., 3]]).astype(np.float32),
        head=np.dstack([picture, skin.cover_of(shape, skull, ears)]).astype(np.float32),
        front_hair=front,
        front_hair_z=hair_z,
        glasses=worn,
        skull=skull,
        eye_light=eye_light,
        # Beside dark skin, which a camera exposes for, teeth would be a white slab.
        mouth_light=f32(np.clip(before_mouth, 0.12, 1.2))
        * np.float32(min(1.0, 0.4 + 0.85 * float(np.mean(recipe.skin)))),
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
