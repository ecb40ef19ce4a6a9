"""Beards: where hair grows on a face, from stubble to a full beard, and its single hairs. In the portrait's frame."""

from __future__ import annotations

import cv2
import numpy as np

from tellmark.generator.actors import fibres
from tellmark.generator.actors.facespace import f32
from tellmark.generator.actors.hairstyle import SHORT, HairStyle
from tellmark.generator.actors.recipe import Recipe
from tellmark.generator.actors.scenery import noise, smoothstep
from tellmark.generator.types import SIZE
from tellmark.landmarks import FACE_OVAL, LIPS_OUTER
from tellmark.types import F32

# Down the outline from before the ear to the chin, and the corner of the mouth on that side.
_SIDES = (
    ((127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148), 61),
    ((356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377), 291),
)
_POINTS = 8  # on a hair
_SIDE_LENGTH = 0.8  # as of a beard so full
_SIDEBURNS = {"masculine": (0.75, 0.32), "feminine": (0.5, 0.10), "tied": (0.2, 0.06)}  # density, reach in face widths


def paint(recipe: Recipe, shape: F32, rng: np.random.Generator) -> tuple[F32, F32]:
    """Hairs, and what shines through the skin between them: both (SIZE, SIZE, 4) premultiplied sRGB without light."""
    beside = density = sideburns(recipe.hair, recipe.feminine, shape, rng)
    fullness = np.full((SIZE, SIZE), _SIDE_LENGTH, np.float32)
    if recipe.beard > 0:
        bearded = grows(recipe.beard, shape, rng)
        fullness = np.where(bearded > 0.5 * density, np.float32(recipe.beard), fullness)
        density = np.maximum(density, bearded)
    low, high = shape[list(FACE_OVAL), :2].min(axis=0) - 8, shape[list(FACE_OVAL), :2].max(axis=0) + 8
    root = rng.uniform(low, high, (int(60000 * (0.35 + 0.65 * float(fullness.max()))), 2))
    root = root[rng.random(len(root)) < density[root[:, 1].astype(int), root[:, 0].astype(int)] ** 1.3]
    count = len(root)
    column, row = root.astype(int).T
    full = fullness[row, column]
    middle, height = shape[164, :2], float(np.ptp(shape[list(FACE_OVAL), 1]))
    chin = np.exp(-(((root - shape[152, :2]) / (0.22 * height)) ** 2).sum(axis=1))
    lip = np.exp(-(((root[:, 1] - middle[1]) / (0.06 * height)) ** 2))
    across = (root[:, 0] - middle[0]) / (0.4 * height)
    lock = np.stack([noise(rng, 5), noise(rng, 5)], axis=-1)[row, column]
    heading = np.stack([0.35 * across + 2.5 * lip * np.clip(across, -0.3, 0.3), 1 - 0.4 * lip], axis=1)
    heading = heading + 0.22 * lock + rng.normal(0, 0.22, (count, 2))
    length = (0.8 + 9.0 * full**1.6) * (1 + 0.7 * full * chin) * rng.uniform(0.4, 1.2, count)
    t = np.linspace(0, 1, _POINTS)[None, :, None]
    bend = rng.normal(0, 0.3, (count, 1, 2)) * t**2
    path = root[:, None] + (heading[:, None] * t + bend) * length[:, None, None]
    hairs = np.dstack([path, np.zeros(path.shape[:2])]).astype(np.float32)
    tone = f32(recipe.hair.colour) * 0.62 * np.exp(rng.normal(0, 0.2, (count, 1, 1)) + 0.12 * lock[:, None, :1])
    tone = np.broadcast_to(tone + rng.normal(0, 0.01, (count, 1, 3)), hairs.shape)
    thickness = (0.16 + 0.17 * full) * (0.25 + 0.75 * density[row, column])  # hairs that stand alone would be dots
    drawn = fibres.draw(hairs, np.clip(tone, 0, 1).astype(np.float32), thickness, 1.0)[1]
    # Between the hairs, and where they are shaved, roots show through the skin.
    shade = cv2.GaussianBlur(density * (0.08 + 0.46 * fullness), (0, 0), 5.0)
    shade = np.maximum(shade, cv2.GaussianBlur(0.8 * beside, (0, 0), 2.5))[..., None]
    return drawn, np.dstack([shade * f32(recipe.hair.colour) * 0.48, shade]).astype(np.float32)


