"""Where a smaller picture may have been set into this one: rectangles whose sides are steps that stay where they are.

A video in the corner of another, one tile of a call, a picture between bars or before a blurred copy of itself: each
ends in straight sides on which light or colour steps. What moves averages out, so that few other lines are as long.
Nothing of a mark enters here, and a search of the rectangles counts all of them.
"""

from __future__ import annotations

import cv2
import numpy as np

from tellmark.types import F32, F64
from tellmark.watermark.signal.pattern import I64
from tellmark.watermark.signal.spectrum import Part

_MOST = 6  # rectangles
_LINES = 16  # of each direction, whose pairs are tried
_APART_PX = 3  # of lines, and of one side at least of two rectangles
_SHORTEST_PX, _LARGEST = 48, 0.8  # side; share of the picture
_CHROMA_WEIGHT = 4  # of a step in Cb or Cr, beside one in Y
_AROUND_PX, _NOISE = 15, 0.2  # a step is compared with others beside it, and with code values that say nothing
_CLEAR = 3.0  # times as high as these: no step counts for more
_FRAME = 0.6  # what the frame's own border counts for, where 1 is a side that is clear all along
_ALL_SIDES = 0.3  # weight of the sides' sum, beside the faintest side


def insets(residual: F32) -> list[Part]:
    """The clearest rectangles, best first. residual: (3, h, w), the mean of many frames."""
    height, width = residual.shape[1:]
    across, down = _steps(residual), _steps(residual.transpose(0, 2, 1))
    top, bottom = (ends[:, None] for ends in _pairs(across))
    left, right = (ends[None, :] for ends in _pairs(down))
    sides = np.stack(
        [_mean(across, line, left, right) for line in (top, bottom)]
        + [_mean(down, line, top, bottom) for line in (left, right)]
    )
    clear = sides.min(axis=0) + _ALL_SIDES * sides.sum(axis=0)
    clear[(bottom - top) * (right - left) > _LARGEST * height * width] = -np.inf
    found: list[I64] = []
    for number in np.argsort(-clear, axis=None)[: 50 * _MOST]:
        row, column = np.unravel_index(number, clear.shape)
        one = np.array([top[row, 0], bottom[row, 0], left[0, column], right[0, column]])
        if np.isfinite(clear[row, column]) and all(np.abs(one - other).max() > _APART_PX for other in found):
            found.append(one)
        if len(found) == _MOST:
            break
    size = np.array([height, height, width, width])
    return [Part(*(float(share) for share in one / size)) for one in found]


def _steps(residual: F32) -> F32:
    """(h + 1, w): how clear the step before each row is, 0 to 1; the first and last are the frame's border."""
    steps = np.abs(np.diff(residual, axis=1))
    step = steps[0] + _CHROMA_WEIGHT * (steps[1] + steps[2])
    around = cv2.blur(step, (1, _AROUND_PX)) + np.float32(_NOISE)
    seen = np.clip((step / around - 1) / np.float32(_CLEAR - 1), 0, 1)
    wide: F32 = np.pad(cv2.dilate(seen, np.ones((3, 1), np.uint8)), ((1, 1), (0, 0)), constant_values=_FRAME)
    return wide


def _pairs(steps: F32) -> tuple[I64, I64]:
    """First and last row of what may lie between two lines: the border's, and those with the fullest stretch."""
    last = len(steps) - 1
    fullest = cv2.blur(steps, (_SHORTEST_PX, 3)).max(axis=1)  # of three rows, the middle one
    lines = [0, last]
    for row in np.argsort(-fullest):
        if all(abs(int(row) - other) > _APART_PX for other in lines):
            lines.append(int(row))
        if len(lines) == _LINES + 2:
            break
    first, second = np.array(sorted(lines))[np.stack(np.triu_indices(len(lines), 1))]
    wide = second - first >= _SHORTEST_PX
    return first[wide], second[wide]


def _mean(steps: F32, line: I64, first: I64, last: I64) -> F64:
    """Mean of a line of ``steps`` between two places, for all of them that broadcast together."""
    sums = np.pad(np.cumsum(steps, axis=1, dtype=np.float64), ((0, 0), (1, 0)))
    mean: F64 = (sums[line, last] - sums[line, first]) / (last - first)
    return mean
