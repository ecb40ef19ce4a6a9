"""The inside of the mouth: teeth, tongue and cavity, seen through the opening of the lips.

Upper teeth are fixed to the skull, lower teeth and tongue to the jaw. Teeth are drawn procedurally from average
dimensions (Wheeler's Dental Anatomy) and lit like the portrait: its eye whites tell how bright white is there. A
portrait that shows its own teeth keeps them: the visible interior becomes a picture fixed to the skull.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from tellmark.generator.basis import JAW_DROP_MM, LOWER_LIP, UPPER_LIP, face_frame
from tellmark.generator.fill import push_pull
from tellmark.generator.mesh import Mesh, Pose, place_rigid
from tellmark.generator.raster import mix
from tellmark.generator.types import EXPRESSIONS, SIZE
from tellmark.landmarks import LEFT_EYE, LIPS_INNER, RIGHT_EYE
from tellmark.types import F32, U8

# Width as seen from the front, height and brightness by position in the arch, from the middle outwards.
_UPPER_TEETH = ((8.4, 10.0, 1.0), (6.4, 8.9, 0.97), (6.2, 9.7, 0.90), (4.6, 8.3, 0.76), (3.6, 7.6, 0.58), (3.0, 7.0, 0.4))
_LOWER_TEETH = ((5.2, 8.5, 0.92), (5.5, 8.6, 0.90), (5.6, 9.2, 0.84), (4.6, 8.0, 0.7), (3.8, 7.5, 0.52), (3.0, 7.0, 0.36))
_HALF_MM = 27.0  # half width of the teeth sprites
_TALL_MM = 16.0
_TOOTH_WHITE = np.array([0.97, 0.905, 0.84])
_OWN_TEETH_MM = 2.5  # lips further apart than this at rest show an interior worth keeping
_JAW = EXPRESSIONS.index("jaw")


@dataclass(frozen=True, slots=True)
class Mouth:
    """The interior of one portrait's mouth."""

    frame: F32  # (3, 3) rest points of the skull's mouth frame: origin, 10 mm across, 10 mm down
    rest_gap: F32  # (11,) px between the inner lips
    upper: F32  # (h, w, 4) premultiplied sprite, y = 0 at ``_TALL_MM`` above the cutting edges
    lower: F32  # (h, w, 4), y = 0 at the cutting edges
    own: F32 | None  # (SIZE, SIZE, 4) premultiplied, in the portrait's pixels
    sprite_px_per_mm: float
    show_mm: float  # from the upper lip's edge at rest down to the upper teeth's edges
    rest_drop_mm: float  # from there to the lower teeth's edges
    cavity: F32  # (3,) RGB
    tongue: F32  # (3,) RGB


def build_mouth(image: U8, landmarks: F32, mesh: Mesh) -> Mouth:
    """Prepare the mouth of a framed portrait."""
    axes = face_frame(landmarks).axes
    rest_gap = _gaps(landmarks)
    gap_mm = float(rest_gap[4:7].mean()) / mesh.px_per_mm
    white = _white(image, landmarks)
    scale = 1.5 * mesh.px_per_mm
    own = _own_interior(image, landmarks) if gap_mm > _OWN_TEETH_MM else None
    # Teeth hang from the upper lip, wherever the lower one is.
    seam = landmarks[13] + 3.0 * axes[2]
    return Mouth(
        frame=np.stack([seam, seam + 10 * axes[0], seam + 10 * axes[1]]).astype(np.float32),
        rest_gap=rest_gap,
        upper=_teeth(_UPPER_TEETH, white, scale, upper=True),
        lower=_teeth(_LOWER_TEETH, white * 0.92, scale, upper=False),
        own=own,
        sprite_px_per_mm=scale,
        show_mm=max(5.0 - 0.25 * gap_mm, 3.0),
        rest_drop_mm=gap_mm + 1.4,
        cavity=(white * (0.25, 0.10, 0.095)).astype(np.float32),
        tongue=(white * (0.72, 0.38, 0.37)).astype(np.float32),
    )


