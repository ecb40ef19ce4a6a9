"""Glasses in a portrait: whether there are any, and which of the face's points they keep from moving with the skin.

Rims are told by three thin dark lines that skin does not have together: one from the nose under either eye, further
from it than lids and bags are, and one across the bridge of the nose. Each is the darkest path through the portrait
(dynamic programming over a morphological closing's residue). What lies between them is rigid.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark.generator.geometry.basis import face_frame
from tellmark.landmarks import LEFT_EYE, RIGHT_EYE
from tellmark.types import F32, U8

_ANGLES = np.deg2rad(np.arange(-10, 136, 4.0))  # around an eye, from the nose downwards and outwards
_UPWARDS = np.deg2rad(np.arange(-145, -34, 4.0))  # over an eye
_RADII, _OVER = np.arange(12, 37, 0.5), np.arange(7, 26, 0.5)  # mm
_LOWEST = 17.0  # mm under an eye's middle, from where on a line may be a rim
_OVER_LID, _CLEAR = 3.0, 1.2  # mm over a lid from where on it may be one, and that are left between the two
_RIM_MM, _BRIDGE_MM = 5.0, 15.0  # the thickest of either
_BENDS = 0.02  # what a step of a path to the side costs, in log luminance
_DARKEST = 0.5  # log luminance under the skin's, from where on darker says no more
_SHARE = 0.3  # of a path that may be fainter than the bounds
_RIM, _BRIDGE = 0.06, 0.25  # log luminance under the skin's; see docs/log.md
_ABOVE, _BESIDE = 10.0, 24.0  # mm that rims reach above the bridge, and outwards from an eye's middle
_FIRM, _LOOSE = 5.0, 13.0  # mm around the glasses: up to where skin is held, and from where on it is free


@dataclass(frozen=True, slots=True)
class Glasses:
    """What glasses leave free."""

    loose: F32  # (478, 1) in [0, 1] share of expressions that points wear: 0 under them, 1 from 13 mm on around them
    lid_room: F32  # (2,) px over the edge of the subject's right and left upper lid, before a rim comes


def find_glasses(image: U8, landmarks: F32) -> Glasses | None:
    """Glasses on a framed portrait (SIZE, SIZE, 3) with landmarks (478, 3) px; None where there are none."""
    frame = face_frame(landmarks)
    across, down = (axis[:2] / max(float(np.linalg.norm(axis[:2])), 1e-6) for axis in frame.axes[:2])
    px = frame.px_per_mm
    thin, thick = (_darker(image, px, size) for size in (_RIM_MM, _BRIDGE_MM))
    brow, nose = landmarks[[8, 197], :2]
    columns = np.arange(-5, 5.1, 0.5)[:, None, None] * px * across
    bridge, dark = _path(thick, np.linspace(brow, nose, 60)[None] + columns)
    if dark < _BRIDGE:
        return None
    top = bridge.mean(0) - _ABOVE * px * down
    outline, room = [top[None]], []
    for loop, inwards in ((RIGHT_EYE, across), (LEFT_EYE, -across)):
        corners = landmarks[[loop[0], loop[8]], :2]
        middle = corners.mean(0)
        half = float(np.linalg.norm(corners[1] - corners[0])) / 2 / px
        rays = np.cos(_ANGLES)[:, None] * inwards + np.sin(_ANGLES)[:, None] * down
        lids = 1 / np.hypot(np.cos(_ANGLES) / (half + 2), np.sin(_ANGLES) / max(_LOWEST, 1.1 * half))
        rim, dark = _path(thin, middle + px * _RADII[:, None] * rays[:, None], lids[:, None] > _RADII)
        if dark < _RIM:
            return None
        outline.append(rim)
        # Over a lid a crease or a brow may be taken for the rim: then it is held, or less skin stretches than could.
        edge = landmarks[list(loop[1:8]), :2]
        rays = np.cos(_UPWARDS)[:, None] * across + np.sin(_UPWARDS)[:, None] * down
        lowest = max(float(((middle - edge) @ down).max()) / px, 0.0) + _OVER_LID
        upper, dark = _path(
            thin, middle + px * _OVER[:, None] * rays[:, None], -np.sin(_UPWARDS)[:, None] * _OVER < lowest
        )
        if dark > _RIM:
            outline.append(upper)
        corner = middle - _BESIDE * px * inwards
        highest = min(float((top - corner) @ down), float(((upper - corner) @ down).min()) if dark > _RIM else np.inf)
        outline += [corner[None], (corner + highest * down)[None]]
        order = np.argsort(edge @ across)
        lid = np.interp(upper @ across, (edge @ across)[order], (edge @ down)[order])
        room.append(float(np.quantile(lid - upper @ down, 0.25)) - _CLEAR * px if dark > _RIM else np.inf)
    hull = cv2.convexHull(np.concatenate(outline).astype(np.float32))
    away = [-cv2.pointPolygonTest(hull, point, True) / px for point in landmarks[:, :2].astype(float).tolist()]
    t = np.clip((np.array(away, np.float32) - _FIRM) / (_LOOSE - _FIRM), 0, 1)
    return Glasses((t * t * (3 - 2 * t)).astype(np.float32)[:, None], np.array(room, np.float32))


def _darker(image: U8, px_per_mm: float, size_mm: float) -> F32:
    """(SIZE, SIZE) how much darker than its surroundings what is thinner than ``size_mm`` is, in log luminance.

    Of green alone, as red rims on skin differ in that.
    """
    tone = cv2.GaussianBlur(np.log(image[..., 1].astype(np.float32) + 20), (0, 0), 0.35 * px_per_mm)
    size = max(round(size_mm * px_per_mm) | 1, 3)
    closed = cv2.morphologyEx(tone, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    return np.asarray(np.minimum(closed - tone, _DARKEST), np.float32)


def _path(darker: F32, places: F32, barred: NDArray[np.bool_] | None = None) -> tuple[F32, float]:
    """(n, 2) px of the darkest path through (n, k, 2) places, one of k at each step, and how dark most of it is."""
    places = places.astype(np.float32)
    seen = cv2.remap(darker, places[..., 0], places[..., 1], cv2.INTER_LINEAR)
    if barred is not None:
        seen[barred] = -9
    total, came = seen[0], []
    for step in seen[1:]:
        wide = np.pad(total, 2, constant_values=-1e3)
        options = np.stack([wide[2 + k : 2 + k + len(total)] - _BENDS * abs(k) for k in (-2, -1, 0, 1, 2)])
        came.append(options.argmax(0) - 2)
        total = options.max(0) + step
    at = [int(total.argmax())]
    for step in came[::-1]:
        at.append(at[-1] + int(step[at[-1]]))
    rows = np.arange(len(seen))
    return places[rows, at[::-1]], float(np.quantile(seen[rows, at[::-1]], _SHARE))
