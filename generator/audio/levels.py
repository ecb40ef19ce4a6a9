"""Loudness, voicing and bands of speech against the recording's own floor, peak and mean.

The slow statistics are taken every 0.1 s over some seconds on either side: quantiles of the level for the noise floor
and the loud syllables; means over voiced speech for pitch and spectrum (cepstral mean normalisation, Atal 1974).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from tellmark.generator.audio.acoustics import HOPS_PER_S, Analysis
from tellmark.types import F32, F64

REACH_S = 15.0
"""Sound further away than this changes nothing."""

_FLOOR_S, _PEAK_S, _MEAN_S = 5.0, 7.0, 6.0  # reach of the statistics on either side; a second more for their smoothing
_SPEECH_RANGE_DB = 40.0  # from loud syllables down to what still counts
_QUIETEST_DB = -95.0  # below this is the dither of a silent recording
_MARGIN_DB = 5.0  # how far steady noise strays above its floor
_LEAST_SPAN_DB = 12.0  # a sound must rise this much above floor and margin to count as loud
_BLOCKS_PER_S = 10
_PER_BLOCK = int(HOPS_PER_S / _BLOCKS_PER_S)
# Bands against the loud syllables' level in voiced speech, mean in dB: what a short clip starts from.
_MEAN_BANDS_DB = (-18, -18, -18, -21, -25, -29, -32, -34, -35, -35, -36, -37, -38, -40, -42, -44)
_FULL_BAND_DB = 20.0


@dataclass(frozen=True, slots=True)
class Heard:
    """Normalised rows, one a hop of 10 ms."""

    level_db: F64  # (H,) as analysed
    energy: F64  # (H,) 0 = noise floor, 1 = loud syllables
    speaking: F64  # (H,) 0 pause, 1 speech and its short gaps
    voiced: F64  # (H,) 0 to 1
    pitch_st: F64  # (H,) semitones above the speaker's mean, 0 where unvoiced
    bands: F64  # (H, BANDS) against their mean in speech, in 20 dB

    def columns(self) -> F32:
        """(H, BANDS + 3) what ``inversion`` reads."""
        return np.column_stack([self.bands, self.energy, self.speaking, self.voiced]).astype(np.float32)


def normalise(analysis: Analysis) -> Heard:
    """Put every hop against the seconds around it."""
    # From the bands: rumble and mains hum below 100 Hz are no speech.
    power = np.sum(10 ** (analysis.bands_db.astype(np.float64) / 10), axis=1)
    level = _mean_of_three(10 * np.log10(power + 1e-10))
    floor, peak = _floor_and_peak(level)
    floor = floor + _MARGIN_DB
    energy = np.clip((level - floor) / np.maximum(peak - floor, _LEAST_SPAN_DB), 0, 1)
    busy = ndimage.maximum_filter1d(smoothstep((energy - 0.1) / 0.25), 21, mode="nearest")
    speaking = ndimage.gaussian_filter1d(busy, 4, mode="nearest")
    voiced = smoothstep((analysis.periodicity - 0.5) / 0.3) * smoothstep(energy / 0.15)
    pitch = 12 * np.log2(analysis.pitch_hz / 100.0)
    pitch = (pitch - _running_mean(pitch, voiced**2, prior=5.0)) * voiced
    return Heard(
        analysis.level_db.astype(np.float64), energy, speaking, voiced, pitch, _bands(analysis, peak, voiced * energy)
    )


def smoothstep(x: F64) -> F64:
    """0 below 0, 1 above 1, smooth between."""
    x = np.clip(x, 0, 1)
    return np.asarray(x * x * (3 - 2 * x), np.float64)


def _floor_and_peak(level: F64) -> tuple[F64, F64]:
    """(H,) dB of the steady background and of loud syllables."""
    blocks = _blocks(level)
    quiet, loud = blocks.min(axis=1), np.partition(blocks, -3, axis=1)[:, -3]
    floor = _slow(_percentile(quiet, 10, _FLOOR_S), len(level))
    peak = _slow(_percentile(loud, 97, _PEAK_S), len(level))
    return np.maximum(floor, np.maximum(peak - _SPEECH_RANGE_DB, _QUIETEST_DB)), np.maximum(peak, _QUIETEST_DB)


def _bands(analysis: Analysis, peak: F64, weight: F64) -> F64:
    """(H, BANDS) levels without the steady noise, against their weighted mean, in ``_FULL_BAND_DB``."""
    columns = []
    for band, usual in enumerate(_MEAN_BANDS_DB):
        power = 10 ** ((analysis.bands_db[:, band].astype(np.float64) - peak) / 10)
        quiet = _blocks(power).mean(axis=1)
        noise = _slow(_percentile(quiet, 10, _FLOOR_S), len(power))
        level = 10 * np.log10(np.maximum(power - noise, 0.03 * power) + 1e-7)
        level = level - _running_mean(level, weight, prior=usual)
        columns.append(np.clip(level, -35, 15) / _FULL_BAND_DB)
    return np.column_stack(columns)


def _percentile(blocks: F64, percent: int, reach_s: float) -> F64:
    """(B,) percentile of the blocks within ``reach_s`` of each, reflected at the ends."""
    # Reflected here: for a window longer than the array scipy 1.17 now and then reads what lies beside the array.
    reach = _size(reach_s) // 2
    padded = np.pad(blocks, reach, mode="symmetric")
    return np.asarray(
        ndimage.percentile_filter(padded, percent, _size(reach_s))[reach : reach + len(blocks)], np.float64
    )


def _running_mean(values: F64, weight: F64, prior: float) -> F64:
    """Weighted mean over ``_MEAN_S`` on either side; the prior counts as half a second of full weight."""
    size, few = _size(_MEAN_S), 0.5 * HOPS_PER_S
    total = ndimage.uniform_filter1d(_blocks(values * weight).sum(axis=1), size, mode="constant") * size
    count = ndimage.uniform_filter1d(_blocks(weight).sum(axis=1), size, mode="constant") * size
    return _per_hop((total + prior * few) / (count + few), len(values))


def _mean_of_three(values: F64) -> F64:
    return np.asarray(ndimage.uniform_filter1d(values, 3, mode="nearest"), np.float64)


def _size(reach_s: float) -> int:
    return 2 * int(reach_s * _BLOCKS_PER_S) + 1


def _blocks(values: F64) -> F64:
    """(B, _PER_BLOCK) of hops, the last value repeated to fill the last block."""
    missing = -len(values) % _PER_BLOCK
    return np.asarray(np.pad(values, (0, missing), mode="edge").reshape(-1, _PER_BLOCK), np.float64)


def _slow(blocks: F64, hops: int) -> F64:
    """Block values smoothed over two seconds, per hop."""
    return _per_hop(ndimage.uniform_filter1d(blocks, 2 * _BLOCKS_PER_S + 1, mode="nearest"), hops)


def _per_hop(blocks: F64, hops: int) -> F64:
    """Values at the blocks' centres, interpolated to the hops."""
    centres = np.arange(len(blocks)) * _PER_BLOCK + (_PER_BLOCK - 1) / 2
    return np.interp(np.arange(hops), centres, blocks)
