"""Speech as the face needs it: per video frame, what is heard and what the lips must have done to make it.

Everything is normalised to the seconds around it in the same recording (level, noise floor, spectral slope, pitch), so
that a whisper, a telephone line, a noisy street and a studio give similar rows. No row depends on sound more than
``REACH_S`` away: the start of a clip does not know how it ends, and long recordings are worked through in segments.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from scipy import ndimage

from tellmark.errors import InputError, UsageError
from tellmark.generator.audio import inversion
from tellmark.generator.audio.acoustics import BANDS, HOPS_PER_S, SAMPLE_RATE_HZ, Analysis, analyse
from tellmark.generator.audio.levels import REACH_S, Heard, normalise
from tellmark.generator.audio.visemes import GESTURES
from tellmark.generator.types import Speech
from tellmark.media import read_audio, sha256_of
from tellmark.types import F32, F64

FEATURES = ("level_db", "energy", "speaking", "voiced", "pitch_st", *GESTURES, *(f"band_{i:02d}" for i in range(BANDS)))
"""Columns of ``Speech.features``.

level_db     RMS of the frame, dB below full scale, not normalised
energy       loudness between the noise floor (0) and the recording's loud syllables (1)
speaking     1 within speech and its short gaps, 0 in pauses; edges of about 0.1 s
voiced       probability that the vocal folds vibrate, 0 to 1
pitch_st     semitones above the speaker's mean of the last and next seconds; 0 where unvoiced
GESTURES     what the lips did, 0 to 1 (``visemes.GESTURES``), read from the sound by ``inversion``
band_NN      level of band NN (``acoustics.BAND_EDGES_HZ``) against its mean in this recording's speech, in 20 dB
"""

MIN_S, MAX_S = 0.2, 2 * 3600.0

_SEGMENT = int(60 * HOPS_PER_S)
_MARGIN = int((REACH_S + 1) * HOPS_PER_S)
_BRIEF = ("closure", "labiodental")  # may be shorter than a frame


def load_speech(path: str | Path, *, fps: float = 25.0) -> Speech:
    """Read the sound of any file FFmpeg decodes and describe it frame by frame.

    Frame i is centred at i / fps. There are round(duration * fps) frames, at least one. The sound is streamed; what
    grows with its length are the rows (about 8 kB a second while it works, 3 kB a second at 25 fps afterwards).

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


def features(analysis: Analysis, fps: float) -> F32:
    """(T, len(FEATURES)) rows at ``fps``, T = max(1, round(duration * fps))."""
    frames = max(1, round(analysis.samples / SAMPLE_RATE_HZ * fps))
    position = np.minimum(np.arange(frames) / fps * HOPS_PER_S, len(analysis.level_db) - 1.0)
    rows = np.empty((frames, len(FEATURES)), np.float32)
    for start in range(0, len(analysis.level_db), _SEGMENT):
        first = max(0, start - _MARGIN)
        heard = normalise(analysis.cut(first, start + _SEGMENT + _MARGIN))
        here = (position >= start) & (position < start + _SEGMENT)
        rows[here] = _frames(heard, np.asarray(position[here] - first, np.float64), HOPS_PER_S / fps)
    return rows


def _limited(chunks: Iterable[F32], path: Path) -> Iterator[F32]:
    """The chunks, as long as they stay below ``MAX_S``."""
    samples = 0
    for chunk in chunks:
        samples += len(chunk)
        if samples > MAX_S * SAMPLE_RATE_HZ:
            raise UsageError(f"{path} is longer than two hours; cut it into parts")
        yield chunk


def _frames(heard: Heard, position: F64, hops_per_frame: float) -> F64:
    """Rows at the frames' positions, in hops."""
    lips = inversion.gestures(heard.columns())
    hops = np.column_stack(
        [heard.level_db, heard.energy, heard.speaking, heard.voiced, heard.pitch_st, lips, heard.bands]
    )
    smooth = _blur(hops, max(0.5, 0.35 * hops_per_frame))
    left = np.clip(position.astype(int), 0, len(hops) - 1)
    right = np.minimum(left + 1, len(hops) - 1)
    part = (position - left)[:, None]
    rows = smooth[left] * (1 - part) + smooth[right] * part
    # The lips meet for less than a frame at times: the strongest moment of the frame counts.
    nearest = np.clip(np.round(position).astype(int), 0, len(hops) - 1)
    half = max(1, math.ceil(0.5 * hops_per_frame))
    for name in _BRIEF:
        column = FEATURES.index(name)
        rows[:, column] = ndimage.maximum_filter1d(_blur(hops[:, column], 1.0), 2 * half + 1, mode="nearest")[nearest]
    return np.asarray(rows, np.float64)


def _blur(track: F64, sigma: float) -> F64:
    return np.asarray(ndimage.gaussian_filter1d(track, sigma, axis=0, mode="nearest"), np.float64)
