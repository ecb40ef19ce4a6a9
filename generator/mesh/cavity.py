"""What is seen through the lips' opening, pixel by pixel: teeth, and behind them tongue and throat in failing light.

All flesh in it is of one colour, and differs in light alone. The tongue rests on the jaw, its tip behind the lower
teeth, with a furrow along its middle: its front is lit, its back less, and what is between it and the upper teeth lies
in the dark. Where a jaw opens further than the tongue is high, the throat is seen behind it, darker still. Lips cast a
soft shade, the upper one most, for light comes from above.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tellmark.generator.mesh.teeth import HALF_MM, TALL_MM
from tellmark.types import F32

_TONGUE_MM = 23.0  # half width of the tongue at rest between the teeth
_FILLS = 0.88  # of its half width, that the lips show at most: beside it is the cheek, and not the dark
_ARCHED = 0.42  # of its height above the lower teeth, that it falls off to its sides
_OVER_MM, _HIGH_MM = 2.5, 7.5  # of its height above the lower teeth: least and most
_BACK, _BEHIND = 0.72, 0.30  # of the light, that the tongue's back has and what is behind it
_EDGE_MM = 3.0  # over which one goes over into the other
_THROAT, _THROAT_MM = 0.14, (15.0, 5.5)  # of the light in the middle of the throat, and the half axes of its oval
_ROOM_MM = 6.0  # between tongue and upper teeth, that shows all of it
_FURROW, _FURROW_MM = 0.14, 2.6  # of the light, that the tongue's furrow takes, and its half width
_ROUGH, _GRAIN_MM = 0.03, (1.6, 1.1)  # how much the tongue's light varies (spread), and how far apart its grains are
_GRAIN = np.random.default_rng(5).standard_normal((32, 32)).astype(np.float32)  # the same in every mouth
_LIP, _LIP_MM = 0.60, 3.5  # of the light under the upper lip's edge, and how far its shade reaches
_FLOOR, _FLOOR_MM = 0.92, 1.6  # the same above the lower lip's


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def paint(
    out: F32, mask: F32, to_mm: F32, to_rest: F32, upper: F32, lower: F32, own: F32, scale: float, show_mm: float,
    drop_mm: float, raised: float, flesh: F32, red: F32, mm_per_px: float, unshaded: float, own_light: float,
    least: float, full_mm: float,
) -> None:  # fmt: skip
    """Fill ``out`` (h, w, 3) with the interior as seen through ``mask``.

    to_mm, to_rest: (2, 3) from pixels to mm of the skull's mouth frame, and to the portrait. show_mm, drop_mm: how far
    below that frame's origin upper and lower teeth have their edges. raised: of the way between these, how far up the
    tongue reaches. flesh: (3,) RGB in full light. red: (3,) exponents of the light by channel. least, full_mm: as of
    ``between_lips``.
    """
    height, width = mask.shape
    colour, lit = np.empty(3, np.float32), np.empty(3, np.float32)
    has_own = own.shape[0] > 1
    first, last = width, 0
    for x in range(width):
        for y in range(height):
            if mask[y, x] > 0.5:
                first, last = min(first, x), max(last, x)
    half = max(0.5 * (last - first), 1.0)
    fills = min(half * mm_per_px / _TONGUE_MM, _FILLS)
    between = max(drop_mm - show_mm, 0.0)
    high = _OVER_MM + raised * between
    high /= (1 + (high / _HIGH_MM) ** 6) ** (1 / 6)  # jaws open further than tongues are high
    throat = (_BEHIND - _THROAT) * _smooth((between - high) / _ROOM_MM)
    for x in range(width):
        top, bottom = _ends(mask, x)
        across = min(abs((x - 0.5 * (first + last)) / half), 1.0)
        corner = 1 - 0.35 * across**3
        air = least + (1 - least) * min((bottom - top) * mm_per_px / full_mm, 1.0)  # light that gets in
        tall = high * (1 - _ARCHED * (across * fills) ** 2)
        for y in range(height):
            if mask[y, x] <= 0:
                continue
            u = to_mm[0, 0] * x + to_mm[0, 1] * y + to_mm[0, 2]
            v = to_mm[1, 0] * x + to_mm[1, 1] * y + to_mm[1, 2]
            lip = _LIP + (1 - _LIP) * _smooth((y - top) * mm_per_px / _LIP_MM)
            floor = _FLOOR + (1 - _FLOOR) * min(max(bottom - y, 0.0) * mm_per_px / _FLOOR_MM, 1.0)
            light = 1.12 * corner * air * lip * floor * unshaded
            low = v - drop_mm
            rise = low + tall  # mm from the tongue's outline towards its tip
            relief = 1 - _FURROW * _bump((u / _FURROW_MM) ** 2) * _smooth(-low / 4.0)
            relief += _ROUGH * _grain(u / _GRAIN_MM[0], low / _GRAIN_MM[1])
            tongue = (_BACK + (1 - _BACK) * _smooth(rise / max(tall, 3.0))) * relief
            behind = _BEHIND - throat * _bump((u / _THROAT_MM[0]) ** 2 + ((low + high + 0.5) / _THROAT_MM[1]) ** 2)
            shade = behind + (tongue - behind) * _smooth(rise / _EDGE_MM)
            for k in range(3):
                colour[k] = flesh[k] * np.float32((light * shade) ** red[k])
                lit[k] = np.float32(light ** red[k])
            _lay(lower, (u + HALF_MM) * scale - 0.5, low * scale - 0.5, colour, lit)
            if has_own:
                ox = to_rest[0, 0] * x + to_rest[0, 1] * y + to_rest[0, 2]
                oy = to_rest[1, 0] * x + to_rest[1, 1] * y + to_rest[1, 2]
                for k in range(3):
                    lit[k] = np.float32((own_light * (0.6 + 0.4 * lip)) ** red[k])
                _lay(own, ox, oy, colour, lit)
            else:
                _lay(upper, (u + HALF_MM) * scale - 0.5, (v - show_mm + TALL_MM) * scale - 0.5, colour, lit)
            for k in range(3):
                out[y, x, k] = colour[k]


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _ends(mask: F32, x: int) -> tuple[float, float]:
    """Where the mask passes one half from above and from below, in a column; the middle of it where it never does."""
    height = mask.shape[0]
    top, bottom = height, -1
    for y in range(height):
        if mask[y, x] > 0.5:
            top, bottom = min(top, y), y
    if bottom < 0:
        return 0.5 * height, 0.5 * height
    first, last = float(top), float(bottom)
    if top > 0:  # between pixels: a step of a whole one would be seen
        first -= (mask[top, x] - 0.5) / (mask[top, x] - mask[top - 1, x])
    if bottom < height - 1:
        last += (mask[bottom, x] - 0.5) / (mask[bottom, x] - mask[bottom + 1, x])
    return first, last


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _smooth(x: float) -> float:
    t = min(max(x, 0.0), 1.0)
    return t * t * (3 - 2 * t)


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _bump(squared: float) -> float:
    """1 in the middle, 0 from a distance of 1 on, given the square of it."""
    t = max(1 - squared, 0.0)
    return t * t


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _grain(x: float, y: float) -> float:
    """Smooth noise: ``_GRAIN`` in steps of one, which repeats itself out of sight."""
    column, row = int(np.floor(x)), int(np.floor(y))
    fx, fy = _smooth(x - column), _smooth(y - row)
    above = _GRAIN[row % 32, column % 32] * (1 - fx) + _GRAIN[row % 32, (column + 1) % 32] * fx
    below = _GRAIN[(row + 1) % 32, column % 32] * (1 - fx) + _GRAIN[(row + 1) % 32, (column + 1) % 32] * fx
    return float(above * (1 - fy) + below * fy)


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _lay(sprite: F32, x: float, y: float, colour: F32, light: F32) -> None:
    """Bilinear sample of a premultiplied sprite in a ``light`` (3,), laid over ``colour`` (3,)."""
    height, width = sprite.shape[:2]
    if x <= -1 or y <= -1 or x >= width or y >= height:
        return
    column, row = int(np.floor(x)), int(np.floor(y))
    fx, fy = np.float32(x - column), np.float32(y - row)
    alpha = np.float32(0)
    red, green, blue = np.float32(0), np.float32(0), np.float32(0)
    for j in range(2):  # there is nothing beyond the sprite, and its edge is no step
        for i in range(2):
            if 0 <= row + j < height and 0 <= column + i < width:
                weight = (fx if i else 1 - fx) * (fy if j else 1 - fy)
                sample = sprite[row + j, column + i]
                alpha += weight * sample[3]
                red += weight * sample[0]
                green += weight * sample[1]
                blue += weight * sample[2]
    colour[0] = colour[0] * (1 - alpha) + red * light[0]
    colour[1] = colour[1] * (1 - alpha) + green * light[1]
    colour[2] = colour[2] * (1 - alpha) + blue * light[2]
