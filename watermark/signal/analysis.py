"""From frames to residual maps: what is left of half a second of video once the picture is taken out.

The frames of a window are averaged (the mark stands still, noise and motion do not), brought to a short side of 256
pixels, and the predictable part of the picture is removed: low frequencies everywhere, and from the chroma planes
whatever a local linear fit on luma explains. Dividing by the local energy then keeps edges and texture from drowning
the flat regions where the mark can be read. In a crop the mark's waves are longer: filters come in two widths.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from tellmark.types import F32, U8
from tellmark.watermark.signal.pattern import CHANNELS

WINDOW_S = 0.5
KEYFRAME_S = 1.0  # between keyframes with windows of their own: codecs without prediction have nothing else
SIDE = 256  # short side of the maps, pixels
MAX_ASPECT = 4.0  # a longer picture is cut to this

FILTER_PX = {"y": 5, "cb": 33, "cr": 33}  # of the low-pass that is subtracted
ENERGY_PX = {"y": 5, "cb": 21, "cr": 21}  # where a window's energy is measured
ZOOMS = (1, 2)  # how many times wider the filters are
FLOOR = 0.5  # code values; energy below it is the noise of rounding and says nothing
POWER = 0.7  # of energy: between unit variance (0.5) and the matched filter for Gaussian noise (1)
_MEAN_ENERGY_PX = {"y": 9, "cb": 25, "cr": 25}  # the same for the mean of windows: wider, gentler, nearly no floor
_MEAN_FLOOR = 0.1
_MEAN_POWER = 0.6
_COUPLED_PX = 41  # where Cb and Cr are compared
_KEYFRAME_WEIGHT = 3  # of a keyframe in the mean, beside half seconds of other frames


Frame = tuple[float, U8, bool]  # time in seconds, I420 planes, whether the encoder coded it on its own


@dataclass(frozen=True, slots=True)
class Window:
    """Residuals of up to WINDOW_S seconds, or of one keyframe: (3, h, w) in the order of CHANNELS."""

    start_s: float
    end_s: float
    residual: F32
    keyframe: bool = False


def windows(frames: Iterable[Frame]) -> Iterator[Window]:
    """Group frames into windows of WINDOW_S, in one pass and constant memory.

    A keyframe makes a window of its own (KEYFRAME_S apart at least): the frames after it are predicted from it and hold
    less of the mark, or, where the picture moves, hold it in the wrong place. Times must not decrease; a change of
    shape starts a new window.
    """
    total: list[F32] = []
    count, slot, first, last, alone = 0, 0, 0.0, 0.0, False
    keyed = -np.inf

    def window(end_s: float) -> Window:
        return Window(first, end_s, residual([plane / count for plane in total]), alone)

    for time_s, i420, keyframe in frames:
        planes = small_planes(i420)
        keyframe = keyframe and time_s - keyed >= KEYFRAME_S
        if keyframe:
            keyed = time_s
        now = int(time_s / WINDOW_S + 1e-6)
        if count and (alone or keyframe or now != slot or planes[0].shape != total[0].shape):
            yield window(time_s)
            count = 0
        if count == 0:
            total = [plane.astype(np.float32) for plane in planes]
            slot, first, alone = now, time_s, keyframe
        else:
            for plane, sum_ in zip(planes, total, strict=True):
                cv2.accumulate(plane, sum_)
        count, last = count + 1, time_s
    if count:
        yield window(last + (last - first) / max(1, count - 1))


def small_planes(i420: U8) -> list[U8]:
    """The Y, Cb and Cr planes at the size of the maps."""
    height, width = i420.shape[0] * 2 // 3, i420.shape[1]
    scale = SIDE / min(height, width)
    cut_h, cut_w = (min(side, int(MAX_ASPECT * min(height, width))) // 2 * 2 for side in (height, width))
    size = (round(cut_w * scale), round(cut_h * scale))
    chroma = i420[height:].reshape(2, height // 2, width // 2)
    planes = (i420[:cut_h, :cut_w], chroma[0, : cut_h // 2, : cut_w // 2], chroma[1, : cut_h // 2, : cut_w // 2])
    return [_resized(plane, size) for plane in planes]


def _resized(plane: U8, size: tuple[int, int]) -> U8:
    shrinks = plane.shape[1] > size[0]
    resized: U8 = cv2.resize(plane, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return resized


def unexplained(planes: list[F32]) -> list[F32]:
    """Luma as it is, and of Cb and Cr what luma does not predict locally."""
    luma, *chroma = planes
    return [luma, *_unpredicted(chroma, luma)]


def residual(planes: list[F32]) -> F32:
    """(3, h, w) planes under the widest high-pass, chroma without what luma predicts of it."""
    return np.stack(
        [
            plane - blur(plane, _width(FILTER_PX[name], ZOOMS[-1]))
            for name, plane in zip(CHANNELS, unexplained(planes), strict=True)
        ]
    )


def flattened(residual: F32, zoom: int = 1) -> F32:
    """Residuals under the high-pass of ``zoom``, divided by a power of their local energy: (3, h, w)."""
    maps = residual.copy()
    for channel, plane in zip(CHANNELS, maps, strict=True):
        if zoom != ZOOMS[-1]:
            plane -= blur(plane, _width(FILTER_PX[channel], zoom))
        _flatten(plane, _width(ENERGY_PX[channel], zoom), FLOOR, POWER)
    return maps


def averaged(windows: Sequence[Window], zoom: int = 1) -> F32:
    """Mean of the flattened residuals of windows of one shape, flattened again: float32, (3, h, w).

    Keyframes count for more: they hold the mark best.

    What stands still in the picture adds up in the mean, what moves averages out, so that the mean is much noisier in
    some places than in others where its windows were not. At last each chroma plane is rid of what the other predicts
    of it: contours of the picture are in both, a mark is not. With the few long waves of a crop that takes too much.
    """
    total: F32 = np.zeros(windows[0].residual.shape, np.float32)
    for window in windows:
        total += flattened(window.residual, zoom) * np.float32(_KEYFRAME_WEIGHT if window.keyframe else 1)
    total /= sum(_KEYFRAME_WEIGHT if window.keyframe else 1 for window in windows)
    for channel, plane in zip(CHANNELS, total, strict=True):
        _flatten(plane, _width(_MEAN_ENERGY_PX[channel], zoom), _MEAN_FLOOR, _MEAN_POWER)
    if zoom == 1:
        _uncouple(total[1], total[2])
    return total


def coupling(cb: F32, cr: F32, width: int, noise: float) -> tuple[F32, F32]:
    """(h, w) each: how many times Cr is in Cb, and Cb in Cr, around every place, by least squares.

    width: px of the surround, odd. noise: variance that says nothing.
    """
    shared = blur(cb * cr, width)
    of_cr, of_cb = (shared / (blur(plane * plane, width) + np.float32(noise)) for plane in (cr, cb))
    return of_cr, of_cb


def _uncouple(cb: F32, cr: F32) -> None:
    cb_share, cr_share = coupling(cb, cr, _COUPLED_PX, 1e-6)
    before = cb.copy()
    cb -= cb_share * cr
    cr -= cr_share * before


def _flatten(plane: F32, width: int, floor: float, power: float) -> None:
    plane /= (blur(plane * plane, width) + np.float32(floor**2)) ** np.float32(power)


def _width(pixels: int, zoom: int) -> int:
    return zoom * (pixels - 1) + 1  # odd


def blur(plane: F32, width: int) -> F32:
    """Two box filters in a row: a smooth low-pass whose cost does not grow with its width."""
    blurred: F32 = cv2.blur(cv2.blur(plane, (width, width)), (width, width))
    return blurred


def _unpredicted(targets: Sequence[F32], guide: F32, width: int = 9, noise: float = 4.0) -> Iterator[F32]:
    """What the guided filter leaves of each target (He, Sun and Tang, PAMI 2013): locally the best a * guide + b."""

    def mean(plane: F32) -> F32:
        averaged: F32 = cv2.blur(plane, (width, width))
        return averaged

    mean_guide = mean(guide)
    spread = mean(guide * guide) - mean_guide * mean_guide + np.float32(noise)
    for target in targets:
        mean_target = mean(target)
        slope = (mean(guide * target) - mean_guide * mean_target) / spread
        yield target - (mean(slope) * guide + mean(mean_target - slope * mean_guide))
