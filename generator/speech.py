"""Speech as the face needs it: per video frame, what is heard and what the lips must have done to make it.

Everything is normalised to the last and next seconds of the same recording (level, noise floor, spectral slope, pitch),
so that a whisper, a telephone line, a noisy street and a studio give the same rows; nothing depends on sound more than
``REACH_S`` away, so the start of a clip does not know how it ends.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from scipy import ndimage

from tellmark.errors import InputError, UsageError
from tellmark.generator.acoustics import BANDS, HOPS_PER_S, SAMPLE_RATE_HZ, Analysis, analyse
from tellmark.generator.types import Speech
from tellmark.media import read_audio, sha256_of
from tellmark.types import F32, F64

CUES = ("open", "front", "round", "fricative", "closure")
FEATURES = ("level_db", "energy", "speaking", "voiced", "pitch_st", *CUES, *(f"band_{i:02d}" for i in range(BANDS)))
"""Columns of ``Speech.features``.

level_db     RMS of the frame, dB below full scale, not normalised
energy       loudness between the noise floor (0) and the recording's loud syllables (1)
speaking     1 within speech and its short gaps, 0 in pauses; soft edges of about 0.1 s
voiced       probability that the vocal folds vibrate, 0 to 1
pitch_st     semitones above the speaker's mean; 0 where unvoiced
open         height of the first formant: 0 close vowel, 1 open vowel
front        height of the second formant: 0 back, 1 front vowel
round        energy drawn to low frequencies: 1 rounded lips
fricative    hiss, as in "s" and "f"
closure      evidence that the mouth is shut within speech, as in "m b p"
band_NN      level of band NN (``acoustics.BAND_EDGES_HZ``) against its mean in this recording's speech, in 20 dB
"""

MIN_S, MAX_S = 0.2, 2 * 3600.0
REACH_S = 12.0
"""Sound further away than this does not change a row."""

_RANGE_DB = 40.0  # of speech below its loudest syllables
_MARGIN_DB = 5.0  # how far steady noise strays above its own floor
_BLOCKS_PER_S = 10  # rate of the slow statistics
_PER_BLOCK = int(HOPS_PER_S / _BLOCKS_PER_S)


def load_speech(path: str | Path, *, fps: float = 25.0) -> Speech:
    """Read the sound of any file FFmpeg decodes and describe it frame by frame.

    Frame i is centred at i / fps. There are round(duration * fps) frames, at least one. Memory is constant but for the
    rows (about 9 kB a second while it works).

    Raises:
        UsageError: ``fps`` is not between 1 and 120, or the sound is longer than two hours.
        MediaError: the file is missing, damaged or has no sound in it.
        InputError: the sound is shorter than 0.2 s.
    """
    if not 1 <= fps <= 120:
        raise UsageError(f"fps {fps}: must lie between 1 and 120")
    path = Path(path)
    analysis = analyse(_limited(read_audio(path, SAMPLE_RATE_HZ), path))
    duration_s = analysis.samples / SAMPLE_RATE_HZ
    if duration_s < MIN_S:
        raise InputError(f"{path} holds {duration_s:.2f} s of sound; give at least {MIN_S} s of speech")
    return Speech(path, sha256_of(path), duration_s, fps, features(analysis, fps))


def _limited(chunks: Iterable[F32], path: Path) -> Iterator[F32]:
    """The chunks, as long as they stay below ``MAX_S``."""
    samples = 0
    for chunk in chunks:
        samples += len(chunk)
        if samples > MAX_S * SAMPLE_RATE_HZ:
            raise UsageError(f"{path} is longer than two hours; cut it into parts")
        yield chunk


def features(analysis: Analysis, fps: float) -> F32:
    """(T, len(FEATURES)) rows at ``fps``, T = max(1, round(duration * fps))."""
    energy, speaking = _loudness(analysis.level_db)
    voiced = _smoothstep((analysis.periodicity - 0.5) / 0.3) * _smoothstep(energy / 0.15)
    shape = _spectral_shape(analysis, energy, voiced)
    pitch = 12 * np.log2(analysis.pitch_hz / 100)
    pitch = (pitch - _running_mean(pitch, voiced**2, prior=5.0)) * voiced
    cues = _cues(shape, energy, speaking, voiced)
    hops = np.column_stack([analysis.level_db, energy, speaking, voiced, pitch, *cues.values(), shape / 20])
    frames = max(1, round(analysis.samples / SAMPLE_RATE_HZ * fps))
    rows = _at_frames(hops, frames, fps)
    column = FEATURES.index("closure")
    rows[:, column] = _peaks_at_frames(cues["closure"], frames, fps)
    return rows.astype(np.float32)


def _loudness(level_db: F32) -> tuple[F64, F64]:
    """Energy between floor and peak, and the slow gate of speech, both in [0, 1] at the rate of the hops."""
    level = ndimage.uniform_filter1d(level_db.astype(np.float64), 3, mode="nearest")
    blocks = _blocks(level)
    quiet, loud = blocks.min(axis=1), np.partition(blocks, -3, axis=1)[:, -3]
    peak = ndimage.percentile_filter(loud, 97, int(18 * _BLOCKS_PER_S) + 1, mode="reflect")
    floor = ndimage.percentile_filter(quiet, 10, int(10 * _BLOCKS_PER_S) + 1, mode="reflect")
    floor = np.maximum(ndimage.uniform_filter1d(floor, 2 * _BLOCKS_PER_S, mode="nearest"), -85.0)
    peak = ndimage.uniform_filter1d(peak, 2 * _BLOCKS_PER_S, mode="nearest")
    floor = _per_hop(np.maximum(floor, peak - _RANGE_DB), len(level)) + _MARGIN_DB
    span = np.maximum(_per_hop(peak, len(level)) - floor, 12.0)
    energy = np.clip((level - floor) / span, 0, 1)
    busy = ndimage.maximum_filter1d(_smoothstep((energy - 0.1) / 0.25), 21, mode="nearest")
    return energy, ndimage.gaussian_filter1d(busy, 4, mode="nearest")


def _spectral_shape(analysis: Analysis, energy: F64, voiced: F64) -> F64:
    """(H, BANDS) dB of every band against the hop's level and the band's mean over voiced speech nearby."""
    power = 10 ** (analysis.bands_db.astype(np.float64) / 10)
    noise = np.column_stack([_noise_power(power[:, band]) for band in range(BANDS)])
    clean = np.maximum(power - noise, 0.05 * power) + 1e-9
    shape = 10 * np.log10(clean / clean.sum(axis=1, keepdims=True))
    weight = voiced * energy
    mean = np.column_stack([_running_mean(shape[:, b], weight, prior=_MEAN_SHAPE_DB[b]) for b in range(BANDS)])
    return np.clip(shape - mean, -40, 40)


# Mean level of the bands over voiced speech, dB against the sum; what a short clip starts from.
_MEAN_SHAPE_DB = (-8, -7, -7, -7, -8, -11, -14, -16, -18, -19, -20, -21, -22, -23, -25, -27)


def _noise_power(power: F64) -> F64:
    quiet = _blocks(power).mean(axis=1)
    floor = ndimage.percentile_filter(quiet, 10, int(10 * _BLOCKS_PER_S) + 1, mode="reflect")
    return _per_hop(floor, len(power))


def _cues(shape: F64, energy: F64, speaking: F64, voiced: F64) -> dict[str, F64]:
    """What the lips did, from the shape of the spectrum; bands as in ``BAND_EDGES_HZ``."""

    def band(low: int, high: int) -> F64:
        return np.asarray(shape[:, low:high].mean(axis=1), np.float64)

    first = (band(4, 8) - band(0, 3)) / 2
    second = (band(9, 13) - band(6, 9)) / 2
    dull = band(1, 5) - band(7, 13)
    hiss = _smoothstep((band(13, 16) - band(1, 6) + 4) / 16) * _smoothstep(energy / 0.2)
    open_ = _smoothstep((first + 7) / 15) * (1 - hiss)
    middle = energy * 40 + np.minimum(band(4, 12), 6)
    before = ndimage.maximum_filter1d(middle, 11, origin=5, mode="nearest")
    after = ndimage.maximum_filter1d(middle, 11, origin=-5, mode="nearest")
    dip = np.minimum(before, after) - middle
    closure = _smoothstep((dip - 8) / 14) * (1 - hiss) * speaking
    return {
        "open": open_,
        "front": _smoothstep((second + 7) / 14) * (1 - hiss),
        "round": _smoothstep((dull - 1) / 12) * voiced,
        "fricative": hiss,
        "closure": closure,
    }


def _smoothstep(x: F64) -> F64:
    x = np.clip(x, 0, 1)
    return np.asarray(x * x * (3 - 2 * x), np.float64)


def _blocks(values: F64) -> F64:
    """(B, _PER_BLOCK) of hops, the last value repeated to fill the last block."""
    missing = -len(values) % _PER_BLOCK
    return np.asarray(np.pad(values, (0, missing), mode="edge").reshape(-1, _PER_BLOCK), np.float64)


def _per_hop(blocks: F64, hops: int) -> F64:
    """Values at the blocks' centres, interpolated to the hops."""
    centres = np.arange(len(blocks)) * _PER_BLOCK + (_PER_BLOCK - 1) / 2
    return np.interp(np.arange(hops), centres, blocks)


