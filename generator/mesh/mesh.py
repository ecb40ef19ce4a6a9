"""The portrait as a mesh: the tracked face, and around it head, neck and shoulders; how a motion moves its points.

The face points come first, in the tracker's order; points around the face follow. Head and hair turn rigidly with the
face, the neck blends, the shoulders hold still and only sway. Outside the face there is no measured depth: the head
is closed towards the depth of its turning axis, as a skull is, so that its outline stays in place when it turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellmark.generator.geometry.basis import CORRECTIVES, LOWER_LIP, UPPER_LIP, expression_basis, face_frame
from tellmark.generator.geometry.glasses import NONE, Glasses, free
from tellmark.generator.geometry.moods import mood_basis
from tellmark.generator.mesh.layers import PAD
from tellmark.generator.mesh.topology import lay_out, signed_distance, without_cliffs
from tellmark.generator.types import EXPRESSIONS, SIZE, Motion
from tellmark.landmarks import FACE_OVAL
from tellmark.types import F32

_RELIEF = 1.25  # the tracker's depth is shallow: turned by 8 degrees without this, faces track as turned by 5.5
# Hair and outline of one picture turn less than a head does, and faces track as turned by 0.9 of their angle (median of
# three estimators on 12 portraits; real heads track at 0.96): they are turned by that much more.
_TURN = np.array([1.1, 1.1, 1.0])
_SWAY = 0.4  # share of a head's shift that the shoulders make, where nothing is known of them
_NECK = 0.55  # face widths from the middle to where neck and hanging hair end
_CAMERA = 6.0  # camera distance in face widths
_INNER = np.array([UPPER_LIP[3][1:10], LOWER_LIP[3][1:10]])
_PRODUCTS = tuple(tuple(EXPRESSIONS.index(part) for part in name.split("*")) for name in CORRECTIVES)


@dataclass(frozen=True, slots=True)
class Mesh:
    """Rest geometry, ready to be moved. N points, of which the first 478 are the tracked face."""

    rest: F32  # (N, 3) px in the frame
    sources: F32  # (N, 2) px in the padded person layer
    triangles: NDArray[np.int32]  # (M, 3)
    basis: F32  # (E, N, 3) px
    moods: F32  # (len(MOODS), N, 3) px
    free: F32  # (N, 1) share of both that a point makes: what is behind glasses moves with them
    head: F32  # (N,) share in which a point turns with the head
    pivot: F32  # (3,) px where the head turns
    face_width: float  # px
    px_per_mm: float
    anchor: F32  # (2, 2) px: fixed points of growing and of shrinking
    rim: NDArray[np.int32]  # (R,) face points on its outline
    follow: F32  # (N - 478, R) how far the points around move with those


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the head is in one frame."""

    rotation: F32  # (3, 3)
    shift: F32  # (2,) px
    scale: float
    shape: F32 | None = None  # (478, 2) px: what the face's points do beyond the expressions
    crown: F32 | None = None  # (2, 3) px to px, from where hair and ears are by the pose to where they are
    torso: F32 | None = None  # (2, 3) px to px, where the shoulders are; None: they sway with the head


