"""Smooth fields over a portrait that part at three seams: between the lips, and between the lids of either eye.

A field is known at tracked points and is spread over a regular grid of nodes by thin plates (Bookstein 1989): the
surface of least bending through what is given. Each field is spread twice. ``above`` knows the upper lip and the upper
lids, ``below`` the lower ones; what lies under a seam follows ``below``. As both are linear in what is given, a frame
costs a weighted sum of grids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import median_filter

from tellmark.generator.geometry.basis import LOWER_LIP, UPPER_LIP, expression_basis, face_frame
from tellmark.generator.geometry.glasses import NONE, Glasses, free
from tellmark.generator.geometry.moods import mood_basis
from tellmark.generator.types import SIZE
from tellmark.landmarks import FACE_OVAL, LEFT_BROW, LEFT_EYE, NOSE, RIGHT_BROW, RIGHT_EYE
from tellmark.types import F32, F64, U8

STEP = 6  # px between nodes
CELLS = 118
WIDE = STEP * CELLS  # px of the layer that the grid covers
MARGIN = (WIDE - SIZE) // 2  # px of it beyond each side of the frame

_CHEEKS = (50, 205, 117, 101, 280, 425, 346, 330, 36, 266, 187, 411, 123, 352, 147, 376)
_CHIN = (18, 200, 199, 175, 83, 313, 201, 421, 208, 428, 171, 396)
_FOREHEAD = (151, 9, 8, 69, 299, 104, 333, 68, 298)
_COMMON = tuple(sorted({*FACE_OVAL, *NOSE, *_CHEEKS, *_CHIN, *_FOREHEAD, *RIGHT_BROW, *LEFT_BROW}))
_STIFF = 0.02  # share of bending that is given up for smoothness
_FAR = (1.14, 1.45)  # rings of still points, the face's outline enlarged so much
_SNAP = 0.02  # face widths: how far from the tracked line between closed lips the darkest one is looked for


@dataclass(frozen=True, slots=True)
class Fields:
    """Displacements in px at the nodes, one field for each of the expressions, their correctives, moods and lids.

    The last three: right lid closed, left lid closed, both lower lids raised by a third of the opening.
    """

    above: F32  # (E + M + 3, nodes, nodes, 3)
    parting: F32  # (E + M + 3, h, w, 3) what ``below`` has on top, in the part of the grid in which the two differ
    corner: tuple[int, int]  # row and column of that part
    basis: F32  # (E + M, 478, 3) what the tracked points themselves do


def nodes() -> F32:
    """(CELLS + 1, CELLS + 1, 2) px in the frame."""
    axis = np.arange(CELLS + 1, dtype=np.float32) * STEP - MARGIN
    return np.stack(np.meshgrid(axis, axis), -1)


def build_fields(landmarks: F32, glasses: Glasses = NONE, room: F32 | None = None) -> Fields:
    """The fields of a framed portrait's landmarks (478, 3), behind glasses or without any; room: of their lids."""
    spoken, worn = expression_basis(landmarks), mood_basis(landmarks)
    basis = np.concatenate([spoken, worn])
    frame = face_frame(landmarks)
    lip_rings = (0, 1, 3)
    upper = [point for ring in lip_rings for point in UPPER_LIP[ring][1:-1]]
    lower = [point for ring in lip_rings for point in LOWER_LIP[ring][1:-1]]
    corners = [61, 291, 78, 308, 33, 133, 263, 362]
    still = _still(landmarks)
    grids = []
    for lips, is_upper in ((upper, True), (lower, False)):
        tracked = [*_COMMON, *corners, *lips]
        lid_at, lid_moves = _lids(landmarks, is_upper)
        controls = np.concatenate([landmarks[tracked, :2], lid_at, still])
        given = np.zeros((len(basis) + 3, len(controls), 3), np.float64)
        given[: len(basis), : len(tracked)] = basis[:, tracked]
        # The lids follow brows and cheeks by what the basis says of their own points.
        lids = slice(len(tracked), len(tracked) + len(lid_at))
        given[: len(spoken), lids] = _nearest(spoken, landmarks, [*RIGHT_EYE, *LEFT_EYE], lid_at)
        # Moods move cheeks and brows so far that what lies beyond the lids must go with them.
        given[len(spoken) : len(basis), lids] = _nearest(worn, landmarks, range(468), lid_at)
        given[len(basis) :, lids, :2] = lid_moves
        grids.append(_spread(controls.astype(np.float64), given, 140 * frame.px_per_mm))
    loose = free(nodes().reshape(-1, 2), landmarks, glasses).reshape(1, CELLS + 1, CELLS + 1, 1)
    near_eyes = _around_eyes(landmarks)
    if room is not None:
        near_eyes *= _under_rims(landmarks, room)
    for grid in grids:  # thin plates reach everywhere, lids do not
        grid[len(basis) :] *= near_eyes[None, ..., None]
        grid[: len(basis)] *= loose
    above, parting = grids[0], (grids[1] - grids[0]) * _near_seams(landmarks)[None, ..., None]
    box = landmarks[list(FACE_OVAL), :2]
    low = np.clip(np.floor((box.min(0) + MARGIN) / STEP).astype(int), 0, CELLS - 2)
    high = np.clip(np.ceil((box.max(0) + MARGIN) / STEP).astype(int) + 1, low + 2, CELLS + 1)
    part = np.ascontiguousarray(parting[:, low[1] : high[1], low[0] : high[0]])
    return Fields(above, part, (int(low[1]), int(low[0])), basis * free(landmarks[:, :2], landmarks, glasses)[:, None])


