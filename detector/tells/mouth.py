"""Mouth tell: the inside of a generated mouth is softer, flatter and less steady than the rest of its face.

Sharpness of the mouth's interior against the eyes' and the skin's while the mouth is open, its light and colour, and
how steady teeth are from frame to frame (cf. Haliassos et al. 2021; Vougioukas et al. 2020). About 4 ms a window.
"""

from __future__ import annotations

import cv2
import numpy as np

from tellmark import landmarks as lm
from tellmark.detector.windows.window import Window, warp_back
from tellmark.types import F32, F64, U8

FAMILY = "mouth"
DYNAMIC = False
FEATURES = {
    "sharp_vs_eyes": "log2 of the Laplacian's rms inside the open mouth over that in the eyes",
    "sharp_vs_skin": "log2 of the Laplacian's rms inside the open mouth over that on skin",
    "lips_vs_skin": "log2 of the Laplacian's rms on the lips over that on skin",
    "light": "log2 of the interior's mean luma over the skin's",
    "spread": "log2 of the interior's standard deviation of luma, grey levels",
    "red": "log2 of red over green in the interior, minus that of the skin",
    "unsteady": "log2 of the interior's residual after motion over its contrast",
}
_OPEN = 0.06  # of the forehead-to-nose height


def compute(window: Window) -> F64:
    """(7,) means over the sampled frames with an open mouth, in the order of ``FEATURES``; NaN where it never opens."""
    opening = lm.mouth_opening(window.landmarks)
    rows = [_row(window, index) for index in window.sampled if opening[index] > _OPEN]
    rows = [row for row in rows if row is not None]
    if not rows:
        return np.full(len(FEATURES), np.nan)
    table = np.array(rows)
    known = np.isfinite(table)
    means = np.where(known, table, 0).sum(0) / np.maximum(known.sum(0), 1)
    return np.where(known.any(0), means, np.nan)


def _row(window: Window, index: int) -> list[float] | None:
    grey = window.grey[index].astype(np.float32)
    inside = window.mask(index, lm.LIPS_INNER, grow=-1)
    if inside.sum() < 40:
        return None
    lips = window.mask(index, lm.LIPS_OUTER)
    lips[window.mask(index, lm.LIPS_INNER, grow=1) > 0] = 0
    eyes = window.mask(index, lm.LEFT_EYE) | window.mask(index, lm.RIGHT_EYE)
    skin = window.face_masks[index]
    edges = np.abs(cv2.Laplacian(grey, cv2.CV_32F)) ** 2
    sharp = {
        name: _level(edges, mask) for name, mask in (("in", inside), ("lips", lips), ("eyes", eyes), ("skin", skin))
    }
    red, green, _, _ = cv2.mean(window.crops[index], inside)
    skin_red, skin_green, _, _ = cv2.mean(window.crops[index], skin)
    mean, deviation = cv2.meanStdDev(grey, mask=inside)
    return [
        sharp["in"] - sharp["eyes"],
        sharp["in"] - sharp["skin"],
        sharp["lips"] - sharp["skin"],
        float(np.log2((mean[0, 0] + 4) / (cv2.mean(grey, skin)[0] + 4))),
        float(np.log2(deviation[0, 0] + 1)),
        float(np.log2((red + 4) / (green + 4)) - np.log2((skin_red + 4) / (skin_green + 4))),
        _unsteady(window, index, inside, deviation[0, 0]),
    ]


def _level(squares: F32, mask: U8) -> float:
    return float(np.log2(cv2.mean(squares, mask)[0] + 0.25) / 2)


def _unsteady(window: Window, index: int, inside: U8, contrast: float) -> float:
    if index not in window.steps:
        return float("nan")
    later = warp_back(window.grey[index + 1].astype(np.float32), window.flow(index))
    residual = np.abs(window.grey[index].astype(np.float32) - later)
    return float(np.log2((cv2.mean(residual, inside)[0] + 0.1) / (contrast + 1)))
