"""How soft a picture is, from the detail of its own eyes and brows, so that what is drawn into it is no sharper.

Edges have the spectrum 1/f: between octaves a sharp picture's detail stays the same, and a picture blurred by sigma
lacks the finer one. With Gaussians of scale a and b the power between them is the integral of
(exp(-a^2 w^2 / 2) - exp(-b^2 w^2 / 2))^2 exp(-sigma^2 w^2) / w, which Frullani's integral gives in closed form.
"""

from __future__ import annotations

import cv2
import numpy as np

from tellmark.landmarks import LEFT_BROW, LEFT_EYE, RIGHT_BROW, RIGHT_EYE
from tellmark.types import F32, F64, U8

_OCTAVES = (0.7, 1.4, 2.8)  # px
_SIGMAS = np.linspace(0, 4, 81)
_SHARP = 0.8  # px that a sharp photograph measures


def softness(image: U8, landmarks: F32) -> float:
    """Sigma in px, within [0, 4], of the blur that a picture has beyond a sharp photograph's."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    one, two, three = (cv2.GaussianBlur(grey, (0, 0), sigma) for sigma in _OCTAVES)
    fine = coarse = 0.0
    for points in ((*RIGHT_EYE, *RIGHT_BROW), (*LEFT_EYE, *LEFT_BROW)):
        x0, y0 = np.floor(landmarks[list(points), :2].min(0)).astype(int).clip(0, image.shape[1] - 2)
        x1, y1 = np.ceil(landmarks[list(points), :2].max(0)).astype(int).clip(2, image.shape[1])
        part = slice(y0, y1), slice(x0, x1)
        fine += float(((one - two)[part] ** 2).mean())
        coarse += float(((two - three)[part] ** 2).mean())
    expected = _power(*_OCTAVES[:2]) / _power(*_OCTAVES[1:])  # falls with sigma
    sigma = float(np.interp(-fine / max(coarse, 1e-6), -expected, _SIGMAS))
    return float(np.sqrt(max(sigma**2 - _SHARP**2, 0.0)))


def _power(a: float, b: float) -> F64:
    """(81,) power between two scales under each blur of ``_SIGMAS``, up to a common factor."""
    blur = _SIGMAS**2
    middle = (a * a + b * b) / 2
    return np.asarray(2 * np.log(middle + blur) - np.log(a * a + blur) - np.log(b * b + blur), np.float64)
