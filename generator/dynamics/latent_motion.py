"""Motion in the face latent space: what the motion model generates, one row a frame at ``FPS``.

Columns: yaw, pitch, roll in degrees; shift right and down in face widths; logarithm of the head's distance; right and
left lid; gaze yaw and pitch in degrees; the codes of facial dynamics. All relative to the person at rest.
"""

from __future__ import annotations

from functools import cache

import numba
import numpy as np
import torch
from scipy import signal

from tellmark.generator.geometry.basis import expression_basis
from tellmark.generator.latent import DYNAMICS, FaceLatent, face_latent, point_weights
from tellmark.generator.types import EXPRESSIONS, Motion
from tellmark.types import F32, F64

FPS = 25.0
ROTATION, SHIFT, DISTANCE, LIDS, GAZE = slice(0, 3), slice(3, 5), slice(5, 6), slice(6, 8), slice(8, 10)
DYNAMIC = slice(10, 10 + DYNAMICS)
CHANNELS = 10 + DYNAMICS

_SMOOTH = 9  # frames
_RIDGE, _ROUNDS = 0.005, 120
_AT_ONCE = 4096  # rows
_UPPER = ("brow_up", "brow_down", "squint")


def columns_of(motion: Motion) -> F32:
    """(T, 10) everything but the dynamics, about the person's own middle."""
    places = [motion.rotation_deg, motion.translation, np.log(motion.distance)[:, None], motion.gaze_deg]
    rotation, shift, distance, gaze = (place - np.median(place, axis=0) for place in places)
    return np.asarray(np.concatenate([rotation, shift, distance, motion.blink, gaze], axis=1), np.float32)


def smoothed(columns: F32) -> F32:
    """(T, 10) with the tracker's tremble taken out of pose and gaze, lids as they are (Savitzky & Golay 1964)."""
    if len(columns) < _SMOOTH:
        return columns
    out = columns.copy()
    out[:, :6] = signal.savgol_filter(columns[:, :6], _SMOOTH, 2, axis=0)
    out[:, GAZE] = signal.savgol_filter(columns[:, GAZE], 5, 1, axis=0)
    return out


def smoothed_moves(moved: F32) -> F32:
    """Displacements (T, 468, 3) with the tracker's noise taken out; closures of two frames stay."""
    return moved if len(moved) < 5 else signal.savgol_filter(moved, 5, 2, axis=0).astype(np.float32)


def lower_face(mean: F32) -> F32:
    """(468,) of a face (468, 3) mm: 1 on lips and chin, 0 above the nose's base."""
    nose, lip = float(mean[2, 1]), float(mean[0, 1])
    t = np.clip((mean[:, 1] - nose + 4) / (lip - nose + 4), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def to_motion(rows: F32) -> Motion:
    """Rows (T, CHANNELS) as a motion: codes decoded, and worn by the renderer's expressions."""
    return Motion(
        fps=FPS,
        rotation_deg=rows[:, ROTATION],
        translation=rows[:, SHIFT],
        distance=np.exp(rows[:, DISTANCE][:, 0]),
        expression=expressions(rows[:, DYNAMIC]),
        blink=np.clip(rows[:, LIDS], 0, 1),
        gaze_deg=rows[:, GAZE],
    )


def resampled(rows: F32, old: float, new: float) -> F32:
    """Rows at another rate, linearly; the count is rounded."""
    if old == new:
        return rows
    times = np.minimum(np.arange(max(1, round(len(rows) * new / old))) * old / new, len(rows) - 1)
    low = np.floor(times).astype(int)
    share = (times - low)[:, None].astype(np.float32)
    return np.asarray(rows[low] * (1 - share) + rows[np.minimum(low + 1, len(rows) - 1)] * share, np.float32)


def expressions(dynamics: F32) -> F32:
    """(T, len(EXPRESSIONS)) in [0, 1.2] that move the wearer's face most nearly as these codes do.

    Non-negative least squares by projected gradient; the product of jaw and pucker has a shape of its own.
    """
    reader = _reader()
    parts = [reader.read(dynamics[start : start + _AT_ONCE]) for start in range(0, len(dynamics), _AT_ONCE)]
    return np.concatenate(parts)


class _Reader:
    """Least squares of the expression basis on decoded codes; what does not depend on them is computed once."""

    def __init__(self, model: FaceLatent) -> None:
        wearer = model.wearer.numpy()
        basis = expression_basis(wearer)
        self._weigh = np.sqrt(point_weights())[:, None]
        # Brows and eyes are read from what is above the lips alone, and the mouth from what is below: a chin beyond
        # its rest, which no expression has, was made up for by eyes that squinted at every closure.
        upper = np.array([name in _UPPER for name in EXPRESSIONS])
        lower = lower_face(wearer)
        share = np.where(upper[:, None], 1 - lower, lower)[..., None]
        flat = (basis * self._weigh).astype(np.float64)
        self._own = (flat[: len(EXPRESSIONS)] * share).reshape(len(share), -1)
        whole = flat.reshape(len(flat), -1)
        power = np.where(upper[:, None] == upper, self._own @ whole[: len(EXPRESSIONS)].T, 0)
        self._gram = power + _RIDGE * np.trace(power) / len(power) * np.eye(len(power))
        self._inverse = np.linalg.inv(self._gram)
        self._product = np.where(upper, 0, self._own @ whole[len(EXPRESSIONS)])
        self._rate = 1 / float(np.linalg.eigvalsh(self._gram)[-1])
        self._model = model
        self._identity = model.encode_identity(model.wearer[None])

    def read(self, dynamics: F32) -> F32:
        codes = torch.from_numpy(np.ascontiguousarray(dynamics, np.float32))
        with torch.inference_mode():
            moved = self._model.decode(codes, self._identity.expand(len(codes), -1)).numpy()
        goal = (moved * self._weigh).reshape(len(moved), -1).astype(np.float64) @ self._own.T
        weights = np.clip(goal @ self._inverse, 0, 1.2)
        _descend(weights, goal, self._gram, self._product, self._rate)
        return np.asarray(weights, np.float32)


_JAW, _PUCKER = EXPRESSIONS.index("jaw"), EXPRESSIONS.index("pucker")


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _descend(weights: F64, goal: F64, gram: F64, product: F64, rate: float) -> None:
    """Projected gradient on the rows of ``weights`` (T, E), in place."""
    for row in range(len(weights)):
        at = weights[row]
        for _ in range(_ROUNDS):
            slope = gram @ at + at[_JAW] * at[_PUCKER] * product - goal[row]
            at[:] = np.minimum(np.maximum(at - rate * slope, 0.0), 1.2)


@cache
def _reader() -> _Reader:
    return _Reader(face_latent())