def _running_mean(values: F64, weight: F64, prior: float) -> F64:
    """Weighted mean over the ``REACH_S`` on either side; ``prior`` counts as half a second."""
    size = 2 * int((REACH_S - 2) * _BLOCKS_PER_S) + 1
    total = ndimage.uniform_filter1d(_blocks(values * weight).sum(axis=1), size, mode="constant") * size
    count = ndimage.uniform_filter1d(_blocks(weight).sum(axis=1), size, mode="constant") * size
    few = 0.5 * HOPS_PER_S
    return _per_hop((total + prior * few) / (count + few), len(values))


def _at_frames(hops: F64, frames: int, fps: float) -> F64:
    """Rows at the frames' times, smoothed to what a frame can hold."""
    smooth = ndimage.gaussian_filter1d(hops, max(0.5, 0.35 * HOPS_PER_S / fps), axis=0, mode="nearest")
    position = np.minimum(np.arange(frames) / fps * HOPS_PER_S, len(hops) - 1)
    left = np.minimum(position.astype(int), len(hops) - 1)
    right = np.minimum(left + 1, len(hops) - 1)
    part = (position - left)[:, None]
    return np.asarray(smooth[left] * (1 - part) + smooth[right] * part, np.float64)


def _peaks_at_frames(hops: F64, frames: int, fps: float) -> F64:
    """The highest value within half a frame on either side: a closure may be shorter than a frame."""
    half = max(1, math.ceil(0.5 * HOPS_PER_S / fps))
    peaks = ndimage.maximum_filter1d(ndimage.uniform_filter1d(hops, 3), 2 * half + 1, mode="nearest")
    position = np.round(np.arange(frames) / fps * HOPS_PER_S).astype(int)
    return np.asarray(peaks[np.minimum(position, len(hops) - 1)], np.float64)
