"""Corners of the mouth: the dark line between closed lips goes on beyond them, and is smeared beside lips that part.

Where lips part, that line opens with them; the mesh, which parts only as far as the tracked corners, draws it out over
the cheek instead. So it is lifted from the portrait as the lips come apart: a morphological closing takes thin dark
detail away and leaves broad shade where it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from tellmark.generator.geometry.basis import face_frame
from tellmark.generator.geometry.fine import double
from tellmark.generator.mesh.opening import lip_gaps
from tellmark.types import F32, U8

_ENDS = ((61, 78), (291, 308))  # outer and inner point of either corner
_REACH_MM = 9.0  # around a corner
_LINE_MM = 5.0  # widest line that is lifted
_LIFTED = (0.5, 0.9)  # share lifted of the line: where lips part, and where they are rounded as well
_OPEN_MM = 6.0  # of parting, by which that much is lifted
_ROUND = 0.3  # of the mouth's width, by which it is rounded
_STEP = 1 / 32  # of the line, that cannot be seen


@dataclass(frozen=True, slots=True)
class _Corner:
    x: int  # px of the patch in the layer
    y: int
    picture: F32  # (h, w, 3) as in the portrait
    line: F32  # (h, w, 3) what it has less than without the line


class Corners:
    """Both corners of one portrait's mouth, and how far their lines are lifted from a layer."""

    def __init__(self, layer: U8, landmarks: F32, pad: int) -> None:
        """layer: (H, W, 4) premultiplied, the portrait from ``pad`` px on."""
        scale = face_frame(landmarks).px_per_mm
        self._open_px = _OPEN_MM * scale
        self._rest, self._wide = lip_gaps(landmarks), _width(landmarks)
        self._parts = [_corner(layer, landmarks[list(ends), :2] + pad, scale) for ends in _ENDS]
        self._lifted = 0

    def lift(self, points: F32, scale: float, layer: U8, fine: U8) -> None:
        """Lift the lines for lips at ``points`` (478, 3) from a portrait's layer and from the same at twice its size.

        scale: of the head in the frame over the portrait.
        """
        parted = float((lip_gaps(points) / scale - self._rest).max()) / self._open_px
        narrow = (1 - _width(points) / scale / self._wide) / _ROUND
        share = round(min(max(parted, 0.0), 1.0) * float(np.interp(narrow, (0, 1), _LIFTED)) / _STEP)
        if share == self._lifted:
            return
        self._lifted = share
        for part in self._parts:
            height, width = part.line.shape[:2]
            rows, columns = slice(part.y, part.y + height), slice(part.x, part.x + width)
            layer[rows, columns, :3] = part.picture + np.float32(share * _STEP) * part.line + np.float32(0.5)
            double(layer, fine, part.y, part.y + height, part.x, part.x + width)


def _width(points: F32) -> float:
    """px from one corner of the opening to the other."""
    return float(np.linalg.norm(points[_ENDS[0][1], :2] - points[_ENDS[1][1], :2]))


def _corner(layer: U8, ends: F32, scale: float) -> _Corner:
    reach = _REACH_MM * scale
    x0, y0 = np.maximum(np.floor(ends.min(0) - reach).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(ends.max(0) + reach).astype(int) + 1, (layer.shape[1], layer.shape[0]))
    picture = layer[y0:y1, x0:x1, :3].astype(np.float32)
    whole = layer[y0:y1, x0:x1, 3] == 255  # beside a profile, the patch reaches beyond the face
    size = max(round(_LINE_MM * scale) | 1, 3)
    closed = cv2.morphologyEx(picture, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    line = np.maximum(cv2.GaussianBlur(closed, (0, 0), 0.3 * size) - picture, 0)
    rows, columns = np.indices(picture.shape[:2])
    away = np.hypot(columns + x0 - ends[0, 0], rows + y0 - ends[0, 1]) / reach
    weight = np.clip(1.6 * (1 - away), 0, 1) * whole
    return _Corner(x0, y0, picture, (line * weight[..., None]).astype(np.float32))
