"""What is heard in a clip: sentences that are spoken, or a stretch of a recording, cut to the sample."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tellmark.generator.audio.voice import synthesize
from tellmark.generator.factory.roles import Sound
from tellmark.media import load_audio, read_audio
from tellmark.types import F32

SPOKEN_HZ, RECORDED_HZ = 22_050, 48_000


def record(sound: Sound, seconds: float, path: Path) -> dict[str, Any]:
    """Write exactly ``seconds`` of the sound as mono 16-bit WAV; returns what was heard, for the clip's parameters."""
    if sound.path is not None:
        rate = RECORDED_HZ
        chunks = _cut(sound.path, sound.start_s)
        said: dict[str, Any] = {"sound_start_s": sound.start_s}
    else:
        rate = SPOKEN_HZ
        chunks = _spoken(sound, path.with_name("sentence.wav"))
        said = {"language": sound.language, "voice": sound.variant, "speed": sound.speed, "pitch": sound.pitch}
    wanted = round(seconds * rate)
    parts: list[F32] = []
    for chunk in chunks:
        parts.append(chunk)
        if sum(map(len, parts)) >= wanted:
            break
    samples = np.concatenate([*parts, np.zeros(wanted, np.float32)])[:wanted]  # the last frames of a file may lack
    write_sound(path, samples, rate)
    return said


def write_sound(path: Path, samples: F32, rate_hz: int) -> None:
    """Write samples in [-1, 1] as mono 16-bit WAV."""
    with wave.open(str(path), "wb") as handle:
        handle.setnchannels(1)
        handle.setsampwidth(2)
        handle.setframerate(rate_hz)
        handle.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def _cut(path: Path, start_s: float) -> Iterator[F32]:
    """The sound of a file from ``start_s`` on."""
    skip = round(start_s * RECORDED_HZ)
    for chunk in read_audio(path, RECORDED_HZ):
        yield chunk[skip:]
        skip = max(0, skip - len(chunk))


def _spoken(sound: Sound, path: Path) -> Iterator[F32]:
    """Sentence after sentence, from the first again when all are said."""
    while True:
        for text in sound.texts:
            synthesize(text, path, language=sound.language, variant=sound.variant, speed=sound.speed, pitch=sound.pitch)
            yield load_audio(path, SPOKEN_HZ)