def draw_mouth(
    mouth: Mouth,
    frame: U8,  # (SIZE, SIZE, 3) in and out
    points: F32,  # (N, 3) px: the moved mesh
    mesh: Mesh,
    expression: F32,  # (E,)
    pose: Pose,
) -> None:
    """Draw the interior into the opening of the lips; nothing where they are as closed as at rest."""
    opened = float((_gaps(points) / pose.scale - mouth.rest_gap).max())
    fade = min(max(opened / (1.3 * mesh.px_per_mm), 0.0), 1.0)
    loop = points[list(LIPS_INNER), :2]
    x0, y0 = np.floor(loop.min(0)).astype(int) - 3
    x1, y1 = np.ceil(loop.max(0)).astype(int) + 4
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, SIZE), min(y1, SIZE)
    if fade <= 0 or x1 - x0 < 4 or y1 - y0 < 4:
        return
    mask = _opening_mask(loop - (x0, y0), x1 - x0, y1 - y0)
    skull = place_rigid(mesh, mouth.frame, pose)
    to_mm = _inverse_affine(skull, np.array([[0, 0], [10, 0], [0, 10]], np.float32))
    to_mm[:, 2] += to_mm[:, :2] @ (x0, y0)
    colour = np.empty((*mask.shape, 3), np.float32)
    jaw = float(np.clip(expression[_JAW], -0.1, 1.3))
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
        mouth.show_mm, jaw * JAW_DROP_MM * 0.9 + mouth.rest_drop_mm, mouth.cavity, mouth.tongue, 1 / (mesh.px_per_mm * pose.scale),
    )  # fmt: skip
    mix(frame[y0:y1, x0:x1], colour, mask * np.float32(fade * fade * (3 - 2 * fade)))


def _gaps(points: F32) -> F32:
    """(11,) px from the upper to the lower inner lip."""
    upper, lower = points[list(UPPER_LIP[3]), :2], points[list(LOWER_LIP[3]), :2]
    return np.asarray(np.linalg.norm(lower - upper, axis=1), np.float32)


def _opening_mask(loop: F32, width: int, height: int) -> F32:
    """Antialiased mask of the closed loop (20, 2), rounded by a periodic Catmull-Rom spline."""
    steps = np.linspace(0, 1, 4, endpoint=False)[:, None]
    a, b, c, d = (np.roll(loop, shift, axis=0)[:, None] for shift in (1, 0, -1, -2))
    t = steps[None]
    curve = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    # The corners of the mouth are corners.
    curve[9:11], curve[[0, 19]] = (b + (c - b) * t)[9:11], (b + (c - b) * t)[[0, 19]]
    outline = np.rint((curve.reshape(-1, 2) * 2 + 0.5) * 16).astype(np.int32)
    large = np.zeros((height * 2, width * 2), np.uint8)
    cv2.fillPoly(large, [outline], 255, cv2.LINE_AA, 4)
    mask = cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.7), np.float32) / 255


def _inverse_affine(source: F32, goal: F32) -> NDArray[np.float64]:
    """(2, 3) matrix that takes three points to three others."""
    homogeneous = np.column_stack([source, np.ones(3)]).astype(np.float64)
    return np.asarray(np.linalg.solve(homogeneous, goal.astype(np.float64)).T)


def _white(image: U8, landmarks: F32) -> NDArray[np.float64]:
    """(3,) RGB of a white surface in the mouth's light: from the eye whites, never darker than the skin allows."""
    mask = np.zeros(image.shape[:2], np.uint8)
    for loop, iris in ((RIGHT_EYE, 468), (LEFT_EYE, 473)):
        cv2.fillPoly(mask, [np.rint(landmarks[list(loop), :2]).astype(np.int32)], 255)
        radius = 1.1 * float(np.linalg.norm(landmarks[iris, :2] - landmarks[iris + 1, :2]))
        cv2.circle(mask, np.rint(landmarks[iris, :2]).astype(int).tolist(), int(np.ceil(radius)), 0, -1)
    sclera = image[mask > 0].astype(np.float64)
    skin = _skin(image, landmarks)
    white = skin * 1.15
    if len(sclera) >= 12:
        brightest = np.percentile(sclera, 80, axis=0) * 1.12
        white = np.maximum(brightest, skin * 0.95)
    grey = white.mean()
    # Eye whites are reddened by their veins and tinted by the picture's light: keep half of the tint.
    return np.asarray(np.clip(0.5 * white + 0.5 * grey, 30, 250))


def _skin(image: U8, landmarks: F32) -> NDArray[np.float64]:
    """(3,) RGB of the cheeks."""
    cheeks = np.rint(landmarks[[50, 280, 205, 425, 101, 330], :2]).astype(int).clip(0, SIZE - 1)
    return np.asarray(np.median(image[cheeks[:, 1], cheeks[:, 0]].astype(np.float64), axis=0))


def _saturation(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 - rgb.min(-1) / np.maximum(rgb.max(-1), 1))


