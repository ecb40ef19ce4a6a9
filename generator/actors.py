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
from tellmark.generator import eyes, facespace, scenery, strands
from tellmark.generator.facespace import TEXTURE, FaceSpace
from tellmark.generator.scenery import Body, noise, smoothstep
from tellmark.generator.strands import HairStyle, Skull
from tellmark.generator.types import SIZE, Portrait
from tellmark.landmarks import FACE_OVAL, LEFT_BROW, LIPS_INNER, LIPS_OUTER, RIGHT_BROW
from tellmark.types import F32

VERSION = 1
MELANIN = np.array([-0.80, -1.04, -1.17], np.float32)  # log sRGB from the lightest skin to the darkest
HAIR_COLOURS = {
    "black": (0.13, 0.10, 0.09),
    "dark brown": (0.30, 0.19, 0.13),
    "brown": (0.45, 0.29, 0.19),
    "light brown": (0.58, 0.41, 0.28),
    "blond": (0.78, 0.62, 0.42),
    "red": (0.50, 0.27, 0.16),
    "grey": (0.62, 0.61, 0.60),
}
EYE_COLOURS = {
    "dark brown": ((0.20, 0.12, 0.08), (0.26, 0.16, 0.09)),
    "brown": ((0.34, 0.21, 0.12), (0.42, 0.27, 0.14)),
    "hazel": ((0.36, 0.32, 0.20), (0.46, 0.33, 0.17)),
    "green": ((0.36, 0.43, 0.32), (0.48, 0.44, 0.26)),
    "blue": ((0.36, 0.46, 0.56), (0.52, 0.58, 0.60)),
    "grey": ((0.45, 0.49, 0.52), (0.56, 0.58, 0.57)),
}


@dataclass(frozen=True, slots=True)
class ActorAttributes:
    """What can be said of an actor from the recipe alone."""

    presentation: str  # "feminine" or "masculine": the group of faces that was mixed
    skin_tone: str  # group of the individual typology angle (Chardon et al. 1991) of the mean skin colour
    eye_colour: str
    hair_colour: str
    hair_style: str
    garment: str
    background: str
    lighting: str  # "left", "right" or "frontal": where the main light comes from, as seen


@dataclass(frozen=True, slots=True)
class Recipe:
    """Every choice behind one actor."""

    seed: int
    feminine: bool
    shape_weights: tuple[float, ...]  # signed, over all archetypes; added to the group's mean
    tone_weights: tuple[float, ...]  # signed, for the coarse appearance
    detail_weights: tuple[float, ...]  # positive, for the fine appearance
    skin: tuple[float, float, float]  # sRGB
    eye_colour: str
    iris: eyes.Iris
    hair_colour: str
    hair: HairStyle
    body: Body
    background: str
    light: tuple[float, float, float]  # unit direction towards the main light: x right, y down, z away
    contrast: float  # strength of the main light
    aspect: float  # stretch of the face across


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


