"""The opening between the lips: how wide it is, its outline as a mask, and how it closes over what was seen in it."""

from __future__ import annotations

import cv2
import numpy as np

from tellmark.generator.geometry.basis import LOWER_LIP, UPPER_LIP
from tellmark.generator.geometry.raster import mix
from tellmark.generator.types import SIZE
from tellmark.types import F32, U8

APART_MM = 0.7  # lips nearer than this at rest have only their seam between them
_CLOSING_MM, _CLOSED_MM = 2.0, 0.6  # gaps at which their content begins to go, and at which it is gone
_SEAM = 0.62  # brightness of the seam over the lips'


def lip_gaps(points: F32) -> F32:
    """(11,) px from the upper to the lower inner lip."""
    upper, lower = points[list(UPPER_LIP[3]), :2], points[list(LOWER_LIP[3]), :2]
    return np.asarray(np.linalg.norm(lower - upper, axis=1), np.float32)


def mouth_width(points: F32) -> float:
    """px from one corner of the opening to the other."""
    return float(np.linalg.norm(points[UPPER_LIP[3][0], :2] - points[UPPER_LIP[3][-1], :2]))


def opening_mask(loop: F32, width: int, height: int, soft: float) -> F32:
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
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), float(np.hypot(0.7, soft))), np.float32) / 255


def lip_colour(image: U8, landmarks: F32) -> F32:
    """(3,) RGB of the lips."""
    places = np.rint(landmarks[[*UPPER_LIP[1][2:9], *LOWER_LIP[1][2:9]], :2]).astype(int).clip(0, SIZE - 1)
    return np.asarray(np.median(image[places[:, 1], places[:, 0]].astype(np.float32), axis=0), np.float32)


def seam_colour(image: U8, landmarks: F32) -> F32:
    """(3,) RGB between closed lips: the lips' own, in their shadow."""
    return np.float32(_SEAM) * lip_colour(image, landmarks)


def close_lips(
    frame: U8,  # (SIZE, SIZE, 3) in and out
    loop: F32,  # (20, 2) px: the inner lips
    rest_mm: F32,  # (11,) gaps in the portrait
    now_mm: F32,  # (11,) gaps now
    seam: F32,  # (3,) RGB
    soft: float,  # px sigma
) -> None:
    """Lips that were apart in the portrait and come together: what was seen between them goes into their seam."""
    rest, now = float(rest_mm[3:8].mean()), float(now_mm[3:8].mean())
    if rest < APART_MM:
        return
    share = min(max((_CLOSING_MM - now) / (_CLOSING_MM - _CLOSED_MM), 0.0), 1.0) * min((rest - now) / APART_MM, 1.0)
    x0, y0 = np.maximum(np.floor(loop.min(0)).astype(int) - 3, 0)
    x1, y1 = np.minimum(np.ceil(loop.max(0)).astype(int) + 4, SIZE)
    if share <= 0 or x1 - x0 < 4 or y1 - y0 < 4:
        return
    mask = opening_mask(loop - (x0, y0), x1 - x0, y1 - y0, max(soft, 1.0))
    # A seam of no width still leaves its line.
    mask = np.minimum(1.6 * mask, 1) * np.float32(share * share * (3 - 2 * share))
    mix(frame[y0:y1, x0:x1], np.broadcast_to(seam, (*mask.shape, 3)).astype(np.float32), mask)
