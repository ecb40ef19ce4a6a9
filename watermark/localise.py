"""Where in the picture a mark that was read is missing: a face that was spliced in does not carry it.

With payload and geometry known, the whole pattern is known. Each block of the picture is correlated with it, window by
window. How strong the correlation *should* be there follows from the block's own content: the residual is divided by a
power of its local energy, so the mark, as strong as the embedder makes it in such a picture, arrives divided by the
same, times one gain a channel that all blocks share; and where the picture moves, encoders predict it from elsewhere
and lose part of the mark. Chance is measured on the spot, by correlating with the same pattern shifted elsewhere in the
tile.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import scipy.fft

from tellmark.media import rgb_to_i420
from tellmark.types import F32, F64, U8
from tellmark.watermark.analysis import (
    ENERGY_PX,
    FILTER_PX,
    FLOOR,
    POWER,
    SIDE,
    WINDOW_S,
    blur,
    small_planes,
    unexplained,
)
from tellmark.watermark.embed import DEFAULT_STRENGTH
from tellmark.watermark.fec import encode
from tellmark.watermark.pattern import CANONICAL, CHANNELS, PUBLIC_KEY, TILE, WatermarkKey, channel_patterns, synthesize
from tellmark.watermark.payload import Payload
from tellmark.watermark.spectrum import IDENTITY, Geometry

_FRAME_S = 1 / 25  # motion is told for this time
_DECOYS = 16  # shifts of the pattern that measure chance
_MOTION = 6.0  # code values in 1/25 s: motion that halves the mark; fitted on 17 clips at CRF 23
_UNEVEN = 0.2  # relative spread of the mark's strength that content does not explain


@dataclass(frozen=True, slots=True)
class MarkMap:
    """How well each block fits the mark, and how well it should.

    times_s: (windows, 2) start and end. z: (windows, rows, columns), standard normal where there is no mark.
    expected: the same shape, what z is on average where the mark is untouched; its spread is 1 there too. reached:
    (windows,) how much of the mark the whole picture holds in each, about 1 where it is as in most of the clip, and 0
    where it is gone.
    """

    times_s: F64
    z: F64
    expected: F64
    reached: F64

    def missing(self, windows: slice = slice(None)) -> F64:
        """(rows, columns): by how many standard deviations the mark falls short over ``windows`` taken together.

        About 0 with spread 1 where it is intact; 2 to 5 where it is gone. A block too rough to tell stays near 0.
        """
        strength = self.strength(windows)
        fit = (self.z * self.expected)[windows].sum(axis=0) / np.maximum(strength, 1e-9)
        return np.asarray((strength - fit) / np.sqrt(1 + (_UNEVEN * strength) ** 2))

    def strength(self, windows: slice = slice(None)) -> F64:
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
    times, maps, energies, motion, strengths = _windows(frames)
    field = _Field(payload, geometry, key, maps)
    block = maps.shape[2] / rows
    columns = max(1, round(maps.shape[3] / block))
    scores, decoys, ideal = (np.zeros((3, len(maps), rows, columns)) for _ in range(3))
    own, others = field.sample()
    for number, (residual, energy, strength) in enumerate(zip(maps, energies, strengths, strict=True)):
        for channel in range(3):
            scores[channel, number] = _blocks(residual[channel] * own[channel], rows, columns)
            carried = own[channel] ** 2 * strength[channel] * energy[channel] ** -POWER
            ideal[channel, number] = _blocks(carried, rows, columns)
            decoys[channel, number] = np.mean(
                [_blocks(residual[channel] * other, rows, columns) ** 2 for other in others[channel]], axis=0
            )
    power = np.stack([[_blocks(plane**2, rows, columns) for plane in maps[:, channel]] for channel in range(3)])
    # Chance in a block follows its energy in time, by a factor that depends on its texture.
    factor = decoys.sum(axis=1, keepdims=True) / np.maximum(power.sum(axis=1, keepdims=True), 1e-12)
    variance = np.maximum(factor * power, 1e-12)
    area = _blocks(np.ones(motion.shape[1:], np.float32), rows, columns)
    moved = np.stack([_blocks(plane, rows, columns) / area for plane in motion])
    ideal /= 1 + np.sqrt(moved / _MOTION)
    gain = _gains(scores, ideal, variance)
    expected = gain * ideal
    information = (expected**2 / variance).sum(axis=0)
    z = (expected * scores / variance).sum(axis=0) / np.sqrt(np.maximum(information, 1e-12))
    return MarkMap(times, z, np.sqrt(information), _reached(scores, gain.mean(axis=1, keepdims=True) * ideal, variance))


def _reached(scores: F64, expected: F64, variance: F64) -> F64:
    """(windows,) least-squares share of what is expected of the whole picture, over its median."""
    together = (expected * scores / variance).sum(axis=(0, 2, 3))
    share = together / np.maximum((expected**2 / variance).sum(axis=(0, 2, 3)), 1e-12)
    return np.asarray(share / max(float(np.median(share)), 1e-3))


def _gains(scores: F64, ideal: F64, variance: F64) -> F64:
    """(3, windows, 1, 1): how much of the mark came through, the median over the blocks that can tell."""
    ratio = scores / np.maximum(ideal, 1e-12)
    weight = ideal / np.sqrt(variance)
    gains = np.zeros((*scores.shape[:2], 1, 1))
    for channel in range(3):
        for window in range(scores.shape[1]):
            gains[channel, window] = _weighted_median(ratio[channel, window].ravel(), weight[channel, window].ravel())
    # One window says little: share the level of the clip with it.
    steady = np.median(gains, axis=1, keepdims=True)
    shared: F64 = np.maximum((gains + steady) / 2, 0.0)
    return shared


def _weighted_median(values: F64, weights: F64) -> float:
    order = np.argsort(values)
    passed = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(passed, passed[-1] / 2)])


class _Field:
    """The mark over a map of one geometry, and the same shifted elsewhere."""

    def __init__(self, payload: Payload, geometry: Geometry, key: WatermarkKey, maps: F32) -> None:
        height, width = maps.shape[2:]
        centre = np.array([(height - 1) / 2, (width - 1) / 2])
        offsets = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), axis=-1) - centre
        tile_px = offsets @ geometry.matrix().T * (CANONICAL / SIDE)  # canonical pixels from the centre
        self._tiles = _tiles(payload, key)
        folded = _folded(maps, tile_px)
        self._where = np.mod(tile_px + self._shift(folded), TILE).astype(np.float32)
        random = np.random.default_rng(0)
        self._decoys = random.uniform(TILE / 8, TILE * 7 / 8, (_DECOYS, 2)).astype(np.float32)

    def _shift(self, folded: F32) -> F64:
        """(2,) canonical pixels: where the picture's centre lies in the tile, by phases alone, as in the search."""
        spectrum = scipy.fft.rfft2(folded, axes=(1, 2), workers=1)
        spectrum /= np.abs(spectrum) + np.float32(1e-12)
        product = scipy.fft.rfft2(self._tiles, axes=(1, 2), workers=1) * spectrum.conj()
        surface = scipy.fft.irfft2(product.sum(axis=0), s=(TILE, TILE), workers=1)
        return np.array(np.unravel_index(int(surface.argmax()), surface.shape), np.float64)

    def sample(self) -> tuple[F32, list[list[F32]]]:
        """The field (3, h, w) and its decoys, _DECOYS for each channel."""

        def taken(tile: F32, shift: F32) -> F32:
            where = np.mod(self._where + shift, np.float32(TILE))
            sampled: F32 = cv2.remap(tile, where[..., 1], where[..., 0], cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
            return sampled

        own = np.stack([taken(tile, np.zeros(2, np.float32)) for tile in self._tiles])
        return own, [[taken(tile, shift) for shift in self._decoys] for tile in self._tiles]


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


def _windows(frames: Iterable[tuple[float, U8]]) -> tuple[F64, F32, F32, F32, F32]:
    """Times (windows, 2); flattened residuals and local energies (windows, 3, h, w); motion of luma (windows, h, w);
    and how strong the embedder makes the mark (windows, 3, h, w).
    """
    times: list[list[float]] = []
    sums: list[list[F32]] = []
    counts: list[int] = []
    motion: list[F32] = []
    slot, last_s, last = -1, 0.0, None
    for time_s, rgb in frames:
        planes = _planes(rgb)
        if int(time_s / WINDOW_S + 1e-6) != slot:
            slot = int(time_s / WINDOW_S + 1e-6)
            times.append([time_s, time_s])
            sums.append([np.zeros_like(plane) for plane in planes])
            counts.append(0)
            motion.append(np.zeros_like(planes[0]))
        if last is not None and time_s > last_s:
            motion[-1] += np.abs(planes[0] - last) * np.float32(_FRAME_S / (time_s - last_s))
        last_s, last = time_s, planes[0]
        times[-1][1] = time_s
        counts[-1] += 1
        for plane, total in zip(planes, sums[-1], strict=True):
            total += plane
    if not times:
        raise ValueError("no frames to look at")
    means = [[plane / count for plane in planes] for planes, count in zip(sums, counts, strict=True)]
    flat = [_flattened(planes) for planes in means]
    moved = np.stack([total / count for total, count in zip(motion, counts, strict=True)])
    return (
        np.array(times),
        np.stack([residual for residual, _ in flat]),
        np.stack([energy for _, energy in flat]),
        moved,
        np.stack([_strengths(planes[0]) for planes in means]),
    )


def _strengths(luma: F32) -> F32:
    size = (luma.shape[1], luma.shape[0])
    return np.stack([cv2.resize(gain, size) for gain in DEFAULT_STRENGTH.seen(luma)])


def _planes(rgb: U8) -> list[F32]:
    height, width = rgb.shape[0] // 2 * 2, rgb.shape[1] // 2 * 2
    i420 = rgb_to_i420(np.ascontiguousarray(rgb[:height, :width]))
    return [plane.astype(np.float32) for plane in small_planes(i420)]


def _flattened(planes: list[F32]) -> tuple[F32, F32]:
    residuals, energies = [], []
    for channel, plane in zip(CHANNELS, unexplained(planes), strict=True):
        detail = plane - blur(plane, FILTER_PX[channel])
        energy = blur(detail * detail, ENERGY_PX[channel]) + np.float32(FLOOR**2)
        residuals.append(detail / energy ** np.float32(POWER))
        energies.append(energy)
    return np.stack(residuals), np.stack(energies)


def _blocks(plane: F32, rows: int, columns: int) -> F64:
    """(rows, columns) sums over the blocks of a plane."""
    edges = [
        np.rint(np.linspace(0, side, count + 1)).astype(int)[:-1]
        for side, count in zip(plane.shape, (rows, columns), strict=True)
    ]
    summed: F64 = np.add.reduceat(np.add.reduceat(plane.astype(np.float64), edges[0], axis=0), edges[1], axis=1)
    return summed
