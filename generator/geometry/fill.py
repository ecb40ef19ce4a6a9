"""Filling holes in pictures: what lies behind the person, inside the eyelids and beyond the picture's border.

A hole is filled in two bands. The coarse one is a thin plate under tension (Franke, "Thin plate splines with tension",
1985): it goes on with the value and the slope that the picture has at the hole's edge, since a change of slope all
along an outline is seen as a line around whoever stood there (Mach bands). The fine one is the known picture mirrored
at the edge, so that grain and texture carry on instead of turning to fog.

Where only a value is wanted, cheaply and anywhere, push-pull interpolation gives it (Gortler et al., "The Lumigraph",
1996): known pixels are averaged down a pyramid and the averages pulled back up into the hole.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.linalg import splu

from tellmark.types import F32, U8

Mask = NDArray[np.bool_]

_CELL_PX = 4  # of the grid that the plate is solved on
_TENSION = 0.02  # of slope over bending, in cells: slopes have died away after some seven of them
_SEAM = 4  # cells across which value and slope are read
_GLUE = 0.5  # of errors over bending: less would average more grain, and follow the picture less


def push_pull(
    values: F32,  # (H, W, C)
    known: F32,  # (H, W) weight in [0, 1]; 0 = hole
) -> F32:  # (H, W, C)
    """Smooth interpolation of ``values`` into the places where ``known`` is 0; exact where it is 1."""
    height, width = known.shape
    premultiplied = np.ascontiguousarray(values * known[..., None], dtype=np.float32)
    if min(height, width) <= 2:
        total = max(float(known.sum()), 1e-6)
        coarse = np.broadcast_to(premultiplied.sum((0, 1)) / total, values.shape)
    else:
        small_weight = cv2.pyrDown(known)
        small = cv2.pyrDown(premultiplied) / np.maximum(small_weight, 1e-6)[..., None]
        # Saturating the weight lets a few known pixels fill a coarse cell completely.
        small = push_pull(small, np.minimum(small_weight * 4, 1).astype(np.float32))
        coarse = cv2.pyrUp(small, dstsize=(width, height)).reshape(values.shape)
    return np.asarray(premultiplied + coarse * (1 - known[..., None]), np.float32)


def plate(
    values: F32,  # (H, W, C)
    known: Mask,  # (H, W)
) -> F32:  # (H, W, C)
    """A thin plate under tension, glued to the known pixels around the hole; within their range.

    Minimises the sum of (Laplacian)^2 + tension * (slope)^2 + glue * (error)^2 over a grid, the last one over a seam of
    known cells. Of use in holes only. All zeros where next to nothing is known.
    """
    height, width = known.shape
    rows, columns = max(height // _CELL_PX, 2), max(width // _CELL_PX, 2)
    share = cv2.resize(known.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    given = share > 0.6
    if not given.any():
        return np.zeros_like(values)
    cells = cv2.resize(values * known[..., None], (columns, rows), interpolation=cv2.INTER_AREA)
    flat = cells.reshape(rows * columns, -1) / np.maximum(share, 1e-3).reshape(-1, 1)
    reach = cv2.dilate((~given).astype(np.uint8), np.ones((2 * _SEAM + 1,) * 2)).ravel() > 0
    free, fixed, glued = np.flatnonzero(reach), np.flatnonzero(~reach), given.ravel()[reach].astype(np.float64)
    if len(free):
        slopes = sparse.kronsum(_squared_slope(columns), _squared_slope(rows), format="csr")
        energy = (slopes @ slopes + _TENSION * slopes).tocsr()[free]
        held = _GLUE * glued[:, None] * flat[free]
        solve = splu((energy[:, free] + sparse.diags(_GLUE * glued)).tocsc()).solve
        low, high = flat[given.ravel()].min(0), flat[given.ravel()].max(0)
        flat[free] = np.clip(solve(held - energy[:, fixed] @ flat[fixed].astype(np.float64)), low, high)
    smooth = cv2.resize(flat.reshape(rows, columns, -1), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(smooth, np.float32).reshape(values.shape)


def _squared_slope(count: int) -> Any:
    """(count, count) sparse quadratic form of the differences between neighbours on a line."""
    step: Any = sparse.eye(count - 1, count, k=1) - sparse.eye(count - 1, count)
    return (step.T @ step).tocsr()


def fill(
    rgb: U8,  # (H, W, 3)
    hole: Mask,  # (H, W) True = to be replaced
    *,
    coarse: F32 | None = None,  # (H, W, 3) smooth colours to use instead of the plate's
    detail_px: float = 6.0,
    fade_px: float = 80.0,
) -> U8:  # (H, W, 3)
    """The picture with the hole filled: smooth colour plus mirrored texture.

    detail_px: standard deviation of the blur that splits coarse from fine. fade_px: depth at which the mirrored
    texture has faded to 1/e. A picture that is all hole comes back unchanged.
    """
    if not hole.any() or hole.all():
        return rgb.copy()
    picture = rgb.astype(np.float32)
    if coarse is None:
        coarse = plate(picture, ~hole)
    fine = picture - cv2.GaussianBlur(np.where(hole[..., None], coarse, picture), (0, 0), detail_px)
    # Grain and foliage may repeat unnoticed, a mirrored outline may not: soft limit at twice the typical strength.
    limit = 2 * np.median(np.abs(fine[~hole]).mean(-1)) + 2
    fine = limit * np.tanh(fine / limit)

    depth, (near_y, near_x) = ndimage.distance_transform_edt(hole, return_indices=True)
    rows, columns = np.indices(hole.shape)
    mirror_y = np.clip(2 * near_y - rows, 0, hole.shape[0] - 1)
    mirror_x = np.clip(2 * near_x - columns, 0, hole.shape[1] - 1)
    blocked = hole[mirror_y, mirror_x]
    mirror_y, mirror_x = np.where(blocked, near_y, mirror_y), np.where(blocked, near_x, mirror_x)
    texture = fine[mirror_y, mirror_x] * np.exp(-depth / fade_px)[..., None]

    filled = np.clip(coarse + texture, 0, 255) + 0.5
    return np.where(hole[..., None], filled.astype(np.uint8), rgb)