def draw_recipe(seed: int) -> Recipe:
    """The choices behind actor ``seed``."""
    rng = np.random.default_rng([VERSION, seed])
    space = facespace.load()
    feminine = bool(rng.random() < 0.5)
    own = space.feminine == feminine
    shape = rng.normal(0, 0.75, len(own)) * np.where(own, 1, 0.30)
    tone = rng.normal(0, 0.36, len(own)) * own
    detail = np.where(own, rng.gamma(0.7, size=len(own)), 0)
    light = np.array([rng.normal(0, 0.42), -0.55 + rng.normal(0, 0.08), -0.75])
    light /= np.linalg.norm(light)
    melanin = float(rng.beta(1.1, 1.6))
    skin = np.exp(facespace.SKIN_BASE + [0.05, 0.08, 0.10] + melanin * MELANIN + rng.normal(0, [0.02, 0.03, 0.045]))
    fair = 1 - smoothstep(np.float32(melanin), 0.15, 0.5)
    eye_odds = np.array([0.5, 0.5, 0.22 * fair, 0.2 * fair, 0.45 * fair, 0.15 * fair])
    eye_colour = list(EYE_COLOURS)[rng.choice(6, p=eye_odds / eye_odds.sum())]
    hair_odds = np.array([0.55, 0.6, 0.45 * fair, 0.35 * fair, 0.35 * fair, 0.14 * fair, 0.07])
    hair_colour = list(HAIR_COLOURS)[rng.choice(7, p=hair_odds / hair_odds.sum())]
    outer, inner = EYE_COLOURS[eye_colour]
    cloth = np.clip(rng.choice([0.12, 0.25, 0.45, 0.75]) + rng.normal(0, 0.045, 3), 0.04, 0.92)
    return Recipe(
        seed=seed,
        feminine=feminine,
        shape_weights=_rounded(shape),
        tone_weights=_rounded(tone),
        detail_weights=_rounded(detail / detail.sum()),
        skin=_rounded(skin),  # type: ignore[arg-type]
        eye_colour=eye_colour,
        iris=eyes.Iris(outer, inner, round(float(rng.uniform(0.30, 0.42)), 3), int(rng.integers(2**31))),
        hair_colour=hair_colour,
        hair=_draw_hair(feminine, HAIR_COLOURS[hair_colour], melanin, rng),
        body=Body(
            neck=round(float(rng.normal(0.265 if feminine else 0.305, 0.010)), 4),
            shoulders=round(float(rng.normal(0.98 if feminine else 1.12, 0.04)), 4),
            garment=str(rng.choice(scenery.GARMENTS, p=[0.42, 0.24, 0.22, 0.12])),
            colour=_rounded(cloth),  # type: ignore[arg-type]
            seed=int(rng.integers(2**31)),
        ),
        background=str(rng.choice(scenery.BACKDROPS)),
        light=_rounded(light),  # type: ignore[arg-type]
        contrast=round(float(rng.uniform(0.25, 0.55)), 3),
        aspect=round(float(rng.normal(0.94 if feminine else 0.955, 0.022)), 4),
    )


def _rounded(values: NDArray[np.float64] | F32) -> tuple[float, ...]:
    return tuple(round(float(value), 5) for value in values)


def _draw_hair(
    feminine: bool, colour: tuple[float, float, float], melanin: float, rng: np.random.Generator
) -> HairStyle:
    odds = [0.48, 0.27, 0.05, 0.20] if feminine else [0.04, 0.13, 0.83, 0.0]
    flow = str(rng.choice(["part", "back", "crop", "fringe"], p=odds))
    curly = rng.random() < 0.15 + 0.45 * melanin
    if flow == "crop":
        length = float(rng.choice([0.05, 0.12, 0.20, 0.27], p=[0.25, 0.25, 0.3, 0.2]))
        lift = 0.012 + 0.26 * length + (0.02 if curly else 0)
    elif flow == "back":
        length, lift = 0.55, float(rng.uniform(0.03, 0.07))
    else:
        length, lift = float(rng.uniform(0.85, 1.7)), float(rng.uniform(0.06, 0.11))
    wave = float(rng.uniform(0.016, 0.032)) if curly else float(rng.gamma(1.2, 0.005))
    shade = np.clip(np.asarray(colour) * np.exp(rng.normal(0, 0.12)) + rng.normal(0, 0.006, 3), 0.04, 1)
    return HairStyle(
        flow=flow,
        length=round(length, 4),
        lift=round(lift, 4),
        parting=round(float(rng.uniform(-0.6, 0.6)), 3),
        wave=round(min(wave, 0.4 * length) if flow != "back" else 0.2 * wave, 4),
        frequency=round(float(rng.uniform(4, 7) if curly else rng.uniform(1, 3)), 2),
        clumping=round(float(rng.uniform(0.4, 0.75)), 3),
        frizz=round(float(rng.uniform(0.5, 1.3)) * (1.4 if curly else 1), 3),
        density=round(float(rng.uniform(0.75, 1.0)), 3),
        hairline=round(float(rng.normal(-0.05, 0.03) if feminine else rng.normal(-0.02, 0.05)), 4),
        colour=_rounded(shade),  # type: ignore[arg-type]
        gloss=round(float(rng.uniform(0.6, 1.2)), 3),
    )


def actor_attributes(seed: int) -> ActorAttributes:
    """What can be said of actor ``seed`` without looking at the picture."""
    recipe = draw_recipe(seed)
    side = "frontal" if abs(recipe.light[0]) < 0.25 else "left" if recipe.light[0] < 0 else "right"
    return ActorAttributes(
        "feminine" if recipe.feminine else "masculine",
        skin_tone_group(recipe.skin),
        recipe.eye_colour,
        recipe.hair_colour,
        recipe.hair.flow,
        recipe.body.garment,
        recipe.background,
        side,
    )


