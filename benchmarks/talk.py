"""`tellmark bench talk`: does a rendered clip do what it should? One portrait and one voice, measured on the file.

Nothing is taken from what the generator believes: length against the sound's, faces found by a fresh
tracker, the lag at which mouth opening and speech energy agree best, and the verdict on the file as it is, after a
remux and after a CRF 23 re-encode. `--with portrait=FILE --with speech=FILE` measures on material of your own;
`--with data=DIR` on a minute of the speech that its index lists, recording after recording.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from tellmark.benchmarks.channels import reencode, remux
from tellmark.benchmarks.footage import indexed
from tellmark.faces import MediapipeTracker
from tellmark.generator.actors import actor
from tellmark.generator.audio.voice import synthesize
from tellmark.generator.clip import render_clip
from tellmark.generator.factory.soundtrack import write_sound
from tellmark.generator.portrait import load_portrait
from tellmark.generator.speech import load_speech
from tellmark.landmarks import mouth_opening
from tellmark.media import VideoReader, load_audio
from tellmark.types import F32, F64
from tellmark.watermark.verify import verify

_TEXT = (
    "People often move their mouths in a beautiful way when they speak. What do you think about five brave firemen? "
    "Perhaps my mother will bake a pie before Monday evening, and perhaps she will not. "
)
_MAX_LAG = 12  # frames


def run(*, quick: bool = False, portrait: str = "actor:1", speech: str = "", data: str = "") -> list[dict[str, Any]]:
    """Rows of {measure, value, target}."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        voice = Path(speech) if speech else folder / "voice.wav"
        if data and not speech:
            _joined(indexed(Path(data), "speech"), 10.0 if quick else 60.0, voice)
        elif not speech:
            synthesize(_TEXT * (1 if quick else 6), voice)
        return _measure(folder, portrait, voice)


def _measure(folder: Path, name: str, voice: Path) -> list[dict[str, Any]]:
    if name.startswith("actor:"):
        portrait = actor(int(name.removeprefix("actor:")))
    else:
        portrait = load_portrait(Path(name), consent="benchmark on local test material", framing="auto")
    out, registry = folder / "clip.mp4", folder / "registry.sqlite"
    start = time.perf_counter()
    clip = render_clip(portrait, load_speech(voice), out, seed=0, registry=registry)
    seconds = time.perf_counter() - start
    sound = load_audio(voice)
    openings = _mouth(out)
    found = np.isfinite(openings)
    lag, correlation = _best_lag(openings, _energy(sound, clip.fps, len(openings)))
    with VideoReader(out) as reader:
        length = reader.info.duration_s
    rows = [
        _row("clip length", length, "s"),
        _row("length minus sound", (length - len(sound) / 16_000) * clip.fps, "within 1 frame"),
        _row("frames with a face", float(found.mean()), ">= 0.99"),
        _row("lag of mouth after energy", float(lag), "within 2 frames"),
        _row("correlation at that lag", correlation, ""),
        _row("frames per second", clip.frames / seconds, ""),
    ]
    copies = {"as rendered": out, "remux": folder / "remux.mp4", "H.264 CRF 23": folder / "crf23.mp4"}
    remux(out, copies["remux"])
    reencode(out, copies["H.264 CRF 23"])
    for channel, path in copies.items():
        wanted = "intact" if path == out else "recovered"
        rows.append(
            {"measure": f"verdict {channel}", "value": verify(path, registry=registry).verdict, "target": wanted}
        )
    return rows


def _joined(recordings: list[Path], seconds: float, out: Path) -> None:
    """The recordings one after the other, cut to ``seconds``, as 16 kHz WAV."""
    wanted = round(seconds * 16_000)
    parts: list[F32] = []
    for path in recordings:
        if sum(map(len, parts)) >= wanted:
            break
        parts.append(load_audio(path))
    write_sound(out, np.concatenate(parts)[:wanted], 16_000)


def _mouth(path: Path) -> F64:
    """Mouth opening in each frame; NaN where no face is found."""
    openings = []
    with VideoReader(path) as reader, MediapipeTracker() as tracker:
        for frame in reader:
            faces = tracker.track(frame.rgb())
            openings.append(float(mouth_opening(faces[0].landmarks)) if faces else np.nan)
    return np.array(openings)


def _energy(sound: Any, fps: float, frames: int) -> F64:
    """Loudness around each frame: log of the mean square in 40 ms, floored 50 dB below the loudest."""
    step = 16_000 / fps
    power = np.array(
        [np.mean(np.square(sound[int(k * step) : int((k + 1) * step)], dtype=np.float64)) for k in range(frames)]
    )
    decibel = 10 * np.log10(np.nan_to_num(power) + 1e-12)
    floored: F64 = np.maximum(decibel, decibel.max() - 50)
    return floored


def _best_lag(mouth: F64, energy: F64) -> tuple[int, float]:
    """(lag in frames, Pearson's r) where mouth(t + lag) and energy(t) agree best; positive: the mouth comes late."""
    scores = {}
    for lag in range(-_MAX_LAG, _MAX_LAG + 1):
        a, b = (mouth[lag:], energy[: len(energy) - lag]) if lag >= 0 else (mouth[:lag], energy[-lag:])
        both = np.isfinite(a)
        scores[lag] = float(np.corrcoef(a[both], b[both])[0, 1])
    best = max(scores, key=scores.__getitem__)
    return best, scores[best]


def _row(measure: str, value: float, target: str) -> dict[str, Any]:
    return {"measure": measure, "value": round(value, 3), "target": target}
