"""The inside of the mouth: teeth, tongue and cavity, seen through the opening of the lips.

Upper teeth are fixed to the skull, lower teeth and tongue to the jaw. Light falls in from the front, so it fades
towards the corners, under the upper lip and, where the lips are close or rounded, everywhere (``between_lips``).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from tellmark.generator.geometry.basis import face_frame
from tellmark.generator.geometry.between_lips import (
    FULL_LIGHT_MM,
    HIDDEN_MM,
    LEAST_LIGHT,
    rounding,
    shown_mm,
    unshaded,
)
from tellmark.generator.geometry.raster import mix
from tellmark.generator.mesh.mesh import Mesh, Pose, place_rigid
from tellmark.generator.mesh.opening import close_lips, lip_gaps, mouth_width, opening_mask, seam_colour
from tellmark.generator.mesh.softness import softness
from tellmark.generator.mesh.teeth import (
    HALF_MM,
    TALL_MM,
    colourfulness,
    lower_teeth,
    own_interior,
    upper_teeth,
    white_point,
)
from tellmark.generator.types import SIZE
from tellmark.landmarks import LIPS_INNER
from tellmark.types import F32, U8

_OWN_TEETH_MM = 2.5  # lips further apart than this at rest show an interior worth keeping
_LONGEST_MM = 8.5  # of the upper teeth, that a raised lip shows
_CROWN_MM = 9.5  # of a tooth: of a smile's own teeth, the lower lip hides what is short of that
_LONGER_MM = 3.0  # and at most so much
_SQUEEZED = 0.3  # of their gap at rest, by which lips squeeze what is between them; then it is drawn where it stays
_CHIN = 152
_JAW_OF_CHIN = 0.9
_TONGUE_MM = 23.0  # half width of the tongue at rest between the teeth
_FILLS = 0.88  # of its half width, that the lips show at most: beside it is the cheek, and not the dark
_SMOOTH_PX = 0.25  # sigma by which a sprite of 1.5 px a pixel of the frame is smoothed before it is sampled
_LOWER_MM = 8.0  # of the lower teeth, that a lowered lip shows


@dataclass(frozen=True, slots=True)
class Mouth:
    """The interior of one portrait's mouth."""

    frame: F32  # (3, 3) rest points of the skull's mouth frame: origin, 10 mm across, 10 mm down
    rest_gap: F32  # (11,) px between the inner lips
    rest_width: float  # px between the corners of the opening
    upper: F32  # (h, w, 4) premultiplied sprite, y = 0 at ``TALL_MM`` above the cutting edges
    lower: F32  # (h, w, 4), y = 0 at the cutting edges
    own: F32 | None  # (SIZE, SIZE, 4) premultiplied, in the portrait's pixels
    soft: float  # px sigma of the portrait's blur
    sprite_px_per_mm: float
    show_mm: float  # from the upper lip's edge at rest down to the upper teeth's edges
    rest_drop_mm: float  # from there to the lower teeth's edges
    seam: F32  # (3,) RGB between closed lips
    cavity: F32  # (3,) RGB
    tongue: F32  # (3,) RGB


def build_mouth(image: U8, landmarks: F32, mesh: Mesh) -> Mouth:
    """Prepare the mouth of a framed portrait."""
    axes = face_frame(landmarks).axes
    rest_gap = lip_gaps(landmarks)
    gap_mm = float(rest_gap[4:7].mean()) / mesh.px_per_mm
    white = white_point(image, landmarks)
    scale = 1.5 * mesh.px_per_mm
    soft = softness(image, landmarks)
    longer = float(np.clip(_CROWN_MM - gap_mm, 0, _LONGER_MM)) * mesh.px_per_mm
    own = own_interior(image, landmarks, longer) if gap_mm > _OWN_TEETH_MM else None
    colour = colourfulness(image, landmarks)
    seed = zlib.crc32(image.tobytes())  # a picture has the same teeth whenever it is animated
    # Teeth hang from the upper lip, wherever the lower one is.
    seam = mesh.rest[13] + 3.0 * axes[2]
    return Mouth(
        frame=np.stack([seam, seam + 10 * axes[0], seam + 10 * axes[1]]).astype(np.float32),
        rest_gap=rest_gap,
        rest_width=mouth_width(landmarks),
        upper=_softened(_fade(upper_teeth(white, scale, seed), colour), float(np.hypot(_SMOOTH_PX, 1.5 * soft))),
        lower=_softened(_fade(lower_teeth(white, scale, seed), colour), float(np.hypot(_SMOOTH_PX, 1.5 * soft))),
        own=own,
        soft=soft,
        sprite_px_per_mm=scale,
        show_mm=shown_mm(seed),
        rest_drop_mm=gap_mm + 1.4 - 0.3 * max(gap_mm - 6, 0),
        seam=seam_colour(image, landmarks),
        cavity=_fade((white * (0.25, 0.10, 0.095)).astype(np.float32), colour),
        tongue=_fade((white * (0.95, 0.60, 0.56)).astype(np.float32), colour),
    )


