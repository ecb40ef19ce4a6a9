"""The head behind a face as hair sees it: where it grows, and where beside the face it may hang.

Coordinates are portrait px, x right, y down, z away from the camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tellmark.generator.actors.hairstyle import HairStyle
from tellmark.types import F32

# Where hair ends: how low (second row) at which distance behind the face (first row), of a unit sphere; its middle is
# at the height of the eyes. At the temples it ends along the face's outline; what is short grows before the ears.
_HAIRLINE = (
    [-1, -0.8, -0.667, -0.58, -0.52, -0.47, -0.40, -0.30, -0.1, 0.1, 0.5, 1],
    [-0.95, -0.86, -0.755, -0.60, -0.38, -0.16, 0.0, 0.06, 0.10, 0.2, 0.6, 0.8],
)
_BARBERED = (
    [-1, -0.8, -0.667, -0.60, -0.54, -0.48, -0.42, -0.35, -0.29, -0.18, -0.12, 0.04, 0.2, 0.5, 1],
    [-0.95, -0.86, -0.755, -0.64, -0.46, -0.27, -0.09, 0.03, 0.09, 0.07, -0.04, -0.04, 0.12, 0.42, 0.65],
)
_DRAWN_IN = 0.24  # share that long hair draws in by beside the neck
BROWS = -0.15  # height from which on no hair is on the face
_ON_CHEEK = 0.02  # face heights that hair may come in over the outline of the face
_BEFORE_EAR = 0.04  # face heights that hair beside the face is before the outline at the ear


@dataclass(frozen=True, slots=True)
class Skull:
    """The head as an ellipsoid, with the face in front of it."""

    centre: F32  # (3,)
    radii: F32  # (3,)
    face: F32  # (36, 3) face oval
    height: float  # forehead to chin, px

    def breadth(self, y: F32) -> F32:
        """The head's breadth at heights ``y`` (px) over the ellipsoid's: broadest above the ears, less beside them."""
        t = np.clip((y - self.centre[1]) / self.radii[1] / 0.6 + 0.85, 0, 1)
        return np.asarray(1 - 0.08 * t * t * (3 - 2 * t), np.float32)


def skull_of(oval: F32) -> Skull:
    """The skull behind a (36, 3) face oval; proportions after Farkas 1994."""
    (x0, y0), (x1, y1) = oval[:, :2].min(axis=0), oval[:, :2].max(axis=0)
    height, half = float(y1 - y0), float(x1 - x0) / 2
    centre = np.array([(x0 + x1) / 2, y1 - 0.68 * height, 0.57 * height], np.float32)
    return Skull(centre, np.array([1.09 * half, 0.585 * height, 0.58 * height], np.float32), oval, height)


def along_scalp(roots: F32, rng: np.random.Generator, rate: float) -> F32:
    """(n,) a smooth random function of roots (n, 3), unit variance; ``rate``: radians over the skull's radius."""
    waves = rng.normal(size=(3, 8)).astype(np.float32) * np.float32(rate)
    return np.asarray(np.sin(roots @ waves + rng.uniform(0, 2 * np.pi, 8)).sum(axis=1) / 2, np.float32)


def within_hairline(style: HairStyle, direction: F32) -> F32:
    """(n,) how far above the hairline unit directions (n, 3) from the skull's centre lie, in its radii."""
    limit = np.interp(direction[:, 2], *(_BARBERED if style.barbered else _HAIRLINE))
    temple = np.exp(-(((np.abs(direction[:, 0]) - 0.55) / 0.16) ** 2)) * np.clip(-direction[:, 2], 0, 1)
    limit -= (0.3 if style.flow == "back" else 1.0) * style.temples * temple
    if style.tied:  # what is too short for the knot before the ears is drawn by :mod:`beards`
        limit -= 0.07 * np.exp(-(((direction[:, 2] + 0.36) / 0.16) ** 2))
    limit -= style.hairline * np.clip(0.3 - direction[:, 2], 0, 1)
    return np.asarray(limit - direction[:, 1], np.float32)


def outside(skull: Skull, point: F32, lift: F32, side: F32) -> F32:
    """Points kept in the shell around the skull (below the ears: around a cylinder), and off the face."""
    offset = (point - skull.centre) / skull.radii
    least, most = 1 + 0.7 * lift / skull.radii[0], 1 + 1.15 * lift / skull.radii[0]
    upper = offset[:, 1] < 0.1
    # Below the ears long hair draws in towards the neck, and spreads again where it comes to lie on the shoulders.
    most = most * (1 - _DRAWN_IN * np.exp(-(((offset[:, 1] - 1.0) / 0.45) ** 2)))
    radius = np.where(upper, np.linalg.norm(offset, axis=1), np.hypot(offset[:, 0], offset[:, 2]))
    wanted = np.clip(radius, np.where(upper, least, 0), most)
    factor = wanted / radius
    stretch = np.stack([factor, np.where(upper, factor, 1), factor], axis=1)
    point = (skull.centre + offset * stretch * skull.radii).astype(np.float32)
    across = point[:, 0] - skull.centre[0]
    half = _half_width(skull, point[:, 1]) + 0.3 * lift - 2
    on_face = (np.abs(across) < half) & (offset[:, 2] < 0) & (offset[:, 1] > -0.5)
    direction = np.where(np.abs(across) < 0.3 * half, side, np.sign(across))
    point[:, 0] += np.where(on_face, 0.75 * (direction * half - across), 0)
    return point


def off_face(skull: Skull, strands: F32) -> F32:
    """Strands (n, STEPS, 3) beside the face below the brows: those over it lean to its outline, none is before it.

    Waves and locks carried them there; where a head turns, what is before the cheek's plane would cover the cheek.
    """
    out = strands.copy()
    height = (strands[..., 1] - skull.centre[1]) / skull.radii[1]
    low = np.clip((height - BROWS + 0.25) / 0.25, 0, 1)
    low = low * low * (3 - 2 * low)
    across = strands[..., 0] - skull.centre[0]
    slack = np.float32(_ON_CHEEK * skull.height)
    over = np.maximum(_half_width(skull, strands[..., 1]) + slack - np.abs(across), 0)
    before = strands[..., 2] < skull.centre[2]
    out[..., 0] += np.sign(across) * (low * before * (over - slack * (1 - np.exp(-over / slack))))
    out[..., 2] += low * np.maximum(foremost(skull, strands[..., 1]) - strands[..., 2], 0)
    return np.asarray(out, np.float32)


def foremost(skull: Skull, y: F32) -> F32:
    """Depth, px, before which no hair hangs beside the face at heights ``y``."""
    oval = skull.face[np.argsort(skull.face[:, 1])]
    ear = np.maximum.accumulate(oval[:, 2])  # below it the outline comes forward again, and hair does not
    return np.asarray(np.interp(y, oval[:, 1], ear) - _BEFORE_EAR * skull.height, np.float32)


def _half_width(skull: Skull, y: F32) -> F32:
    """Half width of the face (below the ears: of the jaw and neck) at heights ``y``, px."""
    oval = skull.face
    right = oval[oval[:, 0] > skull.centre[0]]
    order = np.argsort(right[:, 1])
    return np.asarray(np.interp(y, right[order, 1], right[order, 0] - skull.centre[0]), np.float32)
