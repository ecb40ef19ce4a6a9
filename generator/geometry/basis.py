"""The expression basis: how every face point moves at full strength of each expression.

An expression is given where anatomy dictates it (lips, chin, brows) and spread over the rest of the face by the
smoothest field that meets it: least squares on the mesh's squared Laplacian (Botsch & Sorkine 2008). Distances are in
millimetres of an average face 140 mm wide; axes are the face's own: across to the viewer's right, down, back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tellmark.generator.types import EXPRESSIONS
from tellmark.landmarks import LEFT_BROW, LEFT_EYE, RIGHT_BROW, RIGHT_EYE, triangles
from tellmark.types import F32, F64

# Four rings of lip points from the skin to the opening, each from the viewer's left corner to the right one.
UPPER_LIP = (
    (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291),
    (76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306),
    (62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292),
    (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
)
LOWER_LIP = (
    (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),
    (76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306),
    (62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292),
    (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
)
CORRECTIVES = ("jaw*pucker",)  # products of two expressions that get a shape of their own
JAW_DROP_MM = 17.0  # the lower incisors at jaw = 1
POINTS = 468  # without the irises
_LEVEL = 0.7  # of a resting mouth's arch, that rounding takes out

_NOSE = (1, 2, 4, 5, 6, 19, 94, 97, 98, 326, 327, 129, 358, 168, 195, 197, 48, 278)
_UPPER_OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 93, 234, 127, 162, 21, 54, 103, 67, 109)
FOREHEAD = (151, 9, 8, 69, 299, 104, 333, 68, 298, 71, 301, 108, 337)
STILL_FOR_LIPS = (*_NOSE, *_UPPER_OVAL, *FOREHEAD, *RIGHT_EYE, *LEFT_EYE, *RIGHT_BROW, *LEFT_BROW, 361, 132)
# Share of the jaw's drop along the chin and the jaw's edge, up to the hinge.
_MANDIBLE = {
    18: 0.93, 200: 0.88, 199: 0.86, 175: 0.85, 152: 0.84, 148: 0.83, 377: 0.83, 176: 0.78, 400: 0.78, 149: 0.70,
    378: 0.70, 150: 0.60, 379: 0.60, 136: 0.46, 365: 0.46, 172: 0.31, 397: 0.31, 58: 0.17, 288: 0.17,
    83: 0.90, 313: 0.90, 201: 0.88, 421: 0.88, 208: 0.86, 428: 0.86, 171: 0.83, 396: 0.83,
}  # fmt: skip
_CHIN_STILL = (152, 148, 377, 176, 400, 149, 378, 150, 379, 136, 365, 172, 397, 58, 288)

Moves = dict[int, tuple[float, float, float]]
LipField = Callable[[float, float, bool], tuple[float, float, float]]  # (u in [-1, 1], ring 0..1, upper) -> mm


@dataclass(frozen=True, slots=True)
class FaceFrame:
    """The face's own axes in the picture."""

    axes: F32  # (3, 3) rows: across, down, back; px per mm
    px_per_mm: float


def face_frame(landmarks: F32) -> FaceFrame:
    """Axes and scale of a tracked face (478, 3)."""
    across = landmarks[454] - landmarks[234]
    down = landmarks[152] - landmarks[10]
    # Width and height each mislead on turned faces and on jaws of unusual length; together less so.
    scale = 0.5 * (np.linalg.norm(across) / 140 + np.linalg.norm(down) / 178)
    across = across / np.linalg.norm(across)
    down = down - across * (down @ across)
    down /= np.linalg.norm(down)
    axes = np.stack([across, down, np.cross(across, down)]) * scale
    return FaceFrame(axes.astype(np.float32), float(scale))


def expression_basis(landmarks: F32) -> F32:
    """(len(EXPRESSIONS) + len(CORRECTIVES), 478, 3) px that each face point moves at strength 1."""
    frame = face_frame(landmarks)
    local = landmarks @ np.linalg.inv(frame.axes.astype(np.float64))  # mm
    lips = Lips(local)
    fields = _fields(local, lips)
    roughness = roughness_of(landmarks)
    solved = [spread(roughness, *fields[name]) @ frame.axes for name in (*EXPRESSIONS, *CORRECTIVES)]
    basis = np.zeros((len(solved), len(landmarks), 3), np.float32)
    basis[:, :POINTS] = solved
    return basis


