"""What of a marked video lacks the mark, as a verdict tells it: half seconds, and regions of the picture.

Limits were set on persons for development, encoded from CRF 18 to 33 by four encoders. Half seconds of 48 intact
encodings reach .6 of the mark or more; spliced ones .3 or less at CRF 23, and more at lower qualities or before a still
wall, which an encoder repeats. A block and its neighbours fall short by up to 5.3 deviations together where nothing was
done, by 5.5 or more where a face was spliced in.
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
_SHORT = 5.5  # standard deviations by which a block and its neighbours fall short
_WITHIN = 0.4  # of the shortest block: what blocks around it fall short by that belong to it
_TELLING = 4.0  # strength of an untouched mark in a block where its absence would show
_LEAST_WINDOWS = 4  # half seconds that others are compared with, and that regions are looked for in
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
        planes = ((frame.time_s, ~frame.i420() if mark.geometry.negative else frame.i420()) for frame in reader)
        first = next(planes)
        rest = takewhile(lambda frame: frame[1].shape == first[1].shape, planes)
        return missing(localise_planes(chain([first], rest), mark.payload, mark.geometry))


def missing(found: MarkMap) -> MissingEvidence:
    """What a map says, with limits set."""
    gone = found.reached + _SURE * found.uncertain < _GONE
    alike = (found.reached > _ALIKE[0]) & (found.reached < _ALIKE[1])
    timed = len(gone) >= _LEAST_WINDOWS and bool(2 * alike.sum() >= (~gone).sum())
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
    for number in range(int(part.max()) + 1):
        windows = used & (part == number)
        if windows.sum() < _LEAST_WINDOWS:
            continue
        start_s, end_s = (
            round(float(at), 3) for at in (found.times_s[windows, 0].min(), found.times_s[windows, 1].max())
        )
        for box in _boxes(found.missing(windows)):
            before = next((old for old in told if start_s - old[1] < 1.0 and _overlap(old[2:], box)), None)
            if before is None:
                told.append((start_s, end_s, *box))
                continue
            left, top, right, bottom = (
                side(*pair) for side, pair in zip(_WIDEN, zip(before[2:], box, strict=True), strict=True)
            )
            told[told.index(before)] = (before[0], end_s, left, top, right, bottom)
    return tuple(told)


def _boxes(lacking: F64) -> list[Box]:
    """(left, top, right, bottom) of blocks that fall short together, as shares of the picture's width and height.

    lacking: (rows, columns) by how many deviations each block falls short, with its neighbours.
    """
    rows, columns = lacking.shape
    remaining, boxes = lacking.copy(), []
    while remaining.max() >= _SHORT:
        short = (remaining >= _WITHIN * remaining.max()).astype(np.uint8)
        _, label, stats, _ = cv2.connectedComponentsWithStats(short, connectivity=4)
        own = label[np.unravel_index(remaining.argmax(), remaining.shape)]
        x, y, wide, high, _ = map(float, stats[own])
        left, top, right, bottom = x / columns, y / rows, (x + wide) / columns, (y + high) / rows
        boxes.append((round(left, 3), round(top, 3), round(right, 3), round(bottom, 3)))
        beside = cv2.dilate((label == own).astype(np.uint8), np.ones((3, 3), np.uint8))
        remaining[beside > 0] = 0.0  # which falls short for its sake
    return boxes


def _overlap(one: Box, other: Box) -> bool:
    return max(one[0], other[0]) < min(one[2], other[2]) and max(one[1], other[1]) < min(one[3], other[3])
