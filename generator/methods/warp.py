"""What several methods share: a face drawn onto another's points, soft regions of a face, colours carried over."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark.generator.geometry.raster import raster
from tellmark.generator.types import SIZE
from tellmark.landmarks import FACE_OVAL, LEFT_BROW, LEFT_EYE, LIPS_INNER, NOSE, RIGHT_BROW, RIGHT_EYE, triangles
from tellmark.types import F32, F64, U8

STABLE = (*RIGHT_EYE, *LEFT_EYE, *NOSE, *RIGHT_BROW, *LEFT_BROW)  # points that speech moves little


@cache
def with_mouth() -> NDArray[np.int32]:
    """(N, 3) the triangles of the face and of the opening between the lips. The eyes stay open."""
    upper, lower = LIPS_INNER[:11], (LIPS_INNER[0], *LIPS_INNER[:9:-1])
    strip = [(upper[k], upper[k + 1], lower[k + 1]) for k in range(10)]
    strip += [(upper[k], lower[k], lower[k + 1]) for k in range(10)]
    return np.concatenate([triangles(), np.array(strip, np.int32)])


def draw(
    picture: U8,  # (512, 512, C)
    sources: F32,  # (478, 2+) px in ``picture``
    points: F32,  # (478, 3) px where they go
    mesh: NDArray[np.int32],  # (N, 3)
) -> tuple[U8, F32]:
    """The face of ``picture`` moved to ``points``, and its coverage: 1 where it was drawn, else 0 (and black)."""
    box = _box_of(points[:, :2], 2)
    shape = (box[0].stop - box[0].start, box[1].stop - box[1].start)
    map_x, map_y = (np.full(shape, -1, np.float32) for _ in range(2))
    depth = np.full(shape, np.inf, np.float32)
    moved = points - np.array([box[1].start, box[0].start, 0], np.float32)
    raster(
        np.ascontiguousarray(moved, np.float32),
        np.ascontiguousarray(sources[:, :2], np.float32),
        mesh,
        map_x,
        map_y,
        depth,
    )
    drawn, covered = np.zeros((SIZE, SIZE, picture.shape[2]), np.uint8), np.zeros((SIZE, SIZE), np.float32)
    covered[box] = np.isfinite(depth)
    fetched = cv2.remap(picture, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    drawn[box] = fetched * np.isfinite(depth)[..., None]
    return drawn, covered


def hull(points: F32, feather_px: float, grow_px: float = 0.0) -> F32:
    """(512, 512) in [0, 1]: the convex hull of (n, 2+) points, grown from its middle, its edge ``feather_px`` wide."""
    outline = cv2.convexHull(points[:, :2].astype(np.float32))[:, 0]
    away = outline - outline.mean(0)
    outline = outline + grow_px * away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-3)
    box = _box_of(outline, 1.5 * feather_px + 2)
    corner = np.array([box[1].start, box[0].start], np.float32)
    filled = np.zeros((box[0].stop - box[0].start, box[1].stop - box[1].start), np.uint8)
    cv2.fillConvexPoly(filled, np.rint((outline - corner) * 16).astype(np.int32), 255, cv2.LINE_AA, 4)
    region = np.zeros((SIZE, SIZE), np.float32)
    region[box] = soften(filled.astype(np.float32) / 255, feather_px)
    return region


def soften(region: F32, feather_px: float) -> F32:
    """The same with an edge ``feather_px`` wide."""
    sigma = max(feather_px, 0.3) / 2
    if sigma < 8:
        return np.asarray(cv2.GaussianBlur(region, (0, 0), sigma), np.float32)
    small = cv2.resize(region, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / 4)
    return np.asarray(cv2.resize(small, region.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def oval(track: F32) -> F32:
    """The face's outline, (36, 2+) px of one face."""
    return track[list(FACE_OVAL)]


