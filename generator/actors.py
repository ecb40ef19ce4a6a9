"""Virtual actors: photograph-like portraits of people who do not exist, without end, each from a seed.

A face is a signed mixture of archetypes (:mod:`tellmark.generator.facespace`), given its own skin tone, light, eyes,
hair, neck, clothes and backdrop. The recipe is drawn first and holds every choice; the picture follows from it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark.faces import find_face
from tellmark.generator import complexion, eyes, facespace, scenery, strands
from tellmark.generator.facespace import TEXTURE, FaceSpace, f32
from tellmark.generator.recipe import VERSION, ActorAttributes, Recipe, actor_attributes, draw_recipe
from tellmark.generator.scenery import smoothstep
from tellmark.generator.strands import Skull
from tellmark.generator.types import SIZE, Portrait
from tellmark.landmarks import FACE_OVAL, LEFT_EYE, LIPS_OUTER, RIGHT_EYE
from tellmark.types import F32, F64, U8

__all__ = [
    "ActorAttributes",
    "Parts",
    "actor",
    "actor_attributes",
    "compose",
    "parts_of",
    "photograph",
    "recipe_sha256",
]


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
    skull: Skull


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
    drift = 0.35 * np.tanh((grey + 0.35 * (drift - grey)) / 0.35)
    drift = cv2.resize(cv2.GaussianBlur(drift, (0, 0), 1.5), (TEXTURE, TEXTURE), interpolation=cv2.INTER_CUBIC)
    return np.asarray(1.15 * (mixed - cv2.GaussianBlur(mixed, (0, 0), _COARSE)) + typical + drift, np.float32)


def _head(recipe: Recipe, shape: F32, space: FaceSpace, skull: Skull) -> F32:
    """(SIZE, SIZE, 4) sRGB, straight alpha: the face on a bald head with ears."""
    rng = np.random.default_rng([recipe.seed, 1])
    points, triangles = facespace.mesh(space.mean)
    target = facespace.vertices(shape)
    face = facespace.warp(texture_of(recipe, space), points, target, triangles, SIZE)
    ears = (space.ears + space.ears[:, ::-1]) / 2
    ears = facespace.warp(np.dstack([ears, _ear_mask()]), points, target, triangles, SIZE)
    oval = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(oval, [np.round(shape[list(FACE_OVAL), :2] * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    inner = cv2.erode(oval, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7)))
    blend = cv2.GaussianBlur(inner.astype(np.float32) / 255, (0, 0), 3.0)[..., None]
    fill = _spread(face, cv2.erode(inner, np.ones((9, 9), np.uint8)) > 0)
    log = fill * (1 - blend) + face * blend
    ear_alpha = ears[..., 3:] * (1 - blend)
    log = log * (1 - ear_alpha) + np.clip(0.8 * ears[..., :3] + 0.2 * fill, fill - 0.2, fill + 0.2) * ear_alpha
    log = log + np.log(f32(recipe.skin)) + complexion.skin_detail(recipe, shape, rng)
    log = log + np.log(complexion.form_light(recipe, shape))[..., None]
    cover = np.maximum(cv2.GaussianBlur(oval.astype(np.float32) / 255, (0, 0), 1.0), ears[..., 3])
    bald = np.zeros((SIZE, SIZE), np.float32)
    centre, axes = skull.centre[:2] * 16, skull.radii[:2] * 16
    x, y = np.round(centre).astype(int).tolist()
    across, up = np.round(axes).astype(int).tolist()
    cv2.ellipse(bald, (x, y), (across, up), 0, 155, 385, 1.0, -1, cv2.LINE_AA, 4)
    cover = np.maximum(cover, cv2.GaussianBlur(bald, (0, 0), 1.0))
    picture = np.clip(np.exp(log), 0, 1)
    light = f32(recipe.light)
    if recipe.beard > 0:
        beard = complexion.beard(recipe, shape, rng)
        picture = picture * (1 - beard[..., 3:]) + beard[..., :3]
    picture = eyes.paint(picture.astype(np.float32), shape, recipe.iris, light, 1.0)
    return np.dstack([picture, cover]).astype(np.float32)


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
    head = _head(recipe, shape, space, skull)
    hair, order = strands.grow(recipe.hair, skull, seed)
    colours = strands.shade(hair, order, recipe.hair, skull, light, seed)
    thickness = strands.thickness(hair, recipe.hair, skull)
    back, front, depth = strands.draw(hair, colours, thickness, float(skull.face[:, 2].max() + 0.05 * skull.height))
    if recipe.hair.flow == "crop":
        front = strands.undercoat(front, recipe.hair.colour)
    cheeks = np.round(shape[[205, 425, 214, 434], :2]).astype(int)
    skin = 0.88 * np.median(head[cheeks[:, 1], cheeks[:, 0], :3], axis=0)
    return Parts(
        recipe=recipe,
        shape=shape,
        backdrop=scenery.backdrop(recipe.background, light, recipe.body.seed ^ 1),
        back_hair=strands.backed(back, recipe.hair.colour),
        torso=scenery.torso(recipe.body, skull.face, skin, light),
        head=head,
        front_hair=front,
        front_hair_z=depth,
        skull=skull,
    )


def compose(parts: Parts) -> tuple[F32, F32]:
    """The picture (SIZE, SIZE, 3) sRGB in [0, 1] and the person's matte (SIZE, SIZE)."""
    picture = parts.backdrop
    matte = np.zeros((SIZE, SIZE), np.float32)
    shadow = complexion.hair_shadow(parts.front_hair, f32(parts.recipe.light))
    torso, head = parts.torso, parts.head
    for colour, alpha in (
        (parts.back_hair[..., :3], parts.back_hair[..., 3]),
        (torso[..., :3] * (shadow * torso[..., 3])[..., None], torso[..., 3]),
        (head[..., :3] * (shadow * head[..., 3])[..., None], head[..., 3]),
        (parts.front_hair[..., :3], parts.front_hair[..., 3]),
    ):
        picture = picture * (1 - alpha[..., None]) + colour
        matte = matte + alpha * (1 - matte)
    return np.asarray(np.clip(picture, 0, 1), np.float32), matte


