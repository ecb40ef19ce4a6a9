"""Rigidity tell: does the scenery hold still, or hang on the head?

One-shot animation drags the background along near the head, or freezes it altogether; in camera footage it moves as one
piece, apart from the head. Dense flow of the scenery beyond the head, against the head's own motion. About 15 ms a
window.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark import landmarks as lm
from tellmark.detector.windows.stats import correlation, magnitude, rms
from tellmark.detector.windows.window import Window, region
from tellmark.types import F64

FAMILY = "rigidity"
DYNAMIC = True
FEATURES = {
    "far_vs_head": "log2 of the motion of the far scenery over the head's",
    "near_vs_head": "log2 of the motion right around the head over the head's",
    "drag_far": "correlation of far and head motion, -1 to 1",
    "drag_near": "correlation of near and head motion, -1 to 1",
    "own_motion": "log2 of the scenery's motion that no common shift explains, px",
    "still": "share of far pixels that move less than 0.05 px, 0 to 1",
    "change": "log2 of the change of far grey values per frame",
    "change_vs_texture": "log2 of that change over the scenery's gradient",
}


def compute(window: Window) -> F64:
    """(8,) in the order of ``FEATURES``; NaN where the face fills the picture or nothing moves."""
    near, far = _rings(window)
    steps = window.steps[::2]  # half of them tell as much
    if far.sum() < 200 or near.sum() < 50 or len(steps) < 4:
        return np.full(len(FEATURES), np.nan)
    flow = np.stack([window.context_flow(t) for t in map(int, steps)])
    head = np.diff(window.context_landmarks[:, :468].mean(1), axis=0)[steps]
    far_flow, near_flow = flow[:, far], flow[:, near]
    far_mean, near_mean = far_flow.mean(1), near_flow.mean(1)
    speed = rms(head) + 0.02
    frames = window.context[steps].astype(np.float32)
    change = np.abs(window.context[steps + 1].astype(np.float32) - frames)[:, far].mean()
    middle = frames[len(frames) // 2]
    gradient = magnitude(cv2.Sobel(middle, cv2.CV_32F, 1, 0), cv2.Sobel(middle, cv2.CV_32F, 0, 1))[far].mean()
    return np.array(
        [
            np.log2((rms(far_mean) + 0.01) / speed),
            np.log2((rms(near_mean) + 0.01) / speed),
            correlation(far_mean, head, 0.05),
            correlation(near_mean, head, 0.05),
            np.log2(rms(far_flow - far_mean[:, None]) + 0.01),
            float((np.hypot(far_flow[..., 0], far_flow[..., 1]) < 0.05).mean()),
            np.log2(change + 0.05),
            np.log2((change + 0.05) / (gradient + 1)),
        ],
        np.float64,
    )


def _rings(window: Window) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Masks (h, w) of the scenery right around the head and beyond, above the chin: shoulders move on their own."""
    shape = window.context.shape[1:]
    points = window.context_landmarks
    middle = points[len(points) // 2]
    height = float(np.linalg.norm(middle[10] - middle[152]))
    hulls = [region(points[i], lm.FACE_OVAL, shape) for i in range(0, len(points), 8)]
    swept = np.max(hulls, axis=0)
    # Distance to the swept face: hair and ears within .12 face heights, their motion's reach within .35.
    distance = cv2.distanceTransform(1 - swept, cv2.DIST_L2, 3) / max(height, 1.0)
    above = np.arange(shape[0])[:, None] < middle[152, 1]
    return (distance > 0.12) & (distance <= 0.35) & above, (distance > 0.35) & above
