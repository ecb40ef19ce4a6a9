"""Wrinkles that come and go with expressions: lines of shade on forehead, between brows, beside nose and eyes."""

from __future__ import annotations

import cv2
import numba as nb
import numpy as np
from numpy.typing import NDArray

from tellmark.generator.geometry.basis import face_frame
from tellmark.generator.types import EXPRESSIONS, SIZE
from tellmark.types import F32, U8

_NAMES = ("brow_up", "brow_down", "smile", "squint", "wide")
_SMOOTH, _LINED = 0.007, 0.018  # contrast of smooth and of lined skin
_ON, _ENOUGH = 60, 30  # of a crease: where its skin is looked at, and how many px that takes
_INDEX = [EXPRESSIONS.index(name) for name in _NAMES]


def strength(expression: F32) -> F32:
    """(4,) how dark forehead, frown lines, smile folds and crow's feet are under an expression; 0 at rest."""
    up, down, smile, squint, wide = np.clip(expression[_INDEX], 0, 1).tolist()
    return np.array(
        [0.30 * up, 0.35 * down, 0.30 * max(smile, 0.5 * wide), 0.28 * max(squint, 0.6 * smile)], np.float32
    )


@nb.njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator]
def fold(layer: U8, map_x: F32, map_y: F32, lines: U8, depths: F32) -> None:
    """Darken a premultiplied ``layer`` (h, w, 4) where its pixels come from a line of the portrait.

    map_x, map_y: (h, w) half px in ``lines`` (H, W, 4). depths: (4,) in [0, 1].
    """
    height, width = lines.shape[:2]
    for y in range(layer.shape[0]):
        for x in range(layer.shape[1]):
            column, row = int(0.5 * map_x[y, x] + 0.5), int(0.5 * map_y[y, x] + 0.5)
            if column < 0 or row < 0 or column >= width or row >= height:
                continue
            light = np.float32(1)
            for k in range(4):
                if lines[row, column, k] > 0:
                    light *= 1 - depths[k] * lines[row, column, k] / np.float32(255)
            if light < 1:
                for c in range(3):
                    layer[y, x, c] = np.uint8(layer[y, x, c] * light + np.float32(0.5))


def creases(shape: F32) -> U8:
    """(SIZE, SIZE, 4) wrinkle maps of a (478, 3) face: forehead, frown lines, smile folds, crow's feet."""
    maps = np.zeros((SIZE, SIZE, 4), np.float32)
    xy = shape[:, :2]

    def fold(channel: int, points: NDArray[np.float32], depth: float, width: float) -> None:
        canvas = np.zeros((SIZE, SIZE), np.float32)
        cv2.polylines(canvas, [np.round(points * 16).astype(np.int32)], False, 1.0, 2, cv2.LINE_AA, 4)
        canvas = cv2.GaussianBlur(canvas, (0, 0), width)
        maps[..., channel] = np.maximum(maps[..., channel], depth * canvas / max(float(canvas.max()), 1e-6))

    brows, hairline = xy[[105, 66, 9, 296, 334]], xy[[103, 67, 10, 297, 332]]
    for t, depth in ((0.30, 0.9), (0.50, 1.0), (0.68, 0.7)):
        line = brows + (hairline - brows) * t
        line[[1, 3], 1] -= 2
        fold(0, _curve(line), depth, 2.0)
    along = np.abs(np.arange(SIZE, dtype=np.float32) - brows[2, 0]) / (0.5 * np.ptp(brows[:, 0]))
    maps[..., 0] *= np.exp(-((along / 0.85) ** 4))[None]  # they run out to the sides
    for side in (55, 285):
        middle = xy[9] + (xy[side] - xy[9]) * 0.55
        fold(1, _curve(middle + np.array([(0, 8), (0, 0), (0, -12)], np.float32)), 0.7, 2.0)
    along = np.abs(np.arange(SIZE, dtype=np.float32) - xy[9, 1] + 1) / 11
    maps[..., 1] *= np.exp(-(along**2))[:, None]  # and these run out up and down
    for loop in ((129, 203, 206, 216, 212), (358, 423, 426, 436, 432)):
        fold(2, _curve(xy[list(loop)]), 1.0, 2.4)
    for corner, way in ((33, -1), (263, 1)):
        for rise in (-7, 0, 7):
            start = xy[corner] + [6 * way, 0.4 * rise]
            fold(3, start + np.array([(0, 0), (7 * way, 0.8 * rise), (13 * way, 1.5 * rise)], np.float32), 0.8, 1.1)
    return np.asarray(np.clip(np.round(maps * 255), 0, 255), np.uint8)


def on_skin(lines: U8, image: U8, landmarks: F32) -> U8:
    """The lines (SIZE, SIZE, 4) where the portrait shows skin: no hair or frame over it."""
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), 2.0).astype(np.float32)
    cheeks = np.clip(np.round(landmarks[[50, 280, 205, 425, 9, 151], :2]).astype(int), 0, SIZE - 1)
    off = np.abs(np.log((grey + 4) / (np.median(grey[cheeks[:, 1], cheeks[:, 0]]) + 4)))
    skin = cv2.GaussianBlur(np.clip(2 - off / 0.35, 0, 1), (0, 0), 2.0)
    return np.asarray(np.round(lines * skin[..., None]), np.uint8)


def lined(lines: U8, image: U8, landmarks: F32) -> float:
    """How lined a portrait's skin is already, 0 (smooth) to 1: contrast of fine detail where ``creases`` would come.

    The median, on forehead and beside the mouth, of differences of Gaussians of log luminance; whichever is less, for a
    fringe is no lined forehead and a beard no fold.
    """
    px_per_mm = face_frame(landmarks).px_per_mm
    tone = np.log(image.mean(2, dtype=np.float32) + 12)
    fine = np.abs(cv2.GaussianBlur(tone, (0, 0), 0.5 * px_per_mm) - cv2.GaussianBlur(tone, (0, 0), 2.2 * px_per_mm))
    found = [float(np.median(fine[on])) for on in (lines[..., 0] > _ON, lines[..., 2] > _ON) if on.sum() > _ENOUGH]
    return float(np.clip((min(found, default=0.0) - _SMOOTH) / (_LINED - _SMOOTH), 0, 1))


def _curve(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """A smooth line through a few points."""
    degree = min(3, len(points) - 1)
    t, fine = np.linspace(0, 1, len(points)), np.linspace(0, 1, 24)
    return np.stack([np.polyval(np.polyfit(t, points[:, k], degree), fine) for k in (0, 1)], axis=1).astype(np.float32)