def frame_of(recipe: Recipe) -> F64:
    """(2, 3) matrix from the composed picture to the still: how the camera was held."""
    roll, zoom, right, down = recipe.framing
    matrix = cv2.getRotationMatrix2D((SIZE / 2, 0.42 * SIZE), -roll, zoom)
    matrix[:, 2] += right, down
    return np.asarray(matrix, np.float64)


def photograph(picture: F32, seed: int) -> U8:
    """What a camera makes of the picture: a little blur, vignetting, noise, 8 bits."""
    rng = np.random.default_rng([seed, 2])
    soft = cv2.GaussianBlur(picture, (0, 0), 0.55)
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32) / SIZE - 0.5
    soft = soft * (1 - 0.16 * (x**2 + y**2))[..., None]
    grain = rng.normal(0, 1, (SIZE, SIZE, 3)).astype(np.float32)
    grain = 0.6 * grain + 0.8 * cv2.GaussianBlur(grain, (0, 0), 0.7)
    noisy = soft + grain * (0.005 + 0.006 * np.sqrt(soft))
    return np.asarray(np.clip(np.round(noisy * 255), 0, 255), np.uint8)


def actor(seed: int) -> Portrait:
    """The portrait of virtual actor ``seed``: the same bytes every time; needs nobody's consent."""
    parts = parts_of(seed)
    picture, matte = compose(parts)
    held = frame_of(parts.recipe)
    picture, matte = (
        cv2.warpAffine(layer, held, (SIZE, SIZE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
        for layer in (picture, matte)
    )
    image, matte = photograph(np.clip(picture, 0, 1), seed), np.clip(matte, 0, 1)
    return Portrait(image, find_face(image).landmarks, matte, f"actor:{seed}", recipe_sha256(seed))


def recipe_sha256(seed: int) -> str:
    """What stands for actor ``seed`` in place of a file's checksum."""
    recipe = json.dumps(dataclasses.asdict(draw_recipe(seed)), sort_keys=True)
    return hashlib.sha256(f"tellmark.actor/{VERSION}:{recipe}".encode()).hexdigest()