def grows(beard: float, shape: F32, rng: np.random.Generator) -> F32:
    """(SIZE, SIZE) in [0, 1] how densely hair grows: everybody's cheeks, chin and moustache are their own."""
    oval = shape[list(FACE_OVAL), :2]
    middle, (width, height) = oval.mean(axis=0), np.ptp(oval, axis=0).tolist()
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    begin, sag = int(rng.integers(1, 4)), float(rng.uniform(0.02, 0.13))
    # Few grow little but chin and moustache; who does not shave for some days has stubble everywhere.
    cheeks = float(rng.choice([0.15, 0.6, 1.0], p=[0.2, 0.3, 0.5])) if beard > 0.35 else 0.8
    edge = 4 * noise(rng, 4) + 4 * noise(rng, 12)
    nose, lips = shape[2, :2], shape[list(LIPS_OUTER), :2]
    outline: list[F32] = []
    for (side, corner), order in zip(_SIDES, (1, -1), strict=True):
        away = (shape[corner, :2] - nose) * f32([1.12, 0.6])
        inwards = f32([np.sign(nose[0] - shape[side[begin], 0]) * 0.07 * width, 0])
        start, end = shape[side[begin], :2] + inwards, nose + away
        s = np.linspace(0, 1, 6)[:, None]
        line = start + (end - start) * s + f32([0, sag * height]) * np.sin(np.pi * s**0.8)
        jaw = middle + (shape[list(side[begin:]), :2] - middle) * 1.05
        outline.append(f32(np.concatenate([jaw[::-1], line])[::order]))
    lip = nose + f32([0, 0.012 * height])
    region = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(region, [np.round(np.concatenate([outline[0], lip[None], outline[1]])).astype(np.int32)], 1)
    thin = 1 - beard  # what is shaved fades out further
    full = smoothstep(_signed(region) + edge, -5 - 4 * thin, 16 + 18 * thin)
    front = np.exp(-((np.abs(x - nose[0]) / (0.62 * np.ptp(lips[:, 0]))) ** 4))
    full = np.maximum(full, smoothstep(_signed(region) + edge, -5, 8 + 8 * thin) * front)  # a moustache is narrow
    beside = cheeks * smoothstep(y, float(shape[[234, 454], 1].min()) - 6, float(shape[[61, 291], 1].max()))
    out = full * (beside + (1 - beside) * front)
    # Bare: the lips, two spots beside the tuft below them, the groove above them a little.
    mouth = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(mouth, [np.round(lips).astype(np.int32)], 1)
    out = out * smoothstep(-_signed(mouth), 0.5, 4.0)
    below = lips[:, 1].max() + 0.035 * height
    for sign in (-1, 1):
        spot = ((x - nose[0] - sign * 0.085 * width) / (0.05 * width)) ** 2 + ((y - below) / (0.028 * height)) ** 2
        out = out * (1 - 0.75 * np.exp(-spot))
    groove = np.exp(-(((x - nose[0]) / (0.025 * width)) ** 2)) * (y < lips[:, 1].min())
    patchy = np.clip(1 + (0.22 - 0.12 * beard) * noise(rng, 9), 0.2, 1)
    face = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(face, [np.round(oval).astype(np.int32)], 1)
    return np.asarray(out * (1 - 0.5 * groove) * patchy * smoothstep(_signed(face), -2, 1), np.float32)


def sideburns(style: HairStyle, feminine: bool, shape: F32, rng: np.random.Generator) -> F32:
    """(SIZE, SIZE) in [0, 1] how densely hair grows before the ears, where no hair of the head falls over it.

    It goes on where the hair of the temple ends, as broad as that is, and narrows towards its end: what is as broad
    all the way, or begins by itself, is a smudge.
    """
    out = np.zeros((SIZE, SIZE), np.float32)
    if style.flow not in SHORT:
        return out
    oval = shape[list(FACE_OVAL), :2]
    width = float(np.ptp(oval[:, 0]))
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    strength, reach = _SIDEBURNS["tied" if style.tied else "feminine" if feminine else "masculine"]
    strength, reach = strength * float(rng.uniform(0.7, 1)), reach * float(rng.uniform(0.6, 1))
    for side, _ in _SIDES:
        edge = shape[list(side[:6]), :2]
        top = edge[0, 1] - 0.20 * width
        t = np.clip((y - top) / (0.20 + reach) / width, 0, 1.5)
        outline = np.interp(y[:, 0], edge[:, 1], edge[:, 0]).astype(np.float32)[:, None]
        within = (x - outline) * np.sign(oval[:, 0].mean() - edge[0, 0])
        broad = width * (0.014 + 0.024 * np.clip(1 - t, 0, 1)) + 1.2 * noise(rng, 5)
        front = smoothstep(within, broad + 4, broad - 6) * smoothstep(within, -1, 2)
        out = np.maximum(out, strength * front * smoothstep(t, 1.15, 0.55) * smoothstep(t, 0, 0.3))
    return out


def _signed(region: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> F32:
    """(SIZE, SIZE) px from the border of a region (of 0 and 1), positive within."""
    within, beyond = (cv2.distanceTransform(part, cv2.DIST_L2, 5) for part in (region, 1 - region))
    return np.asarray(within - beyond, np.float32)
