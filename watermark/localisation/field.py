"""The mark over a picture of one geometry once its payload is known, and the same mark shifted elsewhere."""

from __future__ import annotations

import cv2
import numpy as np
import scipy.fft

from tellmark.types import F32, F64
from tellmark.watermark.signal.analysis import SIDE
from tellmark.watermark.signal.fec import encode
from tellmark.watermark.signal.pattern import CANONICAL, TILE, WatermarkKey, channel_patterns, synthesize
from tellmark.watermark.signal.payload import Payload
from tellmark.watermark.signal.spectrum import Geometry

_DECOYS = 16  # shifts of the pattern that measure chance


class Field:
    """The mark over maps (windows, 3, h, w) of one geometry, laid where it fits them best.

    peak: how well it fits there; of two fields over the same places the higher one knows better where the mark lies.
    """

    def __init__(self, payload: Payload, geometry: Geometry, key: WatermarkKey, maps: F32) -> None:
        height, width = maps.shape[2:]
        centre = np.array([(height - 1) / 2, (width - 1) / 2])
        offsets = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), axis=-1) - centre
        tile_px = offsets @ geometry.matrix().T * (CANONICAL / SIDE)  # canonical pixels from the centre
        self._tiles = _tiles(payload, key)
        shift, self.peak = self._shift(_folded(maps, tile_px))
        self._where = np.mod(tile_px + shift, TILE).astype(np.float32)
        random = np.random.default_rng(0)
        self._decoys = random.uniform(TILE / 8, TILE * 7 / 8, (_DECOYS, 2)).astype(np.float32)

    def _shift(self, folded: F32) -> tuple[F64, float]:
        """(2,) canonical pixels: where the picture's centre lies in the tile, by phases alone; and the peak there."""
        spectrum = scipy.fft.rfft2(folded, axes=(1, 2), workers=1)
        spectrum /= np.abs(spectrum) + np.float32(1e-12)
        product = scipy.fft.rfft2(self._tiles, axes=(1, 2), workers=1) * spectrum.conj()
        surface = scipy.fft.irfft2(product.sum(axis=0), s=(TILE, TILE), workers=1)
        return np.array(np.unravel_index(int(surface.argmax()), surface.shape), np.float64), float(surface.max())

    def sample(self) -> tuple[F32, list[F32]]:
        """The mark (3, h, w), and as many decoys as tell chance."""
        return self._taken(np.zeros(2, np.float32)), [self._taken(shift) for shift in self._decoys]

    def _taken(self, shift: F32) -> F32:
        where = np.mod(self._where + shift, np.float32(TILE))
        return np.stack(
            [
                cv2.remap(tile, where[..., 1], where[..., 0], cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
                for tile in self._tiles
            ]
        )


def _tiles(payload: Payload, key: WatermarkKey) -> F32:
    """(3, TILE, TILE), one value a canonical pixel, at whole coordinates."""
    code, grid = encode(payload.bits()), np.arange(TILE, dtype=np.float64)
    channels = channel_patterns(key)
    return np.stack([synthesize(channel, channel.coefficients(code), grid, grid) for channel in channels])


def _folded(maps: F32, tile_px: F64) -> F32:
    """(3, TILE, TILE): the sum of all maps, laid over one another tile by tile."""
    cell = np.mod(np.rint(tile_px).astype(np.int64), TILE)
    index = (cell[..., 0] * TILE + cell[..., 1]).ravel()
    total = maps.sum(axis=0)
    folded = [np.bincount(index, plane.ravel(), TILE * TILE).reshape(TILE, TILE) for plane in total]
    stacked: F32 = np.stack(folded).astype(np.float32)
    return stacked
