"""The 478-point face mesh: groups of points, and measures that are pure functions of the points.

Indices are those of the MediaPipe face mesh with irises. Loops run once around and are closed by their first point.
"Right" and "left" are the subject's own. All functions take landmarks of shape (..., 478, 3) or (..., 478, 2+) in
pixels and return arrays of shape (...) in float32, so that they work on a face and on a whole track.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from tellmark.types import F32

FACE_OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176,
             149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip
LIPS_OUTER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
LIPS_INNER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
RIGHT_EYE = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
LEFT_EYE = (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)
RIGHT_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LEFT_BROW = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
NOSE = (1, 2, 4, 5, 6, 19, 45, 94, 97, 98, 168, 195, 197, 275, 326, 327)
CHEEKS = (50, 280, 205, 425, 117, 346, 101, 330)  # right and left in turn, from their middle to below the eyes
RIGHT_IRIS = (468, 469, 470, 471, 472)  # centre first
LEFT_IRIS = (473, 474, 475, 476, 477)

_CHIN, _FOREHEAD, _RIGHT_SIDE, _LEFT_SIDE = 152, 10, 234, 454
_MIRRORED = np.array([(33, 263), (133, 362), (127, 356), (93, 323), (234, 454), (54, 284), (21, 251), (205, 425)])
_UPPER_AXIS, _LOWER_AXIS = (10, 151, 9), (2, 98, 327)  # forehead and nose base: speech moves neither
_REST_PITCH_DEG = 2.2  # lean of that axis in a frontal face: median over 58 portraits


@cache
def triangles() -> NDArray[np.int32]:
    """(852, 3) triangles of the mesh, the 3-cycles of its edges that enclose no point. Eyes and mouth stay open."""
    from mediapipe.python.solutions.face_mesh_connections import FACEMESH_TESSELATION

    after: dict[int, set[int]] = {}
    for a, b in FACEMESH_TESSELATION:
        after.setdefault(a, set()).add(b)
    cycles = {tuple(sorted((a, b, c))) for a, b in FACEMESH_TESSELATION for c in after[b] if a in after[c]}
    enclosing = {tuple(sorted(around)) for around in after.values() if len(around) == 3}
    return np.array(sorted(cycles - enclosing), np.int32)


def face_height(landmarks: F32) -> F32:
    """Forehead to chin, px."""
    return _distance(landmarks, _FOREHEAD, _CHIN)


def face_width(landmarks: F32) -> F32:
    """Side to side at the cheekbones, px."""
    return _distance(landmarks, _RIGHT_SIDE, _LEFT_SIDE)


def mouth_opening(landmarks: F32) -> F32:
    """Gap of the inner lips at the centre, over the forehead-to-nose height, which speech does not change."""
    return _distance(landmarks, 13, 14) / _distance(landmarks, _FOREHEAD, 2)


def eye_opening(landmarks: F32) -> tuple[F32, F32]:
    """(right, left) lid gap over eye width (eye aspect ratio, Soukupova & Cech 2016); about .3 open, below .12 shut."""

    def ratio(outer: int, inner: int, lids: tuple[tuple[int, int], ...]) -> F32:
        gap = np.mean([_distance(landmarks, upper, lower) for upper, lower in lids], axis=0)
        return np.asarray(gap / _distance(landmarks, outer, inner), np.float32)

    right = ratio(33, 133, ((160, 144), (159, 145), (158, 153)))
    left = ratio(263, 362, ((387, 373), (386, 374), (385, 380)))
    return right, left


def head_rotation_deg(landmarks: F32) -> tuple[F32, F32, F32]:
    """(yaw, pitch, roll) in degrees: yaw to the viewer's right, pitch up, roll clockwise as seen.

    From the mean axis between mirrored points and the axis from forehead to nose base, both of which hold still in
    speech. Frontal portraits read about zero; the zero of pitch varies by some degrees between people.
    """
    points = landmarks[..., :3].astype(np.float64)
    across = (points[..., _MIRRORED[:, 1], :] - points[..., _MIRRORED[:, 0], :]).mean(-2)
    across /= np.linalg.norm(across, axis=-1, keepdims=True)
    down = points[..., _LOWER_AXIS, :].mean(-2) - points[..., _UPPER_AXIS, :].mean(-2)
    roll = np.arctan2(across[..., 1], across[..., 0])
    yaw = np.arctan2(across[..., 2], np.hypot(across[..., 0], across[..., 1]))
    upright = down[..., 1] * np.cos(roll) - down[..., 0] * np.sin(roll)
    pitch = np.arctan2(-down[..., 2], upright) + np.deg2rad(_REST_PITCH_DEG)
    degrees = [np.rad2deg(angle).astype(np.float32) for angle in (yaw, pitch, roll)]
    return degrees[0], degrees[1], degrees[2]


def _distance(landmarks: F32, a: int, b: int) -> F32:
    return np.asarray(np.linalg.norm(landmarks[..., a, :2] - landmarks[..., b, :2], axis=-1), np.float32)
