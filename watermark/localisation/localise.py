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

import numpy as np
from numpy.typing import NDArray

from tellmark.media import rgb_to_i420
from tellmark.types import F64, U8
from tellmark.watermark.localisation.collect import collect
from tellmark.watermark.localisation.survival import gains, survival, variance
from tellmark.watermark.signal.pattern import PUBLIC_KEY, WatermarkKey
from tellmark.watermark.signal.payload import Payload
from tellmark.watermark.signal.spectrum import IDENTITY, Geometry

_UNEVEN = 0.2  # relative spread of the mark's strength that content does not explain


@dataclass(frozen=True, slots=True)
class MarkMap:
    """How well each block fits the mark, and how well it should.

    times_s: (windows, 2) start and end. z: (windows, rows, columns), standard normal where there is no mark.
    expected: the same shape, what z is on average where the mark is untouched; its spread is 1 there too. reached:
    (windows,) how much of the mark the whole picture holds in each, about 1 where it is as in most of the clip, and 0
    where it is gone; uncertain: (windows,) its standard deviation. quality: CRF at which x264 leaves about as much of
    a mark as is left here.
    """

    times_s: F64
    z: F64
    expected: F64
    reached: F64
    uncertain: F64
    quality: float

    def missing(self, windows: slice | NDArray[np.bool_] = slice(None)) -> F64:
        """(rows, columns): by how many standard deviations the mark falls short over ``windows`` taken together.

        About 0 with spread 1 where it is intact; 2 to 5 where it is gone. A block too rough to tell stays near 0.
        """
        strength = self.strength(windows)
        fit = (self.z * self.expected)[windows].sum(axis=0) / np.maximum(strength, 1e-9)
        return np.asarray((strength - fit) / np.sqrt(1 + (_UNEVEN * strength) ** 2))

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
    sums = collect(frames, payload, geometry, key, rows)
    chance = variance(sums)
    ideal = sums.ideal * survival(sums)
    gain = gains(sums.scores, ideal, chance)
    expected = gain * ideal
    information = (expected**2 / chance).sum(axis=1)
    z = (expected * sums.scores / chance).sum(axis=1) / np.sqrt(np.maximum(information, 1e-12))
    reached = _reached(sums.scores, gain.mean(axis=0) * ideal, chance)
    return MarkMap(sums.times_s, z, np.sqrt(information), *reached, sums.quality)


def _even(rgb: U8) -> U8:
    return np.ascontiguousarray(rgb[: rgb.shape[0] // 2 * 2, : rgb.shape[1] // 2 * 2])


def _reached(scores: F64, expected: F64, variance: F64) -> tuple[F64, F64]:
    """(windows,) least-squares share of what is expected of the whole picture, over its median; and its deviation."""
    together = (expected * scores / variance).sum(axis=(1, 2, 3))
    information = np.maximum((expected**2 / variance).sum(axis=(1, 2, 3)), 1e-12)
    usual = max(float(np.median(together / information)), 1e-3)
    return together / information / usual, 1 / np.sqrt(information) / usual