def _teeth(
    arch: tuple[tuple[float, float, float], ...], white: NDArray[np.float64], scale: float, *, upper: bool
) -> F32:
    """Premultiplied sprite of one row of teeth, cutting edges at the bottom (upper) or the top (lower)."""
    fine = 4  # supersampling
    px = scale * fine
    width, height = int(2 * _HALF_MM * px), int(_TALL_MM * px)
    x = ((np.arange(width) + 0.5) / px - _HALF_MM)[None, :]
    y = ((np.arange(height) + 0.5) / px)[:, None]  # from the cutting edge
    colour = np.zeros((height, width, 3))
    alpha = np.zeros((height, width))
    left = 0.0
    for position, (wide, tall, light) in enumerate(arch):
        centre, half = left + wide / 2, wide / 2
        left += wide
        for side in (-1, 1):
            u = (x - side * centre) / half  # -1..1 across the tooth
            # Cutting edges follow the smile arc: they rise outwards; corners are rounded, canines pointed.
            edge = 0.4 * (centre / 12) ** 2 + (0.5 if position == 1 and upper else 0.0)
            bevel = (0.9 if position == 2 else 0.6) * np.abs(u) ** (1.5 if position == 2 else 5)
            shape = _ramp((1.015 - np.abs(u)) * half, 0.10) * _ramp(y - edge - bevel, 0.22)
            # Enamel bulges: brightest in the middle third, translucent and bluish at the edge, yellow at the neck.
            bulge = 1 - 0.16 * np.abs(u) ** 4
            along = (y - edge) / tall
            shade = light * bulge * (0.84 + 0.20 * _smooth(along / 0.35) - 0.22 * _smooth((along - 0.45) / 0.6))
            tint = np.stack([np.ones_like(along), 1 - 0.03 * along, 1 - 0.10 * np.clip(along, 0, 1)], -1)
            tone = shade[..., None] * tint * _TOOTH_WHITE * white
            colour = colour * (1 - shape[..., None]) + tone * shape[..., None]
            alpha = np.maximum(alpha, shape)
    # Behind the gaps lie neighbouring teeth, not the dark of the cavity.
    reach = np.clip((left - np.abs(x)) / 3.0, 0, 1) * _ramp(y - 0.9 - 0.4 * (x / 12) ** 2, 1.2)
    between = np.array([0.62, 0.52, 0.45]) * white * np.interp(np.abs(x), (0, 15, 26), (0.95, 0.8, 0.35))[..., None]
    behind = (reach * (1 - alpha))[..., None]
    colour = colour * alpha[..., None] + between * behind
    alpha = alpha + behind[..., 0]
    gum_line = 9.4 if upper else 8.2
    gum = _ramp(y - gum_line - 0.8 * np.cos(np.abs(x) * 0.8), 0.6)[..., None] * (np.abs(x) < left)[..., None]
    colour = colour * (1 - gum) + np.array([0.62, 0.36, 0.34]) * white * gum
    alpha = np.maximum(alpha, gum[..., 0])
    sprite = np.dstack([colour, alpha]).astype(np.float32)
    if upper:
        sprite = sprite[::-1]
    size = (int(2 * _HALF_MM * scale), int(_TALL_MM * scale))
    return np.ascontiguousarray(cv2.resize(np.ascontiguousarray(sprite), size, interpolation=cv2.INTER_AREA))


def _own_interior(image: U8, landmarks: F32) -> F32 | None:
    """The visible interior as a premultiplied picture, its colours continued upwards behind the lip.

    None where no teeth are to be seen in it: a dark gap says nothing that must be kept.
    """
    inner = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(inner, [np.rint(landmarks[list(LIPS_INNER), :2] * 16).astype(np.int32)], 255, cv2.LINE_8, 4)
    sure = cv2.erode(inner, np.ones((3, 3), np.uint8)) > 0
    if not sure.any():
        return None
    # Teeth are the brightest thing inside, near the skin's brightness, and paler than the lips.
    seen = image[sure].astype(np.float64)
    bright = seen[seen.mean(1) >= np.percentile(seen.mean(1), 70)]
    lips = np.rint(landmarks[[*UPPER_LIP[1][2:9], *LOWER_LIP[1][2:9]], :2]).astype(int).clip(0, SIZE - 1)
    lip_saturation = np.median(_saturation(image[lips[:, 1], lips[:, 0]].astype(np.float64)))
    if bright.mean() < 0.55 * _skin(image, landmarks).mean() or np.median(_saturation(bright)) > 0.9 * lip_saturation + 0.03:
        return None
    filled = push_pull(image.astype(np.float32), sure.astype(np.float32))
    filled = np.where(inner[..., None] > 0, image.astype(np.float32), filled)
    upper = landmarks[list(UPPER_LIP[3]), :2]
    rise = 0.10 * float(np.linalg.norm(landmarks[10, :2] - landmarks[152, :2]))
    up = (landmarks[10] - landmarks[152])[:2]
    behind = upper + up / np.linalg.norm(up) * rise
    # Away from the lower lip, whose edge the tracker's loop often takes in.
    lower = landmarks[list(LOWER_LIP[3]), :2] + up / np.linalg.norm(up) * 0.012 * rise / 0.10
    cover = np.zeros_like(inner)
    cv2.fillPoly(cover, [np.rint(np.concatenate([behind, lower[::-1]]) * 16).astype(np.int32)], 255, cv2.LINE_8, 4)
    alpha = cv2.GaussianBlur(cover, (0, 0), 0.8).astype(np.float32) / 255
    return np.dstack([filled * alpha[..., None], alpha]).astype(np.float32)


