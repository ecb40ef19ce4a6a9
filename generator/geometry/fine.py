"""A layer at twice its size: fetched from it bilinearly, a moved picture is as sharp as by cubic interpolation.

Every other sample is the layer's own, so that what does not move stays as it is; those between are halfway values of
the cubic convolution with a = -3/4 (Keys 1981), computed once instead of at every pixel of every frame.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tellmark.types import U8


def doubled(layer: U8) -> U8:
    """(2 H, 2 W, 4): sample (y, x) of the layer (H, W, 4) is at (2 y, 2 x)."""
    height, width = layer.shape[:2]
    fine = np.empty((2 * height, 2 * width, 4), np.uint8)
    double(layer, fine, 0, height, 0, width)
    return fine


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def double(
    layer: U8,  # (H, W, 4)
    fine: U8,  # (2 H, 2 W, 4) in and out
    top: int,
    bottom: int,
    left: int,
    right: int,
) -> None:
    """Bring ``fine`` up to date where rows ``top`` to ``bottom`` and columns ``left`` to ``right`` have changed."""
    height, width = layer.shape[:2]
    top, left = max(top - 2, 0), max(left - 2, 0)
    bottom, right = min(bottom + 2, height), min(right + 2, width)
    count = 4 * (right - left)
    row = np.empty(count + 12, np.int32)
    across = np.empty((4, count), np.int32)  # halfway along x, of the rows from y - 1 to y + 2
    made = np.empty((4, count), np.uint8)  # even and odd samples of the even row, and of the odd one
    lines = layer.reshape(height, 4 * width)
    samples, fine_pixels = made.view(np.uint32), fine.reshape(2 * height, 8 * width).view(np.uint32)
    for y in range(top - 1, bottom + 2):
        source = lines[min(max(y, 0), height - 1)]
        for x in range(-1, right - left + 2):
            at = 4 * min(max(left + x, 0), width - 1)
            row[4 * x + 4 : 4 * x + 8] = source[at : at + 4]
        newest = across[(y + 4) & 3]
        for i in range(count):
            newest[i] = 19 * (row[i + 4] + row[i + 8]) - 3 * (row[i] + row[i + 12])
        middle = y - 2  # of the four rows that are known
        if middle < top:
            continue
        a, b = lines[max(middle - 1, 0), 4 * left : 4 * right], lines[middle, 4 * left : 4 * right]
        c = lines[min(middle + 1, height - 1), 4 * left : 4 * right]
        d = lines[min(middle + 2, height - 1), 4 * left : 4 * right]
        p, q, r, s = across[(middle + 3) & 3], across[middle & 3], across[(middle + 1) & 3], across[(middle + 2) & 3]
        for i in range(count):
            down = 19 * (np.int32(b[i]) + np.int32(c[i])) - 3 * (np.int32(a[i]) + np.int32(d[i]))
            both = 19 * (q[i] + r[i]) - 3 * (p[i] + s[i])
            made[0, i] = b[i]
            made[1, i] = np.uint8(min(max((q[i] + 16) >> 5, 0), 255))
            made[2, i] = np.uint8(min(max(int(down + 16) >> 5, 0), 255))
            made[3, i] = np.uint8(min(max((both + 512) >> 10, 0), 255))
        for odd in range(2):
            line, even, between = fine_pixels[2 * middle + odd], samples[2 * odd], samples[2 * odd + 1]
            for x in range(right - left):
                line[2 * (left + x)], line[2 * (left + x) + 1] = even[x], between[x]
