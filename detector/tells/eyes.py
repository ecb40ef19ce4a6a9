"""Eye tell: blinks, gaze and the light in the eyes.

Two living eyes blink and turn together, turn against the head to hold their aim, and mirror the same lamps (Li et al.
2018, "In ictu oculi"; Hu et al. 2021, corneal highlights). About 3 ms a window.
"""

from __future__ import annotations

import numpy as np

from tellmark import landmarks as lm
from tellmark.detector.windows.stats import correlation, rms, unrest
from tellmark.detector.windows.window import Window, region
from tellmark.types import F32, F64

FAMILY = "eyes"
DYNAMIC = True
FEATURES = {
    "lid_speed": "log2 of the rms change of eye opening per frame",
    "lid_asymmetry": "rms difference of the two openings' changes over their size",
    "lid_jitter": "log2 of acceleration over speed of the eye opening, per frame",
    "blink_depth": "smallest over median eye opening, 0 to 1",
    "gaze_speed": "log2 of the rms change of the iris' place, eye widths per frame",
    "gaze_jitter": "log2 of acceleration over speed of the iris' place",
    "gaze_asymmetry": "rms difference of the two irises' motion over its size",
    "gaze_vs_yaw": "correlation of horizontal iris and head motion, -1 to 1",
    "highlight_gap": "difference of the two irises' brightest over mean luma, log2",
    "iris_contrast": "log2 of the luma's standard deviation in the irises over that in the eyes",
}


def compute(window: Window) -> F64:
    """(10,) in the order of ``FEATURES``; NaN for fewer than four frames."""
    if len(window) < 4:
        return np.full(len(FEATURES), np.nan)
    points = window.landmarks
    lids = np.stack(lm.eye_opening(points), axis=1).astype(np.float64)
    irises = np.stack([_place(points, 468, 33, 133), _place(points, 473, 263, 362)], axis=1)
    yaw, _, _ = lm.head_rotation_deg(window.source_landmarks)
    both, gaze = lids.mean(1), irises.mean(1)
    lid_speed, gaze_speed = np.diff(lids, axis=0), np.diff(irises, axis=0)
    lights = np.array([_light(window, index) for index in window.sampled])
    return np.array(
        [
            np.log2(rms(np.diff(both)) + 1e-4),
            rms(lid_speed[:, 0] - lid_speed[:, 1]) / (rms(lid_speed) + 1e-4),
            unrest(both, 1e-5),
            both.min() / (np.median(both) + 1e-3),
            np.log2(rms(np.diff(gaze, axis=0)) + 1e-5),
            unrest(gaze, 1e-6),
            rms(gaze_speed[:, 0] - gaze_speed[:, 1]) / (rms(gaze_speed) + 1e-5),
            correlation(np.diff(gaze[:, 0]), np.diff(yaw.astype(np.float64)), 0.01),
            *lights.mean(0),
        ],
        np.float64,
    )


def _place(points: F32, iris: int, outer: int, inner: int) -> F64:
    """(T, 2) iris centre from the middle of the eye's corners, in eye widths."""
    corners = (points[:, outer, :2] + points[:, inner, :2]) / 2
    width = np.linalg.norm(points[:, outer, :2] - points[:, inner, :2], axis=1)
    return np.asarray((points[:, iris, :2] - corners) / width[:, None], np.float64)


def _light(window: Window, index: int) -> tuple[float, float]:
    """Gap of the highlights, contrast of the irises against the eyes."""
    grey = window.grey[index]
    peaks, spreads = [], []
    for iris, eye in ((lm.RIGHT_IRIS, lm.RIGHT_EYE), (lm.LEFT_IRIS, lm.LEFT_EYE)):
        inner = grey[region(window.landmarks[index], iris, grey.shape).astype(bool)].astype(np.float64)
        outer = grey[region(window.landmarks[index], eye, grey.shape).astype(bool)].astype(np.float64)
        if len(inner) < 8 or len(outer) < 8:
            return 0.0, 0.0
        peaks.append(np.log2((inner.max() + 4) / (inner.mean() + 4)))
        spreads.append(np.log2((inner.std() + 1) / (outer.std() + 1)))
    return float(abs(peaks[0] - peaks[1])), float(np.mean(spreads))
