"""Sung lines of our own."""

from pathlib import Path

import numpy as np
import pytest

from tellmark.benchmarks.motions.singing import known_lips
from tellmark.benchmarks.motions.song import LINES, sing
from tellmark.generator.types import EXPRESSIONS
from tellmark.media import load_audio

RATE = 16_000


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_as_long_as_its_notes_and_knows_its_closures(tmp_path: Path, line: str) -> None:
    voice = sing(tmp_path, line)
    samples = load_audio(voice.path, RATE)
    assert len(samples) / RATE == pytest.approx(sum(length for _, _, length in LINES[line]) + 0.3, abs=0.02)
    closed = [phoneme.time_s for phoneme in voice.phonemes if phoneme.phoneme == "m"]
    assert len(closed) == sum(syllable.startswith("m") for syllable, _, _ in LINES[line])

    def level(at_s: float) -> float:
        return float(np.sqrt(np.square(samples[round(at_s * RATE) :][:800]).mean()))

    assert all(level(at + 0.03) < 0.6 * level(at + 0.2) for at in closed)


def test_notes_are_sung_at_their_pitch(tmp_path: Path) -> None:
    samples = load_audio(sing(tmp_path, "slow").path, RATE)
    held = samples[round(1.6 * RATE) : round(2.1 * RATE)]  # "mo", seven semitones above A3
    spectrum = np.abs(np.fft.rfft(held * np.hanning(len(held)), 1 << 17))
    hz = np.fft.rfftfreq(1 << 17, 1 / RATE)
    near = (hz > 250) & (hz < 450)
    assert hz[near][spectrum[near].argmax()] == pytest.approx(220 * 2 ** (7 / 12), rel=0.02)


def test_known_lips_close_and_open_where_the_line_says_so(tmp_path: Path) -> None:
    voice = sing(tmp_path, "quick")
    motion = known_lips(voice)
    press, jaw, pucker = (motion.expression[:, EXPRESSIONS.index(name)] for name in ("press", "jaw", "pucker"))
    for start, (phoneme, end) in zip(
        voice.phonemes,
        [(p.phoneme, q.time_s) for p, q in zip(voice.phonemes, voice.phonemes[1:], strict=False)],
        strict=False,
    ):
        at = round(25 * (start.time_s + end) / 2)
        if phoneme == "m":
            assert press[at - 1 : at + 2].max() > 0.8
        elif phoneme == "a":
            assert jaw[at] > 0.3
        elif phoneme == "u":
            assert pucker[at] > 0.4
