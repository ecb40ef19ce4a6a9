"""Filling holes in pictures: what lies behind the person, inside the eyelids and beyond the picture's border.

A hole is filled in two bands. The coarse one comes from push-pull interpolation (Gortler et al., "The Lumigraph",
1996): known pixels are averaged down a pyramid and the averages pulled back up into the hole. The fine one is the known
picture mirrored at the hole's edge, so that grain and texture carry on instead of turning to fog.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tellmark.types import F32, U8

Mask = NDArray[np.bool_]


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


def fill(
    rgb: U8,  # (H, W, 3)
    hole: Mask,  # (H, W) True = to be replaced
    *,
    coarse: F32 | None = None,  # (H, W, 3) smooth colours to use instead of push-pull's
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
        coarse = push_pull(picture, (~hole).astype(np.float32))
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
