"""What of a marked video lacks the mark, as a verdict tells it: half seconds, and regions of the picture.

Limits were set on persons for development, encoded from CRF 18 to 33 by four encoders. Intact half seconds reach .5 of
the mark or more, those spliced in .35 or less. But at CRF 33 a mark comes and goes, and half seconds are not judged;
nor are they where most do not hold alike. Neighbouring blocks that fall short by two deviations each sum up to 13 where
nothing was done, to 17 and more where a face was spliced in; at CRF 33 to 18 and 17.
"""

from __future__ import annotations

from itertools import chain, takewhile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark.media import VideoReader
from tellmark.types import F64, MissingEvidence
from tellmark.watermark.detect import MarkReading
from tellmark.watermark.localisation.collect import PART_S
from tellmark.watermark.localisation.localise import MarkMap, localise_planes

_GONE = 0.5  # of the mark: what a half second reaches is told below it
_SURE = 2.0  # standard deviations that it must lie below it
_ALIKE = (0.6, 1.6)  # of the usual: what most half seconds must reach for a low one to mean anything
_COARSE = 33.0  # from this CRF on an encoder may drop a mark here and there, and now and then
_SHORT = 2.0  # standard deviations by which a block falls short
_TOGETHER, _TOGETHER_COARSE = 16.0, 19.0  # the same, of neighbours that do, summed
_TELLING = 4.0  # strength of an untouched mark in a block where its absence would show
_LEAST_WINDOWS = 4  # half seconds that regions are looked for in
_WIDEN = (min, min, max, max)

Span = tuple[float, float, float]
Box = tuple[float, float, float, float]
Region = tuple[float, float, float, float, float, float]


def missing_in(path: Path | str, mark: MarkReading) -> MissingEvidence | None:
    """Where ``mark``, read in the video at ``path``, is missing; None where no payload was read.

    The sides of regions are those of the film as the mark was found in it: upright, or as stored.

    Encodes the video once more, in pieces. Frames after a change of size are left out.
    """
    if mark.payload is None or mark.geometry is None:
        return None
    with VideoReader(path, upright=mark.upright) as reader:
        planes = ((frame.time_s, frame.i420()) for frame in reader)
        first = next(planes)
        rest = takewhile(lambda frame: frame[1].shape == first[1].shape, planes)
        return missing(localise_planes(chain([first], rest), mark.payload, mark.geometry))


def missing(found: MarkMap) -> MissingEvidence:
    """What a map says, with limits set."""
    gone = found.reached + _SURE * found.uncertain < _GONE
    alike = (found.reached > _ALIKE[0]) & (found.reached < _ALIKE[1])
    timed = found.quality < _COARSE and bool(2 * alike.sum() >= (~gone).sum())
    gone &= timed
    judged = float(np.mean(found.strength(~gone) >= _TELLING)) if not gone.all() else 0.0
    return MissingEvidence(_spans(found, gone), _regions(found, ~gone), round(judged, 3), timed)


def _spans(found: MarkMap, gone: NDArray[np.bool_]) -> tuple[Span, ...]:
    """Runs of half seconds."""
    edges = np.flatnonzero(np.diff(gone, prepend=False, append=False)).reshape(-1, 2)
    ends = np.append(found.times_s[1:, 0], found.times_s[-1, 1])
    return tuple(
        (float(found.times_s[a, 0]), float(ends[b - 1]), round(float(max(0.0, found.reached[a:b].mean())), 3))
        for a, b in edges
    )


def _regions(found: MarkMap, used: NDArray[np.bool_]) -> tuple[Region, ...]:
    """Boxes around blocks that fall short together, part by part; one that goes on in the next part is told once."""
    part = (found.times_s[:, 0] / PART_S + 1e-6).astype(int)
    told: list[Region] = []
    least = _TOGETHER_COARSE if found.quality >= _COARSE else _TOGETHER
    for number in range(int(part.max()) + 1):
        windows = used & (part == number)
        if windows.sum() < _LEAST_WINDOWS:
            continue
        start_s, end_s = (
            round(float(at), 3) for at in (found.times_s[windows, 0].min(), found.times_s[windows, 1].max())
        )
        for box in _boxes(found.missing(windows), least):
            before = next((old for old in told if start_s - old[1] < 1.0 and _overlap(old[2:], box)), None)
            if before is None:
                told.append((start_s, end_s, *box))
                continue
            left, top, right, bottom = (
                side(*pair) for side, pair in zip(_WIDEN, zip(before[2:], box, strict=True), strict=True)
            )
            told[told.index(before)] = (before[0], end_s, left, top, right, bottom)
    return tuple(told)


def _boxes(lacking: F64, least: float) -> list[Box]:
    """(left, top, right, bottom) of neighbours that fall short together, as shares of the picture's width and height.

    lacking: (rows, columns) by how many deviations each block falls short. least: of these, summed over the neighbours.
    """
    rows, columns = lacking.shape
    count, label, stats, _ = cv2.connectedComponentsWithStats((lacking > _SHORT).astype(np.uint8), connectivity=4)
    kept = [stats[n] for n in range(1, count) if lacking[label == n].sum() >= least]
    return [
        (round(x / columns, 3), round(y / rows, 3), round((x + wide) / columns, 3), round((y + high) / rows, 3))
        for x, y, wide, high, _ in (map(float, each) for each in kept)
    ]


def _overlap(one: Box, other: Box) -> bool:
    return max(one[0], other[0]) < min(one[2], other[2]) and max(one[1], other[1]) < min(one[3], other[3])