def skin_tone_group(srgb: tuple[float, float, float]) -> str:
    """Group of the individual typology angle, atan((L* - 50) / b*): very light, light, intermediate, tan, brown, dark."""
    lightness, _, b = cv2.cvtColor(np.float32([[srgb]]), cv2.COLOR_RGB2LAB)[0, 0]
    angle = np.rad2deg(np.arctan2(lightness - 50, b))
    names = ("dark", "brown", "tan", "intermediate", "light", "very light")
    return names[int(np.searchsorted([-30, 10, 28, 41, 55], angle))]


def shape_of(recipe: Recipe) -> F32:
    """(478, 3) the actor's frontal mesh, portrait px."""
    space = facespace.load()
    group = space.shapes[space.feminine == recipe.feminine].mean(axis=0)
    offset = np.tensordot(np.float32(recipe.shape_weights), space.shapes - group, axes=1)
    mirror = facespace.mirror(space.mean)
    shape = group + 0.65 * offset + 0.35 * offset[mirror] * np.float32([-1, 1, 1])  # faces are only a little askew
    lips = [*LIPS_OUTER, *LIPS_INNER]
    rest = group[lips] - group[lips].mean(axis=0)
    shape[lips] = shape[lips].mean(axis=0) + 0.5 * (shape[lips] - shape[lips].mean(axis=0)) + 0.5 * rest  # no frowns
    shape[:, 0] = (shape[:, 0] - SIZE / 2) * recipe.aspect + SIZE / 2
    return np.asarray(shape - [(shape[33, 0] + shape[263, 0]) / 2 - SIZE / 2, 0, 0], np.float32)


def texture_of(recipe: Recipe, space: FaceSpace) -> F32:
    """(TEXTURE, TEXTURE, 3) log RGB on the mean shape, without skin colour: coarse extrapolated, fine mixed."""
    own = space.feminine == recipe.feminine
    textures = space.textures[own]
    mean = textures.mean(axis=0)
    weights = np.float32(recipe.tone_weights)[own]
    small = np.stack([cv2.resize(texture, (128, 128), interpolation=cv2.INTER_AREA) for texture in textures])
    drift = np.tensordot(weights, small - small.mean(axis=0), axes=1)
    grey = drift.mean(axis=-1, keepdims=True)
    drift = cv2.GaussianBlur(grey + 0.5 * (drift - grey), (0, 0), 1.5)
    mixed = np.tensordot(np.float32(recipe.detail_weights)[own], textures, axes=1)
    coarse, typical = cv2.GaussianBlur(mixed, (0, 0), 8), cv2.GaussianBlur(mean, (0, 0), 8)
    lightness = 0.5 * (coarse - typical).mean(axis=-1, keepdims=True)  # no archetype's tint, half its light and shade
    drift = cv2.resize(np.clip(drift, -0.35, 0.35), (TEXTURE, TEXTURE), interpolation=cv2.INTER_CUBIC)
    return np.asarray(1.15 * (mixed - coarse) + typical + lightness + drift, np.float32)


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
    log = log + np.log(np.float32(recipe.skin)) + _skin_detail(recipe, shape, rng)
    log = log + np.log(_relight(recipe, shape))[..., None]
    cover = np.maximum(cv2.GaussianBlur(oval.astype(np.float32) / 255, (0, 0), 1.0), ears[..., 3])
    bald = np.zeros((SIZE, SIZE), np.float32)
    centre, axes = skull.centre[:2] * 16, skull.radii[:2] * 16
    x, y = np.round(centre).astype(int).tolist()
    across, up = np.round(axes).astype(int).tolist()
    cv2.ellipse(bald, (x, y), (across, up), 0, 155, 385, 1.0, -1, cv2.LINE_AA, 4)
    cover = np.maximum(cover, cv2.GaussianBlur(bald, (0, 0), 1.0))
    picture = np.clip(np.exp(log), 0, 1)
    light = np.float32(recipe.light)
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
    return cv2.GaussianBlur(mask, (0, 0), 2.5)


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


def _skin_detail(recipe: Recipe, shape: F32, rng: np.random.Generator) -> F32:
    """(SIZE, SIZE, 3) log RGB: pores, blotches, freckles and a few moles."""
    pores = noise(rng, 0.8) - noise(rng, 1.6)
    detail = (0.014 * pores + 0.005 * noise(rng, 3.0))[..., None] * np.float32([0.8, 1.0, 1.05])
    detail = detail + (0.010 * noise(rng, 14))[..., None] * np.float32([0.3, 1.0, 0.8])
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
    for loop in (LIPS_INNER, LIPS_OUTER, RIGHT_BROW, LEFT_BROW):
        cv2.fillConvexPoly(keep, cv2.convexHull(np.round(shape[list(loop), :2]).astype(np.int32)), 0.35)
    marks = cv2.GaussianBlur(marks, (0, 0), 0.7) * keep
    return np.asarray(detail * keep[..., None] - marks[..., None] * np.float32([0.5, 0.9, 1.0]), np.float32)


