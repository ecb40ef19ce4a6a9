"""Motion from video: what a tracked person does, in the terms in which a portrait is moved.

Pose is the rigid part of the landmarks' motion (``headpose``); in what is left, gaze is read from the irises against
what surrounds the eyes, blinks from the lids against the person's own open eyes, and the expression is the mixture of
the expression basis of this very face that explains the displacements best.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize

from tellmark.errors import FaceError
from tellmark.generator.geometry.basis import LOWER_LIP, UPPER_LIP, expression_basis
from tellmark.generator.geometry.headpose import Heads, fit_heads, rest_shape
from tellmark.generator.track import Track
from tellmark.generator.types import EXPRESSIONS, MOODS, Motion
from tellmark.landmarks import CHEEKS, LEFT_BROW, LEFT_IRIS, RIGHT_BROW, RIGHT_IRIS, eye_opening, face_width
from tellmark.types import F32, F64

_EYEBALL_RADII = 2.0  # eyeball radius over iris radius, as in ``lids``
_READ = np.array([0.73, 0.49])  # of a gaze to the side and up: what tracked irises follow (18 faces, least squares)
# Nose bridge, brows and cheekbones: the tracker's corners of the eyes follow the iris by a third.
_AROUND = (*(168, 6, 193, 417, 122, 351, 70, 63, 105, 66, 107, 300, 293, 334, 296, 336), 230, 229, 228, 450, 449, 448)
SHUT = 0.42  # eye opening over that of the open eye when the lids meet: the tracker never reads 0
OPEN_PERCENTILE = 70
_LIPS = tuple(sorted({point for ring in (*UPPER_LIP, *LOWER_LIP) for point in ring}))
_OTHERS = (*RIGHT_BROW, *LEFT_BROW, *CHEEKS, 152, 148, 377, 199, 200, 18, 98, 327, 136, 365)
_RIDGE = 0.03  # of the basis' own power: keeps near-copies from pulling against each other
_ROUNDED = (EXPRESSIONS.index("jaw"), EXPRESSIONS.index("pucker"))


def retarget(track: Track, rest: F32 | None = None, *, smooth: bool = True) -> Motion:
    """The motion of a track, one row a frame, relative to ``rest``.

    rest: (478, 3) px, the face as in the portrait, in the track's own pixels; found in the track when not given.
    Frames without a face are bridged. ``smooth`` takes the tracker's tremble out of what moves slowly and leaves fast
    movement (blinks, closures, accents) alone.

    Raises :class:`FaceError` where no frame has a face.
    """
    if not track.found.any():
        raise FaceError("the track has no frame with a face")
    landmarks = bridged(track.landmarks, track.found)
    shape = rest_shape(track.landmarks[track.found]) if rest is None else rest.astype(np.float64)
    heads = fit_heads(landmarks, shape)
    width = float(face_width(shape.astype(np.float32)))
    home = fit_heads(shape[None].astype(np.float32), shape).place
    lids = blinks(heads)
    rotation, shift, distance = heads.rotation_deg, (heads.place - home) / width, 1 / heads.scale
    expression, look = expressions(heads, shape), gaze(heads, shape, lids)
    if smooth:
        rotation, shift, expression, look = (steady(x) for x in (rotation, shift, expression, look))
        distance, lids = steady(distance[:, None])[:, 0], steady(lids)
    unmoved = np.zeros((len(shift), len(MOODS)))  # a mood that is seen is in the expressions
    channels = (rotation, shift, distance[:, None], expression, np.clip(lids, 0, 1), look, unmoved)
    return Motion.from_array(track.fps, np.concatenate(channels, axis=1).astype(np.float32))


def bridged(landmarks: F32, found: NDArray[np.bool_]) -> F32:
    """Frames without a face filled in between their neighbours, and held at the ends."""
    if found.all():
        return landmarks
    flat = landmarks.reshape(len(landmarks), -1)
    known, times = np.flatnonzero(found), np.arange(len(found))
    columns = [np.interp(times, known, flat[known, i]) for i in range(flat.shape[1])]
    return np.stack(columns, axis=1).reshape(landmarks.shape).astype(np.float32)


def gaze(heads: Heads, rest: F64, lids: F64) -> F64:
    """(T, 2) degrees of the eyes in the head, relative to rest; bridged while the lids are down."""
    irises, around = [*RIGHT_IRIS, *LEFT_IRIS], list(_AROUND)
    moved = (heads.shape - rest)[..., :2]
    shift = moved[:, irises].mean(1) - moved[:, around].mean(1)
    rims = [np.linalg.norm(rest[list(iris[1:]), :2] - rest[iris[0], :2], axis=1) for iris in (RIGHT_IRIS, LEFT_IRIS)]
    sines = shift * (1, -1) / _READ / (_EYEBALL_RADII * np.mean(rims))
    degrees = np.rad2deg(np.arcsin(np.clip(sines, -0.7, 0.7)))
    seen = np.flatnonzero(lids.max(1) < 0.5)
    if not len(seen):
        return np.zeros_like(degrees)
    times = np.arange(len(degrees))
    return np.stack([np.interp(times, seen, degrees[seen, axis]) for axis in (0, 1)], axis=1)


def blinks(heads: Heads) -> F64:
    """(T, 2) of the subject's right and left eye: 0 as open as it usually is, 1 shut."""
    opening = np.stack(eye_opening(heads.shape.astype(np.float32)), axis=1).astype(np.float64)
    usual = np.percentile(opening, OPEN_PERCENTILE, axis=0)
    return np.asarray(np.clip((1 - opening / usual) / (1 - SHUT), 0, 1), np.float64)


