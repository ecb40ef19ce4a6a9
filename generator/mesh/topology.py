"""Which points and triangles a portrait's mesh has: the face as tracked, and a net around it beyond the frame.

Both meet at the face's outline as seen. On a face turned to the side the tracker goes on around the far cheek, where
nothing of it is visible: that part is left out, and the outline is where the cheek ends for the eye.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from tellmark.generator.mesh.layers import PAD
from tellmark.generator.types import SIZE
from tellmark.landmarks import FACE_OVAL, LEFT_EYE, LIPS_INNER, RIGHT_EYE, triangles
from tellmark.types import F32

_RINGS = (1.08, 1.2, 1.4)  # copies of the outline, about its centre, that the outer net starts with
_RING_POINTS = 36
_GRID_PX = 26
_STEEPEST = 2.2  # depth over width; folds appear at atan(1 / 2.2) = 24 degrees
_SLIT = 2.0  # px; what is wider on average is no slit
_FINE = 4  # px fractions of the mask that the outline is traced in


@dataclass(frozen=True, slots=True)
class Layout:
    """Points and triangles; the 478 face points come first, ``around`` follows."""

    around: F32  # (n, 2) px
    triangles: NDArray[np.int32]  # (M, 3)
    rim: list[int]  # face points on the outline
    outline: F32  # (k, 2) px, closed


def lay_out(landmarks: F32) -> Layout:
    """The layout of a framed portrait's landmarks (478, 3)."""
    flat = landmarks[:, :2].astype(np.float32)
    face = _visible_face(flat)
    outline = _outline(flat, face)
    used = np.unique(face)
    rim = [int(point) for point in used[np.abs(signed_distance(outline, flat[used])) < 1.0]]
    around = _points_around(outline)
    points = np.concatenate([flat[rim], around])
    simplices = Delaunay(points).simplices
    outside = signed_distance(outline, points[simplices].mean(1)) < 0
    index = np.concatenate([rim, np.arange(len(landmarks), len(landmarks) + len(around))])
    mesh = np.concatenate([face, index[simplices[outside]]]).astype(np.int32)
    mesh = np.concatenate([mesh, _slits(mesh, np.concatenate([flat, around]))])
    return Layout(around, mesh, rim, outline)


def signed_distance(outline: F32, points: F32) -> F32:
    """(n,) px from points (n, 2) to a closed outline, positive inside."""
    contour = outline.reshape(-1, 1, 2)
    return np.array([cv2.pointPolygonTest(contour, (float(x), float(y)), True) for x, y in points], np.float32)


def without_cliffs(points: F32, mesh: NDArray[np.int32], zone: NDArray[np.bool_]) -> F32:
    """(N,) depth that, in a zone of points, falls back no steeper than ``_STEEPEST``: turning folds nothing over.

    Steep is what lies close behind a point or an edge: slivers of a far cheek are long, and no wider than a pixel.
    """
    corners = np.concatenate([mesh[:, [0, 1, 2]], mesh[:, [1, 2, 0]], mesh[:, [2, 0, 1]]])
    one, two, behind = corners[zone[corners[:, 2]]].T
    place = points[:, :2].astype(np.float64)
    along = place[two] - place[one]
    share = ((place[behind] - place[one]) * along).sum(1) / np.maximum((along**2).sum(1), 1e-9)
    share = np.clip(share, 0, 1)  # of the way along the edge, where it is nearest
    fall = _STEEPEST * np.linalg.norm(place[behind] - place[one] - share[:, None] * along, axis=1)
    depth = points[:, 2].astype(np.float64)
    for _ in range(30):  # Bellman-Ford; the zone is a few edges wide
        np.minimum.at(depth, behind, depth[one] + share * (depth[two] - depth[one]) + fall)
    return depth.astype(np.float32)


def _visible_face(flat: F32) -> NDArray[np.int32]:
    """The tracker's triangles without those around a far cheek; eyes and mouth closed by strips edge to edge."""
    mesh = triangles()
    one, two = flat[mesh[:, 1]] - flat[mesh[:, 0]], flat[mesh[:, 2]] - flat[mesh[:, 0]]
    # The tracker's list has no common orientation: tell front from back by how a frontal face would have it.
    side = np.sign(one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]) * _frontal_sides()
    side *= np.sign(side.sum())  # the walk started from either side
    cheek = np.zeros(len(flat), bool)
    cheek[list(FACE_OVAL)] = True
    for _ in range(2):
        cheek[mesh[cheek[mesh].any(1)]] = True
    hidden = (side < 0) & cheek[mesh].all(1)
    strips = []
    for loop in (RIGHT_EYE, LEFT_EYE, LIPS_INNER):
        half = len(loop) // 2
        upper, lower = loop[: half + 1], (loop[0], *reversed(loop[half:]))
        for a, b, c, d in zip(upper, upper[1:], lower, lower[1:], strict=False):
            strips += [(a, b, d), (a, d, c)]
    usable = [strip for strip in strips if len(set(strip)) == 3]
    return np.concatenate([mesh[~hidden], np.array(usable, np.int32)])


