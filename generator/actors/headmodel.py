"""The 3D head of a virtual actor: face mesh, skull shell, expressions, lids, pose and perspective.

Coordinates are portrait px with z away from the camera; the camera looks along z through the picture's centre from a
distance in front of z = 0. Rest points are unprojected, so that the unmoved head covers the portrait exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numba as nb
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import Delaunay

from tellmark.generator.actors.skull import Skull
from tellmark.generator.geometry.basis import CORRECTIVES, LOWER_LIP, UPPER_LIP, expression_basis
from tellmark.generator.types import EXPRESSIONS, SIZE, Motion
from tellmark.landmarks import FACE_OVAL
from tellmark.types import F32

CENTRE = SIZE / 2  # of projection, px
# Behind the outline: its factor; how far back towards the skull's middle; the factor where it turns in under the jaw;
# how far it follows the outline's expressions.
_RINGS = np.array([
    (1.04, 0.14, 0.999, 0.88), (1.08, 0.28, 0.994, 0.76), (1.12, 0.40, 0.982, 0.65), (1.18, 0.56, 0.955, 0.51),
    (1.25, 0.75, 0.925, 0.35), (1.36, 0.88, 0.90, 0.23), (1.50, 1.0, 0.88, 0.10),
])  # fmt: skip
# Lids: pairs of upper and lower margin from the outer to the inner corner, and the crease above.
LIDS = (
    ((246, 161, 160, 159, 158, 157, 173), (7, 163, 144, 145, 153, 154, 155), (247, 30, 29, 27, 28, 56, 190)),
    ((466, 388, 387, 386, 385, 384, 398), (249, 390, 373, 374, 380, 381, 382), (467, 260, 259, 257, 258, 286, 414)),
)
_SKIN = 468  # the face's points but for the irises
_PRODUCTS = tuple(tuple(EXPRESSIONS.index(part) for part in name.split("*")) for name in CORRECTIVES)


@dataclass(frozen=True, slots=True)
class HeadModel:
    """Rest geometry. The first 478 of the N points are the face."""

    points: F32  # (N, 3) unprojected
    sources: F32  # (N, 2) px in the portrait
    triangles: NDArray[np.int32]  # (M, 3), eyes and mouth closed over
    even: sparse.csr_array  # (N, N) means over neighbours, for normals around the outline
    basis: F32  # (E, 478, 3)
    pivot: F32  # (3,)
    camera: float  # distance of the camera from z = 0, px
    face_width: float  # px
    height: float  # px
    chin_y: float  # px


@dataclass(frozen=True, slots=True)
class HeadPose:
    """Where the head is."""

    rotation: F32  # (3, 3)
    shift: F32  # (3,) px


def unproject(points: F32, camera: float) -> F32:
    """(n, 3) points as seen to points in space."""
    out = points.astype(np.float32).copy()
    out[:, :2] = CENTRE + (points[:, :2] - CENTRE) * (camera + points[:, 2:]) / camera
    return out


def project(points: F32, camera: float) -> F32:
    """(n, 3) points in space as seen: x, y in px; z stays."""
    out = points.astype(np.float32).copy()
    out[:, :2] = CENTRE + (points[:, :2] - CENTRE) * camera / (camera + points[:, 2:])
    return out


def build(shape: F32, skull: Skull, camera_widths: float) -> HeadModel:
    """The model of a frontal (478, 3) ``shape``."""
    width = float(np.ptp(shape[:, 0]))
    seen, sources, triangles = shell(shape, skull)
    centre = shape[list(FACE_OVAL), :2].mean(axis=0)
    camera = camera_widths * width
    pivot = np.array([centre[0], shape[152, 1] - 0.08 * skull.height, skull.centre[2] * 0.85], np.float32)
    return HeadModel(
        points=unproject(seen, camera),
        sources=sources,
        triangles=triangles,
        even=_even(triangles, len(seen)),
        basis=expression_basis(shape),
        pivot=pivot,
        camera=camera,
        face_width=width,
        height=skull.height,
        chin_y=float(shape[152, 1]),
    )


def shell(shape: F32, skull: Skull) -> tuple[F32, F32, NDArray[np.int32]]:
    """Points (N, 3) as seen, where each lies in the portrait (N, 2), and triangles of the face and what is behind it.

    Beside the jaw the rings lie behind the face, and come into sight when the head turns.
    """
    oval = shape[list(FACE_OVAL)]
    centre = oval[:, :2].mean(axis=0)
    beside = below_ears(shape, skull.height)[:, None]
    rings, places = [], []
    for factor, back, tucked, _ in _RINGS:
        place = centre + (oval[:, :2] - centre) * factor
        ring = np.empty_like(oval)
        ring[:, :2] = place + (centre + (oval[:, :2] - centre) * tucked - place) * beside
        ring[:, 2] = oval[:, 2] + (skull.centre[2] - oval[:, 2]) * back
        rings.append(ring)
        places.append(place)
    seen = np.concatenate([shape, *rings]).astype(np.float32)
    sources = np.concatenate([shape[:, :2], *places]).astype(np.float32)
    return seen, sources, _outward(seen, sources)


def below_ears(shape: F32, height: float) -> F32:
    """(36,) for each point of the face oval: 0 at the ear and above, 1 beside the jaw."""
    level = shape[[132, 361], 1].mean()
    t = np.clip((shape[list(FACE_OVAL), 1] - level) / (0.2 * height) + 0.4, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _outward(points: F32, sources: F32) -> NDArray[np.int32]:
    """Triangles over ``sources``, wound so that their normals point at the camera (z negative) where it sees them."""
    count = len(points) - len(_RINGS) * len(FACE_OVAL)
    outline = sources[list(FACE_OVAL)]
    # Points that lie a little outside are taken in first, so that the face ends along its outline and no gap opens.
    # Irises, which reach up behind the lids, are no part of the skin.
    within = outline.mean(axis=0) + (sources[:_SKIN] - outline.mean(axis=0)) * np.float32(0.96)
    within[list(FACE_OVAL)] = outline
    face = Delaunay(within).simplices
    middles = sources[face].mean(axis=1)
    outside = [cv2.pointPolygonTest(outline, (float(x), float(y)), False) <= 0 for x, y in middles]
    face = face[~(np.isin(face, FACE_OVAL).all(axis=1) & outside)]
    behind = np.arange(count, len(points)).reshape(len(_RINGS), len(FACE_OVAL))
    first = np.concatenate([[FACE_OVAL], behind])
    second = np.roll(first, -1, axis=1)
    a, b, c, d = (corner.ravel() for corner in (first[:-1], second[:-1], first[1:], second[1:]))
    strips = np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])
    triangles = np.concatenate([face, strips]).astype(np.int32)
    flat = np.concatenate([sources, points[:, 2:]], axis=1)
    a, b, c = (flat[triangles[:, k]] for k in range(3))
    away = np.cross(b - a, c - a)[:, 2] > 0
    triangles[away] = triangles[away][:, [0, 2, 1]]
    return np.asarray(triangles, np.int32)


def _even(triangles: NDArray[np.int32], count: int) -> sparse.csr_array:
    """(count, count) what evens out a function of the vertices at the outline and behind it, and leaves the rest.

    There the face turns away in long thin triangles, whose normals alternate: in another light they would be seen.
    """
    corner = np.concatenate([triangles[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0), (1, 0), (2, 1), (0, 2))])
    links = sparse.csr_array((np.ones(len(corner)), (corner[:, 0], corner[:, 1])), (count, count))
    links.data[:] = 1
    there = np.zeros(count)
    there[list(FACE_OVAL)], there[478:] = 1, 1
    there = np.minimum(links @ there, 1)
    mean = sparse.diags_array(there / np.maximum(links.sum(axis=1), 1)) @ links + sparse.diags_array(1 - there)
    return sparse.csr_array(mean @ mean @ mean).astype(np.float32)


def pose_of(model: HeadModel, motion: Motion, index: int) -> HeadPose:
    """Rotation (yaw, then pitch, then roll) and shift of a frame."""
    yaw, pitch, roll = np.deg2rad(np.clip(motion.rotation_deg[index].astype(np.float64), -35, 35))
    cos, sin = np.cos, np.sin
    turn = np.array([[cos(yaw), 0, -sin(yaw)], [0, 1, 0], [sin(yaw), 0, cos(yaw)]])
    nod = np.array([[1, 0, 0], [0, cos(pitch), sin(pitch)], [0, -sin(pitch), cos(pitch)]])
    tilt = np.array([[cos(roll), -sin(roll), 0], [sin(roll), cos(roll), 0], [0, 0, 1]])
    across, down = np.clip(motion.translation[index], -0.6, 0.6) * model.face_width
    nearer = model.camera * (float(np.clip(motion.distance[index], 0.6, 1.7)) - 1)
    return HeadPose((tilt @ nod @ turn).astype(np.float32), np.array([across, down, nearer], np.float32))


def turn_head(model: HeadModel, points: F32, pose: HeadPose, share: F32 | float = 1.0) -> F32:
    """(n, 3) points in space turned and shifted with the head, by ``share`` (n, 1); the body follows a little."""
    turned = (points - model.pivot) @ pose.rotation.T + model.pivot
    moved = points + (turned - points) * share
    follow = 0.4 + 0.6 * share
    shift = pose.shift * np.concatenate(
        [np.broadcast_to(follow, (len(points), 1))] * 2 + [np.ones((len(points), 1))], 1
    )
    return np.asarray((moved + shift).astype(np.float32), np.float32)


def express(model: HeadModel, expression: F32, blink: F32, gaze_pitch_deg: float) -> F32:
    """(N, 3) points in space of the unturned head under an expression and lids."""
    weights = np.clip(expression, -0.3, 1.4)
    products = [np.clip(weights[a], 0, 1.2) * np.clip(weights[b], 0, 1.2) for a, b in _PRODUCTS]
    move = np.tensordot(np.concatenate([weights, products]).astype(np.float32), model.basis, axes=1)
    points = model.points.copy()
    points[:478] += move
    count = len(FACE_OVAL)
    for k, follow in enumerate(_RINGS[:, 3]):
        points[478 + k * count : 478 + (k + 1) * count] += follow * move[list(FACE_OVAL)]
    _part_lips(points)
    squint = float(np.clip(expression[EXPRESSIONS.index("squint")], 0, 1))
    lowered = float(np.clip(-gaze_pitch_deg / 25, -0.4, 1))
    for (upper, lower, crease), closed in zip(LIDS, blink, strict=True):
        gap = points[list(lower)] - points[list(upper)]
        half = 0.2 * squint + 0.3 * lowered
        drop = float(np.clip(closed, 0, 1)) * (1 - half) + half
        bulge = np.array([0, 0, -0.10], np.float32) * np.linalg.norm(gap, axis=1, keepdims=True)
        points[list(upper)] += 0.96 * drop * gap + bulge * max(drop, 0)
        points[list(lower)] -= (0.06 * max(drop, 0) + 0.12 * squint) * gap
        points[list(crease)] += 0.42 * drop * gap
    return points


def _part_lips(points: F32) -> None:
    """Where the lower lip would pass through the upper one, both meet halfway."""
    upper, lower = list(UPPER_LIP[3]), list(LOWER_LIP[3])
    overlap = np.maximum(points[upper, 1] - points[lower, 1], 0) / 2
    for ring, share in ((3, 1.0), (2, 0.8), (1, 0.5)):
        points[list(UPPER_LIP[ring]), 1] -= share * overlap
        points[list(LOWER_LIP[ring]), 1] += share * overlap


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def vertex_normals(points: F32, triangles: NDArray[np.int32]) -> F32:
    """(N, 3) unit normals, the mean over adjacent triangles weighted by area."""
    normals = np.zeros_like(points)
    for k in range(len(triangles)):
        a, b, c = triangles[k, 0], triangles[k, 1], triangles[k, 2]
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for v in (a, b, c):
            normals[v, 0] += nx
            normals[v, 1] += ny
            normals[v, 2] += nz
    for v in range(len(normals)):
        length = np.sqrt(normals[v, 0] ** 2 + normals[v, 1] ** 2 + normals[v, 2] ** 2) + 1e-9
        normals[v] /= length
    return normals
