"""The inner loops of the point renderer: moving nodes, throwing points, resolving what fell on a pixel.

Every point throws a tent as wide as its surroundings are stretched (surface splatting, Zwicker et al. 2001). Where
surfaces lie over each other, nearer ones weigh exponentially more (softmax splatting, Niklaus & Liu 2020), so that one
pass over the points does without a sorted order.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tellmark.types import F32, U8

CHANNELS = 6  # of a heap: three colours and alpha, weighed by depth; the sum of those weights; the sum of all tents
_SINGLE = 1.3  # stretch up to which a tent of one pixel leaves no ripple worth a wider one
_HOLDS = 4.0  # px that skin parts by before what hangs between its sides begins to go, and until it is gone
_SURE = 0.75  # sum of tents from which on a pixel counts as covered


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def pose_nodes(
    rest: F32,  # (n, n, 3) px in the frame, depth away from the camera
    moved: F32,  # (n, n, 3) px that the expression adds
    share: F32,  # (n, n) in which a node goes with the head
    rotation: F32,  # (3, 3)
    pivot: F32,  # (3,)
    anchor: F32,  # (2,) where growing and shrinking hold
    shift: F32,  # (2,) px of the head
    scale: float,
    camera: float,  # px from the pivot
    sway: float,  # share of shift and scale that everything has
    contrast: float,  # of depth, per px
    out: F32,  # (n, n, 3) displacement in px, and the logarithm of the weight that depth gives
) -> None:
    """Turn, move and scale the nodes in perspective; unmoved ones keep their place whatever their depth."""
    for i in range(rest.shape[0]):
        for j in range(rest.shape[1]):
            x, y, z = rest[i, j, 0] - pivot[0], rest[i, j, 1] - pivot[1], rest[i, j, 2] - pivot[2]
            a, b, c = x + moved[i, j, 0], y + moved[i, j, 1], z + moved[i, j, 2]
            u = rotation[0, 0] * a + rotation[0, 1] * b + rotation[0, 2] * c
            v = rotation[1, 0] * a + rotation[1, 1] * b + rotation[1, 2] * c
            w = rotation[2, 0] * a + rotation[2, 1] * b + rotation[2, 2] * c
            near = (camera + z) / (camera + w)
            k = share[i, j]
            a += k * (u * near - a)
            b += k * (v * near - b)
            c += k * (w - c)
            k = sway + (1 - sway) * k
            size = 1 + (scale - 1) * k
            px = anchor[0] + (a + pivot[0] - anchor[0]) * size + k * shift[0]
            py = anchor[1] + (b + pivot[1] - anchor[1]) * size + k * shift[1]
            out[i, j, 0] = px - rest[i, j, 0]
            out[i, j, 1] = py - rest[i, j, 1]
            out[i, j, 2] = -contrast * c


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def splat(
    colours: F32,  # (WIDE, WIDE, 4) premultiplied, 0 to 255
    bends: F32,  # (WIDE, WIDE, 4) Laplacian of the colours
    present: U8,  # (WIDE, WIDE) 1 where there is a point
    below: F32,  # (WIDE, WIDE) share of ``parting``
    cells: NDArray[np.int32],  # (k, 2) row and column of the cells with points
    step: int,  # px of a cell's side
    margin: int,  # px of the layer before the frame begins
    nodes: F32,  # (n, n, 3) displacement and log weight
    parting: F32,  # (n, n, 2) displacement that ``below`` adds
    behind: float,  # log weight that ``below`` adds
    heap: F32,  # (H, W, CHANNELS) in and out
) -> None:
    """Throw all points of the cells at the frame."""
    height, width = heap.shape[:2]
    part = np.float32(1) / np.float32(step)
    one = np.float32(1)
    for index in range(cells.shape[0]):
        i, j = cells[index, 0], cells[index, 1]
        x00, x01, x10, x11 = nodes[i, j, 0], nodes[i, j + 1, 0], nodes[i + 1, j, 0], nodes[i + 1, j + 1, 0]
        y00, y01, y10, y11 = nodes[i, j, 1], nodes[i, j + 1, 1], nodes[i + 1, j, 1], nodes[i + 1, j + 1, 1]
        z00, z01, z10, z11 = nodes[i, j, 2], nodes[i, j + 1, 2], nodes[i + 1, j, 2], nodes[i + 1, j + 1, 2]
        p00, p01, p10, p11 = parting[i, j, 0], parting[i, j + 1, 0], parting[i + 1, j, 0], parting[i + 1, j + 1, 0]
        q00, q01, q10, q11 = parting[i, j, 1], parting[i, j + 1, 1], parting[i + 1, j, 1], parting[i + 1, j + 1, 1]
        parts = p00 != 0 or p01 != 0 or p10 != 0 or p11 != 0 or q00 != 0 or q01 != 0 or q10 != 0 or q11 != 0
        # How far this cell's points come to lie apart, across and down.
        half = np.float32(0.5) * part
        xu, xv = one + half * (x01 - x00 + x11 - x10), half * (x10 - x00 + x11 - x01)
        yu, yv = half * (y01 - y00 + y11 - y10), one + half * (y10 - y00 + y11 - y01)
        pu, pv = half * (p01 - p00 + p11 - p10), half * (p10 - p00 + p11 - p01)
        qu, qv = half * (q01 - q00 + q11 - q10), half * (q10 - q00 + q11 - q01)
        wide, tall, area = abs(xu) + abs(xv), abs(yu) + abs(yv), abs(xu * yv - xv * yu)
        for r in range(step):
            row = i * step + r
            t = r * part
            dx0, dy0, z0 = x00 + t * (x10 - x00), y00 + t * (y10 - y00), z00 + t * (z10 - z00)
            dx1, dy1, z1 = x01 + t * (x11 - x01), y01 + t * (y11 - y01), z01 + t * (z11 - z01)
            ex0, ey0 = p00 + t * (p10 - p00), q00 + t * (q10 - q00)
            ex1, ey1 = p01 + t * (p11 - p01), q01 + t * (q11 - q01)
            for s in range(step):
                column = j * step + s
                if present[row, column] == 0:
                    continue
                t = s * part
                x = np.float32(column - margin) + dx0 + t * (dx1 - dx0)
                y = np.float32(row - margin) + dy0 + t * (dy1 - dy0)
                log = z0 + t * (z1 - z0)
                across, down, spread = wide, tall, area
                held = one
                if parts:
                    lower = below[row, column]
                    ex, ey = ex0 + t * (ex1 - ex0), ey0 + t * (ey1 - ey0)
                    x += lower * ex
                    y += lower * ey
                    # Where skin parts, what hung between its two sides is on neither, and would be dots between them.
                    torn = np.float32(4) * lower * (one - lower) * (abs(ex) + abs(ey) - np.float32(_HOLDS))
                    held = one - min(max(torn / np.float32(_HOLDS), np.float32(0)), one)
                    if held <= 0:
                        continue
                    log += lower * np.float32(behind)
                    # The soft edge of a lid or lip must not hide what it is laid over.
                    log += np.log(colours[row, column, 3] / np.float32(255) + np.float32(0.01))
                    ru, rv, su, sv = xu + lower * pu, xv + lower * pv, yu + lower * qu, yv + lower * qv
                    across, down, spread = abs(ru) + abs(rv), abs(su) + abs(sv), abs(ru * sv - rv * su)
                if x < -2 or y < -2 or x > width + 1 or y > height + 1:
                    continue
                weight = np.exp(log)
                spread = max(spread, np.float32(0.04)) * held
                if across <= _SINGLE and down <= _SINGLE:
                    left, top = int(np.floor(x)), int(np.floor(y))
                    fx, fy = x - left, y - top
                    # A tent between pixels is a blur of this variance: undone to second order.
                    blur = np.float32(0.25) * (fx * (one - fx) + fy * (one - fy))
                    c0 = colours[row, column, 0] - blur * bends[row, column, 0]
                    c1 = colours[row, column, 1] - blur * bends[row, column, 1]
                    c2 = colours[row, column, 2] - blur * bends[row, column, 2]
                    c3 = colours[row, column, 3] - blur * bends[row, column, 3]
                    for v in range(2):
                        yy = top + v
                        if yy < 0 or yy >= height:
                            continue
                        ty = (fy if v == 1 else one - fy) * spread
                        for u in range(2):
                            xx = left + u
                            if xx < 0 or xx >= width:
                                continue
                            tent = ty * (fx if u == 1 else one - fx)
                            force = tent * weight
                            heap[yy, xx, 0] += force * c0
                            heap[yy, xx, 1] += force * c1
                            heap[yy, xx, 2] += force * c2
                            heap[yy, xx, 3] += force * c3
                            heap[yy, xx, 4] += force
                            heap[yy, xx, 5] += tent
                    continue
                reach_x, reach_y = min(max(across, one), np.float32(8)), min(max(down, one), np.float32(8))
                spread /= reach_x * reach_y
                for yy in range(max(0, int(np.ceil(y - reach_y))), min(height - 1, int(np.floor(y + reach_y))) + 1):
                    ty = (one - abs(yy - y) / reach_y) * spread
                    for xx in range(max(0, int(np.ceil(x - reach_x))), min(width - 1, int(np.floor(x + reach_x))) + 1):
                        tent = ty * (one - abs(xx - x) / reach_x)
                        force = tent * weight
                        heap[yy, xx, 0] += force * colours[row, column, 0]
                        heap[yy, xx, 1] += force * colours[row, column, 1]
                        heap[yy, xx, 2] += force * colours[row, column, 2]
                        heap[yy, xx, 3] += force * colours[row, column, 3]
                        heap[yy, xx, 4] += force
                        heap[yy, xx, 5] += tent


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def resolve(
    heap: F32,  # (H, W, CHANNELS) in; empty afterwards
    frame: U8,  # (H, W, 3) in: what lies behind; out: with the points over it
) -> None:
    """The points' weighted mean over what lies behind."""
    height, width = frame.shape[:2]
    for y in range(height):
        for x in range(width):
            tents, total = heap[y, x, 5], heap[y, x, 4]
            if tents == 0:
                continue
            if tents > np.float32(1e-3) and total > 0:
                share = min(tents / np.float32(_SURE), np.float32(1)) / total
                rest = np.float32(1) - min(max(heap[y, x, 3] * share / np.float32(255), np.float32(0)), np.float32(1))
                for k in range(3):
                    value = heap[y, x, k] * share + rest * np.float32(frame[y, x, k]) + np.float32(0.5)
                    frame[y, x, k] = np.uint8(min(max(value, np.float32(0)), np.float32(255)))
            for k in range(CHANNELS):
                heap[y, x, k] = 0


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def scatter(
    points: F32,  # (n, 3) px, depth away from the camera
    colours: F32,  # (n, 3) 0 to 255
    area: float,  # px squared that a point stands for
    contrast: float,  # of depth, per px
    heap: F32,  # (h, w, CHANNELS) in and out
) -> None:
    """Throw loose points, opaque ones, at a small picture."""
    height, width = heap.shape[:2]
    for index in range(points.shape[0]):
        x, y = points[index, 0], points[index, 1]
        left, top = int(np.floor(x)), int(np.floor(y))
        if left < 0 or top < 0 or left >= width - 1 or top >= height - 1:
            continue
        fx, fy = x - left, y - top
        weight = np.float32(np.exp(-contrast * points[index, 2]))
        for v in range(2):
            ty = np.float32(area) * (fy if v == 1 else np.float32(1) - fy)
            for u in range(2):
                tent = ty * (fx if u == 1 else np.float32(1) - fx)
                cell = heap[top + v, left + u]
                for k in range(3):
                    cell[k] += tent * weight * colours[index, k]
                cell[3] += tent * weight * np.float32(255)
                cell[4] += tent * weight
                cell[5] += tent
