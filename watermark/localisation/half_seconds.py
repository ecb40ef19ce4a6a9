"""Half seconds of a video as maps of what is left once the picture is out, and sums over the blocks of such maps."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from tellmark.types import F32, F64, U8
from tellmark.watermark.signal.analysis import (
    ENERGY_PX,
    FILTER_PX,
    FLOOR,
    POWER,
    WINDOW_S,
    blur,
    coupling,
    small_planes,
    unexplained,
)
from tellmark.watermark.signal.pattern import CHANNELS

_COUPLED_PX = 21  # where Cb and Cr are compared


def means(frames: Iterable[tuple[float, U8]]) -> tuple[F64, F32]:
    """I420 frames of one size and their times -> times (windows, 2), mean planes (windows, 3, h, w).

    Raises ValueError without frames.
    """
    times: list[list[float]] = []
    sums: list[F32] = []
    counts: list[int] = []
    slot = -1
    for time_s, i420 in frames:
        planes = small_planes(i420)
        if int(time_s / WINDOW_S + 1e-6) != slot:
            slot = int(time_s / WINDOW_S + 1e-6)
            times.append([time_s, time_s])
            sums.append(np.zeros((3, *planes[0].shape), np.float32))
            counts.append(0)
        times[-1][1] = time_s
        counts[-1] += 1
        for plane, total in zip(planes, sums[-1], strict=True):
            cv2.accumulate(plane, total)
    if not times:
        raise ValueError("no frames to look at")
    return np.array(times), np.stack([planes / count for planes, count in zip(sums, counts, strict=True)])


def details(means: F32) -> F32:
    """(windows, 3, h, w): planes under the high-pass, chroma without what luma predicts of it."""
    return np.stack(
        [
            [plane - blur(plane, FILTER_PX[name]) for name, plane in zip(CHANNELS, unexplained(planes), strict=True)]
            for planes in means
        ]
    )


def uncoupled(maps: F32, picture: F32) -> F32:
    """Maps, each chroma plane without what the other says of it in the details of the picture: (windows, 3, h, w).

    Contours and shine are in both, a mark is not.
    """
    apart = maps.copy()
    for out, (_, cb, cr), (_, seen_cb, seen_cr) in zip(apart, maps, picture, strict=True):
        of_cr, of_cb = coupling(seen_cb, seen_cr, _COUPLED_PX, FLOOR**2)
        out[1] -= of_cr * cr
        out[2] -= of_cb * cb
    return apart


def weights(details: F32) -> F32:
    """(windows, 3, h, w): what evens details out, a power of their local energy."""
    energies = [
        [blur(plane * plane, ENERGY_PX[name]) for name, plane in zip(CHANNELS, planes, strict=True)]
        for planes in details
    ]
    evening: F32 = (np.array(energies, np.float32) + np.float32(FLOOR**2)) ** np.float32(-POWER)
    return evening


def blocks(maps: F32, rows: int, columns: int) -> F64:
    """(..., h, w) -> (..., rows, columns): sums over the blocks."""
    edges = [
        np.rint(np.linspace(0, side, count + 1)).astype(int)[:-1]
        for side, count in zip(maps.shape[-2:], (rows, columns), strict=True)
    ]
    summed: F64 = np.add.reduceat(np.add.reduceat(maps.astype(np.float64), edges[0], axis=-2), edges[1], axis=-1)
    return summed