def thin_plate(controls: F64, values: F64, at: F64, stiff: float) -> F64:
    """(n, k) values at points (n, 2) of the thin plates through (c, k) values at (c, 2) controls; unit is theirs.

    stiff: added to the kernel's diagonal; 0 interpolates.
    """
    count = len(controls)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(controls, controls) + stiff * np.eye(count)
    system[:count, count:] = np.column_stack([np.ones(count), controls])
    system[count:, :count] = system[:count, count:].T
    weights = np.linalg.solve(system, np.concatenate([values, np.zeros((3, values.shape[1]))]))
    plane = np.column_stack([np.ones(len(at)), at])
    return np.asarray(_kernel(at, controls) @ weights[:count] + plane @ weights[count:])


def under_seams(image: U8, landmarks: F32) -> F32:
    """(SIZE, SIZE) in [0, 1]: 1 where a pixel follows what lies below a seam."""
    rows, columns = np.indices((SIZE, SIZE), dtype=np.float32)
    width = 140 * face_frame(landmarks).px_per_mm
    below = np.zeros((SIZE, SIZE), np.float32)
    upper, lower = (landmarks[list(ring[3]), :2] for ring in (UPPER_LIP, LOWER_LIP))
    seams = [((upper + lower) / 2, 0.35 * width, float(np.abs(lower - upper)[4:7, 1].mean()) < 0.012 * width)]
    for loop in (RIGHT_EYE, LEFT_EYE):
        points = landmarks[list(loop), :2]
        middle = (points[:9] + np.concatenate([points[8:], points[:1]])[::-1]) / 2
        seams.append((middle[np.argsort(middle[:, 0])], 0.26 * width, False))
    for line, reach, snap in seams:
        origin, end = line[0], line[-1]
        half = float(np.linalg.norm(end - origin)) / 2
        along = (end - origin) / max(2 * half, 1e-3)
        across = np.array([-along[1], along[0]], np.float32)
        centre = (origin + end) / 2
        s = (columns - centre[0]) * along[0] + (rows - centre[1]) * along[1]
        t = (columns - centre[0]) * across[0] + (rows - centre[1]) * across[1]
        place = line - centre
        edge = np.interp(np.linspace(-half, half, 81), place @ along, place @ across)
        if snap:
            edge = _darkest(image, centre, along, across, np.linspace(-half, half, 81), edge, _SNAP * width)
        seam = np.interp(s, np.linspace(-half, half, 81), edge)
        beside = np.maximum(np.abs(s) - 0.97 * half, 0)
        # Beyond the corners both fields say nearly the same: the step between them widens into a slope.
        share = np.clip(0.5 + (t - seam) / (2 * np.maximum(0.02, 1.5 * beside)), 0, 1)
        near = np.clip(3 - np.hypot(np.maximum(np.abs(s) - half, 0), t) / (reach / 3), 0, 1)
        below = np.maximum(below, share * near)
    return np.asarray(below, np.float32)


def _darkest(image: U8, centre: F32, along: F32, across: F32, s: F64, edge: F64, reach: float) -> F64:
    """The line between closed lips, moved to where it is darkest."""
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), 0.8)
    offsets = np.linspace(-reach, reach, 15)
    t = edge[None] + offsets[:, None]
    x, y = (centre[k] + s[None] * along[k] + t * across[k] for k in (0, 1))
    seen = cv2.remap(grey, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR).astype(np.float64)
    moved = offsets[np.argmin(seen + 40 * (offsets[:, None] / reach) ** 2, axis=0)]
    moved = cv2.GaussianBlur(median_filter(moved, 9).reshape(1, -1), (0, 0), 3).ravel()
    return np.asarray(edge + moved * np.clip(1.1 - np.abs(s / s.max()) ** 4, 0, 1))


def _still(landmarks: F32) -> F32:
    """(n, 2) px around the face that no expression moves."""
    oval = landmarks[list(FACE_OVAL[::2]), :2]
    centre = oval.mean(0)
    rings = [centre + (oval - centre) * factor for factor in _FAR]
    axis = np.linspace(-MARGIN, SIZE + MARGIN, 7)
    far = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    outside = np.linalg.norm((far - centre) / np.ptp(oval, axis=0), axis=1) > 0.9
    return np.asarray(np.concatenate([*rings, far[outside]]), np.float32)


