"""The pose-free face: a tracked mesh moved back onto the mean face, in millimetres, and the pose that was taken out.

A weighted similarity (Umeyama 1991) on points that neither speech nor brows move. The tracker's mesh bends a little as
the head turns; what of that is a fixed pattern (``pose_pattern``, learned with the latent space) is taken out as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tellmark.landmarks import head_rotation_deg
from tellmark.types import F32, F64

POINTS = 468  # of the mesh; irises are not part of it
WIDTH_MM = 140.0  # of the mean face, cheekbone to cheekbone
STABLE = (33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 1, 2, 98, 327, 127, 356, 234, 454, 93, 323, 162, 389, 21, 251, 54,
          284, 103, 332, 10)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PoseFree:
    """A track without its pose, one row a frame."""

    points: F32  # (T, 478, 3) mm on the mean face: x right, y down, z away from the camera
    rotation_deg: F32  # (T, 3) yaw (to the viewer's right), pitch (up), roll (clockwise as seen); 0 = the mean face's
    centre: F32  # (T, 2) px of the stable points' centre
    px_per_mm: F32  # (T,)


def pose_free(landmarks: F32, mean: F32) -> PoseFree:
    """Take the pose out of landmarks (T, 478, 3) px; ``mean`` (468, 3) mm is the face they are moved onto."""
    index = list(STABLE)
    goal = mean[index].astype(np.float64)
    goal_centre = goal.mean(0)
    points = landmarks.astype(np.float64)
    centre = points[:, index].mean(1)
    relative = points[:, index] - centre[:, None]
    left, singular, right = np.linalg.svd(np.einsum("tni,nj->tij", relative, goal - goal_centre))
    signs = np.ones((len(points), 3))
    signs[:, 2] = np.sign(np.linalg.det(left @ right))
    rotation = (left * signs[:, None, :]) @ right  # face to camera
    scale = (singular * signs).sum(1) / ((goal - goal_centre) ** 2).sum()
    moved = np.einsum("tij,tni->tnj", rotation, points - centre[:, None]) / scale[:, None, None] + goal_centre
    return PoseFree(
        moved.astype(np.float32), angles_deg(rotation), centre[:, :2].astype(np.float32), scale.astype(np.float32)
    )


def angles_deg(rotation: F64) -> F32:
    """(T, 3) yaw, pitch, roll of rotations (T, 3, 3) that take the face's axes to the camera's."""
    across, down = rotation[:, :, 0], rotation[:, :, 1]
    roll = np.arctan2(across[:, 1], across[:, 0])
    yaw = np.arctan2(across[:, 2], np.hypot(across[:, 0], across[:, 1]))
    upright = down[:, 1] * np.cos(roll) - down[:, 0] * np.sin(roll)
    pitch = np.arctan2(-down[:, 2], upright)
    return np.asarray(np.rad2deg(np.stack([yaw, pitch, roll], axis=1)), np.float32)


def mean_face(faces: F32, rounds: int = 4) -> F32:
    """(468, 3) mm: the mean of faces (N, 478, 3) px, frontal, symmetric in its axes, ``WIDTH_MM`` wide.

    Generalised Procrustes analysis (Gower 1975).
    """
    mean = faces[0, :POINTS].astype(np.float64)
    for _ in range(rounds):
        mean = _frontal(mean)
        mean = pose_free(faces, mean.astype(np.float32)).points[:, :POINTS].mean(0).astype(np.float64)
    return _frontal(mean).astype(np.float32)


def _frontal(points: F64) -> F64:
    """Centred, of the standard width, turned until the head's angles read zero."""
    points = points - points[list(STABLE)].mean(0)
    points = points * (WIDTH_MM / np.linalg.norm(points[454] - points[234]))
    for _ in range(8):
        yaw, pitch, roll = (np.deg2rad(float(angle)) for angle in head_rotation_deg(points.astype(np.float32)))
        points = points @ turn(yaw, pitch, roll)  # the transposed rotation, applied to rows
    return points


def turn(yaw: float, pitch: float, roll: float) -> F64:
    """(3, 3) rotation of the face by angles in radians, as in :func:`angles_deg`."""
    cos, sin = np.cos, np.sin
    about_y = np.array([[cos(yaw), 0, -sin(yaw)], [0, 1, 0], [sin(yaw), 0, cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, cos(pitch), sin(pitch)], [0, -sin(pitch), cos(pitch)]])
    about_z = np.array([[cos(roll), -sin(roll), 0], [sin(roll), cos(roll), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_x @ about_y)