class Lips:
    """Lip points by position along the mouth, and the distances between the lips at rest."""

    def __init__(self, local: F64) -> None:
        left, right = local[78], local[308]
        self.half_width = max((right[0] - left[0]) / 2, 1.0)
        self.centre = (left + right) / 2
        self.gap = np.maximum(local[list(LOWER_LIP[3]), 1] - local[list(UPPER_LIP[3]), 1], 0)  # (11,)
        self.u = np.clip((local[list(UPPER_LIP[3]), 0] - self.centre[0]) / self.half_width, -1, 1)
        self.u[[0, 10]] = -1, 1
        middle = (local[list(UPPER_LIP[3]), 1] + local[list(LOWER_LIP[3]), 1]) / 2
        self.seam = middle - middle[5]  # (11,) mm down from the seam's middle
        upper_mid, lower_mid = local[0, 1] - local[13, 1], local[17, 1] - local[14, 1]
        self.thickness = max((abs(upper_mid) + abs(lower_mid)) / 2, 2.0)

    def move(self, field: LipField) -> Moves:
        """Displacements of all lip points; ``ring`` is 1 at the skin and 0 at the opening."""
        moves: Moves = {}
        for upper, rings in ((True, UPPER_LIP), (False, LOWER_LIP)):
            for ring, points in zip((1.0, 0.67, 0.33, 0.0), rings, strict=True):
                for u, point in zip(self.u, points, strict=True):
                    moves[point] = field(float(u), ring, upper)
        return moves


def arc(u: float, power: float = 0.5) -> float:
    """1 in the middle of the mouth, 0 at its corners; power 0.5 is an ellipse."""
    return float(max(0.0, 1 - u * u) ** power)


def _fields(local: F64, lips: Lips) -> dict[str, tuple[Moves, Iterable[int]]]:
    """(given displacements, points held still) of every expression."""
    half = lips.half_width
    gap = float(lips.gap[4:7].mean())
    far_apart = min(gap / 6.0, 1.0)
    up_share = 0.5 - 0.38 * far_apart
    # A mouth that is open in the portrait has less left to open.
    drop = JAW_DROP_MM * max(0.5, 1 - max(gap - 3.0, 0.0) / 30)

    def gap_at(u: float) -> float:
        return float(np.interp(u, lips.u, lips.gap))

    def jaw(u: float, ring: float, upper: bool) -> tuple[float, float, float]:
        # Of an opening, corners hang at .4 of the height: median of eleven films, .2 to .7.
        inwards = -0.07 * u * half
        corner = 0.27 * drop
        if upper:
            return inwards, corner * u**4 - 0.09 * drop * arc(u) * (1 - 0.5 * ring), 0
        reach = arc(0.94 * u, 0.5) if ring > 0.5 else arc(u, 0.45)
        return inwards, corner + (0.78 - 0.04 * ring) * drop * reach - 0.05 * ring * drop * arc(u), 1.5

    def pucker(u: float, ring: float, upper: bool) -> tuple[float, float, float]:
        sign = -1 if upper else 1
        swell = sign * (0.9 + 1.1 * ring) * arc(u) * (0.8 if upper else 1.0)
        # Drawn together, the arch of a smile would grow steep: rounded lips lie level.
        level = -_LEVEL * float(np.interp(u, lips.u, lips.seam))
        return -0.38 * u * half * (1 - 0.12 * ring), swell + level, -5.5 + 2.0 * ring

    def round_open(u: float, ring: float, upper: bool) -> tuple[float, float, float]:
        # An open rounded mouth is an ellipse: its corners hang in the middle of its height.
        if upper:
            return -0.14 * u * half, 0.18 * JAW_DROP_MM * abs(u) ** 3 - 0.13 * JAW_DROP_MM * arc(u), -1
        return -0.14 * u * half, 0.18 * JAW_DROP_MM * abs(u) ** 3 - 0.04 * JAW_DROP_MM * arc(u), -1

    def wide(u: float, ring: float, upper: bool) -> tuple[float, float, float]:
        thin = (0.7 if upper else -0.7) * ring * arc(u)
        part = (-0.5 if upper else 1.1) * arc(u) + thin
        return 5.0 * u, part - 0.9 * u * u, 1.5 * u * u

    def press(u: float, ring: float, upper: bool) -> tuple[float, float, float]:
        # Lips that are far apart at rest are closed by the jaw, close ones by both lips.
        close = (up_share if upper else up_share - 1) * (gap_at(u) + 0.3 * arc(u))
        roll = (1 if upper else -1) * 0.22 * lips.thickness * ring * arc(u, 0.7)
        return 0.6 * u, close + roll, 1.2

    def upper_raise(u: float, ring: float, upper: bool) -> tuple[float, float, float]:
        return 0, (-3.6 + 0.5 * ring) * arc(u, 0.8) if upper else 0, 0

    def lower_tuck(u: float, ring: float, upper: bool) -> tuple[float, float, float]:
        if upper:
            return 0, -3.0 * arc(u, 0.7) * (1 - 0.35 * ring), 0
        # The lower lip rises to the edge of the upper teeth and rolls in.
        return 0, ((0.45 * up_share - 0.78) * gap_at(u) - (0.4 + 1.2 * ring)) * arc(u, 0.8), 2.5

    def smile(u: float, ring: float, upper: bool) -> tuple[float, float, float]:
        thin = (0.6 if upper else -0.6) * ring * arc(u)
        return 5.4 * u * abs(u) ** 0.4, thin - 5.2 * abs(u) ** 2.2 + (0 if upper else 0.5) * arc(u), 2.5 * u * u

    def frown(u: float, ring: float, upper: bool) -> tuple[float, float, float]:
        return -0.6 * u, 4.6 * abs(u) ** 2.2 - 0.6 * arc(u), 0.5 * u * u

    def raised(far: float) -> tuple[float, float]:
        return 0.0, -5.8 * (1 - 0.25 * abs(far - 0.4))

    def lowered(far: float) -> tuple[float, float]:
        # The inner ends go down more than the outer ones.
        return 2.2 * (1 - 0.55 * far), 4.4 * (1 - 0.55 * far)

    lips_only = (*STILL_FOR_LIPS, *_CHIN_STILL)
    mandible = _mandible(drop)
    closing = _mandible(-0.75 * far_apart * gap)
    lips_and_jaw = STILL_FOR_LIPS if far_apart > 0.3 else lips_only
    cheeks: Moves = {point: (-1.4, -3.2, 0) for point in (50, 205, 117, 101)}
    cheeks |= {point: (1.4, -3.2, 0) for point in (280, 425, 346, 330)}
    folds: Moves = {205: (0, -1.0, 0), 425: (0, -1.0, 0), 98: (0, -0.6, 0), 327: (0, -0.6, 0)}
    still_but_nostrils = tuple(point for point in lips_only if point not in (98, 327))
    brows_still = (*_UPPER_OVAL, *_NOSE[1:12], *RIGHT_EYE, *LEFT_EYE, *UPPER_LIP[0], *LOWER_LIP[0], 50, 280, 205, 425)
    return {
        "jaw": (mandible | lips.move(jaw), STILL_FOR_LIPS),
        "wide": (lips.move(wide), lips_only),
        "pucker": (lips.move(pucker), lips_only),
        "press": (closing | lips.move(press), lips_and_jaw),
        "upper_raise": (folds | lips.move(upper_raise), still_but_nostrils),
        "lower_tuck": (closing | lips.move(lower_tuck), lips_and_jaw),
        "smile": (cheeks | lips.move(smile), lips_only),
        "frown": (lips.move(frown) | {200: (0, -0.8, 0), 199: (0, -0.5, 0)}, lips_only),
        "brow_up": (brows(local, raised), brows_still),
        "brow_down": (brows(local, lowered), brows_still),
        "squint": ({point: (0, -1.5, 0) for point in (50, 280, 117, 346, 101, 330)}, STILL_FOR_LIPS),
        "jaw*pucker": (lips.move(round_open), lips_only),
    }


