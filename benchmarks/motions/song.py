"""Two sung lines of our own, with the time of every syllable: espeak-ng cannot sing.

Harmonics of a gliding pitch with vibrato, weighted by the formants of held vowels (Peterson & Barney 1952, means of
women); an /m/ opens most syllables. It has what sets singing apart for lips that listen: notes held for up to two
seconds, an octave of pitch, loudness that hardly falls between syllables. It has no voice's own colour, no
other consonants, no words and no instruments.
"""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from scipy import ndimage

from tellmark.benchmarks.motions.stage import Voice
from tellmark.generator.audio.acoustics import SAMPLE_RATE_HZ
from tellmark.generator.audio.voice import Phoneme
from tellmark.types import F64

FORMANTS_HZ = {
    "a": (850, 1220, 2810),
    "e": (610, 2330, 2990),
    "i": (310, 2790, 3310),
    "o": (590, 920, 2710),
    "u": (370, 950, 2670),
    "m": (250, 1000, 2200),
}
LINES = {  # (syllable, semitones above A3, seconds); "" rests
    "slow": (
        ("ma", 0, 0.8), ("mi", 4, 0.6), ("mo", 7, 1.2), ("mu", 5, 0.6), ("ma", 4, 0.6), ("me", 2, 0.6), ("mi", 0, 1.6),
        ("", 0, 0.5), ("mo", 7, 0.6), ("a", 9, 0.6), ("mi", 12, 2.0), ("mu", 11, 0.5), ("ma", 7, 0.5), ("o", 5, 0.5),
        ("me", 4, 0.5), ("ma", 0, 1.8),
    ),
    "quick": (
        ("ma", 0, 0.3), ("ma", 0, 0.3), ("mi", 7, 0.3), ("a", 7, 0.3), ("mo", 9, 0.3), ("mu", 9, 0.3), ("ma", 7, 0.9),
        ("", 0, 0.3), ("me", 5, 0.3), ("mo", 5, 0.3), ("mi", 4, 0.3), ("ma", 4, 0.3), ("mu", 2, 0.3), ("o", 2, 0.3),
        ("ma", 0, 1.2), ("", 0, 0.4), ("mo", 12, 0.4), ("ma", 11, 0.4), ("me", 9, 0.4), ("mi", 7, 1.0), ("ma", 5, 0.4),
        ("mu", 4, 0.4), ("mo", 2, 0.4), ("ma", 0, 1.5),
    ),
}  # fmt: skip

_LOWEST_HZ, _HIGHEST_HZ = 220.0, 7000.0
_STEP_S = 0.005  # between the values that a track of pitch, loudness or formants has
_CLOSED_S, _MURMUR = 0.11, 0.3  # of an /m/: how long, and how loud beside the vowel
_VIBRATO_HZ, _VIBRATO_ST, _VIBRATO_AFTER_S = 5.5, 0.35, 0.3


def sing(folder: Path, line: str) -> Voice:
    """A line of ``LINES`` as a 16-bit mono WAV file, with its phonemes; "" is a rest."""
    phonemes, rows = _score(line)
    pitch_st, loudness, formants = rows[:, 0], rows[:, 1], rows[:, 2:]
    path = folder / f"sung-{line}.wav"
    samples = _harmonics(_LOWEST_HZ * 2 ** (pitch_st / 12), loudness, formants)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE_HZ, 0, "NONE", ""))
        file.writeframes((0.5 * samples / np.abs(samples).max() * 32767).astype("<i2").tobytes())
    return Voice(path, line, tuple(phonemes))


def _score(line: str) -> tuple[list[Phoneme], F64]:
    """(phonemes, rows every 5 ms of semitones, loudness in [0, 1] and three formants, Hz)."""
    phonemes: list[Phoneme] = []
    rows: list[F64] = []
    start_s, last = 0.0, 0.0
    for syllable, note, length_s in LINES[line]:
        count = round(length_s / _STEP_S)
        times_s = np.arange(count) * _STEP_S
        part = np.empty((count, 5))
        last = note if syllable else last
        held = np.clip((times_s - _VIBRATO_AFTER_S) / 0.3, 0, 1)
        part[:, 0] = last + held * _VIBRATO_ST * np.sin(2 * np.pi * _VIBRATO_HZ * times_s)
        part[:, 1], part[:, 2:] = float(bool(syllable)), FORMANTS_HZ[syllable[-1:] or "m"]
        if syllable.startswith("m"):
            closed = times_s < _CLOSED_S
            part[closed, 1], part[closed, 2:] = _MURMUR, FORMANTS_HZ["m"]
            phonemes.append(Phoneme(start_s, "m"))
            phonemes.append(Phoneme(start_s + _CLOSED_S, syllable[-1]))
        else:
            phonemes.append(Phoneme(start_s, syllable))
        rows.append(part)
        start_s += length_s
    # Pitch glides and lips take their time: 40 ms and 15 ms.
    whole = np.concatenate([*rows, np.tile([last, 0.0, *FORMANTS_HZ["m"]], (round(0.3 / _STEP_S), 1))])
    smooth = ndimage.gaussian_filter1d(whole, 0.015 / _STEP_S, axis=0, mode="nearest")
    smooth[:, 0] = ndimage.gaussian_filter1d(whole[:, 0], 0.040 / _STEP_S, mode="nearest")
    return [*phonemes, Phoneme(start_s, "")], smooth


def _harmonics(pitch_hz: F64, loudness: F64, formants_hz: F64) -> F64:
    """(N,) samples of tracks every 5 ms: harmonics that fall by 6 dB an octave, through three resonances."""
    step = round(SAMPLE_RATE_HZ * _STEP_S)
    at = np.arange(len(pitch_hz) * step) / step
    phase = 2 * np.pi * np.cumsum(np.interp(at, np.arange(len(pitch_hz)), pitch_hz)) / SAMPLE_RATE_HZ
    numbers = np.arange(1, int(_HIGHEST_HZ / pitch_hz.min()) + 1)
    strengths = np.stack([_resonance(k * pitch_hz, formants_hz) / k * (k * pitch_hz < _HIGHEST_HZ) for k in numbers])
    # A harmonic that meets a resonance would say that lips which shut are loud.
    strengths *= loudness / np.linalg.norm(strengths, axis=0)
    samples = np.zeros(len(at))
    for number, strength in zip(numbers, strengths, strict=True):
        samples += np.interp(at, np.arange(len(pitch_hz)), strength) * np.sin(number * phase)
    return samples


def _resonance(hz: F64, formants_hz: F64) -> F64:
    """(T,) gain of three resonators in a row (Fant 1960), each 1 at 0 Hz."""
    gain = np.ones(len(hz))
    for centre, width in zip(formants_hz.T, (80.0, 110.0, 150.0), strict=True):
        gain *= centre**2 / np.sqrt((centre**2 - hz**2) ** 2 + (width * hz) ** 2)
    return gain
