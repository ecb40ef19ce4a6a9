"""What each block of the picture holds in each half second: sums that say how well it fits a mark that is known.

Every sum is small, so a video is taken in parts of ``PART_S`` in one pass, and a long one takes no more memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from typing import Self

import cv2
import numpy as np

from tellmark.types import F32, F64, U8
from tellmark.watermark.embed import DEFAULT_STRENGTH
from tellmark.watermark.localisation.field import Field
from tellmark.watermark.localisation.half_seconds import blocks, details, means, weights
from tellmark.watermark.localisation.probe import Probe, pattern
from tellmark.watermark.signal.pattern import WatermarkKey
from tellmark.watermark.signal.payload import Payload
from tellmark.watermark.signal.spectrum import Geometry

PART_S = 8.0  # whole half seconds
_SHIFTS = ((60, 60), (-60, 60), (100, 20), (20, -100))  # of the probe's pattern, map pixels: its own chance


@dataclass(frozen=True, slots=True)
class BlockSums:
    """times_s: (windows, 2) start and end. All others: (windows, 3, rows, columns) for Y, Cb and Cr.

    scores: correlation of a block with the mark. ideal: the same of a mark of unit gain, nothing of it lost. power: of
    what was correlated. chance: mean square of what blocks correlate with the mark shifted elsewhere. came, put,
    uncertain: of the probe's mark, what came back, what was put in, and the mean square of the former by chance.
    """

    times_s: F64
    scores: F64
    ideal: F64
    power: F64
    chance: F64
    came: F64
    put: F64
    uncertain: F64

    @classmethod
    def of(
        cls, frames: Iterable[tuple[float, U8]], payload: Payload, geometry: Geometry, key: WatermarkKey, rows: int
    ) -> Self:
        """From I420 frames of one size and their times; rows: blocks along the picture's height, which are square.

        Raises ValueError without frames.
        """
        parts, best = [], None
        for _, part in groupby(frames, lambda frame: int(frame[0] / PART_S + 1e-6)):
            times, maps, strengths, answer = _maps(part)
            field = Field(payload, geometry, key, maps)
            if best is None or field.peak > best.peak:  # a part that lacks the mark does not know where it would be
                best = field
            grid = rows, max(1, round(maps.shape[3] * rows / maps.shape[2]))
            own, others = best.sample()
            sent = pattern(*maps.shape[2:])
            scores, ideal, power = (blocks(each, *grid) for each in (maps * own, strengths * own**2, maps**2))
            came, put = (blocks(each, *grid) for each in (answer * sent, strengths * sent**2))
            shifted = [np.roll(sent, shift, axis=(1, 2)) for shift in _SHIFTS]
            chances = _chance(maps, others, grid), _chance(answer, shifted, grid)
            parts.append(cls(times, scores, ideal, power, chances[0], came, put, chances[1]))
        if not parts:
            raise ValueError("no frames to look at")
        return cls(*(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(cls)))


def _maps(frames: Iterable[tuple[float, U8]]) -> tuple[F64, F32, F32, F32]:
    """Times (windows, 2), and three times (windows, 3, h, w): the residuals evened out, how strong the embedder makes
    the mark in them, and what the probe changed in them.
    """
    with Probe() as probe:
        seen: list[float] = []
        times, planes = means(_passed(frames, probe, seen))
        _, answers = means(zip(seen, probe.frames(), strict=True))
    detail = details(planes)
    even = weights(detail)
    strengths: F32 = even * np.stack([_strengths(luma) for luma in planes[:, 0]])
    return times, detail * even, strengths, (details(answers) - detail) * even


def _passed(frames: Iterable[tuple[float, U8]], probe: Probe, seen: list[float]) -> Iterator[tuple[float, U8]]:
    """Frames, given to the probe on the way and their times noted."""
    for time_s, i420 in frames:
        probe.write(i420)
        seen.append(time_s)
        yield time_s, i420


def _strengths(luma: F32) -> F32:
    size = (luma.shape[1], luma.shape[0])
    return np.stack([cv2.resize(gain, size) for gain in DEFAULT_STRENGTH.seen(luma)])


def _chance(maps: F32, others: Sequence[F32], grid: tuple[int, int]) -> F64:
    """Mean square of what blocks correlate with patterns (3, h, w) that are not there."""
    return np.asarray(np.mean([blocks(maps * other, *grid) ** 2 for other in others], axis=0))