def build_mesh(landmarks: F32, glasses: Glasses = NONE) -> Mesh:
    """The mesh of a framed portrait's landmarks (478, 3), behind glasses or without any."""
    frame = face_frame(landmarks)
    face_basis, face_moods = expression_basis(landmarks), mood_basis(landmarks)
    landmarks = landmarks * np.array([1, 1, _RELIEF], np.float32)
    down = frame.axes[1] / frame.px_per_mm
    width = 140 * frame.px_per_mm
    height = 178 * frame.px_per_mm
    chin = landmarks[152]

    layout = lay_out(landmarks)
    rim, around = landmarks[layout.rim], layout.around
    distance = np.maximum(-signed_distance(layout.outline, around), 0)
    to_rim = 1 / (np.linalg.norm(around[:, None] - rim[None, :, :2], axis=2) + 1e-3) ** 4
    to_rim = (to_rim / to_rim.sum(1, keepdims=True)).astype(np.float32)

    # The joint sits behind and a little above the chin; its depth is the skull's middle.
    pivot = (chin - 0.05 * height * down).astype(np.float32)
    pivot[2] = np.median(landmarks[list(FACE_OVAL), 2]) + 0.10 * width
    near = to_rim @ rim[:, 2]
    depth = near + (pivot[2] + 0.10 * width - near) * _smooth(distance / (0.32 * width))
    outer = np.column_stack([around, depth])
    rest = np.concatenate([landmarks, outer]).astype(np.float32)
    edge_zone = signed_distance(layout.outline, rest[:, :2]) < 0.16 * width
    rest[:, 2] = without_cliffs(rest, layout.triangles, edge_zone)

    head = head_share(rest[:, :2], landmarks)
    head[: len(landmarks)] = 1
    follow = np.exp(-((distance / (0.17 * width)) ** 2)).astype(np.float32)
    follow = to_rim * follow[:, None]

    def everywhere(basis: F32) -> F32:
        outer = np.einsum("no,eoc->enc", follow, basis[:, layout.rim])
        return np.asarray(np.concatenate([basis, outer], axis=1), np.float32)

    bottom = np.array([chin[0], SIZE], np.float32)
    return Mesh(
        rest=rest,
        sources=rest[:, :2] + np.float32(PAD),
        triangles=layout.triangles,
        basis=everywhere(face_basis),
        moods=everywhere(face_moods),
        free=free(rest[:, :2], landmarks, glasses)[:, None],
        head=head.astype(np.float32),
        pivot=pivot,
        face_width=float(width),
        px_per_mm=frame.px_per_mm,
        anchor=np.stack([chin[:2], 0.5 * (chin[:2] + bottom)]).astype(np.float32),
        rim=np.array(layout.rim, np.int32),
        follow=follow.astype(np.float32),
    )


def head_share(points: F32, landmarks: F32) -> F32:
    """(n,) share in which places (n, 2) px of the portrait belong to the head: 1 above the chin, 0 on the shoulders."""
    frame = face_frame(landmarks)
    across, down = (axis[:2] / frame.px_per_mm for axis in frame.axes[:2])
    relative = points - landmarks[152, :2]
    below = relative @ down / (178 * frame.px_per_mm)
    # What lies far to the side at the chin's height is a shoulder, or hair that lies on one.
    beside = np.maximum(np.abs(relative @ across) / (140 * frame.px_per_mm) - _NECK, 0) * _smooth((below + 0.3) / 0.3)
    return np.asarray(1 - _smooth((below + 0.16 + 0.4 * beside) / 0.30), np.float32)


def pose_of(mesh: Mesh, motion: Motion, index: int) -> Pose:
    """Pose of a frame. Angles beyond what one picture can carry approach a limit softly."""
    yaw, pitch, roll = np.deg2rad(_soft_limits(_TURN * motion.rotation_deg[index].astype(np.float64)))
    cos, sin = np.cos, np.sin
    turn = np.array([[cos(yaw), 0, -sin(yaw)], [0, 1, 0], [sin(yaw), 0, cos(yaw)]])
    nod = np.array([[1, 0, 0], [0, cos(pitch), sin(pitch)], [0, -sin(pitch), cos(pitch)]])
    tilt = np.array([[cos(roll), -sin(roll), 0], [sin(roll), cos(roll), 0], [0, 0, 1]])
    shift = np.clip(motion.translation[index], -0.6, 0.6) * mesh.face_width
    scale = 1 / float(np.clip(motion.distance[index], 0.6, 1.7))
    rotation = (tilt @ nod @ turn).astype(np.float32)
    seen = motion.seen
    if seen is None:
        return Pose(rotation, shift.astype(np.float32), scale)
    crown, torso = (placed(place[index], mesh.face_width) for place in (seen.crown, seen.torso))
    return Pose(rotation, shift.astype(np.float32), scale, seen.shape[index] * mesh.face_width, crown, torso)


def placed(place: F32, face_width: float) -> F32:
    """(2, 3) affine map, px to px, of a place as :class:`~tellmark.generator.types.Seen` gives it."""
    x, y, roll, grown = (float(value) for value in place)
    linear = np.exp(grown) * np.array([[np.cos(np.deg2rad(roll)), -np.sin(np.deg2rad(roll))],
                                       [np.sin(np.deg2rad(roll)), np.cos(np.deg2rad(roll))]])  # fmt: skip
    middle = np.full(2, SIZE / 2)
    shift = middle - linear @ middle + face_width * np.array([x, y])
    return np.column_stack([linear, shift]).astype(np.float32)


