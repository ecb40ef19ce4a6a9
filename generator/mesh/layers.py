"""The two picture layers of a portrait: the person with transparency, and the background completed behind it.

The person layer is premultiplied, ``colour = picture - (1 - alpha) * background``, so laying it back over the
background gives the portrait but for a few code values around it, whatever the matte got wrong; stray hair that the
matte lost is carried by the difference. Beyond the frame the person
goes on for ``PAD`` pixels, so that moving away from the camera or to the side uncovers cloth and not a cut edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark.generator.geometry.fill import fill, push_pull
from tellmark.generator.geometry.hairline import hair_depth
from tellmark.generator.types import SIZE, Portrait
from tellmark.landmarks import FACE_OVAL
from tellmark.types import F32, U8

PAD = 128  # px that the person layer reaches beyond the frame on every side
_STRAY_PX = 24  # how far from the matte stray hair is looked for
_BLUR_PX = 5  # how far a lens and sharpening carry a person beyond an exact matte
_GLOW = 8  # code values
_SHOULDER_SLOPE = 0.5  # how fast a silhouette sinks beyond the left and right border


@dataclass(frozen=True, slots=True)
class Layers:
    """What the renderer lays over each other."""

    person: U8  # (SIZE + 2 PAD, SIZE + 2 PAD, 4) premultiplied RGBA
    background: U8  # (SIZE, SIZE, 3) RGB


def split(portrait: Portrait) -> Layers:
    """Split a portrait into person and background."""
    picture = portrait.image.astype(np.float32)
    drawn = portrait.source is None  # an actor's matte is exact
    alpha = np.clip(portrait.matte, 0, 1).astype(np.float32) if drawn else _refine_matte(portrait)
    # Whatever the matte touches may be tinted by the person, so the fill looks from further out than it is used.
    beside = _BLUR_PX if drawn else _STRAY_PX
    near = cv2.dilate(alpha, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * beside + 1,) * 2)) > 0.1
    filled = fill(portrait.image, near)
    if not drawn:
        alpha = np.maximum(alpha, _stray_hair(portrait.image, filled, alpha, near))
    used = np.clip(cv2.dilate(alpha, np.ones((9, 9), np.uint8)) / 0.1, 0, 1)
    used = cv2.GaussianBlur(used, (0, 0), 1.5)[..., None]
    # Where the fill meets the picture it must not show a seam: carry what is left over there into the fill.
    seam = push_pull(picture - filled, (used[..., 0] < 0.01).astype(np.float32))
    background = np.rint(np.clip(picture * (1 - used) + (filled + seam) * used, 0, 255))
    # Premultiplied colour must not be negative: where the picture is darker than the fill allows, there is more person.
    lowest = np.max((background - picture - 4) / np.maximum(background, 40), axis=2)
    alpha = np.rint(np.clip(np.maximum(alpha, lowest), 0, 1) * 255) / 255
    colour = np.clip(np.rint(picture - (1 - alpha[..., None]) * background), 0, 255)
    # More light than the person covers glows around a head that moves: the fill's grain and the halo of a sharpened
    # picture stay behind. What is brighter still, is hair; before an exact matte it is what the fill cannot know.
    glow = np.maximum(colour - 255 * alpha[..., None], 0)
    colour = colour - (glow if drawn else np.minimum(glow, _GLOW))
    person = np.dstack([colour, np.rint(alpha * 255)]).astype(np.uint8)
    return Layers(_extend(person, hair_depth(portrait.image, portrait.landmarks)), background.astype(np.uint8))


def shown(person: U8, sources: F32, triangles: NDArray[np.int32]) -> NDArray[np.int32]:
    """The triangles (k, 3) through which something of a person layer can be seen.

    sources: (N, 2) px in the layer of their corners.
    """
    seen = cv2.integral(person.any(axis=2).astype(np.uint8))  # stray hair has colour and no alpha
    corners = sources[triangles]
    height, width = person.shape[:2]
    margin = 3  # px that cubic interpolation looks around, and one more
    x0, y0 = (np.floor(corners.min(1)) - margin).astype(int).clip(0, (width, height)).T
    x1, y1 = (np.ceil(corners.max(1)) + margin + 1).astype(int).clip(0, (width, height)).T
    return np.asarray(triangles[seen[y1, x1] - seen[y0, x1] - seen[y1, x0] + seen[y0, x0] > 0], np.int32)


def _refine_matte(portrait: Portrait) -> F32:
    """Alpha from local colour models in the band where the matte is unsure; the face itself is always opaque.

    alpha = (I - B)(F - B) / |F - B|^2 with F and B interpolated from the sure parts on either side.
    """
    matte = np.clip(portrait.matte, 0, 1).astype(np.float32)
    oval = np.zeros(matte.shape, np.uint8)
    cv2.fillPoly(oval, [np.rint(portrait.landmarks[list(FACE_OVAL), :2]).astype(np.int32)], 255)
    matte = np.maximum(matte, cv2.GaussianBlur(oval, (0, 0), 1.5).astype(np.float32) / 255)

    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (11, 11))
    person_sure = cv2.erode(matte, kernel) > 0.95
    background_sure = cv2.dilate(matte, kernel) < 0.05
    if not person_sure.any() or not background_sure.any():
        return matte
    picture = portrait.image.astype(np.float32)
    foreground = push_pull(picture, person_sure.astype(np.float32))
    background = push_pull(picture, background_sure.astype(np.float32))
    across = foreground - background
    distance2 = (across**2).sum(2)
    alpha = np.clip(((picture - background) * across).sum(2) / np.maximum(distance2, 1), 0, 1)
    # Where both sides look alike the projection says nothing.
    trust = np.clip((np.sqrt(distance2) - 25) / 60, 0, 1) * (4 * matte * (1 - matte)) ** 0.3
    alpha = matte + trust * (cv2.GaussianBlur(alpha, (0, 0), 0.6) - matte)
    alpha = np.where(person_sure, 1, np.where(background_sure, 0, alpha))
    return np.clip((alpha - 0.04) / 0.9, 0, 1).astype(np.float32)


def _stray_hair(image: U8, filled: U8, alpha: F32, near: NDArray[np.bool_]) -> F32:
    """Alpha of what the matte missed close to the person: it stands out from a background that is smooth there."""
    difference = np.abs(image.astype(np.float32) - filled).max(2)
    # Hair is thin; blurred lights and folds of a curtain are not: only what a top-hat or black-hat transform keeps.
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (13, 13))
    hats = [cv2.morphologyEx(image, operation, kernel).max(2) for operation in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT)]
    thin = cv2.GaussianBlur(np.maximum(*hats).astype(np.float32), (0, 0), 1.0)
    difference = np.minimum(difference, 1.5 * thin)
    grain = image.astype(np.float32) - cv2.GaussianBlur(image, (0, 0), 4).astype(np.float32)
    texture = cv2.GaussianBlur(push_pull(np.abs(grain), (~near).astype(np.float32)), (0, 0), 8).max(2)
    away = cv2.distanceTransform((alpha < 0.3).astype(np.uint8), cv2.DIST_L2, 5)
    reach = np.clip(1.6 * (1 - away / _STRAY_PX), 0, 1)
    return np.asarray(np.clip((difference - 10 * texture - 6) / 50, 0, 1) * reach, np.float32)


def _extend(person: U8, hair_px: F32) -> U8:
    """The person layer continued beyond the frame: a crown above, sinking shoulders beside, cloth below."""
    end = PAD + SIZE
    wide: U8 = cv2.copyMakeBorder(person, PAD, PAD, PAD, PAD, cv2.BORDER_REFLECT_101)
    # Clothing continued downwards would show its collar again in a mirror: repeat the last rows instead, softened.
    _torso(wide[end:], cv2.blur(wide[end - 12 : end], (9, 9))[-6:].mean(0).astype(np.float32))
    wide[:PAD] = 0
    top = person[0, :, 3].astype(np.float32) / 255
    if top.sum() > 8:
        _crown(wide, person, top, hair_px)
    edges = [(PAD - 1, -1, wide[:, PAD].astype(np.float32)), (end, 1, wide[:, end - 1].astype(np.float32))]
    for step in range(PAD):
        sink = round((step + 1) * _SHOULDER_SLOPE)
        for first, outwards, edge in edges:
            wide[:sink, first + outwards * step] = 0
            wide[sink:, first + outwards * step] = _softer(edge, 0.15 * step)[: len(wide) - sink]
    return wide


def _softer(edge: F32, sigma: float) -> U8:
    """A premultiplied column (n, 4) whose colour is blurred: what a pattern does further out is not known."""
    alpha = edge[:, 3:]
    soft = cv2.GaussianBlur(edge, (1, 0), sigmaX=1, sigmaY=sigma) if sigma > 0.3 else edge
    colour = soft[:, :3] / np.maximum(soft[:, 3:], 1) * alpha
    softened = np.hstack([np.where(alpha > 8, colour, edge[:, :3]), alpha])
    return np.asarray(np.rint(np.clip(softened, 0, 255)), np.uint8)


def _torso(below: U8, last: F32) -> None:
    """Fill the rows below the frame with its last one (W, 4), growing wider where shoulders go on to widen."""
    columns = np.arange(len(last), dtype=np.float32)
    weight = last[:, 3] / 255
    centre = float((columns * weight).sum() / max(float(weight.sum()), 1.0))
    half = max(float(weight.sum()) / 2, 32.0)
    for step in range(len(below)):
        wider = 1 + 70 * (1 - np.exp(-step / 50)) / half
        source = centre + (columns - centre) / wider
        below[step] = np.rint(np.stack([np.interp(source, columns, last[:, k]) for k in range(4)], 1))


def _crown(wide: U8, person: U8, top: F32, hair_px: F32) -> None:
    """Close a head that the frame's upper border cuts: mirrored hair under the circle that the outline suggests.

    hair_px: (SIZE,) how deep each column may be mirrored.
    """
    columns = np.arange(SIZE, dtype=np.float32)
    opaque = person[..., :3] * (255 / np.maximum(person[..., 3:].astype(np.float32), 32))  # whatever lay at its sides
    mirrored = np.clip(_continued(opaque, hair_px), 0, 255)
    centre = float((columns * top).sum() / top.sum())
    depth = 24
    half, lower = float(top.sum()) / 2, float(person[depth, :, 3].astype(np.float32).sum()) / 255 / 2
    # The circle through the outline at rows 0 and ``depth``; sides that do not close yet get half a circle.
    middle = float(np.clip((lower**2 - half**2 + depth**2) / (2 * depth), 0.2 * half, 1e4))
    radius = float(np.hypot(half, middle))
    for step in range(1, min(int(radius - middle), PAD - 1)):
        narrow = np.sqrt(radius**2 - (middle + step) ** 2) / half
        alpha = np.interp(centre + (columns - centre) / narrow, columns, top, left=0, right=0)
        wide[PAD - step, PAD : PAD + SIZE, :3] = np.rint(mirrored[PAD - step] * alpha[:, None])
        wide[PAD - step, PAD : PAD + SIZE, 3] = np.rint(alpha * 255)


def _continued(layer: F32, hair_px: F32) -> F32:
    """(PAD, SIZE, C): a layer (SIZE, SIZE, C) mirrored at its upper border, ever slower towards ``hair_px``."""
    steps = np.arange(PAD, 0, -1, dtype=np.float32)[:, None]
    y = hair_px * np.tanh(steps / hair_px)
    x = np.tile(np.arange(SIZE, dtype=np.float32), (PAD, 1))
    return np.asarray(cv2.remap(layer, x, y, cv2.INTER_LINEAR), np.float32)
