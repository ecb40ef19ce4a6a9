"""`splice`: some seconds of a clip, picture and sound, are replaced; the rest is as filmed, to the bit.

Within the segment the mouth says other words (as `lipsync`), faded in and out over some frames, and they are heard; the
segment is what temporal localisation has to find.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tellmark.generator.factory.scene import Scene
from tellmark.generator.factory.soundtrack import RECORDED_HZ, record, write_sound
from tellmark.generator.methods import Forgery
from tellmark.generator.methods.lipsync import respoken
from tellmark.media import load_audio
from tellmark.types import F32

_SHARES = (0.3, 0.6)  # of the clip that is replaced
_SHORTEST_S = 0.4
_FADE_S = 0.08  # of the mouth's mask
_CROSSFADE_S = 0.01  # of the sound, so that the cut does not click
_QUIETEST, _LOUDEST = 0.25, 4.0  # gain of the words


def forge(scene: Scene) -> Forgery:
    """Replace a segment of the original, its place drawn from the take's seed."""
    words = scene.take.words
    assert words is not None
    fps, total = scene.take.fps, scene.count
    rng = scene.rng("splice")
    length = min(total, max(round(_SHORTEST_S * fps), round(float(rng.uniform(*_SHARES)) * total)))
    first = int(rng.integers(0, total - length + 1))
    start_s, end_s = first / fps, (first + length) / fps
    other = scene.folder / f"{scene.take.take_id}.words.wav"
    said = record(words, scene.seconds, other)
    wav = scene.folder / f"{scene.take.take_id}.splice.wav"
    _join(scene.wav, other, wav, start_s, end_s)
    index = np.arange(total)
    rise = np.minimum(index - first + 1, first + length - index) / max(1.0, _FADE_S * fps)
    return Forgery(
        frames=respoken(scene, scene.listen(wav), np.clip(rise, 0, 1).astype(np.float32)),
        wav=wav,
        voice_id=scene.take.sound.voice_id,
        params={"renderer": scene.take.renderer, "words_voice_id": words.voice_id}
        | {f"words_{name}": value for name, value in said.items()},
        segments=((start_s, end_s),),
    )


def _join(base: Path, other: Path, out: Path, start_s: float, end_s: float) -> None:
    """``base`` with the stretch of ``other`` in it, as loud as what it replaces."""
    samples, words = (load_audio(path, RECORDED_HZ).astype(np.float32) for path in (base, other))
    words = np.pad(words, (0, max(0, len(samples) - len(words))))[: len(samples)]
    time = np.arange(len(samples)) / RECORDED_HZ
    share = np.clip(np.minimum(time - start_s, end_s - time) / _CROSSFADE_S, 0, 1).astype(np.float32)
    inside = share > 0
    gain = _level(samples[inside]) / max(_level(words[inside]), 1e-5)
    write_sound(
        out, samples * (1 - share) + words * share * np.float32(np.clip(gain, _QUIETEST, _LOUDEST)), RECORDED_HZ
    )


def _level(samples: F32) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
