"""The inner loop of :mod:`tellmark.generator.mesh.lids`: one eye under its lids, pixel by pixel.

Compiled once by numba and cached on disk; it releases the GIL.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tellmark.types import F32, U8

# All over the eye's width.
REACH = 0.85  # half length of a lid's edge with its tails beyond the corners
LASHES = 0.14  # height of the band in which dark detail counts as lashes
MET = 0.25  # of the opening, that the lower lid comes up to meet the upper one
LOWER_LID = 0.30  # height of the lower lid's skin that moves
_RIM = 0.05  # height below the lower lid's tracked edge where there may still be eye
_SEAM_HEIGHT = 0.09  # from where lids meet, in which skin is in their shade
_SEAM, _THROUGH_SKIN = 0.3, 0.5  # share of the light that is lost there, and of the rest that went through skin


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True, inline="always")  # type: ignore[untyped-decorator]
def _weights(f: np.float32) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """Catmull-Rom weights of the samples around a place ``f`` of the way from the second to the third."""
    half, one, two = np.float32(0.5), np.float32(1), np.float32(2)
    return (
        half * f * (f * (two - f) - one),
        half * (f * f * (np.float32(3) * f - np.float32(5)) + two),
        half * f * (f * (np.float32(4) - np.float32(3) * f) + one),
        half * f * f * (f - one),
    )


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True, inline="always")  # type: ignore[untyped-decorator]
def _sample(
    picture: F32,  # (h, w, 3)
    origin: F32,  # (2,) px
    along: F32,  # (2,)
    s: float,
    t: float,
) -> tuple[np.float32, np.float32, np.float32]:
    """Catmull-Rom interpolation at the local coordinates (s, t)."""
    height, width = picture.shape[:2]
    x = min(max(origin[0] + s * along[0] - t * along[1], 0.0), width - 1.001)
    y = min(max(origin[1] + s * along[1] + t * along[0], 0.0), height - 1.001)
    column, row = int(x), int(y)
    across, down = _weights(np.float32(x - column)), _weights(np.float32(y - row))
    red = green = blue = np.float32(0)
    x0, x1, x2, x3 = max(column - 1, 0), column, column + 1, min(column + 2, width - 1)
    for j in range(4):
        line, share = picture[min(max(row + j - 1, 0), height - 1)], down[j]
        red += share * (
            across[0] * line[x0, 0] + across[1] * line[x1, 0] + across[2] * line[x2, 0] + across[3] * line[x3, 0]
        )
        green += share * (
            across[0] * line[x0, 1] + across[1] * line[x1, 1] + across[2] * line[x2, 1] + across[3] * line[x3, 1]
        )
        blue += share * (
            across[0] * line[x0, 2] + across[1] * line[x1, 2] + across[2] * line[x2, 2] + across[3] * line[x3, 2]
        )
    return red, green, blue


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True, inline="always")  # type: ignore[untyped-decorator]
def _in_seam(seam: np.float32, colour: np.float32) -> np.float32:
    """What is left of light in the shade between shut lids. colour: a channel of the skin over its brightest one."""
    one = np.float32(1)
    return (one - np.float32(_SEAM) * seam) * (one - np.float32(_THROUGH_SKIN) * seam * (one - colour))


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)  # type: ignore[untyped-decorator]
def paint_eye(
    picture: F32,  # (h, w, 3) as in the portrait
    bare: F32,  # (h, w, 3) without upper lashes
    lashes: F32,  # (h, w, 3) the picture over that: dark in lashes
    eyeball: F32,  # (h, w, 3) without lids
    shade: F32,  # (h, w) in [0, 1] what the lids leave of its light
    reach: NDArray[np.bool_],  # (h, w) what lids and gaze may change
    out: U8,  # (h, w, 4) RGB is painted, where A is 255 and ``reach`` says so
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
    skin = np.empty(3, np.float32)
    last = len(upper) - 1
    under = LOWER_LID * width
    # Layers cut out and put back differ a little from the picture: let them come in with the motion.
    moved_px = np.hypot(gaze[0], gaze[1]) + abs(drop) * closing.max() + rise * 0.3 * (lower - upper).max()
    fresh = np.float32(min(moved_px / 1.5, 1.0))
    for y in range(height):
        for x in range(columns):
            if not reach[y, x] or out[y, x, 3] < 255:
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
            low = rest_low - opening * (MET * max(drop, 0.0) + 0.32 * rise * (1 - max(drop, 0.0)))
            fall = drop * (closing[k] + (closing[k + 1] - closing[k]) * part)
            up = rest_up + fall
            lift = rest_low - low
            shut = max(drop, 0.0) ** 2 * min(max((0.5 - abs(s) / width) / 0.15, 0.0), 1.0)
            covers = min(max(up - t + 0.5, 0.0), 1.0)  # the upper lid, over whatever is below it
            seen = 0.0
            if abs(s) <= 0.5 * width and covers < 1:
                # Where no lid is drawn on top, the one in the picture covers its share.
                seen = min(max(low - t + 0.5, 0.0), 1.0) * (1.0 if abs(fall) > 0.01 else 1 - covers)
            on_upper = abs(fall) > 0.01 and rest_up - lid < t and covers > 0
            on_lower = lift > 0.01 and low < t < low + under + lift
            if not (on_upper or on_lower or seen > 0):
                for channel in range(3):
                    out[y, x, channel] = np.uint8(picture[y, x, channel])
                continue
            if on_lower:
                from_t = t + (lift + min(lift, _RIM * width)) * (1 - (t - low) / (under + lift))
                seam = np.float32(shut * np.exp(-(t - low) / (_SEAM_HEIGHT * width)))
                skin[0], skin[1], skin[2] = _sample(picture, origin, along, s, from_t)
                light = max(skin[0], skin[1], skin[2], np.float32(1))
                for channel in range(3):
                    skin[channel] *= _in_seam(seam, skin[channel] / light)
            else:
                for channel in range(3):
                    skin[channel] = picture[y, x, channel]
            if seen > 0:
                # The eyeball, with the iris slid over it.
                away = np.hypot(s - iris[0] - gaze[0], t - iris[1] - gaze[1]) / radius
                slide = min(max((2.4 - away) / 1.3, 0.0), 1.0)
                slide = slide * slide * (3 - 2 * slide)
                other = _sample(eyeball, origin, along, s - gaze[0] * slide, t - gaze[1] * slide)
                shadow = np.float32(1 - 0.30 * max(drop, 0.0) * np.exp(-max(t - up, 0.0) / (0.06 * width)))
                # The lids' own shade stays with them wherever the eye looks.
                x0 = min(max(int(x - fall * -along[1] + 0.5), 0), columns - 1)
                y0 = min(max(int(y - fall * along[0] + 0.5), 0), height - 1)
                shadow *= shade[y0, x0]
                for channel in range(3):
                    skin[channel] += np.float32(seen) * (other[channel] * shadow - skin[channel])
            if on_upper:
                # Bare skin, stretched with slope 1 at the top so that the brow does not notice,
                # and what was taken off it, moved rigidly.
                run = (t - rest_up + lid) / (lid + fall)
                from_t = rest_up - lid + lid * (run + min(fall / lid, 0.9) * run * (1 - run) ** 2)
                other = _sample(bare, origin, along, s, from_t)
                high = min(max((rest_up - t + fall) / width / LASHES - 0.7, 0.0), 1.0)
                keep = np.float32(1 - 0.75 * max(drop, 0.0) * high)  # creases flatten as the lid stretches
                lash = _sample(lashes, origin, along, s, t - fall)
                seam = np.float32(shut * np.exp(min(t - up, 0.0) / (_SEAM_HEIGHT * width)))
                light = max(other[0], other[1], other[2], np.float32(1))
                for channel in range(3):
                    left = lash[channel] - 1
                    if left > 0:  # a light in the eye under a lid that is tracked too low does not come down with it
                        left *= 1 - max(drop, 0.0)
                    dark = _in_seam(seam, other[channel] / light) * (1 + keep * left)
                    skin[channel] += np.float32(covers) * (dark * other[channel] - skin[channel])
            for channel in range(3):
                value = picture[y, x, channel] + fresh * (skin[channel] - picture[y, x, channel])
                out[y, x, channel] = np.uint8(min(max(value + np.float32(0.5), np.float32(0)), np.float32(255)))