def expression_weights(expression: F32) -> F32:
    """(E,) weights of the basis: the expressions (within [-0.3, 1.5]) and the products that have a corrective."""
    weights = np.clip(expression, -0.3, 1.5)
    products = [np.clip(weights[a], 0, 1.2) * np.clip(weights[b], 0, 1.2) for a, b in _PRODUCTS]
    return np.concatenate([weights, products]).astype(np.float32)


def move(mesh: Mesh, expression: F32, pose: Pose, mood: F32 | None = None) -> F32:
    """(N, 3) px: the mesh's points under an expression, a pose and a mood; z keeps the order of depth."""
    moved = np.tensordot(expression_weights(expression), mesh.basis, axes=1)
    if mood is not None and mood.any():
        moved += np.tensordot(mood, mesh.moods, axes=1)
    if pose.shape is None:  # points that were seen bring their own share along
        moved *= mesh.free
    points = mesh.rest + moved
    if pose.shape is not None:
        face = len(pose.shape)
        points[:face, :2] += pose.shape
        points[face:, :2] += mesh.follow @ pose.shape[mesh.rim]
    _keep_lips_apart(points, mesh.rest)
    turned = turn_head(mesh, points, pose)
    share = mesh.head[:, None]
    anchor = mesh.anchor[0 if pose.scale > 1 else 1]
    head = anchor + (turned[:, :2] - anchor) * pose.scale + pose.shift
    if pose.crown is not None:
        around = head[len(head) - len(mesh.follow) :]
        far = 1 - mesh.follow.sum(1, keepdims=True)
        around += far * (around @ pose.crown[:, :2].T + pose.crown[:, 2] - around)
    if pose.torso is None:
        torso = anchor + (points[:, :2] - anchor) * pose.scale + _SWAY * pose.shift
    else:
        torso = points[:, :2] @ pose.torso[:, :2].T + pose.torso[:, 2]
    points += (turned - points) * share
    points[:, :2] = torso + (head - torso) * share
    return np.asarray(points, np.float32)


def turn_head(mesh: Mesh, points: F32, pose: Pose) -> F32:
    """Points (n, 3) rigidly turned with the head, in perspective relative to their rest depth."""
    relative = points - mesh.pivot
    turned = relative @ pose.rotation.T
    camera = _CAMERA * mesh.face_width
    # Dividing by the rest depth's own perspective makes the unmoved head the portrait itself.
    turned[:, :2] *= (camera + relative[:, 2:]) / (camera + turned[:, 2:])
    return np.asarray(turned + mesh.pivot, np.float32)


def place_rigid(mesh: Mesh, points: F32, pose: Pose) -> F32:
    """(n, 2) px in the frame of points (n, 3) fixed to the skull, such as the upper teeth."""
    anchor = mesh.anchor[0 if pose.scale > 1 else 1]
    return np.asarray(anchor + (turn_head(mesh, points, pose)[:, :2] - anchor) * pose.scale + pose.shift, np.float32)


def _soft_limits(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Identity up to a knee, then tanh towards the limit."""
    knee, limit = np.array([11.0, 9.0, 18.0]), np.array([18.0, 14.0, 28.0])
    excess = np.maximum(np.abs(angles) - knee, 0)
    room = limit - knee
    return np.asarray(np.sign(angles) * (np.minimum(np.abs(angles), knee) + room * np.tanh(excess / room)))


def _keep_lips_apart(points: F32, rest: F32) -> None:
    """Where the lower lip would rise through the upper one, let both meet halfway."""
    down = points[152] - points[10]
    down = down[:2] / np.linalg.norm(down[:2])
    overlap = (points[_INNER[0], :2] - points[_INNER[1], :2]) @ down
    allowed = np.maximum((rest[_INNER[0], :2] - rest[_INNER[1], :2]) @ down, 0)
    for column in np.flatnonzero(overlap > allowed) + 1:
        half = (overlap[column - 1] - allowed[column - 1]) / 2 * down
        for ring, share in zip((0, 1, 2, 3), (0.4, 0.6, 0.8, 1.0), strict=True):
            points[UPPER_LIP[ring][column], :2] -= half * share
            points[LOWER_LIP[ring][column], :2] += half * share


def _smooth(x: NDArray[np.floating[Any]]) -> F32:
    """Smoothstep of x clipped to [0, 1]."""
    t = np.clip(x, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
