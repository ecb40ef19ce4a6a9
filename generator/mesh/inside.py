"""What a video shows between the lips, as broad patches of colour: how far the drawn inside is off it.

Teeth, tongue and dark are in every mouth in another place and another light. Their places are not tracked; but how
bright and of what colour the opening is from the upper lip to the lower one, and beside its middle, a few numbers say.
They are added to a frame, within the opening alone, and hold no detail: edges of teeth stay where they are drawn.
"""

from __future__ import annotations

import numpy as np

from tellmark.generator.geometry.basis import LOWER_LIP, UPPER_LIP
from tellmark.generator.geometry.raster import mix
from tellmark.generator.mesh.opening import opening_mask
from tellmark.generator.types import SIZE
from tellmark.landmarks import LIPS_INNER
from tellmark.types import F32, U8

_KNOTS = 4  # from the upper lip to the lower one, linear between them
NUMBERS = 2 * _KNOTS * 3
"""Knots from the upper lip down; of each, RGB all over and RGB towards the corners: shares of white."""

_LIKELY = 0.5  # of white, sigma: how far the inside is off by
_STRAY = 0.1  # of white, sigma: what differs in detail
_TOGETHER = 6.0  # pixels that say one thing: detail is as wide as this
_MOST = 1.0  # of white
_SURE = 1e-3  # ridge of a fit to what is known
_FLOOR = 16.0  # code values: what is darker says nothing of how much darker it gets
_LEAST = 0.004  # of white, that cannot be seen


def read(made: U8, real: U8, points: F32) -> F32:
    """(NUMBERS,) what ``made`` lacks of ``real`` between the lips, both (512, 512, 3).

    points: (478, 2 or 3) px where both have the face. All 0 where the mouth is outside the frame.
    """
    found = _opening(points)
    if found is None:
        return np.zeros(NUMBERS, np.float32)
    rows, columns, mask, waves = found
    off = (real[rows, columns].astype(np.float32) - made[rows, columns]).reshape(-1, 3) / 255
    return np.clip(_fit(waves, mask, off, (_STRAY / _LIKELY) ** 2), -_MOST, _MOST).ravel()


def tint(frame: U8, points: F32, numbers: F32) -> None:
    """Add it to a frame (512, 512, 3) whose lips are at ``points``; in place."""
    if np.abs(numbers).max() < _LEAST:
        return
    found = _opening(points)
    if found is None:
        return
    rows, columns, mask, waves = found
    region = frame[rows, columns]
    made = region.reshape(-1, 3).astype(np.float32)
    added = 255 * (waves.T @ numbers.reshape(-1, 3))
    # What turns dark keeps its contrast, not its steps: teeth in whose place a film shows the dark are gone.
    broad = waves.T @ _fit(waves, mask, made, _SURE)
    dimmed = made * np.clip(1 + added / np.maximum(broad, _FLOOR), 0, 1)
    mix(region, np.where(added < 0, dimmed, made + added).reshape(region.shape).astype(np.float32), mask)


def _fit(waves: F32, mask: F32, colour: F32, ridge: float) -> F32:
    """(2 * _KNOTS, 3) least squares of a colour (h * w, 3) in the waves."""
    weighed = waves * (mask.ravel() / _TOGETHER)
    gram = weighed.astype(np.float64) @ waves.T + ridge * np.eye(len(waves))
    return np.linalg.solve(gram, weighed @ colour).astype(np.float32)


def _opening(points: F32) -> tuple[slice, slice, F32, F32] | None:
    """The box of the opening, its mask (h, w), and the waves (2 * _KNOTS, h * w) there; None where there is none."""
    loop = points[list(LIPS_INNER), :2]
    x0, y0 = np.maximum(np.floor(loop.min(0)).astype(int) - 2, 0).tolist()
    x1, y1 = np.minimum(np.ceil(loop.max(0)).astype(int) + 3, SIZE).tolist()
    if x1 - x0 < 4 or y1 - y0 < 4:
        return None
    mask = opening_mask(loop - (x0, y0), x1 - x0, y1 - y0, 0.0)
    upper, lower = points[list(UPPER_LIP[3]), :2], points[list(LOWER_LIP[3]), :2]
    across = upper[-1] - upper[0]
    half = float(np.linalg.norm(across)) / 2
    across = across / max(2 * half, 1e-3)
    down = np.array([-across[1], across[0]], np.float32)
    middle = (upper[0] + upper[-1]) / 2
    y, x = np.indices(mask.shape).astype(np.float32)
    off = np.stack([x + x0, y + y0], -1).reshape(-1, 2) - middle
    along, below = off @ across, off @ down
    top, bottom = (np.interp(along, (lip - middle) @ across, (lip - middle) @ down) for lip in (upper, lower))
    height = np.clip((below - top) / np.maximum(bottom - top, 1.0), 0, 1) * (_KNOTS - 1)
    hats = np.maximum(1 - np.abs(height - np.arange(_KNOTS)[:, None]), 0)
    beside = np.clip(along / max(half, 1.0), -1, 1) ** 2
    waves = np.concatenate([hats, hats * beside]).astype(np.float32)
    return slice(y0, y1), slice(x0, x1), mask, waves
