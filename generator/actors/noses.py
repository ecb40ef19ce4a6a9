"""Nostrils, the furrows around a nose's wings, and light on a nose: what mixtures of people blur, and forms overdo."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark.generator.actors.facespace import f32
from tellmark.generator.types import SIZE
from tellmark.types import F32

_OPENINGS = ((79, 239, 238, 20, 60, 75, 166), (309, 459, 458, 250, 290, 305, 392))
_FURROWS = ((49, 102, 64, 98), (279, 331, 294, 327))  # from above the wing to below it
_DEEP = f32([1.35, 1.65, 1.6])  # log of the light that a nostril keeps, of what skin beside it gives
_FURROW = f32([0.34, 0.46, 0.46])
_AROUND, _FINE = 48, 4  # px about the nose that are drawn, and how much larger
_EVENED, _EVEN_PX = 0.7, 16.0  # share of the light's contrast that goes, over that width


def near(shape: F32, reach_px: float = 17.0) -> F32:
    """(SIZE, SIZE) 1 where the nose meets the lip, falling off over ``reach_px``; shape: (478, 3) portrait px."""
    away = np.mgrid[:SIZE, :SIZE].astype(np.float32) - shape[2, 1::-1, None, None]
    return np.asarray(np.exp(-(away**2).sum(axis=0) / reach_px**2), np.float32)


def hollows(shape: F32, rng: np.random.Generator) -> F32:
    """(SIZE, SIZE, 3) log RGB that nostrils and the furrows around the wings take from skin, in everybody their own."""
    middle = shape[2, :2]
    left, top = np.clip(np.floor(middle).astype(int) - _AROUND, 0, SIZE - 2 * _AROUND)
    wide, high, rise = rng.uniform(0.75, 1.0), rng.uniform(0.5, 0.95), rng.uniform(0.5, 1.5)
    openings, furrows = np.zeros((2, 2 * _AROUND * _FINE, 2 * _AROUND * _FINE), np.float32)
    for ring in _OPENINGS:
        points = shape[list(ring), :2]
        centre = points.mean(axis=0)
        points = centre + (points - centre) * f32([wide, high]) - f32([0, rise])
        cv2.fillPoly(openings, [_placed(points, left, top)], 1.0, cv2.LINE_AA, 4)
    for line in _FURROWS:
        points = middle + 1.02 * (shape[list(line), :2] - middle)
        cv2.polylines(furrows, [_placed(points, left, top)], False, 0.5, 2 * _FINE, cv2.LINE_AA, 4)
        cv2.polylines(furrows, [_placed(points[1:3], left, top)], False, 1.0, 2 * _FINE, cv2.LINE_AA, 4)
    openings = cv2.GaussianBlur(openings, (0, 0), 0.9 * _FINE)[..., None]
    furrows = cv2.GaussianBlur(furrows, (0, 0), 1.3 * _FINE)[..., None]
    taken = openings * _DEEP * np.float32(rng.uniform(0.5, 0.95)) + furrows * _FURROW * np.float32(
        rng.uniform(0.4, 1.2)
    )
    out = np.zeros((SIZE, SIZE, 3), np.float32)
    out[top : top + 2 * _AROUND, left : left + 2 * _AROUND] = cv2.resize(
        taken, (2 * _AROUND, 2 * _AROUND), interpolation=cv2.INTER_AREA
    )
    return out


def evened(light: F32, shape: F32) -> F32:
    """(SIZE, SIZE, 3) light on the face with less contrast about the nose: cheek, wing and lip light one another."""
    share = _EVENED * near(shape + f32([0, -14, 0]), 40.0)[..., None]
    around = cv2.GaussianBlur(light, (0, 0), _EVEN_PX)
    return np.asarray(np.maximum(light, 1e-3) ** (1 - share) * np.maximum(around, 1e-3) ** share, np.float32)


def _placed(points: F32, left: int, top: int) -> NDArray[np.int32]:
    """Points in px of the enlarged drawing, in sixteenths as OpenCV takes them."""
    return np.asarray(np.round((points - [left, top]) * _FINE * 16), np.int32)