def _mandible(drop: float) -> Moves:
    """Chin and jaw's edge when the lower incisors move down by ``drop`` mm."""
    return {point: (0, share * drop, 0.30 * share * drop) for point, share in _MANDIBLE.items()}


def brows(local: F64, shape: Callable[[float], tuple[float, float]]) -> Moves:
    """Brow points moved by ``shape``: place along the brow (0 inner end, 1 outer end) -> mm inwards and down."""
    moves: Moves = {}
    middle = float(local[168, 0])
    for brow in (RIGHT_BROW, LEFT_BROW):
        distance = np.abs(local[list(brow), 0] - middle)
        for point, far in zip(brow, (distance - distance.min()) / max(np.ptp(distance), 1e-3), strict=True):
            inwards, down = shape(float(far))
            moves[point] = (float(np.sign(middle - local[point, 0])) * inwards, down, 0.0)
    return moves


def roughness_of(landmarks: F32) -> F64:
    """(468, 468) matrix whose quadratic form is the squared Laplacian of a field on the face mesh."""
    mesh = triangles()
    edges = np.unique(np.sort(np.concatenate([mesh[:, [0, 1]], mesh[:, [1, 2]], mesh[:, [2, 0]]]), axis=1), axis=0)
    length = np.linalg.norm(landmarks[edges[:, 0]] - landmarks[edges[:, 1]], axis=1)
    weights = np.zeros((POINTS, POINTS))
    weights[edges[:, 0], edges[:, 1]] = weights[edges[:, 1], edges[:, 0]] = 1 / np.maximum(length, 0.5)
    laplacian = np.eye(POINTS) - weights / np.maximum(weights.sum(1, keepdims=True), 1e-9)
    return np.asarray(laplacian.T @ laplacian)


def spread(roughness: F64, moves: Moves, still: Iterable[int]) -> NDArray[np.float64]:
    """(468, 3) mm: the smoothest field through the given displacements."""
    goal = np.zeros((POINTS, 3))
    weight = np.full(POINTS, 1e-5)  # far from everything given, stay
    weight[list(still)] = 10.0
    weight[list(moves)] = 10.0
    goal[list(moves)] = list(moves.values())
    return np.asarray(np.linalg.solve(roughness + np.diag(weight), weight[:, None] * goal))
