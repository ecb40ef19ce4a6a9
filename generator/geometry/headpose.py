"""Head pose from landmarks: the rigid motion that carries a person's rest shape to each frame, and what is left of it.

Least squares between point sets (Kabsch 1976; scale after Umeyama 1991) on points that neither speech nor lids move.
Points that stray are weighed down, so that a raised brow or a lost ear does not turn the head. A place in the picture
is measured, depth is the tracker's guess: when a chin drops it tips the whole face back, and of a nod it makes too
much. So depth counts a tenth: least squares with weights for each axis, by majorisation (Kiers 1990).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tellmark.landmarks import eye_opening, face_width, head_rotation_deg, mouth_opening
from tellmark.types import F32, F64

# Forehead, nose, corners of the eyes, temples and ears.
STABLE = (
    *(10, 338, 297, 332, 284, 251, 109, 67, 103, 54, 21, 127, 356, 234, 454, 93, 323, 8, 9, 151, 69, 299, 104, 333),
    *(108, 337, 1, 2, 4, 5, 6, 19, 94, 97, 326, 168, 195, 197, 33, 133, 362, 263),
)
RELIEF = 1.09
"""The tracker's depth is shallow by this: median over 26 real clips with wide turns, against structure from motion."""

_DEPTH = 0.1
"""What a depth counts for beside a place in the picture. Fits that take both alike read 1.19 of a real nod (structure
from motion, 26 clips), fits on the picture alone .79 of it."""
_ROUNDS = 20  # what is left to go shrinks by a quarter in each

_OVAL = (10, 297, 284, 389, 323, 361, 288, 365, 378, 152, 149, 136, 58, 132, 93, 162, 54, 67)
_STRAY = 0.012  # face widths off the fit at which a point counts half
_REST_FRAMES = 15


@dataclass(frozen=True, slots=True)
class Heads:
    """Where the head is in every frame, against its rest shape."""

    rotation_deg: F64  # (T, 3) yaw to the viewer's right, pitch up, roll clockwise as seen
    scale: F64  # (T,) size in the picture over that at rest
    place: F64  # (T, 2) px: the neck's joint, about which heads turn
    shape: F64  # (T, 478, 3) px: the face turned, scaled and moved back to rest; what moves in it is expression


def rest_shape(landmarks: F32) -> F64:
    """(478, 3) px: the face as in a portrait, from the frames of a track (T, 478, 3) that come nearest to one.

    Frontal, mouth closed, eyes open; the mean of up to 15 such frames, in the place of the best.
    """
    angles = np.stack(head_rotation_deg(landmarks), axis=1)
    eyes = np.minimum(*eye_opening(landmarks))
    closed = np.maximum(0, 0.85 - eyes / np.median(eyes))
    # The zero of pitch differs between people by some degrees: how the head is mostly held says more.
    turned = np.abs(angles[:, 0]) + np.abs(angles[:, 1] - np.median(angles[:, 1]))
    # A head turned by 15 degrees, a mouth a little open and eyes half shut are equally unlike a portrait.
    unfit = turned / 15 + mouth_opening(landmarks) / 0.05 + 3 * closed
    best = np.argsort(unfit, kind="stable")[: max(1, min(_REST_FRAMES, len(landmarks) // 4))]
    first = landmarks[best[0]].astype(np.float64)
    return np.asarray(fit_heads(landmarks[best], first).shape.mean(0) / (1, 1, RELIEF), np.float64)


def fit_heads(landmarks: F32, rest: F64) -> Heads:
    """Fit every frame of (T, 478, 3) px to ``rest`` (478, 3) px, both as the tracker gives them."""
    deep = np.array([1, 1, RELIEF])
    goal, model = landmarks.astype(np.float64) * deep, rest * deep
    stable, width = list(STABLE), float(face_width(rest.astype(np.float32)))
    joint = _joint(model, width)
    weights, seen = np.ones((len(goal), len(stable))), goal[:, stable].copy()
    for _ in range(_ROUNDS):
        rotation, scale, centre, origin = _similarity(model[stable], seen, weights)
        placed = _carry(model[stable], rotation, scale, centre, origin)
        off = goal[:, stable] - placed
        seen[..., 2] = placed[..., 2] + _DEPTH * off[..., 2]
        stray = np.sqrt(off**2 @ (1, 1, _DEPTH)) / scale[:, None] / width
        weights = 1 / (1 + (stray / _STRAY) ** 2)
    back = _undo(goal, rotation, scale, centre, origin)
    place = scale[:, None] * np.einsum("tij,tj->ti", rotation, joint - origin) + centre
    return Heads(_angles(rotation), scale, place[:, :2], back)


def _similarity(model: F64, goal: F64, weights: F64) -> tuple[F64, F64, F64, F64]:
    """Rotations (T, 3, 3), scales (T,), and the weighted means of goal and model (T, 3) they turn about."""
    share = weights / weights.sum(1, keepdims=True)
    centre, origin = np.einsum("tn,tni->ti", share, goal), share @ model
    a, b = model - origin[:, None], goal - centre[:, None]
    u, s, vt = np.linalg.svd(np.einsum("tn,tni,tnj->tij", share, b, a))
    flip = np.ones_like(s)
    flip[:, 2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * flip[:, None]) @ vt
    # Scale from the picture alone: the tracker's depth breathes with its own idea of the size.
    seen = np.einsum("tij,tnj->tni", rotation, a)[..., :2]
    scale = np.einsum("tn,tni,tni->t", share, b[..., :2], seen) / np.einsum("tn,tni,tni->t", share, seen, seen)
    return rotation, scale, centre, origin


def _carry(model: F64, rotation: F64, scale: F64, centre: F64, origin: F64) -> F64:
    """(T, n, 3) where the fit has the points of the model (n, 3)."""
    turned = np.einsum("tij,tnj->tni", rotation, model - origin[:, None])
    return np.asarray(scale[:, None, None] * turned + centre[:, None], np.float64)


def _undo(goal: F64, rotation: F64, scale: F64, centre: F64, origin: F64) -> F64:
    back = np.einsum("tji,tnj->tni", rotation, goal - centre[:, None]) / scale[:, None, None]
    return np.asarray(back + origin[:, None], np.float64)


def _joint(model: F64, width: float) -> F64:
    """(3,) where the head turns on the neck, as in :func:`tellmark.generator.mesh.mesh.build_mesh`."""
    down = model[152] - model[10]
    joint = model[152] - 0.05 * down
    joint[2] = np.median(model[list(_OVAL), 2]) + 0.10 * width
    return np.asarray(joint, np.float64)


def _angles(rotation: F64) -> F64:
    """(T, 3) degrees: the inverse of the order turn, nod, tilt in :func:`tellmark.generator.mesh.mesh.pose_of`."""
    yaw = np.arctan2(rotation[:, 2, 0], rotation[:, 2, 2])
    pitch = np.arcsin(np.clip(-rotation[:, 2, 1], -1, 1))
    roll = np.arctan2(-rotation[:, 0, 1], rotation[:, 1, 1])
    return np.asarray(np.rad2deg(np.stack([yaw, pitch, roll], axis=1)), np.float64)