def _ramp(x: NDArray[np.float64], soft: float) -> NDArray[np.float64]:
    """0 below 0, 1 above ``soft``."""
    return np.clip(x / soft, 0, 1)


def _smooth(x: NDArray[np.float64]) -> NDArray[np.float64]:
    t = np.clip(x, 0, 1)
    return t * t * (3 - 2 * t)


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _lay(sprite: F32, x: float, y: float, colour: F32, light: float) -> None:
    """Bilinear sample of a premultiplied sprite, laid over ``colour`` (3,)."""
    height, width = sprite.shape[:2]
    if x < 0 or y < 0 or x > width - 1.001 or y > height - 1.001:
        return
    column, row = int(x), int(y)
    fx, fy = np.float32(x - column), np.float32(y - row)
    a, b = (1 - fx) * (1 - fy), fx * (1 - fy)
    c, d = (1 - fx) * fy, fx * fy
    alpha = (
        a * sprite[row, column, 3] + b * sprite[row, column + 1, 3]
        + c * sprite[row + 1, column, 3] + d * sprite[row + 1, column + 1, 3]
    )  # fmt: skip
    for k in range(3):
        value = (
            a * sprite[row, column, k] + b * sprite[row, column + 1, k]
            + c * sprite[row + 1, column, k] + d * sprite[row + 1, column + 1, k]
        )  # fmt: skip
        colour[k] = colour[k] * (1 - alpha) + value * np.float32(light)


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _paint(
    out: F32, mask: F32, to_mm: F32, to_rest: F32, upper: F32, lower: F32, own: F32, scale: float, show_mm: float,
    drop_mm: float, cavity: F32, tongue: F32, mm_per_px: float,
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
        air = 0.82 + 0.18 * min(open_mm / 6.0, 1.0)  # light that gets in
        for y in range(height):
            if mask[y, x] <= 0:
                continue
            u = to_mm[0, 0] * x + to_mm[0, 1] * y + to_mm[0, 2]
            v = to_mm[1, 0] * x + to_mm[1, 1] * y + to_mm[1, 2]
            below = max(y - top, 0) * mm_per_px
            above = max(bottom - y, 0) * mm_per_px
            lip = 0.70 + 0.30 * min(below / 2.2, 1.0)
            floor = 0.75 + 0.25 * min(above / 1.6, 1.0)
            light = corner * air * lip * floor
            depth = 0.45 + 0.75 * min(max((v + 2) / max(drop_mm + 4, 1.0), 0.0), 1.0)
            for k in range(3):
                colour[k] = cavity[k] * depth * corner
            # The tongue: a mound behind the lower teeth, darker towards the throat and along its groove.
            low = v - drop_mm
            tx, ty = u / 17.0, (low - 0.5) / 11.5
            mound = 1.0 - (abs(tx) ** 2.6 + abs(ty) ** 2.2)
            if mound > 0:
                share = min(mound / 0.35, 1.0)
                shade = (0.38 + 0.50 * min(max((ty + 1.0) / 1.1, 0.0), 1.0)) * (1 - 0.13 * np.exp(-((u / 1.6) ** 2)))
                for k in range(3):
                    colour[k] += np.float32(share) * (tongue[k] * np.float32(shade * light) - colour[k])
            _lay(lower, (u + 27.0) * scale - 0.5, low * scale - 0.5, colour, light * 0.92)
            if has_own:
                ox = to_rest[0, 0] * x + to_rest[0, 1] * y + to_rest[0, 2]
                oy = to_rest[1, 0] * x + to_rest[1, 1] * y + to_rest[1, 2]
                _lay(own, ox, oy, colour, 1.0)
            else:
                _lay(upper, (u + 27.0) * scale - 0.5, (v - show_mm + 16.0) * scale - 0.5, colour, light)
            for k in range(3):
                out[y, x, k] = colour[k]
