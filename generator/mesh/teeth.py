"""Teeth: drawn ones in the portrait's light, or the portrait's own.

Drawn teeth follow average dimensions (Wheeler's Dental Anatomy). The portrait's eye whites tell how bright white is in
its light. A portrait that shows its teeth keeps them: the visible interior becomes a picture fixed to the skull.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark.generator.geometry.basis import LOWER_LIP, UPPER_LIP
from tellmark.generator.geometry.between_lips import reddening
from tellmark.generator.geometry.fill import push_pull
from tellmark.generator.geometry.white import saturation, skin
from tellmark.generator.types import SIZE
from tellmark.landmarks import LIPS_INNER
from tellmark.types import F32, U8

Mask = NDArray[np.bool_]

# Width as seen from the front, height and brightness by position in the arch, from the middle outwards.
_UPPER_TEETH = (
    (8.4, 10.0, 1.0),
    (6.4, 8.9, 0.97),
    (6.2, 9.7, 0.90),
    (4.6, 8.3, 0.76),
    (3.6, 7.6, 0.58),
    (3.0, 7.0, 0.4),
)
_LOWER_TEETH = (
    (5.2, 8.5, 0.92),
    (5.5, 8.6, 0.90),
    (5.6, 9.2, 0.84),
    (4.6, 8.0, 0.7),
    (3.8, 7.5, 0.52),
    (3.0, 7.0, 0.36),
)
HALF_MM = 27.0  # half width of the teeth sprites
TALL_MM = 16.0  # height of the teeth sprites
_SHADE = 0.65  # of the teeth's brightness: what is darker is shadow, or no tooth
_LEAST = 0.12  # of a mouth, that teeth fill if they are worth keeping
_TOOTH = 0.12  # of a mouth's width
# Of width, height and brightness, how far all teeth of a person are off the average at most, and each off the others.
_PERSON = np.array([0.08, 0.10, 0.08])
_TOOTH_OF_PERSON = np.array([0.04, 0.05, 0.05])
_UNEVEN_MM = 0.3
_EDGE_MM = 0.7  # of enamel that light goes through, so that a cutting edge is soft
_RED = reddening(1.0)  # exponents of the light, that fails towards the molars
_TOOTH_WHITE = np.array([1.21, 1.13, 1.11])  # with what shades them, as bright in films (median of 18), and no yellower


def upper_teeth(white: NDArray[np.float64], scale: float, seed: int | None = None) -> F32:
    """(h, w, 4) premultiplied sprite, ``TALL_MM`` down to the cutting edges; ``scale`` is px per mm.

    seed: whose teeth they are; None for average ones.
    """
    return _teeth(_UPPER_TEETH, white, scale, None if seed is None else np.random.default_rng((seed, 0)), upper=True)


def lower_teeth(white: NDArray[np.float64], scale: float, seed: int | None = None) -> F32:
    """(h, w, 4) premultiplied sprite from the cutting edges down, a little darker than the upper ones."""
    rng = None if seed is None else np.random.default_rng((seed, 1))
    return _teeth(_LOWER_TEETH, white * 0.92, scale, rng, upper=False)


def _teeth(
    average: tuple[tuple[float, float, float], ...],
    white: NDArray[np.float64],
    scale: float,
    rng: np.random.Generator | None,
    *,
    upper: bool,
) -> F32:
    """Premultiplied sprite of one row of teeth, cutting edges at the bottom (upper) or the top (lower)."""
    arch = np.stack([average, average])  # (sides, teeth, 3)
    uneven = np.zeros(arch.shape[:2])  # mm that a cutting edge lies off its arc
    if rng is not None:
        arch *= 1 + _PERSON * rng.uniform(-1, 1, 3) + _TOOTH_OF_PERSON * rng.uniform(-1, 1, arch.shape)
        uneven = _UNEVEN_MM * rng.uniform(-1, 1, uneven.shape)
    fine = 4  # supersampling
    px = scale * fine
    width, height = int(2 * HALF_MM * px), int(TALL_MM * px)
    x = ((np.arange(width) + 0.5) / px - HALF_MM)[None, :]
    y = ((np.arange(height) + 0.5) / px)[:, None]  # from the cutting edge
    colour = np.zeros((height, width, 3))
    alpha = np.zeros((height, width))
    ends = np.cumsum(arch[..., 0], axis=1)
    left = float(ends[:, -1].mean())
    for position in range(arch.shape[1]):
        for row, side in enumerate((-1, 1)):
            wide, tall, light = arch[row, position]
            centre, half = ends[row, position] - wide / 2, wide / 2
            u = (x - side * centre) / half  # -1..1 across the tooth
            # Cutting edges follow the smile arc: they rise outwards; corners are rounded, canines pointed.
            edge = 0.4 * (centre / 12) ** 2 + (0.5 if position == 1 and upper else 0.0) + uneven[row, position]
            bevel = (0.9 if position == 2 else 0.6) * np.abs(u) ** (1.5 if position == 2 else 5)
            shape = _ramp((1.015 - np.abs(u)) * half, 0.10) * _smooth((y - edge - bevel) / _EDGE_MM)
            # Enamel bulges: brightest in the middle third, translucent and bluish at the edge, yellow at the neck.
            bulge = 1 - 0.2 * np.minimum(np.abs(u), 1.2) ** 4
            along = (y - edge) / tall
            shade = light * bulge * (0.84 + 0.20 * _smooth(along / 0.35) - 0.22 * _smooth((along - 0.45) / 0.6))
            tint = np.stack([np.ones_like(along), 1 - 0.03 * along, 1 - 0.10 * np.clip(along, 0, 1)], -1)
            tone = shade[..., None] ** _RED * tint * _TOOTH_WHITE * white
            colour = colour * (1 - shape[..., None]) + tone * shape[..., None]
            alpha = np.maximum(alpha, shape)
    # Behind the gaps lie neighbouring teeth, not the dark of the cavity.
    reach = np.clip((left - np.abs(x)) / 3.0, 0, 1) * _ramp(y - 0.9 - 0.4 * (x / 12) ** 2, 1.2)
    between = (
        np.array([0.5, 0.41, 0.38]) * white * np.interp(np.abs(x), (0, 15, 26), (0.95, 0.8, 0.35))[..., None] ** _RED
    )
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
    size = (int(2 * HALF_MM * scale), int(TALL_MM * scale))
    return np.ascontiguousarray(cv2.resize(np.ascontiguousarray(sprite), size, interpolation=cv2.INTER_AREA))


def own_interior(image: U8, landmarks: F32, longer: float = 0.0) -> F32 | None:
    """The visible upper teeth as a premultiplied picture, their colours continued upwards behind the lip.

    longer: px by which they are continued downwards as well, where the lower lip hides the teeth's edges.

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
    lip_saturation = np.median(saturation(image[lips[:, 1], lips[:, 0]].astype(np.float64)))
    dull = bright.mean() < 0.55 * skin(image, landmarks).mean()
    reddest = max(0.8 * float(lip_saturation) + 0.01, 0.03)
    if dull or np.median(saturation(bright)) > reddest:
        return None
    shadow, ended = _no_teeth(image, landmarks, inner > 0, _SHADE * float(bright.mean()), reddest)
    teeth = sure & ~shadow & ~ended
    if teeth.sum() < _LEAST * sure.sum():
        return None
    filled = push_pull(image.astype(np.float32), teeth.astype(np.float32))
    kept = sure & (cv2.dilate((shadow | ended).astype(np.uint8), np.ones((3, 3), np.uint8)) == 0)
    filled = np.where(kept[..., None], image.astype(np.float32), filled)
    upper = landmarks[list(UPPER_LIP[3]), :2]
    rise = 0.10 * float(np.linalg.norm(landmarks[10, :2] - landmarks[152, :2]))
    up = (landmarks[10] - landmarks[152])[:2]
    behind = upper + up / np.linalg.norm(up) * rise
    # Away from the lower lip, whose edge the tracker's loop often takes in.
    middle = 1 - np.linspace(-1, 1, len(LOWER_LIP[3]))[:, None] ** 4  # nothing in the corners
    lower = landmarks[list(LOWER_LIP[3]), :2] + up / np.linalg.norm(up) * (0.012 * rise / 0.10 - longer * middle)
    cover = np.zeros_like(inner)
    cv2.fillPoly(cover, [np.rint(np.concatenate([behind, lower[::-1]]) * 16).astype(np.int32)], 255, cv2.LINE_8, 4)
    cover[ended] = 0
    alpha = cv2.GaussianBlur(cover, (0, 0), 0.8).astype(np.float32) / 255
    return np.dstack([filled * alpha[..., None], alpha]).astype(np.float32)


