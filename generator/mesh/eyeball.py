"""The eyeball behind the lids: what they hide of it, and the shade that they throw on it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark.generator.geometry.fill import push_pull
from tellmark.types import F32, F64

_DARKEST = 0.3  # that the shade of lids and lashes gets
_CATCHLIGHT = 20.0  # code values brighter than the iris


def complete_eyeball(
    picture: F32,  # (h, w, 3)
    visible: F32,  # (h, w) in [0, 1]
    place: F64,  # (h, w, 2) local coordinates
    centre: F64,
    radius: float,
    along: F64,
) -> F32:
    """The eye's picture with what the lids hide filled in."""
    s, t = place[..., 0], place[..., 1]
    distance = np.hypot(s - centre[0], t - centre[1])
    white = (visible * (distance > 1.2 * radius)).astype(np.float32)
    if white.sum() < 4:
        white = visible
    sclera = push_pull(picture, white)
    # The hidden part of the iris is the same ring seen on the visible side: mirrored at one axis, the other, or both.
    rows, columns = np.indices(visible.shape).astype(np.float32)
    iris = sclera
    dull = _without_catchlight(picture, visible, distance / radius)
    for flip_s, flip_t in ((0, 1), (1, 1), (1, 0)):
        step_s, step_t = 2 * flip_s * (centre[0] - s), 2 * flip_t * (centre[1] - t)
        map_x = (columns + step_s * along[0] - step_t * along[1]).astype(np.float32)
        map_y = (rows + step_s * along[1] + step_t * along[0]).astype(np.float32)
        seen = cv2.remap(visible, map_x, map_y, cv2.INTER_LINEAR)[..., None]
        iris = iris * (1 - seen) + cv2.remap(dull, map_x, map_y, cv2.INTER_LINEAR) * seen
    in_iris = np.clip((1.08 * radius - distance) / (0.12 * radius), 0, 1)[..., None]
    hidden = iris * in_iris + sclera * (1 - in_iris)
    return np.asarray(picture * visible[..., None] + hidden * (1 - visible[..., None]), np.float32)


def _without_catchlight(picture: F32, visible: F32, radii: F64) -> F32:
    """The picture with an iris that mirrors no light: a lamp is seen once in an eye. radii: (h, w) from its centre."""
    ring = visible * (radii < 0.95)
    if ring.sum() < 4:
        return picture
    bright = picture.mean(2) > np.median(picture.mean(2)[ring > 0]) + _CATCHLIGHT
    lit = cv2.dilate((bright & (radii < 1.1)).astype(np.float32), np.ones((3, 3), np.float32))
    return np.asarray(picture + lit[..., None] * (push_pull(picture, ring * (1 - lit)) - picture), np.float32)


def shade_of(picture: F32, eyeball: F32, iris: NDArray[np.bool_]) -> F32:
    """(h, w) how dark the lids make the white behind them; before the iris, what they do beside it."""
    share = picture.mean(2) / np.maximum(eyeball.mean(2), 1)
    filled = push_pull(np.repeat(np.clip(share, _DARKEST, 1)[..., None], 3, axis=2), 1 - iris.astype(np.float32))
    return np.asarray(filled[..., 0], np.float32)
