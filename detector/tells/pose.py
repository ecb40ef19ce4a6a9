"""Pose tell: a head turns on a neck.

Turning, nodding and tilting move the face in the picture in fixed proportion, and speech accents nod; animation often
breaks these couplings, or leaves motion out (Yang et al. 2019, inconsistent head poses; Agarwal et al. 2019, soft
biometrics). Only proportions and correlations, never where a head looks: framing is a property of footage, not of
fakes. About 2 ms a window.
"""

from __future__ import annotations

import numpy as np

from tellmark import landmarks as lm
from tellmark.detector.windows.stats import correlation, rms, unrest
from tellmark.detector.windows.window import Window
from tellmark.types import F64

FAMILY = "pose"
DYNAMIC = True
FEATURES = {
    "speed": "log2 of the rms rotation per frame, degrees",
    "shift_vs_turn": "log2 of sideways shift, face widths, per degree of yaw",
    "turn_moves": "correlation of yaw and sideways place, -1 to 1",
    "nod_moves": "correlation of pitch and height, -1 to 1",
    "tilt_moves": "correlation of roll and sideways place, -1 to 1",
    "tilt_share": "share of roll in all rotation, 0 to 1",
    "zoom": "log2 of the rms change of face size per frame, per face height",
    "mouth_nods": "correlation of mouth opening and pitch changes, -1 to 1",
    "rotation_jitter": "log2 of acceleration over speed of the rotation",
    "breadth": "log2 of the rotation's range over the sum of its steps",
}


def compute(window: Window) -> F64:
    """(10,) in the order of ``FEATURES``; NaN for fewer than four frames."""
    if len(window) < 4:
        return np.full(len(FEATURES), np.nan)
    points = window.source_landmarks
    angles = np.stack(lm.head_rotation_deg(points), axis=1).astype(np.float64)
    height = lm.face_height(points).astype(np.float64)
    place = points[:, :468, :2].mean(1).astype(np.float64) / np.median(height)
    turns, shifts = np.diff(angles, axis=0), np.diff(place, axis=0)
    opening = lm.mouth_opening(points).astype(np.float64)
    power = (turns**2).mean(0)
    travel = np.linalg.norm(turns, axis=1).sum()
    return np.array(
        [
            np.log2(rms(turns) + 1e-3),
            np.log2((rms(shifts[:, 0]) + 1e-5) / (rms(turns[:, 0]) + 1e-2)),
            correlation(angles[:, 0], place[:, 0], 0.01),
            correlation(angles[:, 1], place[:, 1], 0.01),
            correlation(angles[:, 2], place[:, 0], 0.01),
            power[2] / (power.sum() + 1e-6),
            np.log2(rms(np.diff(height)) / np.median(height) + 1e-5),
            correlation(np.diff(opening), turns[:, 1], 0.01),
            unrest(angles, 1e-3),
            np.log2((np.linalg.norm(np.ptp(angles, axis=0)) + 1e-2) / (travel + 1e-2)),
        ],
        np.float64,
    )
