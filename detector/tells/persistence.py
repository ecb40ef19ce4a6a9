"""Persistence tell: how long fine skin texture stays the same once its motion is undone.

A warped portrait carries the pores of one picture through the clip; a generator that decodes each frame anew makes them
swim; a camera lies between, because its light and its noise change. Correlation of the high-pass texture of an anchor
frame with later frames, aligned by dense flow, at four lags. About 15 ms a window.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark.detector.windows.stats import correlation
from tellmark.detector.windows.window import Window, dense_flow, warp_back
from tellmark.types import F32, F64, U8

FAMILY = "persistence"
DYNAMIC = True
LAGS = (1, 4, 12, 24)  # frames at 25 per second
FEATURES = {
    **{f"skin_{lag}": f"correlation of skin texture after {lag} frames, -1 to 1" for lag in LAGS},
    **{f"surround_{lag}": f"correlation of the surround's texture after {lag} frames, -1 to 1" for lag in (4, 24)},
    "decay": "skin_4 minus skin_24",
    "swim": "skin_1 minus skin_4",
    "skin_vs_surround": "skin_12 minus the mean correlation of the surround",
    "coarse_24": "correlation after 24 frames of skin texture two octaves coarser, -1 to 1",
}
_ANCHORS = (0, 14)


def compute(window: Window) -> F64:
    """(10,) means over two anchor frames, in the order of ``FEATURES``; NaN where the window is too short."""
    rows = [_row(window, anchor) for anchor in _ANCHORS if anchor + LAGS[-1] < len(window)]
    return np.nanmean(rows, axis=0) if rows else np.full(len(FEATURES), np.nan)


def _row(window: Window, anchor: int) -> list[float]:
    nearest = min(window.sampled, key=lambda index: abs(index - anchor))
    skin, around = (np.flatnonzero(masks[nearest]) for masks in (window.face_masks, window.surround_masks))
    texture, coarse = _texture(window.grey[anchor], 1.5), _texture(window.grey[anchor], 4.0)
    skins, surrounds, last_coarse = [], [], 0.0
    for lag in LAGS:
        later = window.grey[anchor + lag]
        flow = window.flow(anchor) if lag == 1 else dense_flow(window.grey[anchor], later)  # warping asks for it too
        moved = warp_back(_texture(later, 1.5), flow)
        skins.append(_similarity(texture, moved, skin))
        surrounds.append(_similarity(texture, moved, around))
        if lag == LAGS[-1]:
            last_coarse = _similarity(coarse, warp_back(_texture(later, 4.0), flow), skin)
    return [
        *skins,
        surrounds[1],
        surrounds[3],
        skins[1] - skins[3],
        skins[0] - skins[1],
        skins[2] - float(np.mean(surrounds)),
        last_coarse,
    ]


def _texture(grey: U8, sigma: float) -> F32:
    """Band between ``sigma`` and twice ``sigma`` px."""
    image = grey.astype(np.float32)
    band: F32 = cv2.GaussianBlur(image, (0, 0), sigma / 2) - cv2.GaussianBlur(image, (0, 0), sigma)
    return band


def _similarity(a: F32, b: F32, places: NDArray[np.intp]) -> float:
    """Correlation of two pictures over the pixels ``places``, counted row by row."""
    return correlation(a.ravel()[places], b.ravel()[places], 0.1) if len(places) >= 200 else 0.0
