"""Looks for a mark in frames, a file or a picture, and reads it.

The video is taken in blocks of ``BLOCK_S`` in one pass and constant memory. Each block is searched, first as it is,
then under common crops, then (``thorough``) in other shapes and under a grid of scales, rotations and mirroring; the
chance of error is shared out among these stages. Once a payload has been read, the windows of half a second that fit it
are the segments, and later blocks are compared with it before anything is searched again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tellmark.media import VideoReader, rgb_to_i420
from tellmark.types import U8
from tellmark.watermark.signal.analysis import Frame, Window, windows
from tellmark.watermark.signal.block import P_PRESENT, SMALLEST_P, BlockReading, Segment, carries, read_block
from tellmark.watermark.signal.known import KnownPayloads
from tellmark.watermark.signal.pattern import PUBLIC_KEY, WatermarkKey
from tellmark.watermark.signal.payload import Payload
from tellmark.watermark.signal.spectrum import Geometry

BLOCK_S = 16.0  # a keyframe at least, with the usual encoders

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class MarkReading:
    """What was found.

    present: p_value < P_PRESENT. p_value: chance that a video without this key's mark looks as marked as this one.
    payload: only where the mark is present and its checksum holds. segments: (start_s, end_s, p) of the parts that
    carry the mark. geometry: how the picture differs from the marked one; None without a mark. upright: whether it was
    found in the film as players show it, or as it is stored, which differs where the container says that it is turned.
    matched: the payload was picked out of those that were known, for the mark is too weak to be read.
    """

    present: bool
    p_value: float
    payload: Payload | None = None
    segments: tuple[Segment, ...] = ()
    geometry: Geometry | None = None
    matched: bool = False
    upright: bool = True


def detect(
    frames: Iterable[tuple[float, U8]],
    *,
    key: WatermarkKey = PUBLIC_KEY,
    thorough: bool = True,
    known: KnownPayloads | None = None,
    progress: Progress | None = None,
) -> MarkReading:
    """Look for the mark of ``key`` in RGB frames: (time in seconds, (H, W, 3) uint8 of even size), times ascending.

    thorough: also search rotations, scales, mirroring and parts where no plain mark is found. known: payloads
    that a mark too weak to be read is compared with. progress: called with the number of windows read.
    """
    planes = ((time_s, rgb_to_i420(rgb), index == 0) for index, (time_s, rgb) in enumerate(frames))
    return detect_planes(planes, key=key, thorough=thorough, known=known, progress=progress)


def detect_file(
    path: Path | str, *, key: WatermarkKey = PUBLIC_KEY, thorough: bool = True, progress: Progress | None = None
) -> MarkReading:
    """:func:`detect` on a video file. Raises MediaError if it cannot be decoded."""
    with VideoReader(path) as reader:
        planes = ((frame.time_s, frame.i420(), frame.keyframe) for frame in reader)
        return detect_planes(planes, key=key, thorough=thorough, progress=progress)


def detect_image(
    rgb: U8, *, key: WatermarkKey = PUBLIC_KEY, thorough: bool = True, known: KnownPayloads | None = None
) -> MarkReading:
    """:func:`detect` on one picture (H, W, 3) uint8; an odd last row or column is left out."""
    height, width = rgb.shape[0] // 2 * 2, rgb.shape[1] // 2 * 2
    return detect([(0.0, np.ascontiguousarray(rgb[:height, :width]))], key=key, thorough=thorough, known=known)


def detect_planes(
    frames: Iterable[Frame],
    *,
    key: WatermarkKey = PUBLIC_KEY,
    thorough: bool = True,
    known: KnownPayloads | None = None,
    progress: Progress | None = None,
) -> MarkReading:
    """:func:`detect` on I420 planes: (time in seconds, (H * 3 // 2, W) uint8, whether it is a keyframe).

    Spares the way over RGB. Keyframes hold the mark best, so it helps to name all of them.
    """
    best: BlockReading | None = None
    segments: list[Segment] = []
    searched = 0
    for block in _blocks(windows(frames), progress):
        carried = carries(block, best, key) if best is not None and best.payload is not None else ()
        if carried:
            segments += carried
            continue
        reading = read_block(block, key, thorough, known)
        searched += 1
        segments += reading.segments
        if best is None or (reading.payload is not None, -reading.p_value) > (best.payload is not None, -best.p_value):
            best = reading
    if best is None:
        return MarkReading(False, 1.0)
    p = min(1.0, max(best.p_value, SMALLEST_P) * searched)  # every block searched was another chance to err
    if p >= P_PRESENT:
        return MarkReading(False, p)
    return MarkReading(True, p, best.payload, _merged(segments), best.match.geometry, best.matched)


def _blocks(stream: Iterable[Window], progress: Progress | None) -> Iterator[list[Window]]:
    """Windows in lists of up to BLOCK_S, all of one shape."""
    block: list[Window] = []
    for count, window in enumerate(stream, 1):
        too_long = block and window.end_s - block[0].start_s > BLOCK_S + 1e-6
        if block and (too_long or window.residual.shape != block[0].residual.shape):
            yield block
            block = []
        block.append(window)
        if progress is not None:
            progress(count, None)
    if block:
        yield block


def _merged(segments: list[Segment]) -> tuple[Segment, ...]:
    """Segments in order of time, those that touch made one; the smaller p-value stands for both."""
    merged: list[Segment] = []
    for start, end, p in sorted(segments):
        if merged and start - merged[-1][1] < 1e-3:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]), min(p, merged[-1][2]))
        else:
            merged.append((start, end, p))
    return tuple(merged)