def similarity(source: F32, goal: F32) -> F64:
    """(2, 3) least-squares similarity (Umeyama 1991) from (n, 2) points to others."""
    mean_source, mean_goal = source.mean(0), goal.mean(0)
    a, b = (source - mean_source).astype(np.float64), (goal - mean_goal).astype(np.float64)
    z = ((a[:, 0] - 1j * a[:, 1]) @ (b[:, 0] + 1j * b[:, 1])) / (a**2).sum()
    linear = np.array([[z.real, -z.imag], [z.imag, z.real]])
    return np.column_stack([linear, mean_goal - linear @ mean_source])


def place(matrix: F64, points: F32) -> F32:
    """Points (n, 3) through a similarity; depth is scaled along."""
    moved = points.astype(np.float64)
    scale = np.hypot(matrix[0, 0], matrix[1, 0])
    return np.column_stack([moved[:, :2] @ matrix[:, :2].T + matrix[:, 2], moved[:, 2] * scale]).astype(np.float32)


def blend(frame: U8, over: F32 | U8, weight: F32) -> U8:
    """``over`` laid on ``frame`` by (512, 512) weights; untouched, to the bit, where the weight is 0."""
    box = box_of(weight)
    below, share = frame[box].astype(np.float32), weight[box][..., None]
    result = frame.copy()
    result[box] = np.clip(np.rint(below + (over[box].astype(np.float32) - below) * share), 0, 255)
    return result


def as_mask(weight: F32) -> U8:
    """Weights in [0, 1] as a mask; whatever was touched at all is at least 1."""
    return np.asarray(np.where(weight > 1 / 512, np.maximum(np.rint(weight * 255), 1), 0), np.uint8)


def statistics(picture: U8, weight: F32) -> F64:
    """(2, 3) weighted mean and standard deviation of the colours, in Lab."""
    rows, columns = box_of(weight)
    every = (slice(rows.start, rows.stop, 2), slice(columns.start, columns.stop, 2))
    lab = cv2.cvtColor(np.ascontiguousarray(picture[every]), cv2.COLOR_RGB2LAB).reshape(-1, 3).astype(np.float64)
    share = weight[every].ravel().astype(np.float64)
    share /= max(float(share.sum()), 1e-6)
    mean = share @ lab
    return np.stack([mean, np.sqrt(share @ np.square(lab - mean)) + 1e-3])


def recolour(picture: U8, have: F64, want: F64, weight: F32, widest: tuple[float, float] = (0.6, 1.7)) -> U8:
    """Colour transfer by mean and deviation in Lab (Reinhard et al. 2001), within the box of ``weight``.

    The contrast changes within ``widest``.
    """
    box = box_of(weight)
    lab = cv2.cvtColor(np.ascontiguousarray(picture[box]), cv2.COLOR_RGB2LAB)
    gain = np.clip(want[1] / have[1], *widest)
    moved = np.clip(np.rint((np.arange(256)[:, None] - have[0]) * gain + want[0]), 0, 255).astype(np.uint8)  # (256, 3)
    result = picture.copy()
    result[box] = cv2.cvtColor(cv2.LUT(lab, moved[None]), cv2.COLOR_LAB2RGB)
    return result


def box_of(weight: F32) -> tuple[slice, slice]:
    """Rows and columns outside of which the weight is 0; one pixel where it is 0 throughout."""
    rows, columns = np.flatnonzero(weight.any(1)), np.flatnonzero(weight.any(0))
    if not len(rows):
        return slice(0, 1), slice(0, 1)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _box_of(points: F32, margin: float) -> tuple[slice, slice]:
    """Rows and columns of the frame around (n, 2) points; never empty."""
    low, high = np.floor(points.min(0) - margin), np.ceil(points.max(0) + margin) + 1
    x0, y0 = np.clip(low, 0, SIZE - 1).astype(int).tolist()
    x1, y1 = np.clip(high, 1, SIZE).astype(int).tolist()
    return slice(y0, max(y1, y0 + 1)), slice(x0, max(x1, x0 + 1))
