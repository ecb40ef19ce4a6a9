"""A performance read off a tracked face: the motion that makes a still do what the points of a track do.

The head first, from points that speech does not move: rotation from the face's own axes, then size and place. What is
left of the points after undoing that is explained by the expression basis, least squares with weights within [0, 1].
Lids and gaze come from the eyes' own measures.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.optimize import nnls

from tellmark.generator.mesh import build_mesh, move, pose_of
from tellmark.generator.methods.warp import STABLE, place, similarity
from tellmark.generator.types import EXPRESSIONS, Motion
from tellmark.landmarks import eye_opening, gaze_offset, head_rotation_deg
from tellmark.types import F32, F64

_STABLE = list(STABLE)
_FACE = 468  # points without the irises
_RIDGE = 0.02  # of the basis's mean energy: expressions are nearly the same on some faces
_SMOOTH = 0.6  # frames; the tracker trembles by some tenths of a pixel
_EYE_RADII = 2.5  # width of an eye's opening over the eyeball's radius
_OPEN, _SHUT = 0.85, 0.25  # eye aspect ratio over that of the still: lids count as open, as shut


def motion_of(track: F32, still: F32, fps: float) -> Motion:
    """The motion, relative to the still with landmarks ``still`` (478, 3), of a track (T, 478, 3) of any face."""
    frames = len(track)
    mesh = build_mesh(still)
    turned = np.stack(head_rotation_deg(track), axis=1) - np.stack(head_rotation_deg(still))
    rest = Motion.rest(fps, frames)
    motion = Motion(fps, _smooth(turned), rest.translation, rest.distance, rest.expression, rest.blink, rest.gaze_deg)
    basis = mesh.basis[: len(EXPRESSIONS), :_FACE, :2].reshape(len(EXPRESSIONS), -1).astype(np.float64)
    gram = basis @ basis.T
    gram += np.eye(len(gram)) * _RIDGE * np.trace(gram) / len(gram)
    root = np.linalg.cholesky(gram)
    sizes, shifts = np.empty(frames), np.empty((frames, 2))
    expression = np.empty((frames, len(EXPRESSIONS)))
    for t in range(frames):
        posed = move(mesh, rest.expression[0], pose_of(mesh, motion, t))[:478]  # turned, neither moved nor scaled
        back = similarity(track[t][_STABLE, :2], posed[_STABLE, :2])
        sizes[t] = np.hypot(back[0, 0], back[1, 0])
        shifts[t] = track[t][_STABLE, :2].mean(0)
        left = (place(back, track[t]) - posed)[:_FACE, :2].astype(np.float64)
        expression[t], _ = nnls(root.T, np.linalg.solve(root, basis @ left.ravel()))
    distance = np.clip(_smooth(sizes[:, None])[:, 0], 0.6, 1.7)
    scaled = Motion(fps, motion.rotation_deg, rest.translation, distance, rest.expression, rest.blink, rest.gaze_deg)
    for t in range(frames):
        shifts[t] -= move(mesh, rest.expression[0], pose_of(mesh, scaled, t))[_STABLE, :2].mean(0)
    return Motion(
        fps=fps,
        rotation_deg=motion.rotation_deg,
        translation=_smooth(shifts / mesh.face_width),
        distance=distance,
        expression=_smooth(np.clip(expression, 0, 1)),
        blink=_blinks(track, still),
        gaze_deg=_gaze(track, still),
    )


def _blinks(track: F32, still: F32) -> F32:
    opening = np.stack(eye_opening(track), axis=1) / np.stack(eye_opening(still))
    return np.asarray(np.clip((_OPEN - opening) / (_OPEN - _SHUT), 0, 1), np.float32)


def _gaze(track: F32, still: F32) -> F32:
    """Degrees, from where the irises are between the corners of the eyes; a blink keeps what was before it."""
    offset = (gaze_offset(track) - gaze_offset(still)).astype(np.float64)
    shut = np.stack(eye_opening(track), axis=1).min(1) < 0.6 * np.stack(eye_opening(still)).min()
    for t in np.flatnonzero(shut):
        offset[t] = offset[t - 1] if t else 0
    angle = np.rad2deg(np.arcsin(np.clip(offset * _EYE_RADII, -0.5, 0.5)))
    return _smooth(angle * np.array([1, -1]))


def _smooth(values: F64 | F32) -> F32:
    smoothed = ndimage.gaussian_filter1d(values.astype(np.float64), _SMOOTH, axis=0, mode="nearest")
    return np.asarray(smoothed, np.float32)