@cache
def _frontal_sides() -> NDArray[np.float64]:
    """(852,) orientation, 1 or -1, of each of the tracker's triangles, common to all but for one sign.

    Neighbours that share an edge must run along it in opposite directions; walked from one triangle to all.
    """
    mesh = triangles()
    owners: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for index, (a, b, c) in enumerate(mesh.tolist()):
        for start, end in ((a, b), (b, c), (c, a)):
            key, way = ((start, end), 1) if start < end else ((end, start), -1)
            owners.setdefault(key, []).append((index, way))
    neighbours: dict[int, list[tuple[int, int]]] = {}
    for shared in owners.values():
        if len(shared) == 2:
            (one, way_one), (two, way_two) = shared
            neighbours.setdefault(one, []).append((two, -way_one * way_two))
            neighbours.setdefault(two, []).append((one, -way_one * way_two))
    sides = np.zeros(len(mesh))
    sides[0] = 1
    queue = [0]
    while queue:
        index = queue.pop()
        for other, same in neighbours.get(index, []):
            if sides[other] == 0:
                sides[other] = sides[index] * same
                queue.append(other)
    return sides


def _slits(mesh: NDArray[np.int32], points: F32) -> NDArray[np.int32]:
    """(k, 3) triangles that close what opens between face and net when the face turns, however thin it is at rest.

    A slit is where a triangle was left out that is seen from behind by a hair, or where the net begins at a chord of
    the face's border. Whatever the points do, nothing opens where each edge has an even number of triangles (it is in
    the boundary modulo 2 otherwise): loops of the others are closed, the smallest ear first.
    """
    edges = np.sort(np.concatenate([mesh[:, [0, 1]], mesh[:, [1, 2]], mesh[:, [2, 0]]]), axis=1)
    edges, uses = np.unique(edges, axis=0, return_counts=True)
    low, high = points.min(0), points.max(0)
    frame = ((points == low) | (points == high)).any(1)
    following: dict[int, list[int]] = {}
    for start, end in edges[(uses % 2 == 1) & ~frame[edges].all(1)].tolist():
        following.setdefault(start, []).append(end)
        following.setdefault(end, []).append(start)
    closing = []
    for loop in _loops(following):
        ring = points[loop]
        length = np.linalg.norm(ring - np.roll(ring, 1, axis=0), axis=1).sum()
        if 2 * cv2.contourArea(ring) > _SLIT * length:
            continue
        while len(loop) > 2:
            ears = points[np.stack([np.roll(loop, 1), loop, np.roll(loop, -1)], axis=1)]
            one, two = (ears[:, 1] - ears[:, 0]).T, (ears[:, 2] - ears[:, 0]).T
            tip = int(np.argmin(np.abs(one[0] * two[1] - one[1] * two[0])))
            closing.append((loop[tip - 1], loop[tip], loop[(tip + 1) % len(loop)]))
            del loop[tip]
    return np.array(closing, np.int32).reshape(-1, 3)


def _loops(following: dict[int, list[int]]) -> list[list[int]]:
    """Closed walks that use each edge once; ``following``, each point's neighbours along edges, is emptied."""
    loops = []
    for start in list(following):
        walk = [start]
        while following[walk[-1]]:
            point = following[walk[-1]].pop()
            following[point].remove(walk[-1])
            if point in walk:
                at = walk.index(point)
                loops.append(walk[at:])
                walk = walk[:at]
            walk.append(point)
    return loops


def _outline(flat: F32, face: NDArray[np.int32]) -> F32:
    """(k, 2) px: the border of the face's triangles as seen."""
    margin = 64
    size = (SIZE + 2 * margin) * _FINE
    mask = np.zeros((size, size), np.uint8)
    corners = np.rint((flat[face] + margin) * _FINE).astype(np.int32)
    for triangle in corners:
        cv2.fillConvexPoly(mask, triangle, 255)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    longest = max(contours, key=len)
    return np.asarray(cv2.approxPolyDP(longest, 0.3 * _FINE, True)[:, 0] / _FINE - margin, np.float32)


def _points_around(outline: F32) -> F32:
    """(n, 2) points outside the face: rings close to it, then a grid reaching beyond the frame."""
    centre = (outline.min(0) + outline.max(0)) / 2
    closed = np.concatenate([outline, outline[:1]])
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    steps = np.linspace(0, along[-1], _RING_POINTS, endpoint=False)
    even = np.stack([np.interp(steps, along, closed[:, axis]) for axis in (0, 1)], 1)
    rings = np.concatenate([centre + (even - centre) * factor for factor in _RINGS])
    inside = np.all((rings > -PAD) & (rings < SIZE + PAD), axis=1)
    rings = rings[inside & (signed_distance(outline, rings) < -3)]
    axis = np.linspace(-PAD, SIZE + PAD, (SIZE + 2 * PAD) // _GRID_PX + 1)
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    edge = (centre + (outline - centre) * (_RINGS[-1] + 0.06)).astype(np.float32)
    return np.asarray(np.concatenate([rings, grid[signed_distance(edge, grid) < 0]]), np.float32)
