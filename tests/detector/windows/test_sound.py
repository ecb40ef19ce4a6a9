"""The sound of a window is that of its frames."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tellmark.detector.windows.people import windows_of_people
from tellmark.detector.windows.sound import RATE_HZ, Sound
from tellmark.detector.windows.tracks import WindowReader
from tellmark.media import read_audio


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4.5 s of noise."""
    path = tmp_path_factory.mktemp("sound") / "noise.wav"
    noise = np.random.default_rng(0).normal(0, 3000, round(4.5 * RATE_HZ)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes(noise.tobytes())
    return path


def test_stretches_are_those_of_the_whole(speech: Path) -> None:
    whole = np.concatenate(list(read_audio(speech, RATE_HZ)))
    sound = Sound(speech)
    for start, end in [(0.0, 1.6), (1.0, 2.6), (1.0, 1.5), (3.2, 4.8), (4.4, 6.0), (5.0, 6.6)]:
        expected = whole[round(start * RATE_HZ) : round(end * RATE_HZ)]
        np.testing.assert_array_equal(sound.between(start, end), expected)


def test_windows_come_with_their_sound(speech: Path, painted: Callable[..., Any]) -> None:
    whole = np.concatenate(list(read_audio(speech, RATE_HZ)))
    scene = painted(100)
    frames = [(k / 25, frame) for k, frame in enumerate(scene.frames)]
    alone = list(WindowReader(frames, sound=Sound(speech), tracker=scene))
    scene = painted(100)
    followed = [part for _, part in windows_of_people(frames, sound=Sound(speech), tracker=scene)]
    assert len(alone) == len(followed) == 2
    for part in (*alone, *followed):
        first = round(part.start_s * RATE_HZ)
        np.testing.assert_array_equal(part.sound, whole[first : first + 40 * 640])


def test_where_there_is_no_sound_there_is_none(tmp_path: Path, speech: Path) -> None:
    (broken := tmp_path / "broken.wav").write_bytes(speech.read_bytes()[:3000])
    for path in (tmp_path / "missing.wav", broken):
        assert len(Sound(path).between(0.0, 1.6)) == 0
