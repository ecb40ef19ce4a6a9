"""What a mood does to a face beyond the expressions that speech uses as well: how points and lids move at weight 1.

The parts of each are action units of FACS (Ekman, Friesen & Hager 2002), given in millimetres as in ``basis`` and
spread in the same way. Nothing here parts the lips: that is left to expressions, which closures take back.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tellmark.generator.geometry.basis import (
    FOREHEAD,
    POINTS,
    STILL_FOR_LIPS,
    Lips,
    Moves,
    arc,
    brows,
    face_frame,
    roughness_of,
    spread,
)
from tellmark.generator.types import MOODS
from tellmark.landmarks import LEFT_BROW, RIGHT_BROW
from tellmark.types import F32, F64

# Upper lids down (of the way to closed eyes), lower lids up (as in ``lids.draw_eye``), degrees that the eyes look up.
_LIDS = {"happy": (0.03, 0.60, 0), "sad": (0.28, 0.10, -3.5), "angry": (-0.18, 0.40, 0), "surprised": (-0.26, 0, 0)}
_USUAL_MM = 10.0  # between the lids: raised lids go as far on everybody, however open eyes are
_HALF_LEFT_MM = 5.0  # of a smile at rest, that leave half of another one
_UNSMILED = 0.7  # of a smile at rest, that sad and angry lips have lost
_ABOVE = (*RIGHT_BROW, *LEFT_BROW, *FOREHEAD)
_JAW = (152, 148, 377, 176, 400, 149, 378, 150, 379, 136, 365, 172, 397, 58, 288)
_STILL = (*(point for point in STILL_FOR_LIPS if point not in _ABOVE), *_JAW)


def mood_basis(landmarks: F32) -> F32:
    """(len(MOODS), 478, 3) px that each face point moves at weight 1, on top of ``types.EMOTIONS``."""
    frame = face_frame(landmarks)
    local = landmarks @ np.linalg.inv(frame.axes.astype(np.float64))  # mm
    lips, roughness = Lips(local), roughness_of(landmarks)
    basis = np.zeros((len(MOODS), len(landmarks), 3), np.float32)
    for k, name in enumerate(MOODS):
        moves = _FIELDS[name](local, lips)
        held = [point for point in _STILL if point not in moves]
        basis[k, :POINTS] = spread(roughness, moves, held) @ frame.axes
    return basis


def mood_lids(landmarks: F32) -> F32:
    """(len(MOODS), 3) what lids do at weight 1.

    How far the upper ones come down, as a share of the way to closed eyes (below 0 they are raised); how far the lower
    ones come up, 1 for a third of the opening; and degrees that the eyes look up.
    """
    lids = np.array([_LIDS[name] for name in MOODS], np.float32)
    opening = np.linalg.norm(landmarks[[159, 386], :2] - landmarks[[145, 374], :2], axis=1).mean()
    wide = _USUAL_MM * face_frame(landmarks).px_per_mm / max(float(opening), 1.0)
    lids[:, 0] *= np.where(lids[:, 0] < 0, np.clip(wide, 0.6, 1.4), 1)
    return lids


def _mirrored(moves: dict[tuple[int, int], tuple[float, float, float]]) -> Moves:
    """Moves of pairs of points (the viewer's left one, the right one), given as outwards, down, back."""
    out: Moves = {}
    for (left, right), (outwards, down, back) in moves.items():
        out[left], out[right] = (-outwards, down, back), (outwards, down, back)
    return out


def _unsmiled(lips: Lips, u: float) -> float:
    """Mm down that take most of a portrait's own smile out of the line between its lips."""
    return _UNSMILED * max(-float(np.interp(u, lips.u, lips.seam)), 0.0)


def _happy(local: F64, lips: Lips) -> Moves:
    """Cheeks up (AU 6), corners up, out and back (AU 12)."""

    # Who smiles in the portrait has less left to smile.
    own = max(-float(lips.seam[[0, -1]].mean()), 0.0)
    left = 1 / (1 + own / _HALF_LEFT_MM)

    def lip(u: float, ring: float, upper: bool) -> tuple[float, float, float]:
        thin = left * (0.5 if upper else -0.7) * ring * arc(u)
        return left * 2.8 * u * abs(u) ** 0.3, thin - left * (3.2 * u * u + 0.3), left * 2.2 * u * u

    cheeks = _mirrored({
        (205, 425): (2.0, -2.6, -1.5), (50, 280): (0.8, -3.4, -2.0), (117, 346): (0.4, -2.6, -1.0),
        (101, 330): (0.2, -2.6, -1.0), (118, 347): (0.2, -2.4, -1.0), (187, 411): (2.2, -1.6, 0.0),
        (98, 327): (0.7, -0.6, 0.0), (36, 266): (0.9, -2.2, -1.0),
    })  # fmt: skip
    return cheeks | lips.move(lip)


def _sad(local: F64, lips: Lips) -> Moves:
    """Inner brows up and together (AU 1 and 4), corners down (AU 15), chin up (AU 17)."""

    def lip(u: float, ring: float, upper: bool) -> tuple[float, float, float]:
        return 0.8 * u, 1.1 * abs(u) ** 1.7 - 0.4 * arc(u, 1.0) + _unsmiled(lips, u), 0.0

    forehead = brows(local, lambda far: (2.0 * (1 - far), -5.4 * max(1 - 1.3 * far, 0.0) ** 1.2 + 1.6 * far**2))
    chin: Moves = {200: (0, -1.6, -0.5), 199: (0, -1.0, 0), 18: (0, -1.2, 0)}
    cheeks = _mirrored({(205, 425): (0.0, 0.8, 0.0), (50, 280): (0.0, 0.6, 0.0)})
    return forehead | chin | cheeks | lips.move(lip)


def _angry(local: F64, lips: Lips) -> Moves:
    """Brows down and together (AU 4), lips tight (AU 23), wings of the nose drawn up."""

    def lip(u: float, ring: float, upper: bool) -> tuple[float, float, float]:
        tight = (1 if upper else -1) * 0.12 * lips.thickness * ring * arc(u, 0.7)
        return -0.6 * u, tight + 0.8 * u * u + _unsmiled(lips, u), -0.5

    forehead = brows(local, lambda far: (1.6 * (1 - far), 3.0 * (1 - far) ** 0.8 - 2.0 * far**1.5))
    nose = _mirrored({(98, 327): (0.8, -0.7, 0.0), (129, 358): (0.8, -0.6, 0.0)})
    return forehead | nose | lips.move(lip)


def _surprised(local: F64, lips: Lips) -> Moves:
    """Brows high and arched (AU 1 and 2); the jaw is an expression."""
    return brows(local, lambda far: (0.0, -4.2 * (1 - 0.5 * abs(far - 0.45))))


_FIELDS: dict[str, Callable[[F64, Lips], Moves]] = {
    "happy": _happy, "sad": _sad, "angry": _angry, "surprised": _surprised
}  # fmt: skip
