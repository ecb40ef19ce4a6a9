"""The dark line between closed lips: it goes on beyond the mouth's corners, and both lips' edges are as dark as it.

Where lips part, that line opens with them; the mesh, which parts only as far as the tracked corners, draws it out over
the cheek instead, and the lower lip, on which light falls, keeps a dark rim. So it is lifted from the portrait as the
lips come apart: a morphological closing takes thin dark detail away and leaves broad shade where it is. The upper lip
keeps its half of the line, which is its shade: without it, it has a light rim. Folds of a smile beside the corners go
in the same way: a mouth that opens or is rounded has none. What is much darker than that is hair, and stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from tellmark.generator.geometry.basis import LOWER_LIP, face_frame
from tellmark.generator.geometry.between_lips import rounding
from tellmark.generator.geometry.fine import double
from tellmark.generator.mesh.opening import APART_MM, lip_gaps, mouth_width
from tellmark.types import F32, U8

_ENDS = ((61, 78), (291, 308))  # outer and inner point of either corner
_REACH_MM = 11.0  # around a corner
_FOLD_MM, _FOLD = 11.8, 0.75  # how far folds of a smile reach, and how much of them is lifted over a line's
_BESIDE_MM = 3.0  # of the corners, from where on that much is
_FAINT, _HAIR = 0.25, 0.45  # of what is around them, by which folds are darker at most, and hairs are
_LINE_MM = 9.0  # widest line that is lifted
_EDGE_MM = 1.0  # below the lower lip's edge, where it is lifted as well
_MOST = np.float32(0.9)  # of the line, that is ever lifted
_EDGE_LIFTED = 1.4  # times as much: half of the line is the upper lip's, which keeps its shadow
_LIFTED = (0.5, 0.9)  # share lifted of the line: where lips part, and where they are rounded as well
_OPEN_MM = 6.0  # of parting, by which that much is lifted
_STEP = 1 / 32  # of the line, that cannot be seen


@dataclass(frozen=True, slots=True)
class _Line:
    x: int  # px of the patch in the layer
    y: int
    picture: F32  # (h, w, 3) as in the portrait
    line: F32  # (h, w, 3) what it has less than without the line
    weight: F32  # (h, w, 1) how much of that is lifted, over what is lifted of corners


class Corners:
    """The line of one portrait's mouth, and how far it is lifted from a layer."""

    def __init__(self, layer: U8, landmarks: F32, pad: int) -> None:
        """layer: (H, W, 4) premultiplied, the portrait from ``pad`` px on."""
        scale = face_frame(landmarks).px_per_mm
        self._open_px = _OPEN_MM * scale
        self._rest, self._wide = lip_gaps(landmarks), mouth_width(landmarks)
        shut = float(self._rest[3:8].mean()) < APART_MM * scale
        lower = landmarks[list(LOWER_LIP[3][2:9]), :2] + pad if shut else None
        self._line = _mouth(layer, landmarks[np.array(_ENDS), :2] + pad, lower, scale)
        self._lifted = 0

    def lift(self, points: F32, scale: float, layer: U8, fine: U8) -> None:
        """Lift the line for lips at ``points`` (478, 3) from a portrait's layer and from the same at twice its size.

        scale: of the head in the frame over the portrait.
        """
        parted = float((lip_gaps(points) / scale - self._rest).max()) / self._open_px
        rounded = rounding(mouth_width(points) / scale / self._wide)
        share = round(min(max(parted, 0.0), 1.0) * float(np.interp(rounded, (0, 1), _LIFTED)) / _STEP)
        if share == self._lifted:
            return
        self._lifted = share
        part = self._line
        height, width = part.line.shape[:2]
        rows, columns = slice(part.y, part.y + height), slice(part.x, part.x + width)
        lifted = np.minimum(np.float32(share * _STEP) * part.weight, _MOST)
        layer[rows, columns, :3] = part.picture + lifted * part.line + np.float32(0.5)
        double(layer, fine, part.y, part.y + height, part.x, part.x + width)


def _mouth(layer: U8, ends: F32, lower: F32 | None, scale: float) -> _Line:
    """The line at both ``ends`` (2, 2, 2) px of the mouth, and along the edge of the ``lower`` lip (n, 2) px."""
    reach = _FOLD_MM * scale
    x0, y0 = np.maximum(np.floor(ends.reshape(-1, 2).min(0) - reach).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(ends.reshape(-1, 2).max(0) + reach).astype(int) + 1, layer.shape[1::-1])
    picture = layer[y0:y1, x0:x1, :3].astype(np.float32)
    whole = layer[y0:y1, x0:x1, 3] == 255  # beside a profile, the patch reaches beyond the face
    size = max(round(_LINE_MM * scale) | 1, 3)
    closed = cv2.morphologyEx(picture, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    around = cv2.GaussianBlur(closed, (0, 0), 0.3 * size)
    line = np.maximum(around - picture, 0)
    rows, columns = np.indices(picture.shape[:2])
    away = np.minimum(*(np.hypot(columns + x0 - x, rows + y0 - y) / scale for x, y in ends[:, 0]))
    weight = np.clip(1.6 * (1 - away / _REACH_MM), 0, 1)
    darker = cv2.GaussianBlur(line.mean(2) / np.maximum(around.mean(2), 1), (0, 0), 0.15 * size)
    faint = np.clip((_HAIR - darker) / (_HAIR - _FAINT), 0, 1)
    left, right = ends[:, 0]
    along = ((columns + x0 - left[0]) * (right - left)[0] + (rows + y0 - left[1]) * (right - left)[1]) / scale
    across = float(np.linalg.norm(right - left))
    beside = np.maximum(-along / across, along / across - across / scale)  # mm, of the mouth: lips are no folds
    faint *= np.clip(beside / _BESIDE_MM, 0, 1)
    weight = np.maximum(weight, _FOLD * faint * np.clip(4 * (1 - away / _FOLD_MM), 0, 1))
    if lower is not None:
        apart = np.ones(picture.shape[:2], np.uint8)
        cv2.polylines(apart, [np.rint((lower - (x0, y0)) * 16).astype(np.int32)], False, 0, 1, cv2.LINE_8, 4)
        off = cv2.distanceTransform(apart, cv2.DIST_L2, 5) / (_EDGE_MM * scale)
        edge = np.interp(columns + x0, lower[:, 0], lower[:, 1], left=np.inf, right=np.inf) - y0
        weight = np.maximum(weight, _EDGE_LIFTED * np.clip(2 - off, 0, 1) * np.clip(rows - edge + 0.5, 0, 1))
    return _Line(x0, y0, picture, line, (weight * whole)[..., None].astype(np.float32))
