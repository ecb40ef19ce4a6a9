"""Noise tell: a sensor leaves the same noise on face and scenery; a generated face has its own, or none.

Residuals of three high-pass kernels of the Spatial Rich Model (Fridrich and Kodovsky 2012): their level on the skin,
over that of the surround, their tails, their correlation between neighbours and between colours. About 8 ms a window.
"""

from __future__ import annotations

import cv2
import numpy as np

from tellmark.detector.windows.stats import correlation
from tellmark.detector.windows.window import Window
from tellmark.types import F32, F64, U8

FAMILY = "noise"
DYNAMIC = False
FEATURES = {
    "level_1st": "log2 of the mean absolute first-order residual on skin, cut at 6 grey levels",
    "level_2nd": "the same, second order",
    "level_kb": "the same, Ker-Boehme 3 x 3 kernel",
    "ratio_kb": "level_kb minus that of the surround, log2",
    "tails": "log2 of mean square over squared mean size of the residual on skin",
    "tails_vs_surround": "tails minus those of the surround, log2",
    "neighbours": "correlation of the residual on skin with its right neighbour, -1 to 1",
    "neighbours_2": "the same, two pixels apart",
    "colours": "correlation of the red and blue residuals on skin, -1 to 1",
    "variation": "standard deviation of level_kb over time, log2",
}
_FIRST = np.array([[-1, 1, 0]], np.float32)
_SECOND = np.array([[1, -2, 1]], np.float32) / 2
_KB = np.array([[-1, 2, -1], [2, -4, 2], [-1, 2, -1]], np.float32) / 4
_CUT = 6.0  # grey levels


def compute(window: Window) -> F64:
    """(10,) means over every sixth frame, in the order of ``FEATURES``; NaN without skin or surround."""
    rows, levels = [], []
    for index in window.sampled:
        skin, around = (np.flatnonzero(masks[index]) for masks in (window.face_masks, window.surround_masks))
        if len(skin) < 500 or len(around) < 500:
            continue
        grey = window.grey[index].astype(np.float32)
        kb = cv2.filter2D(grey, cv2.CV_32F, _KB).ravel()
        first, second = (cv2.filter2D(grey, cv2.CV_32F, kernel).ravel()[skin] for kernel in (_FIRST, _SECOND))
        colours = cv2.split(window.crops[index])
        red, blue = (cv2.filter2D(colours[c], cv2.CV_32F, _KB).ravel()[skin] for c in (0, 2))
        inside, outside = kb[skin], kb[around]
        level, tails = _level(inside), _tails(inside)
        rows.append(
            [
                _level(first),
                _level(second),
                level,
                level - _level(outside),
                tails,
                tails - _tails(outside),
                _shifted(kb, window.face_masks[index], 1),
                _shifted(kb, window.face_masks[index], 2),
                correlation(red, blue, 0.03),
            ]
        )
        levels.append(level)
    if not rows:
        return np.full(len(FEATURES), np.nan)
    return np.append(np.mean(rows, axis=0), np.std(levels) if len(levels) > 1 else np.nan)


def _level(residual: F32) -> float:
    # Cut, so that edges do not count; not a median, which whole grey levels would make jump.
    return float(np.log2(np.minimum(np.abs(residual), _CUT).mean() + 0.05))


def _tails(residual: F32) -> float:
    return float(np.log2((np.mean(residual**2) + 0.01) / (np.mean(np.abs(residual)) + 0.1) ** 2))


def _shifted(residual: F32, mask: U8, step: int) -> float:
    """Correlation of the ``residual``, row by row in one, with that ``step`` px to the right where both are masked."""
    both = mask.copy()
    both[:, :-step] &= mask[:, step:]
    both[:, -step:] = 0
    places = np.flatnonzero(both)
    return correlation(residual[places], residual[places + step], 0.03)
