"""Where in the picture a mark that was read is missing: a face that was spliced in does not carry it.

With payload and geometry known, the whole pattern is known. Each block of the picture is correlated with it, window by
window. How strong the correlation *should* be there follows from the block's own content: the residual is divided by a
power of its local energy, so the mark, as strong as the embedder makes it in such a picture, arrives divided by the
same, times one gain a channel that all blocks share, times what an encoder leaves of it in such a place and at such a
time, which ``probe.py`` tries out. Chance is measured on the spot, by correlating with the same pattern shifted
elsewhere in the tile.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark.media import rgb_to_i420
from tellmark.types import F64, U8
from tellmark.watermark.localisation.block_sums import BlockSums
from tellmark.watermark.localisation.collect import collect
from tellmark.watermark.localisation.survival import gains, survival, variance
from tellmark.watermark.signal.pattern import PUBLIC_KEY, WatermarkKey
from tellmark.watermark.signal.payload import Payload
from tellmark.watermark.signal.spectrum import IDENTITY, Geometry

_UNEVEN = 0.2  # relative spread of the mark's strength that content does not explain
_UNEVEN_AT_ONCE = 0.3  # the same of one channel in one half second: no block, however strong, decides for others
_WITH_NEIGHBOURS: F64 = np.array([0.5, 1.0, 0.5])  # along rows and columns


@dataclass(frozen=True, slots=True)
class MarkMap:
    """How well each block fits the mark, and how well it should.

    times_s: (windows, 2) start and end. z: (windows, rows, columns), of mean 0 where there is no mark. expected: the
    same shape, what z is on average where the mark is untouched, with a spread of 1. reached: (windows,) how much of
    the mark the whole picture holds in each, about 1 where it is as in most of the clip, and 0 where it is gone;
    uncertain: (windows,) its standard deviation. quality: CRF at which x264 leaves about as much of a mark as is left
    here.
    """

    times_s: F64
    z: F64
    expected: F64
    reached: F64
    uncertain: F64
    quality: float

    def missing(self, windows: slice | NDArray[np.bool_] = slice(None)) -> F64:
        """(rows, columns): by how many standard deviations the mark falls short over ``windows`` taken together.

        In a block and in its neighbours, which count for less (Stouffer's sum): what is put into a picture is larger
        than a block, and after a strong compression one block tells little. About 0 with spread 1 where the mark is
        intact; 6 to 10 where it is gone. A block too rough to tell says what its neighbours do.
        """
        strength = self.strength(windows)
        fit = (self.z * self.expected)[windows].sum(axis=0) / np.maximum(strength, 1e-9)
        alone = np.asarray((strength - fit) / np.sqrt(1 + (_UNEVEN * strength) ** 2))
        together = _summed(alone, _WITH_NEIGHBOURS) / np.sqrt(_summed(np.ones_like(alone), _WITH_NEIGHBOURS**2))
        return np.asarray(together)

    def strength(self, windows: slice | NDArray[np.bool_] = slice(None)) -> F64:
        """(rows, columns): the z-value that an untouched mark reaches on average over ``windows``."""
        return np.asarray(np.sqrt((self.expected**2)[windows].sum(axis=0)))


def localise(
    frames: Iterable[tuple[float, U8]],
    payload: Payload,
    geometry: Geometry = IDENTITY,
    *,
    key: WatermarkKey = PUBLIC_KEY,
    rows: int = 8,
) -> MarkMap:
    """Compare RGB frames (time in seconds, (H, W, 3) uint8) with the mark that :func:`detect` read in them.

    payload, geometry: as read. rows: blocks along the picture's height; they are square. Raises ValueError without
    frames.
    """
    planes = ((time_s, rgb_to_i420(_even(rgb))) for time_s, rgb in frames)
    return localise_planes(planes, payload, geometry, key=key, rows=rows)


def localise_planes(
    frames: Iterable[tuple[float, U8]],
    payload: Payload,
    geometry: Geometry = IDENTITY,
    *,
    key: WatermarkKey = PUBLIC_KEY,
    rows: int = 8,
) -> MarkMap:
    """:func:`localise` on I420 planes of one size: (time in seconds, (H * 3 // 2, W) uint8)."""
    return compared(collect(frames, payload, geometry, key, rows))


def compared(sums: BlockSums) -> MarkMap:
    """What blocks hold of the mark against what they should."""
    chance = variance(sums)
    ideal = sums.ideal * survival(sums)
    gain = gains(sums.scores, ideal, chance)
    expected = gain * ideal
    spread = _spread(expected, chance)
    information = (expected**2 / spread).sum(axis=1)
    z = (expected * sums.scores / spread).sum(axis=1) / np.sqrt(np.maximum(information, 1e-12))
    reached = _reached(sums.scores, gain.mean(axis=0) * ideal, chance)
    return MarkMap(sums.times_s, z, np.sqrt(information), *reached, sums.quality)


def _summed(blocks: F64, weights: F64) -> F64:
    """Each block with its neighbours, of which the picture's edge has fewer."""
    return np.asarray(cv2.sepFilter2D(blocks, -1, weights, weights, borderType=cv2.BORDER_CONSTANT))


def _spread(expected: F64, chance: F64) -> F64:
    """Variance of a block's score where the mark is untouched: by chance, and because it is uneven."""
    return chance + (_UNEVEN_AT_ONCE * expected) ** 2


def _even(rgb: U8) -> U8:
    return np.ascontiguousarray(rgb[: rgb.shape[0] // 2 * 2, : rgb.shape[1] // 2 * 2])


def _reached(scores: F64, expected: F64, chance: F64) -> tuple[F64, F64]:
    """(windows,) least-squares share of what is expected of the whole picture, over its median; and its deviation."""
    spread = _spread(expected, chance)
    together = (expected * scores / spread).sum(axis=(1, 2, 3))
    information = np.maximum((expected**2 / spread).sum(axis=(1, 2, 3)), 1e-12)
    usual = max(float(np.median(together / information)), 1e-3)
    return together / information / usual, 1 / np.sqrt(information) / usual