def _lids(landmarks: F32, upper: bool) -> tuple[F32, F64]:
    """(n, 2) px on and beside the upper or the lower lids' edges, and (3, n, 2) what the lids' fields do to them."""
    at, moves = [], []
    for eye, loop in enumerate((RIGHT_EYE, LEFT_EYE)):
        points = landmarks[list(loop), :2].astype(np.float64)
        one, other = points[1:8], points[:8:-1]  # upper and lower edge, from the outer corner to the inner one
        gap = other - one
        edge, way = (one, gap) if upper else (other, -gap)
        width = np.linalg.norm(points[8] - points[0])
        out = -way / np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-3)
        # The edge and its lashes move as one; towards the other lid, where there is no skin, the field holds on.
        far = edge + way - 0.75 * width * out  # beyond the other lid, where the cheek or the brow begins
        for place in (edge, edge + 0.09 * width * out, edge + 0.8 * way, far):
            move = np.zeros((3, len(place), 2))
            if place is far:
                pass
            elif upper:
                move[eye] = 1.04 * gap
            else:
                move[2] = -0.33 * gap
                move[eye] = -0.03 * gap
            at.append(place)
            moves.append(move)
    return np.concatenate(at).astype(np.float32), np.concatenate(moves, axis=1)


def _near_seams(landmarks: F32) -> F32:
    """(nodes, nodes) 1 above and below a seam, 0 beside it: beyond its corners nothing parts."""
    near = np.zeros((CELLS + 1, CELLS + 1), np.float32)
    for a, b, reach in ((78, 308, 1.6), (33, 133, 1.6), (362, 263, 1.6)):
        one, other = landmarks[a, :2], landmarks[b, :2]
        half = float(np.linalg.norm(other - one)) / 2
        along = (other - one) / (2 * half)
        away = nodes() - (one + other) / 2
        s = np.abs(away @ along) / half
        t = np.abs(away @ np.array([-along[1], along[0]], np.float32)) / half
        near = np.maximum(near, np.clip((1.15 - s) / 0.25, 0, 1) * np.clip((reach + 0.5 - t) / 0.5, 0, 1))
    return near.astype(np.float32)


def _around_eyes(landmarks: F32) -> F32:
    """(nodes, nodes) 1 near the eyes, 0 from 1.25 eye widths on."""
    near = np.zeros((CELLS + 1, CELLS + 1), np.float32)
    for loop in (RIGHT_EYE, LEFT_EYE):
        corners = landmarks[[loop[0], loop[8]], :2]
        away = np.linalg.norm(nodes() - corners.mean(0), axis=2) / np.linalg.norm(corners[1] - corners[0])
        near = np.maximum(near, np.clip((1.25 - away) / 0.4, 0, 1).astype(np.float32))
    return near


def _under_rims(landmarks: F32, room: F32) -> F32:
    """(nodes, nodes) 1 up to the upper lids, 0 from where rims of glasses come over them (``glasses.lid_room``)."""
    free_there = np.ones((CELLS + 1, CELLS + 1), np.float32)
    at = nodes()
    for loop, px in zip((RIGHT_EYE, LEFT_EYE), np.maximum(room, 2 * STEP).tolist(), strict=True):
        edge = landmarks[list(loop[:9]), :2]
        order = np.argsort(edge[:, 0])
        over = np.interp(at[..., 0], edge[order, 0], edge[order, 1]) - at[..., 1]
        own = np.abs(at[..., 0] - edge[:, 0].mean()) < np.ptp(edge[:, 0])
        free_there = np.where(own, free_there * np.clip((px - over) / (0.5 * min(px, 1e3)), 0, 1), free_there)
    return np.asarray(free_there, np.float32)


def _nearest(basis: F32, landmarks: F32, points: Sequence[int], at: F32) -> F32:
    """(E, n, 3) the basis at whichever of ``points`` is nearest to each of ``at``."""
    apart = np.linalg.norm(at[:, None] - landmarks[None, list(points), :2], axis=2)
    return np.asarray(basis[:, np.array(points)[apart.argmin(1)]])


def _spread(controls: F64, given: F64, width: float) -> F32:
    """(k, nodes, nodes, 3) thin plates through ``given`` (k, c, 3)."""
    flat = given.transpose(1, 0, 2).reshape(len(controls), -1)
    at = nodes().reshape(-1, 2).astype(np.float64)
    spread = thin_plate(controls / width, flat, at / width, _STIFF / len(controls))
    grid = spread.reshape(CELLS + 1, CELLS + 1, len(given), 3).transpose(2, 0, 1, 3)
    return np.ascontiguousarray(grid, np.float32)


def _kernel(a: F64, b: F64) -> F64:
    """(n, m) r^2 log r between points."""
    square = ((a[:, None] - b[None]) ** 2).sum(2)
    return np.asarray(0.5 * square * np.log(np.maximum(square, 1e-12)))