def draw_mouth(
    mouth: Mouth,
    frame: U8,  # (SIZE, SIZE, 3) in and out
    points: F32,  # (N, 3) px: the moved mesh
    mesh: Mesh,
    pose: Pose,
) -> None:
    """Draw the interior into the opening of the lips; nothing where they are as far apart as at rest.

    Lips that come together close over teeth, which stay where they are.
    """
    gaps = lip_gaps(points) / pose.scale
    opened = float((gaps - mouth.rest_gap).max())
    fade = min(max(opened / (1.3 * mesh.px_per_mm), 0.0), 1.0)
    rest = max(float(mouth.rest_gap[3:8].mean()), _OWN_TEETH_MM * mesh.px_per_mm)
    closed = float((mouth.rest_gap - gaps)[3:8].mean()) / rest
    fade = max(fade, min(max((closed - _SQUEEZED) / _SQUEEZED, 0.0), 1.0))
    loop = points[list(LIPS_INNER), :2]
    if fade > 0:
        _draw_inside(mouth, frame, loop, points, mesh, pose, opened, fade)
    if opened <= 0:
        close_lips(frame, loop, mouth.rest_gap / mesh.px_per_mm, gaps / mesh.px_per_mm, mouth.seam, mouth.soft)


def _draw_inside(
    mouth: Mouth, frame: U8, loop: F32, points: F32, mesh: Mesh, pose: Pose, opened: float, fade: float
) -> None:
    """Lay the interior over the frame within the loop (20, 2) of the inner lips; ``opened``: px beyond rest."""
    x0, y0 = np.floor(loop.min(0)).astype(int) - 3
    x1, y1 = np.ceil(loop.max(0)).astype(int) + 4
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, SIZE), min(y1, SIZE)
    if x1 - x0 < 4 or y1 - y0 < 4:
        return
    mask = opening_mask(loop - (x0, y0), x1 - x0, y1 - y0, mouth.soft)
    skull = place_rigid(mesh, mouth.frame, pose)
    to_mm = _inverse_affine(skull, np.array([[0, 0], [10, 0], [0, 10]], np.float32))
    to_mm[:, 2] += to_mm[:, :2] @ (x0, y0)
    # A lip that rises far bares the gums of nobody: teeth are at most so long.
    lip_mm = float(to_mm[1, :2] @ (points[13, :2] - (x0, y0)) + to_mm[1, 2])
    rounded = rounding(mouth_width(points) / pose.scale / mouth.rest_width)
    show_mm = min(mouth.show_mm, _LONGEST_MM + lip_mm) - HIDDEN_MM * rounded
    colour = np.empty((*mask.shape, 3), np.float32)
    opened_mm = max(opened, 0.0) / mesh.px_per_mm
    # The jaw's teeth go with the chin, which a smile leaves where it is; and they stay near the lower lip.
    chin_mm = float(to_mm[1, :2] @ (points[_CHIN, :2] - place_rigid(mesh, mesh.rest[[_CHIN]], pose)[0]))
    jaw_mm = np.clip(_JAW_OF_CHIN * chin_mm, max(opened_mm - _LOWER_MM, 0.0), opened_mm + 1.0)
    own = mouth.own
    rest = mouth.frame
    to_rest = np.zeros((2, 3), np.float32)
    if own is not None:
        across, down = (rest[1] - rest[0])[:2] / 10, (rest[2] - rest[0])[:2] / 10
        to_rest = np.stack([across, down], 1) @ to_mm
        to_rest[:, 2] += rest[0, :2]
    _paint(
        colour, mask, to_mm, to_rest.astype(np.float32), mouth.upper, mouth.lower,
        own if own is not None else np.zeros((1, 1, 4), np.float32), mouth.sprite_px_per_mm,
        show_mm, float(jaw_mm) + mouth.rest_drop_mm, mouth.cavity, mouth.tongue,
        1 / (mesh.px_per_mm * pose.scale), unshaded(rounded), LEAST_LIGHT, FULL_LIGHT_MM,
    )  # fmt: skip
    mix(frame[y0:y1, x0:x1], colour, mask * np.float32(fade * fade * (3 - 2 * fade)))


def _fade(colours: F32, colour: float) -> F32:
    """RGB (..., 3 or 4) with its colour faded to grey where ``colour`` is 0."""
    faded = colours.copy()
    faded[..., :3] = colour * colours[..., :3] + (1 - colour) * colours[..., :3].mean(-1, keepdims=True)
    return faded


def _softened(sprite: F32, sigma: float) -> F32:
    """Blurred by ``sigma`` px of the sprite, beyond which there is nothing."""
    return np.asarray(cv2.GaussianBlur(sprite, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT), np.float32)


