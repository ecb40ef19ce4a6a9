"""How much softer mouth and eyes are in a video than in its portrait: two numbers a frame, sigmas of a Gaussian.

Footage is often sharp in a frame and soft in the next ones, by what encoders leave out and by movement. Read as that
blur which takes the detail of the rendered frame down to the real one's.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from tellmark.generator.geometry.raster import mix
from tellmark.generator.types import SIZE
from tellmark.landmarks import LEFT_BROW, LEFT_EYE, LIPS_OUTER, RIGHT_BROW, RIGHT_EYE
from tellmark.types import F32, F64, U8

PARTS = (LIPS_OUTER, (*RIGHT_EYE, *LEFT_EYE, *RIGHT_BROW, *LEFT_BROW))
_MARGIN = 0.15  # of a part's size, around it
_FADE = 0.10  # of it, over which a blur comes in
_BAND = (1.0, 3.0)  # px: detail lies between these, above an encoder's noise and below shading
_SIGMAS = np.array([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0])  # px
_EVEN = 6.0  # frames, sigma
_LEAST = 0.2  # px that cannot be seen


def compare(made: U8, real: U8, points: F32) -> F64:
    """(2, 8) power of the detail of mouth and eyes: in ``real``, and in ``made`` under blurs from none to the largest.

    Both are (512, 512, 3); points: (478, 2 or 3) px where they have the face.
    """
    found = [_details(real, points)]
    for sigma in _SIGMAS:
        soft = made.copy()
        soften(soft, points, np.full(len(PARTS), sigma, np.float32))
        found.append(_details(soft, points))
    return np.stack(found, axis=1)


def read(compared: F64) -> F32:
    """(T, 2) px, within [0, 4], by which mouth and eyes are to be blurred, from what :func:`compare` found (T, 2, 8).

    Evened out over half a second: a frame that lacks detail makes up for one that has too much.
    """
    even = gaussian_filter1d(compared, _EVEN, axis=0, mode="nearest")
    return np.array([[np.interp(-part[0], -part[1:], _SIGMAS) for part in frame] for frame in even], np.float32)


def soften(frame: U8, points: F32, blur: F32) -> None:
    """Blur mouth and eyes of a frame (512, 512, 3) by ``blur`` (2,) px; in place."""
    for part, sigma in zip(PARTS, blur.tolist(), strict=True):
        if sigma < _LEAST:
            continue
        rows, columns = _box(points, part)
        region = frame[rows, columns]
        height, width = region.shape[:2]
        ramps = [np.minimum(np.arange(1, n + 1), np.arange(n, 0, -1)) / (_FADE * n + 1) for n in (height, width)]
        share = np.minimum.outer(*(np.clip(ramp, 0, 1).astype(np.float32) for ramp in ramps))
        soft = cv2.GaussianBlur(region, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        mix(region, soft.astype(np.float32), share)


def _box(points: F32, part: tuple[int, ...]) -> tuple[slice, slice]:
    low, high = points[list(part), :2].min(0), points[list(part), :2].max(0)
    margin = _MARGIN * (high - low)
    x0, y0 = np.floor(low - margin).astype(int).clip(0, SIZE - 2).tolist()
    x1, y1 = np.ceil(high + margin).astype(int).clip(2, SIZE).tolist()
    return slice(y0, max(y1, y0 + 2)), slice(x0, max(x1, x0 + 2))


def _details(frame: U8, points: F32) -> F64:
    """(2,) power of what lies in the band, of mouth and eyes."""
    found = []
    for part in PARTS:
        rows, columns = _box(points, part)
        grey = cv2.cvtColor(np.ascontiguousarray(frame[rows, columns]), cv2.COLOR_RGB2GRAY).astype(np.float32)
        fine, coarse = (cv2.GaussianBlur(grey, (0, 0), sigma) for sigma in _BAND)
        found.append(float(((fine - coarse) ** 2).mean()))
    return np.array(found)
