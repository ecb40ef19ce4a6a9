"""Motion from video, made exact for a mesh: the performer's own mesh lands where the tracker saw the face.

``retarget`` says what a person does in terms that carry over to any face: angles, eleven expressions, lids and gaze.
What of the motion those terms miss is found here: the pose is fitted again as the renderer turns heads (Gauss-Newton
on the points that neither speech nor lids move), and what is then left of every point becomes its own displacement, in
face widths, which another face can wear as well.
"""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tellmark.generator.geometry.headpose import STABLE, fit_heads
from tellmark.generator.mesh import inside, light
from tellmark.generator.mesh.lids import WIDEST
from tellmark.generator.mesh.mesh import Mesh, Pose, build_mesh, expression_weights, pose_of, turn_head
from tellmark.generator.retarget import OPEN_PERCENTILE, SHUT, bridged, retarget, steady
from tellmark.generator.track import Track
from tellmark.generator.types import Motion, Seen
from tellmark.landmarks import LEFT_EYE, LEFT_IRIS, RIGHT_EYE, RIGHT_IRIS, eye_opening, triangles
from tellmark.types import F32, F64

_STEPS = np.array([1.0, 1.0, 1.0, 0.01, 0.01, 0.01])  # yaw, pitch, roll, x, y, log of the distance
_LOOSE = np.array([6.0, 6.0, 6.0, 1.0, 1.0, 0.3])  # how far from the first fit each may well end, as a prior
_STRAY = 0.012  # face widths off the fit at which a point counts half, and the noise that the prior is weighed against
_LEAST = 0.25  # of an eye's opening in the portrait, that closing it takes: eyes that are shut there stay shut
_WINK = 0.15  # that one eye may differ from both before it is believed
_EYEBALL = 0.41  # radius of the eyeball over the distance of an eye's corners (12 mm over 29 mm)
_IRIS_FOLLOWS = np.array([0.78, 0.52])  # of a gaze to the side and up: what the tracker's irises follow, as in retarget
_FARTHEST = np.array([22.0, 12.0])  # degrees that an iris can go without leaving what the picture knows of the eye
# Lids and what folds with them, which the renderer paints: they move with what surrounds them.
_FOLDS = (
    *(247, 30, 29, 27, 28, 56, 190, 25, 110, 24, 23, 22, 26, 112),
    *(467, 260, 259, 257, 258, 286, 414, 255, 339, 254, 253, 252, 256, 341),
)
_CORNERS = (33, 133, 362, 263)


def puppeteer(track: Track, rest: F32) -> Motion:
    """:func:`~tellmark.generator.retarget.retarget` with the field ``seen``, shoulders, scenery and light at rest.

    rest: (478, 3) px, the face as in the portrait, in the track's pixels. Raises :class:`FaceError` for a track
    without a face.
    """
    motion = retarget(track, rest)
    landmarks = bridged(track.landmarks, track.found)
    mesh = build_mesh(rest)
    unturned = fit_heads(landmarks, rest.astype(np.float64)).shape.astype(np.float32)
    lids = _lids(unturned, rest)
    look = _gaze(unturned, rest, lids).astype(np.float32)
    motion = _fitted(mesh, dataclasses.replace(motion, blink=lids.astype(np.float32), gaze_deg=look), landmarks)
    still, sharp, mouth, unlit = (
        np.zeros((len(motion), size), np.float32) for size in (4, 2, inside.NUMBERS, light.NUMBERS)
    )
    left = np.stack([_left(mesh, motion, index, landmarks[index]) for index in range(len(motion))])
    shape = steady(left.reshape(len(left), -1).astype(np.float64)).reshape(left.shape)
    return dataclasses.replace(motion, seen=Seen(shape.astype(np.float32), still, still, still, sharp, mouth, unlit))


def _lids(shape: F32, rest: F32) -> F64:
    """(T, 2) how far the eyes are closed: 0 as in the portrait, however open that is, 1 shut, below 0 wider open."""
    opening, home = (np.stack(eye_opening(points), axis=-1).astype(np.float64) for points in (shape, rest))
    shut = SHUT * np.percentile(opening, OPEN_PERCENTILE, axis=0)
    closed = (home - opening) / np.maximum(home - shut, _LEAST * home)
    # Both eyes go together but for a wink; the tracker sees the far one of a turned head worse.
    together = closed.mean(1, keepdims=True)
    apart = np.clip((np.abs(closed - together) - _WINK) / _WINK, 0, 1)
    return steady(np.clip(together + apart * (closed - together), -WIDEST, 1))


def _gaze(shape: F32, rest: F32, lids: F64) -> F64:
    """(T, 2) degrees: how far the irises move between the corners of their eyes; bridged while the lids are down."""
    place, home = _irises(shape.astype(np.float64)), _irises(rest[None].astype(np.float64))
    degrees = np.rad2deg(np.arcsin(np.clip((place - home) * (1, -1) / _IRIS_FOLLOWS, -0.5, 0.5)))
    degrees = np.clip(degrees, -_FARTHEST, _FARTHEST)
    seen = np.flatnonzero(lids.max(1) < 0.4)
    if not len(seen):
        return np.zeros_like(degrees)
    times = np.arange(len(degrees))
    return steady(np.stack([np.interp(times, seen, degrees[seen, axis]) for axis in (0, 1)], axis=1))


