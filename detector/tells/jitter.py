"""Jitter tell: faces generated frame by frame tremble; faces driven by smooth curves move too smoothly.

Second over first differences of landmark groups, of the head and of the mouth opening, and the share of their power
above 5 Hz, which muscles seldom reach (Haliassos et al. 2021 read such irregularities from lips). About 3 ms a
window.
"""

from __future__ import annotations

import numpy as np

from tellmark import landmarks as lm
from tellmark.detector.windows.stats import log_ratio, rms, unrest
from tellmark.detector.windows.window import FPS, Window
from tellmark.types import F64

FAMILY = "jitter"
DYNAMIC = True
_GROUPS = {"oval": lm.FACE_OVAL, "nose": lm.NOSE, "lips": lm.LIPS_OUTER, "brows": (*lm.LEFT_BROW, *lm.RIGHT_BROW)}
FEATURES = {
    "head": "log2 of acceleration over speed of the head's place, per frame",
    **{f"{name}": f"log2 of acceleration over speed of the {name} within the face, per frame" for name in _GROUPS},
    "nose_size": "log2 of the nose's speed within the face, face heights per frame",
    "lips_fast": "share of the mouth opening's power above 5 Hz, 0 to 1",
    "head_fast": "share of the head's power above 5 Hz, 0 to 1",
    "jaw_jerk": "log2 of the mouth opening's jerk over its speed, per frame squared",
}


def compute(window: Window) -> F64:
    """(9,) in the order of ``FEATURES``; NaN for fewer than four frames."""
    if len(window) < 4:
        return np.full(len(FEATURES), np.nan)
    source, inner = window.source_landmarks.astype(np.float64), window.landmarks.astype(np.float64)
    height = np.median(lm.face_height(window.source_landmarks))
    head = source[:, :468, :2].mean(1) / height
    groups = [unrest(inner[:, list(group), :2], 1e-3) for group in _GROUPS.values()]
    opening = lm.mouth_opening(window.landmarks).astype(np.float64)[:, None]
    nose = np.diff(inner[:, list(lm.NOSE), :2], axis=0)
    nose_size = np.log2(rms(nose) / np.median(lm.face_height(window.landmarks)) + 1e-5)
    jerk = log_ratio(rms(np.diff(opening, n=3, axis=0)), rms(np.diff(opening, axis=0)), 1e-4)
    return np.array([unrest(head, 1e-5), *groups, nose_size, _fast(opening), _fast(head), jerk], np.float64)


def _fast(curves: F64) -> float:
    """Share of the power of the speed of (T, n) curves above 5 Hz."""
    speed = np.diff(curves, axis=0)
    power = (np.abs(np.fft.rfft(speed - speed.mean(0), axis=0)) ** 2).sum(1)
    frequency = np.fft.rfftfreq(len(speed), 1 / FPS)
    return float(power[frequency > 5].sum() / (power.sum() + 1e-9))