def _inverse_affine(source: F32, goal: F32) -> NDArray[np.float64]:
    """(2, 3) matrix that takes three points to three others."""
    homogeneous = np.column_stack([source, np.ones(3)]).astype(np.float64)
    return np.asarray(np.linalg.solve(homogeneous, goal.astype(np.float64)).T)


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _lay(sprite: F32, x: float, y: float, colour: F32, light: float) -> None:
    """Bilinear sample of a premultiplied sprite, laid over ``colour`` (3,)."""
    height, width = sprite.shape[:2]
    if x <= -1 or y <= -1 or x >= width or y >= height:
        return
    column, row = int(np.floor(x)), int(np.floor(y))
    fx, fy = np.float32(x - column), np.float32(y - row)
    alpha = np.float32(0)
    red, green, blue = np.float32(0), np.float32(0), np.float32(0)
    for j in range(2):  # there is nothing beyond the sprite, and its edge is no step
        for i in range(2):
            if 0 <= row + j < height and 0 <= column + i < width:
                weight = (fx if i else 1 - fx) * (fy if j else 1 - fy)
                sample = sprite[row + j, column + i]
                alpha += weight * sample[3]
                red += weight * sample[0]
                green += weight * sample[1]
                blue += weight * sample[2]
    colour[0] = colour[0] * (1 - alpha) + red * np.float32(light)
    colour[1] = colour[1] * (1 - alpha) + green * np.float32(light)
    colour[2] = colour[2] * (1 - alpha) + blue * np.float32(light)


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _paint(
    out: F32, mask: F32, to_mm: F32, to_rest: F32, upper: F32, lower: F32, own: F32, scale: float, show_mm: float,
    drop_mm: float, cavity: F32, tongue: F32, mm_per_px: float, unshaded: float,
    least: float, full_mm: float,
) -> None:  # fmt: skip
    """Fill ``out`` (h, w, 3) with the interior as seen through ``mask``."""
    height, width = mask.shape
    colour = np.empty(3, np.float32)
    has_own = own.shape[0] > 1
    first, last = width, 0
    for x in range(width):
        for y in range(height):
            if mask[y, x] > 0.5:
                first, last = min(first, x), max(last, x)
    for x in range(width):
        top, bottom = height, -1
        for y in range(height):
            if mask[y, x] > 0.5:
                top, bottom = min(top, y), y
        if bottom < 0:
            top, bottom = height // 2, height // 2
        across = (x - 0.5 * (first + last)) / max(0.5 * (last - first), 1.0)
        corner = 1 - 0.55 * min(abs(across), 1.0) ** 3
        open_mm = (bottom - top) * mm_per_px
        tx = across * min(0.5 * (last - first) * mm_per_px / _TONGUE_MM, _FILLS)
        air = least + (1 - least) * min(open_mm / full_mm, 1.0)  # light that gets in
        for y in range(height):
            if mask[y, x] <= 0:
                continue
            u = to_mm[0, 0] * x + to_mm[0, 1] * y + to_mm[0, 2]
            v = to_mm[1, 0] * x + to_mm[1, 1] * y + to_mm[1, 2]
            below = max(y - top, 0) * mm_per_px
            above = max(bottom - y, 0) * mm_per_px
            lip = 0.70 + 0.30 * min(below / 2.2, 1.0)
            floor = 0.88 + 0.12 * min(above / 1.6, 1.0)
            light = corner * air * lip * floor * unshaded
            depth = 0.45 + 0.75 * min(max((v + 2) / max(drop_mm + 4, 1.0), 0.0), 1.0)
            for k in range(3):
                colour[k] = cavity[k] * depth * corner
            # The tongue fills the lower jaw from side to side, and fades towards the throat; its groove is shallow.
            low = v - drop_mm
            ty = (low - 1.0) / 12.5
            mound = 1.0 - (abs(tx) ** 4.0 + abs(ty) ** 2.2)
            if mound > 0:
                share = min(mound / 0.6, 1.0)
                share = share * share * (3 - 2 * share)
                groove = 0.06 * np.exp(-((u / 3.0) ** 2)) * min(max(ty + 1.0, 0.0), 1.0)
                shade = (0.34 + 0.66 * min(max((ty + 1.0) / 1.0, 0.0), 1.0)) * (1 - groove)
                for k in range(3):
                    colour[k] += np.float32(share) * (tongue[k] * np.float32(shade * (0.55 + 0.45 * light)) - colour[k])
            _lay(lower, (u + HALF_MM) * scale - 0.5, low * scale - 0.5, colour, light * 1.1)
            if has_own:
                ox = to_rest[0, 0] * x + to_rest[0, 1] * y + to_rest[0, 2]
                oy = to_rest[1, 0] * x + to_rest[1, 1] * y + to_rest[1, 2]
                _lay(own, ox, oy, colour, (0.4 + 0.6 * lip) * unshaded)
            else:
                _lay(upper, (u + HALF_MM) * scale - 0.5, (v - show_mm + TALL_MM) * scale - 0.5, colour, light)
            for k in range(3):
                out[y, x, k] = colour[k]
