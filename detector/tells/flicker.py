"""Flicker tell: a face decoded frame by frame changes its light and colour a little from frame to frame.

Second differences over time of the mean luma and chroma of the skin, of its blocks against each other, and of the
surround as the clip's standard (cf. temporal inconsistency, Zheng et al. 2021). About 6 ms a window.
"""

from __future__ import annotations

import cv2
import numpy as np

from tellmark.detector.windows.window import BLOCK, SIZE, Window
from tellmark.types import F64

FAMILY = "flicker"
DYNAMIC = True
FEATURES = {
    "luma": "log2 of the second difference of the face's mean luma, grey levels",
    "luma_vs_surround": "luma minus that of the surround, log2",
    "chroma": "log2 of the second difference of the face's mean chroma, grey levels",
    "blocks": "log2 of the second difference of 16 px blocks against the face's mean, grey levels",
    "blocks_vs_surround": "blocks minus those of the surround, log2",
    "unrest": "log2 of second over first differences of the blocks",
}


def compute(window: Window) -> F64:
    """(6,) medians over time, in the order of ``FEATURES``; NaN for fewer than four frames."""
    if len(window) < 4:
        return np.full(len(FEATURES), np.nan)
    side = SIZE // BLOCK
    exact = np.stack(
        [cv2.resize(grey.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA) for grey in window.grey]
    )
    chroma = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2YCrCb)[..., 1:] for frame in window.blocks]).astype(np.float32)
    skin, around = window.skin_blocks, window.surround_blocks
    if skin.sum() < 8 or around.sum() < 8:
        return np.full(len(FEATURES), np.nan)
    face, scenery = exact[:, skin].astype(np.float64), exact[:, around].astype(np.float64)
    luma, luma_around = _second(face.mean(1)), _second(scenery.mean(1))
    blocks, blocks_around = (_second(values - values.mean(1, keepdims=True)) for values in (face, scenery))
    first = float(np.log2(np.median(np.abs(np.diff(face - face.mean(1, keepdims=True), axis=0))) + 0.02))
    colour = _second(chroma[:, skin].mean(1).astype(np.float64))
    return np.array([luma, luma - luma_around, colour, blocks, blocks - blocks_around, blocks - first], np.float64)


def _second(values: F64) -> float:
    return float(np.log2(np.median(np.abs(np.diff(values, n=2, axis=0))) + 0.02))
