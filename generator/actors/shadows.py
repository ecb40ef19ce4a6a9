"""Light within hair: how much of a lamp, and of what comes from everywhere, gets through the strands in its way.

Strands are counted into cells of space, and each cell looks towards the light through those before it: opacity adds up
along a ray as in a deep shadow map (Lokovic & Veach 2000) over a grid (Bertails et al. 2005).
"""

from __future__ import annotations

import numba as nb
import numpy as np
from scipy.ndimage import map_coordinates

from tellmark.generator.actors.skull import Skull
from tellmark.types import F32

_CELL = 6.0  # px
_FAR = 16  # cells that a ray looks ahead
_WIDTH = 0.11  # px that a strand keeps light off, scattering taken into account
_AROUND = np.array(
    [
        (0, -1, 0),
        (0.6, -0.55, -0.55),
        (-0.6, -0.55, -0.55),
        (0.75, 0.2, -0.6),
        (-0.75, 0.2, -0.6),
        (0, -0.6, 0.8),
        (1, -0.1, 0.2),
        (-1, -0.1, 0.2),
    ],
    np.float32,
)


def within(strands: F32, skull: Skull, light: F32) -> tuple[F32, F32]:
    """What reaches strands (n, k, 3), each (n, k) in [0, 1]: of a lamp towards ``light``, and of the light around."""
    low = np.minimum(strands.reshape(-1, 3).min(axis=0), skull.centre - skull.radii) - 2 * _CELL
    place = (strands - low) / np.float32(_CELL)
    high = np.maximum(place.reshape(-1, 3).max(axis=0), (skull.centre + skull.radii - low) / _CELL)
    size = tuple(int(n) + 3 for n in high)
    column = place.astype(np.int64)
    flat = (column[..., 0] * size[1] + column[..., 1]) * size[2] + column[..., 2]
    length = np.linalg.norm(np.gradient(strands, axis=1), axis=2)
    opacity = np.bincount(flat.ravel(), (length * np.float32(_WIDTH / _CELL**2)).ravel(), int(np.prod(size)))
    grid = np.asarray(opacity.reshape(size), np.float32)
    axes = [(np.arange(n, dtype=np.float32) * _CELL + low[k] - skull.centre[k]) / skull.radii[k]
            for k, n in enumerate(size)]  # fmt: skip
    inside = axes[0][:, None, None] ** 2 + axes[1][None, :, None] ** 2 + axes[2][None, None] ** 2
    grid[inside < 0.9] = 1.0  # the head itself
    lamp = _march(grid, np.asarray(light, np.float32)[None])
    around = _march(grid, _AROUND / np.linalg.norm(_AROUND, axis=1, keepdims=True))
    seats = place.reshape(-1, 3).T - np.float32(0.5)
    out = [
        map_coordinates(field, seats, order=1, mode="nearest").reshape(strands.shape[:2]) for field in (lamp, around)
    ]
    return np.asarray(out[0], np.float32), np.asarray(out[1], np.float32)


@nb.njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator]
def _march(grid: F32, ways: F32) -> F32:
    """(same shape) mean over ``ways`` (m, 3) of the light that reaches each cell through those before it."""
    out = np.zeros_like(grid)
    for x in range(grid.shape[0]):
        for y in range(grid.shape[1]):
            for z in range(grid.shape[2]):
                for k in range(ways.shape[0]):
                    depth = 0.4 * min(grid[x, y, z], np.float32(1.0))
                    for step in range(1, _FAR):
                        px = int(x + step * ways[k, 0] + 0.5)
                        py = int(y + step * ways[k, 1] + 0.5)
                        pz = int(z + step * ways[k, 2] + 0.5)
                        if (
                            min(px, py, pz) < 0
                            or px >= grid.shape[0]
                            or py >= grid.shape[1]
                            or pz >= grid.shape[2]
                            or depth > 4
                        ):
                            break
                        depth += grid[px, py, pz]
                    out[x, y, z] += np.exp(-depth) / ways.shape[0]
    return out
