"""Fringes and buns: hair that does not lie as the rest of it is combed.

Coordinates are portrait px, x right, y down, z away from the camera.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tellmark.generator.actors.hairstyle import HairStyle
from tellmark.generator.actors.skull import BROWS, Skull, along_scalp, within_hairline
from tellmark.types import F32

KNOTS = np.array([(0, 0.05, 1.1), (0, -1.02, 0.62)], np.float32)  # where tied hair is held, in radii of the skull
_BUN = 0.17  # radius of a bun, face heights
_FRINGE = 0.30  # radii of the skull behind the hairline, where a fringe grows


def grows_fringe(style: HairStyle, roots: F32) -> NDArray[np.bool_]:
    """(n,) which roots (n, 3) a fringe grows from."""
    mingled = 1 + 0.5 * np.sin(roots @ np.array([131, 97, 61], np.float32))  # no seam behind it
    near = (within_hairline(style, roots) < _FRINGE * mingled) & (roots[:, 2] < -0.5) & (np.abs(roots[:, 0]) < 0.55)
    return np.asarray(near & (style.fringe > 0), np.bool_)


def fringe(style: HairStyle, skull: Skull, roots: F32, layer: F32, rng: np.random.Generator, steps: int) -> F32:
    """(n, steps, 3) guide strands that fall over the forehead, straight or away from the parting."""
    t = np.linspace(0, 1, steps, dtype=np.float32)[None]
    x, y = roots[:, :1], roots[:, 1:2]
    side = np.where(x >= 0.5 * style.parting + 0.06 * rng.normal(size=x.shape), 1.0, -1.0)
    low = style.fringe * (BROWS + 0.04 * rng.normal(size=y.shape) - 0.2 * rng.random(y.shape) - y)
    low = np.maximum(low * (1 + 0.25 * style.sweep * np.abs(x)), 0.05)
    down = y + low * t
    # What sways to a side goes there late, once it has risen over its roots.
    across = x + 0.08 * along_scalp(roots, rng, 5.0)[:, None] * t + side * style.sweep * low * t**1.4
    across = np.clip(across, *(sign * 0.94 * np.sqrt(1 - np.clip(down, -0.95, 0.95) ** 2) for sign in (-1, 1)))
    forward = -np.sqrt(np.maximum(1 - across**2 - down**2, 0.02))
    rise = (0.4 + layer[:, None]) * (0.3 + 0.7 * np.sin(np.pi * np.minimum(1, 1.25 * t + 0.1)))
    off = 1 + (style.lift + 0.012) * skull.height / skull.radii[0] * rise * np.minimum(1, 8 * t)
    path = np.stack([across, down, forward], axis=2) * off[..., None]
    return np.asarray(skull.centre + path * skull.radii, np.float32)


def bun(style: HairStyle, skull: Skull, rng: np.random.Generator, steps: int) -> tuple[F32, F32]:
    """Strands and layers of hair that is wound up where it is tied."""
    count = 2400
    t = np.linspace(0, 1, steps)[None]
    around = rng.uniform(0, 2 * np.pi, (count, 1)) + t * rng.uniform(1.2, 2.6, (count, 1))
    tilt = 0.9 * np.sin(rng.integers(0, 14, (count, 1)) * 2.4) + 0.1 * rng.normal(size=(count, 1))
    height = np.clip(0.8 * tilt + 0.2 * np.sin(around + tilt), -0.9, 0.9)
    ring = np.sqrt(np.maximum(1 - np.minimum(height**2, 0.96), 0))
    layer = rng.random(count) ** 0.8
    out = np.stack([ring * np.cos(around), 0.85 * height, ring * np.sin(around)], axis=2)
    out *= (_BUN * style.knot_size * skull.height * (0.85 + 0.15 * layer))[:, None, None]
    out += np.cumsum(rng.normal(0, 0.0006 * skull.height, out.shape), axis=1)
    return (skull.centre + KNOTS[style.knot] * skull.radii + out).astype(np.float32), layer.astype(np.float32)