def _irises(shape: F64) -> F64:
    """(T, 2) mean place of both irises along and across the line between the corners, in radii of the eyeball."""
    places = []
    for iris, left, right in ((RIGHT_IRIS, 33, 133), (LEFT_IRIS, 362, 263)):
        middle, along = (shape[:, left] + shape[:, right])[:, :2] / 2, (shape[:, right] - shape[:, left])[:, :2]
        width = np.linalg.norm(along, axis=1, keepdims=True)
        along = along / width
        off = (shape[:, iris[0], :2] - middle) / (_EYEBALL * width)
        places.append(np.stack([(off * along).sum(1), off[:, 1] * along[:, 0] - off[:, 0] * along[:, 1]], axis=1))
    return np.asarray(np.mean(places, axis=0), np.float64)


def _fitted(mesh: Mesh, motion: Motion, landmarks: F32) -> Motion:
    """The motion with its pose fitted to the landmarks as ``mesh`` turns."""
    first = np.column_stack([motion.rotation_deg, motion.translation, np.log(motion.distance)]).astype(np.float64)
    found = first.copy()
    stable = list(STABLE)
    for index, (row, goal) in enumerate(zip(found, landmarks, strict=True)):
        model = _expressed(mesh, motion.expression[index])[stable]
        target = goal[stable, :2].astype(np.float64)
        for _ in range(4):
            here = _project(mesh, model, row)
            slopes = np.stack([
                (_project(mesh, model, row + step) - here) / size
                for step, size in zip(np.diag(_STEPS), _STEPS, strict=True)
            ])  # fmt: skip
            off = (target - here) / mesh.face_width
            weight = 1 / (1 + (np.linalg.norm(off, axis=1) / _STRAY) ** 2)
            root = np.sqrt(weight)[:, None] / _STRAY
            jacobian = (slopes / mesh.face_width * root).reshape(6, -1)
            prior = np.diag(1 / _LOOSE**2)
            pull = jacobian @ (off * root).ravel() + prior @ (first[index] - row)
            row += np.linalg.solve(jacobian @ jacobian.T + prior, pull)
    found = steady(found)
    return dataclasses.replace(
        motion,
        rotation_deg=found[:, :3].astype(np.float32),
        translation=found[:, 3:5].astype(np.float32),
        distance=np.exp(found[:, 5]).astype(np.float32),
    )


def _project(mesh: Mesh, model: F32, row: F64) -> F64:
    """(n, 2) px of points of the head under a pose."""
    return _placed(mesh, model, _pose(mesh, row)).astype(np.float64)


def _pose(mesh: Mesh, row: F64) -> Pose:
    one = Motion.rest(25.0)
    one.rotation_deg[0], one.translation[0], one.distance[0] = row[:3], row[3:5], np.exp(row[5])
    return pose_of(mesh, one, 0)


def _placed(mesh: Mesh, points: F32, pose: Pose) -> F32:
    anchor = mesh.anchor[0 if pose.scale > 1 else 1]
    return np.asarray(anchor + (turn_head(mesh, points, pose)[:, :2] - anchor) * pose.scale + pose.shift, np.float32)


def _expressed(mesh: Mesh, expression: F32) -> F32:
    """(478, 3) px: the face's points under an expression, unturned."""
    return np.asarray(
        mesh.rest[:478] + np.tensordot(expression_weights(expression), mesh.basis[:, :478], axes=1), np.float32
    )


def _left(mesh: Mesh, motion: Motion, index: int, goal: F32) -> F32:
    """(478, 2) face widths that the face's points are moved by before they turn, to land on ``goal`` (478, 3)."""
    pose = pose_of(mesh, motion, index)
    model = _expressed(mesh, motion.expression[index])
    moved = np.zeros((478, 2), np.float32)
    back = np.linalg.inv(pose.rotation[:2, :2] * pose.scale).T
    for _ in range(3):
        points = model.copy()
        points[:, :2] += moved
        moved += (goal[:, :2] - _placed(mesh, points, pose)) @ back
    free, matrix = _around_eyes()
    known = np.setdiff1d(np.arange(468), free)
    moved[free] = matrix @ moved[known]
    moved[468:] = 0
    return np.asarray(moved / mesh.face_width, np.float32)


@cache
def _around_eyes() -> tuple[NDArray[np.intp], F32]:
    """Points of the lids, and the matrix that gives their displacement from all others': harmonic on the mesh."""
    free = np.array(sorted({*RIGHT_EYE, *LEFT_EYE, *_FOLDS} - set(_CORNERS)))
    mesh = triangles()
    linked = np.zeros((468, 468))
    for a, b in ((0, 1), (1, 2), (2, 0)):
        linked[mesh[:, a], mesh[:, b]] = linked[mesh[:, b], mesh[:, a]] = 1
    laplacian = np.diag(linked.sum(1)) - linked
    known = np.setdiff1d(np.arange(468), free)
    matrix = -np.linalg.solve(laplacian[np.ix_(free, free)], laplacian[np.ix_(free, known)])
    return free, matrix.astype(np.float32)
