"""The inner loop of :mod:`tellmark.generator.mesh.lids`: one eye under its lids, pixel by pixel.

Compiled once by numba and cached on disk; it releases the GIL.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tellmark.types import F32, F64, U8

# All over the eye's width.
REACH = 0.85  # half length of a lid's edge with its tails beyond the corners
LASHES = 0.14  # height of the band in which dark detail counts as lashes
LOWER_LID = 0.30  # height of the lower lid's skin that moves


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _weights(fraction: float, weights: F64) -> None:
    """Catmull-Rom weights (4,) of the samples around a place ``fraction`` of the way from the second to the third."""
    for tap in range(4):
        d = abs(tap - 1 - fraction)
        weights[tap] = 1.5 * d**3 - 2.5 * d**2 + 1 if d <= 1 else -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _sample(
    picture: F32,  # (h, w, 3)
    origin: F32,  # (2,) px
    along: F32,  # (2,)
    s: float,
    t: float,
    weights: F64,  # (2, 4) room to work in
    colour: F32,  # (3,) out
) -> None:
    """Catmull-Rom interpolation at the local coordinates (s, t)."""
    height, width = picture.shape[:2]
    x = min(max(origin[0] + s * along[0] - t * along[1], 0.0), width - 1.001)
    y = min(max(origin[1] + s * along[1] + t * along[0], 0.0), height - 1.001)
    column, row = int(x), int(y)
    _weights(x - column, weights[0])
    _weights(y - row, weights[1])
    for channel in range(3):
        colour[channel] = 0
    for j in range(4):
        yy = min(max(row + j - 1, 0), height - 1)
        for i in range(4):
            xx = min(max(column + i - 1, 0), width - 1)
            share = np.float32(weights[0, i] * weights[1, j])
            for channel in range(3):
                colour[channel] += share * picture[yy, xx, channel]


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def paint_eye(
    picture: F32,  # (h, w, 3) as in the portrait
    bare: F32,  # (h, w, 3) without upper lashes
    lashes: F32,  # (h, w, 3) what the picture has beyond that
    eyeball: F32,  # (h, w, 3) without lids
    out: U8,  # (h, w, 4) RGB is painted, where A is 255
    origin: F32,  # (2,) px
    along: F32,  # (2,) unit vector
    width: float,
    upper: F32,  # (n,) t of the upper lid's edge, s from -REACH to REACH widths; the same for the next two
    lower: F32,
    closing: F32,
    lid: float,
    iris: F32,  # (2,) local coordinates of the iris centre
    radius: float,
    gaze: F32,  # (2,) shift of the iris
    drop: float,
    rise: float,
) -> None:
    """Fill ``out`` with the eye; see :func:`tellmark.generator.mesh.lids.draw_eye`. Lengths are px."""
    height, columns = out.shape[:2]
    weights = np.empty((2, 4))
    skin = np.empty(3, np.float32)
    other = np.empty(3, np.float32)
    last = len(upper) - 1
    under = LOWER_LID * width
    # Layers cut out and put back differ a little from the picture: let them come in with the motion.
    moved_px = np.hypot(gaze[0], gaze[1]) + abs(drop) * closing.max() + rise * 0.3 * (lower - upper).max()
    fresh = np.float32(min(moved_px / 1.5, 1.0))
    for y in range(height):
        for x in range(columns):
            if out[y, x, 3] < 255:
                continue
            dx, dy = x - origin[0], y - origin[1]
            s = dx * along[0] + dy * along[1]
            t = -dx * along[1] + dy * along[0]
            place = min(max((s / (REACH * width) + 1) * 0.5 * last, 0.0), float(last))
            k = min(int(place), last - 1)
            part = place - k
            rest_up = upper[k] + (upper[k + 1] - upper[k]) * part
            rest_low = lower[k] + (lower[k + 1] - lower[k]) * part
            opening = rest_low - rest_up
            low = rest_low - opening * (0.10 * max(drop, 0.0) + 0.32 * rise * (1 - max(drop, 0.0)))
            fall = drop * (closing[k] + (closing[k + 1] - closing[k]) * part)
            up = rest_up + fall
            lift = rest_low - low
            seen = 0.0
            if abs(s) <= 0.5 * width:
                seen = min(max(t - up + 0.5, 0.0), 1.0) * min(max(low - t + 0.5, 0.0), 1.0)
            on_upper = abs(fall) > 0.01 and rest_up - lid < t < up
            on_lower = lift > 0.01 and low < t < low + under + lift
            if not (on_upper or on_lower or seen > 0):
                for channel in range(3):
                    out[y, x, channel] = np.uint8(picture[y, x, channel])
                continue
            if on_upper:
                # Bare skin, stretched with slope 1 at the top so that the brow does not notice,
                # and what was taken off it, moved rigidly.
                run = (t - rest_up + lid) / (lid + fall)
                from_t = rest_up - lid + lid * (run + min(fall / lid, 0.9) * run * (1 - run) ** 2)
                _sample(bare, origin, along, s, from_t, weights, skin)
                high = min(max((rest_up - t + fall) / width / LASHES - 0.7, 0.0), 1.0)
                keep = np.float32(1 - 0.75 * max(drop, 0.0) * high)  # creases flatten as the lid stretches
                _sample(lashes, origin, along, s, t - fall, weights, other)
                for channel in range(3):
                    skin[channel] += keep * other[channel]
            elif on_lower:
                _sample(picture, origin, along, s, t + lift * (1 - (t - low) / (under + lift)), weights, skin)
            else:
                for channel in range(3):
                    skin[channel] = picture[y, x, channel]
            if seen > 0:
                # The eyeball, with the iris slid over it.
                away = np.hypot(s - iris[0] - gaze[0], t - iris[1] - gaze[1]) / radius
                slide = min(max((2.4 - away) / 1.3, 0.0), 1.0)
                slide = slide * slide * (3 - 2 * slide)
                _sample(eyeball, origin, along, s - gaze[0] * slide, t - gaze[1] * slide, weights, other)
                shadow = np.float32(1 - 0.30 * max(drop, 0.0) * np.exp(-max(t - up, 0.0) / (0.06 * width)))
                for channel in range(3):
                    skin[channel] += np.float32(seen) * (other[channel] * shadow - skin[channel])
            for channel in range(3):
                value = picture[y, x, channel] + fresh * (skin[channel] - picture[y, x, channel])
                out[y, x, channel] = np.uint8(min(max(value + np.float32(0.5), np.float32(0)), np.float32(255)))