def _relight(recipe: Recipe, shape: F32) -> F32:
    """(SIZE, SIZE) factor: the main light on the smooth form of the head, 1 on average."""
    oval = shape[list(FACE_OVAL)]
    centre, half = oval[:, :2].mean(axis=0), np.ptp(oval[:, :2], axis=0) / 2
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    nx, ny = 0.80 * (x - centre[0]) / half[0], 0.62 * (y - centre[1]) / half[1]
    nz = -np.sqrt(np.clip(1 - nx**2 - ny**2, 0.05, 1))
    lambert = np.clip(nx * recipe.light[0] + ny * recipe.light[1] + nz * recipe.light[2], 0, 1)
    shade = 1 + recipe.contrast * (lambert - 0.62)
    shade *= 1 - 0.22 * np.clip(np.hypot(nx / 0.8, ny / 0.62) - 0.72, 0, 0.35) / 0.35  # skin turning away
    return cv2.GaussianBlur(np.clip(shade, 0.45, 1.3).astype(np.float32), (0, 0), 6)


def parts_of(seed: int) -> Parts:
    """All parts of actor ``seed``."""
    recipe, space = draw_recipe(seed), facespace.load()
    shape = shape_of(recipe)
    skull = strands.skull_of(shape[list(FACE_OVAL)])
    light = np.float32(recipe.light)
    head = _head(recipe, shape, space, skull)
    hair, order = strands.grow(recipe.hair, skull, seed)
    colours = strands.shade(hair, order, recipe.hair, skull, light, seed)
    thickness = np.full(len(hair), 0.7, np.float32)
    back, front, depth = strands.draw(hair, colours, thickness, float(skull.face[:, 2].max() + 0.05 * skull.height))
    cheeks = np.round(shape[[205, 425, 214, 434], :2]).astype(int)
    skin = 0.88 * np.median(head[cheeks[:, 1], cheeks[:, 0], :3], axis=0)
    return Parts(
        recipe=recipe,
        shape=shape,
        backdrop=scenery.backdrop(recipe.background, light, recipe.body.seed ^ 1),
        back_hair=back,
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
    shadow = hair_shadow(parts.front_hair, np.float32(parts.recipe.light))
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


def hair_shadow(front: F32, light: F32) -> F32:
    """(SIZE, SIZE) factor below 1 where hair keeps the light off the skin."""
    cover = cv2.GaussianBlur(front[..., 3], (0, 0), 5)
    shift = np.float32([[1, 0, -8 * light[0]], [0, 1, -9 * light[1]]])
    moved = cv2.warpAffine(cover, shift, (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(1 - 0.42 * smoothstep(moved, 0.0, 1.1), np.float32)


def photograph(picture: F32, seed: int) -> NDArray[np.uint8]:
    """What a camera makes of the picture: a little blur, vignetting, noise, 8 bits."""
    rng = np.random.default_rng([seed, 2])
    soft = cv2.GaussianBlur(picture, (0, 0), 0.55)
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32) / SIZE - 0.5
    soft = soft * (1 - 0.16 * (x**2 + y**2))[..., None]
    grain = rng.normal(0, 1, (SIZE, SIZE, 3)).astype(np.float32)
    grain = 0.6 * grain + 0.8 * cv2.GaussianBlur(grain, (0, 0), 0.7)
    noisy = soft + grain * (0.005 + 0.006 * np.sqrt(soft))
    return np.clip(np.round(noisy * 255), 0, 255).astype(np.uint8)


def actor(seed: int) -> Portrait:
    """The portrait of virtual actor ``seed``: the same bytes every time; needs nobody's consent."""
    parts = parts_of(seed)
    picture, matte = compose(parts)
    image = photograph(picture, seed)
    recipe = json.dumps(dataclasses.asdict(parts.recipe), sort_keys=True)
    digest = hashlib.sha256(f"tellmark.actor/{VERSION}:{recipe}".encode()).hexdigest()
    return Portrait(image, find_face(image).landmarks, matte, f"actor:{seed}", digest)
