"""From frames to block sums, in one pass; every sum is small, so a video is taken in parts of ``PART_S``.

The first part that holds the mark is tried at all ``QUALITIES``. That tells at which one the video was encoded, by any
encoder: the one that leaves as much of a mark. The others are tried at the nearest alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import groupby

import cv2
import numpy as np

from tellmark.types import F32, F64, U8
from tellmark.watermark.embed import DEFAULT_STRENGTH
from tellmark.watermark.localisation.block_sums import BlockSums
from tellmark.watermark.localisation.field import Field
from tellmark.watermark.localisation.half_seconds import blocks, details, means, uncoupled, weights
from tellmark.watermark.localisation.probe import QUALITIES, Probe, pattern
from tellmark.watermark.localisation.survival import level, same
from tellmark.watermark.signal.pattern import WatermarkKey
from tellmark.watermark.signal.payload import Payload
from tellmark.watermark.signal.spectrum import Geometry

Arriving = Callable[[F32], F32]  # a mark of unit RMS (3, h, w) -> (windows, 3, h, w)

PART_S = 8.0  # whole half seconds
_SHIFTS = ((60, 60), (-60, 60), (100, 20), (20, -100))  # of the probe's pattern, map pixels: its own chance
_HOLDS = 0.3  # level from which on a part holds enough of the mark to tell the quality by


def collect(
    frames: Iterable[tuple[float, U8]], payload: Payload, geometry: Geometry, key: WatermarkKey, rows: int
) -> BlockSums:
    """From I420 frames of one size and their times; rows: blocks along the picture's height, which are square.

    Raises ValueError without frames.
    """
    parts: list[BlockSums] = []
    best: Field | None = None
    tried: Sequence[int] = QUALITIES
    quality = 0.0
    for _, part in groupby(frames, lambda frame: int(frame[0] / PART_S + 1e-6)):
        times, maps, arriving, answers = _maps(part, tried)
        field = Field(payload, geometry, key, maps)
        if best is None or field.peak > best.peak:  # a part that lacks the mark does not know where it would be
            best = field
        grid = rows, max(1, round(maps.shape[3] * rows / maps.shape[2]))
        own, others = best.sample()
        sent = pattern(*maps.shape[2:])
        shifted = [np.roll(sent, shift, axis=(1, 2)) for shift in _SHIFTS]
        scores, ideal, power = (blocks(each, *grid) for each in (maps * own, arriving(own) * own, maps**2))
        chance, put = _chance(maps, others, grid), blocks(arriving(sent) * sent, *grid)
        heard = [(blocks(answer * sent, *grid), put, _chance(answer, shifted, grid)) for answer in answers]
        sums = [BlockSums(times, scores, ideal, power, chance, *each, quality=quality) for each in heard]
        if len(tried) > 1:
            levels = [level(each) for each in sums]
            quality = same(tried, levels)
            nearest = int(np.argmin(np.abs(np.array(tried) - quality)))
            sums = [replace(sums[nearest], quality=quality)]
            if levels[nearest] > _HOLDS:
                tried = (tried[nearest],)
        parts += sums
    if not parts:
        raise ValueError("no frames to look at")
    return BlockSums.joined(parts)


def _maps(frames: Iterable[tuple[float, U8]], qualities: Sequence[int]) -> tuple[F64, F32, Arriving, list[F32]]:
    """Times (windows, 2); the residuals evened out, (windows, 3, h, w); what a mark that the embedder makes would be in
    them if nothing were lost; and what each probe changed in them.
    """
    with ExitStack() as opened:
        probes = [opened.enter_context(Probe(crf)) for crf in qualities]
        seen: list[float] = []
        times, planes = means(_passed(frames, probes, seen))
        picture = details(planes)
        apart = uncoupled(picture, picture)
        even = weights(apart)
        changes = (details(means(zip(seen, probe.frames(), strict=True))[1]) - picture for probe in probes)
        answers = [uncoupled(change, picture) * even for change in changes]
    gains = np.stack([_gains(luma) for luma in planes[:, 0]])
    return times, apart * even, lambda mark: uncoupled(gains * mark, picture) * even, answers


def _passed(
    frames: Iterable[tuple[float, U8]], probes: Sequence[Probe], seen: list[float]
) -> Iterator[tuple[float, U8]]:
    """Frames, given to the probes on the way and their times noted."""
    for time_s, i420 in frames:
        for probe in probes:
            probe.write(i420)
        seen.append(time_s)
        yield time_s, i420


def _gains(luma: F32) -> F32:
    size = (luma.shape[1], luma.shape[0])
    return np.stack([cv2.resize(gain, size) for gain in DEFAULT_STRENGTH.seen(luma)])


def _chance(maps: F32, others: Sequence[F32], grid: tuple[int, int]) -> F64:
    """Mean square of what blocks correlate with patterns (3, h, w) that are not there."""
    return np.asarray(np.mean([blocks(maps * other, *grid) ** 2 for other in others], axis=0))
