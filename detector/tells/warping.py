"""Warping tell: what changes in a face beyond what its motion explains.

Each frame is compared with the next one warped back along dense optical flow. A rendered or re-synthesised mouth
appears and disappears instead of moving; a warped still leaves less than any camera. Errors are divided by the region's
own contrast, so that sharp clips do not count as wrong (cf. flow-based detection, Amerini et al. 2019).
About 25 ms a window, flow included.
"""

from __future__ import annotations

import cv2
import numpy as np

from tellmark import landmarks as lm
from tellmark.detector.windows.stats import magnitude
from tellmark.detector.windows.window import Window, warp_back
from tellmark.types import F32, F64, U8

FAMILY = "warping"
DYNAMIC = True
FEATURES = {
    "skin": "log2 of the residual over the contrast, skin",
    "mouth": "log2 of the residual over the contrast, mouth and chin",
    "eyes": "log2 of the residual over the contrast, eyes",
    "surround": "log2 of the residual over the contrast, around the face",
    "mouth_vs_skin": "mouth minus skin, log2",
    "eyes_vs_skin": "eyes minus skin, log2",
    "skin_vs_surround": "skin minus surround, log2",
    "bursts": "standard deviation over time of the residual on skin, log2",
    "roughness": "log2 of the flow's second differences over its size, skin",
}


def compute(window: Window) -> F64:
    """(9,) medians over at most 10 steps, in the order of ``FEATURES``; NaN without motion steps."""
    rows = []
    for t in map(int, window.steps[::4]):
        now = window.grey[t].astype(np.float32)
        residual = np.abs(now - warp_back(window.grey[t + 1].astype(np.float32), window.flow(t)))
        nearest = min(window.sampled, key=lambda index: abs(index - t))
        skin, around = window.face_masks[nearest], window.surround_masks[nearest]
        mouth = window.mask(t, lm.LIPS_OUTER, grow=4)
        eyes = window.mask(t, lm.LEFT_EYE, grow=2) | window.mask(t, lm.RIGHT_EYE, grow=2)
        contrast = magnitude(cv2.Sobel(now, cv2.CV_32F, 1, 0), cv2.Sobel(now, cv2.CV_32F, 0, 1))
        errors = [_share(residual, contrast, mask) for mask in (skin, mouth, eyes, around)]
        rows.append([*errors, _roughness(window.flow(t), skin)])
    if not rows:
        return np.full(len(FEATURES), np.nan)
    table = np.array(rows)
    skin_, mouth_, eyes_, around_, rough = np.median(table, axis=0)
    bursts = np.std(table[:, 0])
    return np.array(
        [skin_, mouth_, eyes_, around_, mouth_ - skin_, eyes_ - skin_, skin_ - around_, bursts, rough], np.float64
    )


def _share(residual: F32, contrast: F32, mask: U8) -> float:
    return float(np.log2((cv2.mean(residual, mask)[0] + 0.05) / (cv2.mean(contrast, mask)[0] + 1.0)))


def _roughness(flow: F32, mask: U8) -> float:
    across, down = cv2.split(cv2.Laplacian(flow, cv2.CV_32F))
    bend = np.abs(across) + np.abs(down)
    size = magnitude(flow[..., 0], flow[..., 1])
    return float(np.log2((cv2.mean(bend, mask)[0] + 1e-4) / (cv2.mean(size, mask)[0] + 0.05)))
