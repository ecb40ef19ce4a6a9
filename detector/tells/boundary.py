"""Boundary tell: where a face was put into a picture, something steps at its outline.

Noise, sharpness and colour just inside the face's oval against just outside, and the edge along it (Li et al. 2020,
"Face X-ray"; Shiohara and Yamasaki 2022, self-blended images). About 5 ms a window.
"""

from __future__ import annotations

import cv2
import numpy as np

from tellmark import landmarks as lm
from tellmark.detector.windows.stats import magnitude
from tellmark.detector.windows.window import Window
from tellmark.types import F64

FAMILY = "boundary"
DYNAMIC = False
FEATURES = {
    "noise_step": "log2 of the high-pass residual inside the outline over outside",
    "noise_step_size": "absolute noise_step, log2",
    "light_step": "absolute step of luma across the outline, grey levels",
    "colour_step": "step of chroma across the outline, grey levels",
    "edge": "log2 of the gradient on the outline over that beside it",
    "softness": "log2 of the Laplacian over the gradient on the outline, minus that of the skin",
    "flicker": "standard deviation of noise_step over time, log2",
}


def compute(window: Window) -> F64:
    """(7,) means over every sixth frame, cheeks and chin only, in the order of ``FEATURES``; NaN without an outline."""
    rows = [row for index in window.sampled if (row := _row(window, index)) is not None]
    if not rows:
        return np.full(len(FEATURES), np.nan)
    table = np.array(rows)
    return np.append(table.mean(0), table[:, 0].std() if len(table) > 1 else np.nan)


def _row(window: Window, index: int) -> list[float] | None:
    sizes = {grow: window.mask(index, lm.FACE_OVAL, grow=grow) for grow in (-14, -4, 3, 10)}
    # Below the eyes only: above them hair falls over the outline.
    below = np.zeros_like(sizes[3])
    below[int(max(0, window.landmarks[index, [33, 263], 1].mean())) :] = 1
    inside, line, outside = ((sizes[a] & (1 - sizes[b]) & below) for a, b in ((-4, -14), (3, -4), (10, 3)))
    if min(inside.sum(), line.sum(), outside.sum()) < 200:
        return None
    grey = window.grey[index].astype(np.float32)
    edges = np.abs(cv2.Laplacian(grey, cv2.CV_32F))
    gradient = magnitude(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    colour = cv2.cvtColor(window.crops[index], cv2.COLOR_RGB2YCrCb)
    step = np.array(cv2.mean(colour, inside)[:3]) - np.array(cv2.mean(colour, outside)[:3])
    sharp = {name: cv2.mean(edges, mask)[0] + 0.2 for name, mask in (("in", inside), ("out", outside), ("line", line))}
    skin = window.face_masks[index]
    skin_ratio = (cv2.mean(edges, skin)[0] + 0.2) / (cv2.mean(gradient, skin)[0] + 1)
    line_gradient = cv2.mean(gradient, line)[0] + 1
    beside = (cv2.mean(gradient, inside)[0] + cv2.mean(gradient, outside)[0]) / 2 + 1
    noise_step = float(np.log2(sharp["in"] / sharp["out"]))
    return [
        noise_step,
        abs(noise_step),
        float(abs(step[0])),
        float(np.hypot(step[1], step[2])),
        float(np.log2(line_gradient / beside)),
        float(np.log2(sharp["line"] / line_gradient / skin_ratio)),
    ]
