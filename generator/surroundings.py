"""How shoulders and scenery move in a video: each as one similarity, found by aligning pictures.

Inverse compositional alignment (Baker & Matthews 2004) of a part of the first frame with every other one, from coarse
to fine, robust against what covers it. What shows no texture is held where it was by a prior, and a place that makes the
pictures agree no better than standing still is not believed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark.generator.mesh import Mesh, placed
from tellmark.generator.types import SIZE
from tellmark.types import F32, F64, U8

_SIDES = (48, 96)  # px of the pictures that are aligned
_ROUNDS = 5
_NOISE = 6.0  # grey levels: a difference twice that counts half
_LIKELY = np.array([0.3, 0.3, 8.0, 0.1])  # x, y (face widths), roll (degrees), log of the scale: how far things move
_PRIOR = 30.0  # weight of that, in pixels
_FEWEST = 0.008  # of the frame, that a part must cover to be followed
_BETTER = 0.97  # share of the error at rest that a place must come below
_REACH = 0.06  # of the frame's side, by which a part is kept away from what may cover it


def follow(
    frames: Iterable[U8],  # (512, 512, 3) RGB, the portrait first
    matte: F32,  # (512, 512) of the portrait
    mesh: Mesh,
) -> tuple[F32, F32]:
    """(T, 4) places of the torso and of the scene, as in :class:`~tellmark.generator.types.Seen`."""
    torso, scene = _parts(matte, mesh)
    followers: list[tuple[_Follower, _Follower]] = []
    places: tuple[list[F64], list[F64]] = ([], [])
    for frame in frames:
        if not followers:
            followers.append((_Follower(frame, torso, mesh.face_width), _Follower(frame, scene, mesh.face_width)))
        for follower, found in zip(followers[0], places, strict=True):
            found.append(follower.find(frame))
    one, other = (np.stack(found).astype(np.float32) for found in places)
    return one, other


def _parts(matte: F32, mesh: Mesh) -> tuple[F32, F32]:
    """(512, 512) weights in [0, 1] of shoulders and of scenery in the portrait."""
    rows = np.indices((SIZE, SIZE)).astype(np.float32)
    chin, up = mesh.rest[152, :2], mesh.rest[10, :2] - mesh.rest[152, :2]
    below = ((rows[1] - chin[0]) * -up[0] + (rows[0] - chin[1]) * -up[1]) / float(up @ up)
    torso = matte * np.clip((below - 0.25) / 0.2, 0, 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * int(_REACH * SIZE) + 1,) * 2)
    scene = np.clip(1 - cv2.dilate(matte, kernel), 0, 1)
    return torso.astype(np.float32), scene.astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Level:
    side: int
    pixels: NDArray[np.intp]  # (m,) of the part
    picture: F32  # (m, 3)
    slopes: F32  # (4, m, 3) change of the picture with each number of a place
    weight: F32  # (m,)


class _Follower:
    """Follows one part through the frames, each from where the last one was."""

    def __init__(self, first: U8, part: F32, face_width: float) -> None:
        self._width = face_width
        self._levels = [_level(first, part, side, face_width) for side in _SIDES]
        self._usable = float(part.mean()) >= _FEWEST
        self._place = np.zeros(4)

    def find(self, frame: U8) -> F64:
        """(4,) the part's place in a frame."""
        if not self._usable:
            return np.zeros(4)
        place = self._place.copy()
        for level in self._levels:
            picture = _shrunk(frame, level.side)
            for _ in range(_ROUNDS):
                step = self._step(level, picture, place)
                place = place - step
                if np.abs(step / _LIKELY).max() < 2e-3:
                    break
        still, moved = (self._error(self._levels[-1], picture, at) for at in (np.zeros(4), place))
        if not moved < _BETTER * still or np.abs(place / _LIKELY).max() > 6:
            place = np.zeros(4)
        self._place = place
        return place

    def _step(self, level: _Level, picture: F32, place: F64) -> F64:
        off = self._fetched(picture, place, level) - level.picture
        weight = level.weight / (1 + (np.abs(off).mean(1) / (2 * _NOISE)) ** 2)
        weighed = level.slopes * weight[:, None]
        prior = _PRIOR * _NOISE**2 / _LIKELY**2
        gram = weighed.reshape(4, -1) @ level.slopes.reshape(4, -1).T + np.diag(prior)
        return np.asarray(np.linalg.solve(gram, weighed.reshape(4, -1) @ off.ravel() + prior * place), np.float64)

    def _error(self, level: _Level, picture: F32, place: F64) -> float:
        off = np.abs(self._fetched(picture, place, level) - level.picture).mean(1)
        return float((level.weight * off**2 / (1 + (off / (4 * _NOISE)) ** 2)).sum())

    def _fetched(self, picture: F32, place: F64, level: _Level) -> F32:
        scale = len(picture) / SIZE
        affine = placed(place.astype(np.float32), self._width).astype(np.float64)
        # Pixel centres: x of the frame is (x' + 0.5) / scale - 0.5.
        affine[:, 2] = scale * (affine[:, 2] + affine[:, :2] @ np.full(2, 0.5 / scale - 0.5) + 0.5) - 0.5
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        moved = cv2.warpAffine(picture, affine, picture.shape[1::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(moved.reshape(-1, 3)[level.pixels], np.float32)


def _shrunk(frame: U8, side: int) -> F32:
    small = cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), 0.8), np.float32)


def _level(first: U8, part: F32, side: int, face_width: float) -> _Level:
    picture = _shrunk(first, side)
    across = cv2.Sobel(picture, cv2.CV_32F, 1, 0, scale=1 / 8) * (side / SIZE)  # per px of the frame
    down = cv2.Sobel(picture, cv2.CV_32F, 0, 1, scale=1 / 8) * (side / SIZE)
    y, x = (np.indices((side, side)).astype(np.float32) + 0.5) * (SIZE / side) - 0.5 - SIZE / 2
    x, y = x[..., None], y[..., None]
    degree = np.float32(np.pi / 180)
    slopes = np.stack([across * face_width, down * face_width, degree * (x * down - y * across), x * across + y * down])
    weight = cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA)
    weight[:2], weight[-2:], weight[:, :2], weight[:, -2:] = 0, 0, 0, 0
    pixels = np.flatnonzero(weight.ravel() > 0.01)
    slopes = slopes.reshape(4, -1, 3)[:, pixels].astype(np.float32)
    return _Level(side, pixels, picture.reshape(-1, 3)[pixels], slopes, np.asarray(weight.ravel()[pixels], np.float32))
