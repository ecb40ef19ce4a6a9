"""How the light on a face changes while it moves: a factor on the brightness of a frame, sixteen numbers for each.

The first is the exposure of the whole picture. The others are cosines over the face, the fifteen of lowest order
(Ahmed, Natarajan & Rao 1974), which fade out at its outline. The factor's logarithm is their sum, so that it cannot
turn negative and darkening undoes lightening. They are read from a video as ratio images are (Liu, Shan & Zhang 2001):
how much brighter the frame is than the portrait that was moved to where the frame has the face.
"""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit

from tellmark.generator.types import SIZE
from tellmark.landmarks import FACE_OVAL
from tellmark.types import F32, F64, U8

_ORDER = 5  # cosines (i, j) with i + j below this
NUMBERS = 1 + _ORDER * (_ORDER + 1) // 2
"""Exposure, then the cosines: natural logarithms of factors on the brightness."""

_GRID = 64  # side of the cosines' pictures
_MARGIN = 0.10  # of the face's box, around it
_FADE = 0.03  # of the grid's side: sigma of the edge, which lies inside the outline by two of them
_SIDE = 128  # of the pictures in which light is compared
_COARSE = 4  # px of the frame to one of the factor's picture
_LEAST = 0.004  # a factor nearer to 1 than this changes no code value by more than one
_MOST = 0.5  # log of the factor, that light changes by at most
_FLOOR = 8.0  # code values added to both sides: the dark says nothing
_STRAY = 0.6  # log of a ratio that counts half: it is no light, but something else in its place
_RIDGE = 0.005  # of the mean power of the cosines
_BITS = 14  # of the fractions that a frame is multiplied by
_ONE = 1 << _BITS
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


class Light:
    """The light on one portrait's face."""

    def __init__(self, landmarks: F32) -> None:
        rest = landmarks[:468, :2].astype(np.float64)
        low, high = rest.min(0), rest.max(0)
        low, high = low - _MARGIN * (high - low), high + _MARGIN * (high - low)
        scale = (_GRID - 1) / (high - low)
        grid = (rest - low) * scale
        self._middle = grid.mean(0)
        self._solve = np.linalg.pinv(grid - self._middle)  # (2, 468): least squares of what the grid goes to
        at = np.arange(_GRID) / (_GRID - 1)
        waves = [np.cos(np.pi * i * at) * np.cos(np.pi * j * at)[:, None]
                 for i in range(_ORDER) for j in range(_ORDER - i)]  # fmt: skip
        oval = grid[list(FACE_OVAL)]
        inside = np.zeros((_GRID, _GRID), np.uint8)
        cv2.fillConvexPoly(inside, cv2.convexHull(np.rint(oval).astype(np.int32)), 255)
        reach = 2 * round(2 * _FADE * _GRID) + 1
        inside = cv2.erode(inside, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
        fade = cv2.GaussianBlur(inside.astype(np.float32) / 255, (0, 0), _FADE * _GRID)
        self._waves = (np.stack(waves) * fade).astype(np.float32)

    def read(self, made: U8, real: U8, points: F32, sure: F32) -> F32:
        """(NUMBERS,) what makes ``made`` as bright as ``real``, both (512, 512, 3).

        points: (478, 2 or 3) px where both have the face. sure: (512, 512) where they show the same thing.
        """
        one, other = (cv2.resize(frame, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) @ _LUMA for frame in (made, real))
        ratio = np.log((other + _FLOOR) / (one + _FLOOR))
        # The error that counts is one of brightness: log ratios weigh by the square of it.
        weight = (one + _FLOOR) ** 2 / (1 + (ratio / _STRAY) ** 2)
        affine = self._placed(points, SIZE / _SIDE)
        waves = np.stack([cv2.warpAffine(wave, affine, (_SIDE, _SIDE)) for wave in self._waves])
        around = weight * (1 - waves[0])  # the first cosine is 1 on the face, and fades
        exposure = float(np.clip((around * ratio).sum() / max(float(around.sum()), 1e-6), -_MOST, _MOST))
        waves = waves.reshape(NUMBERS - 1, -1)
        weight *= cv2.resize(sure, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        weighed = waves * (weight / max(float(weight.sum()), 1e-6)).ravel()
        gram = (weighed @ waves.T).astype(np.float64)
        gram += _RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram)) + 1e-9 * np.eye(len(gram))
        found = np.linalg.solve(gram, weighed @ (ratio - exposure).ravel())
        return np.concatenate([[exposure], np.clip(found, -_MOST, _MOST)]).astype(np.float32)

    def shine(self, frame: U8, points: F32, light: F32) -> None:
        """Change the light in a frame (512, 512, 3) whose face is at ``points`` (478, 2 or 3) px; in place."""
        if abs(float(light[0])) > _LEAST:
            _scale(frame, np.full((SIZE, SIZE), np.exp(np.clip(light[0], -_MOST, _MOST)), np.float32), 0, 0)
        if np.abs(light[1:]).max() <= _LEAST:
            return
        field = np.clip(np.tensordot(light[1:], self._waves, axes=1), -_MOST, _MOST)
        affine = self._placed(points, _COARSE)
        corners = np.array([[0, 0], [_GRID, 0], [0, _GRID], [_GRID, _GRID]]) @ affine[:, :2].T + affine[:, 2]
        low = np.floor(corners.min(0)).astype(int).clip(0, SIZE // _COARSE - 1)
        high = np.ceil(corners.max(0)).astype(int).clip(1, SIZE // _COARSE)
        width, height = (high - low).tolist()
        if min(width, height) < 1:
            return
        affine[:, 2] -= low
        small = np.exp(cv2.warpAffine(field.astype(np.float32), affine, (width, height)))
        factor = cv2.resize(small, (width * _COARSE, height * _COARSE), interpolation=cv2.INTER_LINEAR)
        x, y = (low * _COARSE).tolist()
        _scale(frame, factor, x, y)

    def _placed(self, points: F32, px: float) -> F64:
        """(2, 3) from the grid to a frame whose pixels are ``px`` wide: the affine map that fits the face best."""
        goal = (points[:468, :2].astype(np.float64) + 0.5) / px - 0.5
        centre = goal.mean(0)
        linear = (self._solve @ (goal - centre)).T
        return np.column_stack([linear, centre - linear @ self._middle])


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _scale(
    frame: U8,  # (H, W, 3) in and out
    factor: F32,  # (h, w), in [0, 4]
    left: int,
    top: int,
) -> None:
    """Multiply a part of the frame. In whole numbers and along whole rows, which compilers turn into vectors."""
    height, width = factor.shape
    lines = frame.reshape(frame.shape[0], 3 * frame.shape[1])
    wide = np.empty(3 * width, np.int32)
    for y in range(height):
        for x in range(width):
            share = np.int32(factor[y, x] * np.float32(_ONE) + np.float32(0.5))
            wide[3 * x], wide[3 * x + 1], wide[3 * x + 2] = share, share, share
        line = lines[top + y, 3 * left : 3 * (left + width)]
        for i in range(3 * width):
            value = (np.int32(line[i]) * wide[i] + np.int32(_ONE // 2)) >> np.int32(_BITS)
            line[i] = np.uint8(min(value, np.int32(255)))