def _no_teeth(image: U8, landmarks: F32, inner: Mask, darkest: float, reddest: float) -> tuple[Mask, Mask]:
    """Two parts (H, W) of the interior: the shadow of the upper lip, and what lies below the upper teeth's edges.

    That begins where it grows dark or red well below the upper lip. Both are wider than a tooth.
    """
    high, low = (_distance(landmarks[list(lip[3]), :2]) for lip in (UPPER_LIP, LOWER_LIP))
    height = np.where(inner, high / np.maximum(high + low, 1e-3), -1)  # 0 at the upper lip, 1 at the lower one
    dark = inner & (image.mean(2) < darkest)
    red = inner & (saturation(image.astype(np.float64)) > reddest)
    across = max(5, round(_TOOTH * float(np.ptp(landmarks[list(LIPS_INNER), 0]))))
    shadow, ended = (
        cv2.morphologyEx(part.astype(np.uint8), cv2.MORPH_OPEN, np.ones((1, across), np.uint8))
        for part in (dark & (height < 0.35), (dark | red) & (height > 0.4))
    )
    return shadow > 0, np.maximum.accumulate(ended, axis=0) > 0


def _distance(line: F32) -> F32:
    """(SIZE, SIZE) px to a polyline (n, 2)."""
    away = np.ones((SIZE, SIZE), np.uint8)
    cv2.polylines(away, [np.rint(line).astype(np.int32)], False, 0)
    return np.asarray(cv2.distanceTransform(away, cv2.DIST_L2, 5), np.float32)


def _ramp(x: NDArray[np.float64], soft: float) -> NDArray[np.float64]:
    """0 below 0, 1 above ``soft``."""
    return np.clip(x / soft, 0, 1)


def _smooth(x: NDArray[np.float64]) -> NDArray[np.float64]:
    t = np.clip(x, 0, 1)
    return t * t * (3 - 2 * t)