def expressions(heads: Heads, rest: F64) -> F64:
    """(T, len(EXPRESSIONS)) strengths in [0, 1.5] by non-negative least squares, a ridge keeping them small."""
    basis = expression_basis(rest.astype(np.float32)).astype(np.float64)
    points = [*_LIPS, *_OTHERS]
    # Where points are dense, each says less.
    weight = np.sqrt(np.array([1.0] * len(_LIPS) + [1.5] * len(_OTHERS)))[:, None]
    columns = (basis[:, points, :2] * weight).reshape(len(basis), -1)
    moved = ((heads.shape - rest)[:, points, :2] * weight).reshape(len(heads.shape), -1)
    plain, corrective = columns[: len(EXPRESSIONS)], columns[len(EXPRESSIONS)]
    gram = plain @ plain.T
    gram += _RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
    root = np.linalg.cholesky(gram)  # |root.T w - root^-1 plain y| has the same least squares, in 11 rows
    solve = np.linalg.inv(root) @ plain
    found = np.zeros((len(moved), len(EXPRESSIONS)))
    for row, target in zip(found, moved, strict=True):
        row[:] = optimize.nnls(root.T, solve @ target)[0]
        product = float(np.prod(np.clip(row[list(_ROUNDED)], 0, 1.2)))  # "jaw*pucker" has a shape of its own
        if product > 0.02:
            row[:] = optimize.nnls(root.T, solve @ (target - product * corrective))[0]
    return np.clip(found, 0, 1.5)


def steady(tracks: F64, sigma: float = 2.0) -> F64:
    """(T, C) smoothed where they tremble, untouched where they really move: no delay, peaks keep their height.

    A sample that is further from the smooth track than three times the usual tremble is movement.
    """
    if len(tracks) < 5:
        return tracks
    smooth = ndimage.gaussian_filter1d(tracks, sigma, axis=0, mode="nearest")
    tremble = np.median(np.abs(np.diff(tracks, 2, axis=0)), axis=0) / 0.6745 / np.sqrt(6)
    off = np.abs(tracks - smooth) / (3 * tremble + 1e-9)
    move = np.clip(ndimage.maximum_filter1d(off, 3, axis=0) - 0.5, 0, 1)
    return np.asarray(smooth + (tracks - smooth) * move, np.float64)
