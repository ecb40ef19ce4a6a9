"""The inner loops of the renderer: triangles to a backward map, and laying one layer over another.

Compiled once by numba and cached on disk; they release the GIL, so an encoder in another thread runs beside them.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tellmark.types import F32, F64, U8

_EDGE = 1e-5  # share of its size by which a triangle overlaps its neighbours, so that shared edges leave no gap


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def raster(
    vertices: F32,  # (N, 3) px in the frame; smaller z hides larger
    sources: F32,  # (N, 2) px in the texture
    triangles: NDArray[np.int32],  # (M, 3)
    map_x: F32,  # (H, W) out: texture x for each pixel
    map_y: F32,  # (H, W) out: texture y
    depth: F32,  # (H, W) in and out: z of what is drawn so far
) -> None:
    """Draw triangles by scanlines, interpolating texture coordinates linearly (affine texture mapping)."""
    height, width = depth.shape
    for index in range(triangles.shape[0]):
        a, b, c = triangles[index, 0], triangles[index, 1], triangles[index, 2]
        x0, y0 = np.float64(vertices[a, 0]), np.float64(vertices[a, 1])
        x1, y1 = np.float64(vertices[b, 0]), np.float64(vertices[b, 1])
        x2, y2 = np.float64(vertices[c, 0]), np.float64(vertices[c, 1])
        area = (y1 - y2) * (x0 - x2) + (x2 - x1) * (y0 - y2)
        if abs(area) < 1e-4:
            continue
        first = max(0, int(np.ceil(min(y0, y1, y2) - _EDGE)))
        last = min(height - 1, int(np.floor(max(y0, y1, y2) + _EDGE)))
        if first > last or max(x0, x1, x2) < 0 or min(x0, x1, x2) > width - 1:
            continue
        # Barycentric weights along a row: weight_k(x) = slope_k * x + start_k.
        slope0, slope1 = (y1 - y2) / area, (y2 - y0) / area
        slope2 = -slope0 - slope1
        rise0, rise1 = (x2 - x1) / area, (x0 - x2) / area
        inverse0, inverse1, inverse2 = 1 / slope0, 1 / slope1, 1 / slope2  # infinite where an edge is level
        step_u = np.float32(slope0 * sources[a, 0] + slope1 * sources[b, 0] + slope2 * sources[c, 0])
        step_v = np.float32(slope0 * sources[a, 1] + slope1 * sources[b, 1] + slope2 * sources[c, 1])
        step_z = np.float32(slope0 * vertices[a, 2] + slope1 * vertices[b, 2] + slope2 * vertices[c, 2])
        for y in range(first, last + 1):
            start0 = rise0 * (y - y2) - slope0 * x2
            start1 = rise1 * (y - y2) - slope1 * x2
            start2 = 1.0 - start0 - start1
            low, high = 0.0, width - 1.0
            for slope, inverse, start in (
                (slope0, inverse0, start0),
                (slope1, inverse1, start1),
                (slope2, inverse2, start2),
            ):
                if slope > 1e-12:
                    low = max(low, float((-_EDGE - start) * inverse))
                elif slope < -1e-12:
                    high = min(high, float((-_EDGE - start) * inverse))
                elif start < -_EDGE:
                    high = -1.0
            if high < low:
                continue
            # Unsigned, so that no index is looked at for being negative.
            begin, end, row = np.uint32(np.ceil(low)), np.uint32(np.floor(high)) + np.uint32(1), np.uint32(y)
            at = np.float64(begin)
            w0, w1, w2 = start0 + slope0 * at, start1 + slope1 * at, start2 + slope2 * at
            u = np.float32(w0 * sources[a, 0] + w1 * sources[b, 0] + w2 * sources[c, 0])
            v = np.float32(w0 * sources[a, 1] + w1 * sources[b, 1] + w2 * sources[c, 1])
            z = np.float32(w0 * vertices[a, 2] + w1 * vertices[b, 2] + w2 * vertices[c, 2])
            for x in range(begin, end):
                if z < depth[row, x]:
                    depth[row, x] = z
                    map_x[row, x] = u
                    map_y[row, x] = v
                u += step_u
                v += step_v
                z += step_z


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def over(
    layer: U8,  # (H, W, 4) premultiplied
    background: U8,  # (H, W, 3)
    out: U8,  # (H, W, 3)
) -> None:
    """``out = layer.rgb + (1 - layer.alpha) * background``, saturating (Porter & Duff 1984)."""
    height, width = out.shape[:2]
    for y in range(height):
        for x in range(width):
            if layer[y, x, 3] == 255:
                for channel in range(3):
                    out[y, x, channel] = layer[y, x, channel]
                continue
            rest = 255 - np.uint32(layer[y, x, 3])
            for channel in range(3):
                # Exact rounded division by 255 (Blinn 1995).
                product = rest * np.uint32(background[y, x, channel]) + np.uint32(128)
                value = np.uint32(layer[y, x, channel]) + ((product + (product >> np.uint32(8))) >> np.uint32(8))
                out[y, x, channel] = np.uint8(min(value, np.uint32(255)))


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def over_moved(
    layer: U8,  # (H, W, 4) premultiplied
    background: U8,  # (H, W, 3)
    place: F64,  # (2, 3) from a pixel of the frame to one of the background, which goes on with its edge
    out: U8,  # (H, W, 3)
) -> None:
    """:func:`over` a background that is fetched bilinearly, where something of it can be seen."""
    height, width = out.shape[:2]
    step_u, step_v = np.int64(place[0, 0] * 65536), np.int64(place[1, 0] * 65536)
    last_u, last_v = ((width - 1) << 16) - 1, ((height - 1) << 16) - 1
    for y in range(height):
        start_u = np.int64((place[0, 1] * y + place[0, 2]) * 65536)
        start_v = np.int64((place[1, 1] * y + place[1, 2]) * 65536)
        for x in range(width):
            if layer[y, x, 3] == 255:
                for channel in range(3):
                    out[y, x, channel] = layer[y, x, channel]
                continue
            u, v = min(max(int(start_u + step_u * x), 0), last_u), min(max(int(start_v + step_v * x), 0), last_v)
            column, row = np.uint32(u >> 16), np.uint32(v >> 16)
            right, below = np.uint32((u >> 8) & 255), np.uint32((v >> 8) & 255)
            left, above = np.uint32(256) - right, np.uint32(256) - below
            rest = np.uint32(255) - np.uint32(layer[y, x, 3])
            for channel in range(3):
                upper = left * np.uint32(background[row, column, channel])
                upper += right * np.uint32(background[row, column + np.uint32(1), channel])
                lower = left * np.uint32(background[row + np.uint32(1), column, channel])
                lower += right * np.uint32(background[row + np.uint32(1), column + np.uint32(1), channel])
                fetched = (above * upper + below * lower + np.uint32(32768)) >> np.uint32(16)
                product = rest * fetched + np.uint32(128)
                value = np.uint32(layer[y, x, channel]) + ((product + (product >> np.uint32(8))) >> np.uint32(8))
                out[y, x, channel] = np.uint8(min(value, np.uint32(255)))


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def mix(
    region: U8,  # (h, w, 3) in and out
    colour: F32,  # (h, w, 3) in [0, 255]
    alpha: F32,  # (h, w) in [0, 1]
) -> None:
    """Lay colour over a region of the frame."""
    height, width = alpha.shape
    for y in range(height):
        for x in range(width):
            share = alpha[y, x]
            if share > 0:
                for channel in range(3):
                    value = region[y, x, channel] * (1 - share) + colour[y, x, channel] * share + np.float32(0.5)
                    region[y, x, channel] = np.uint8(min(max(value, np.float32(0)), np.float32(255)))
