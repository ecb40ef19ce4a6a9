"""`tellmark bench memory`: does memory stay flat? The peak of `tellmark render` for one minute and for ten.

`--with motion=rules` measures the second motion model.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import wave
from pathlib import Path
from typing import Any

from tellmark.generator.audio.voice import synthesize

_TEXT = "This sentence is said again and again, until the sound is as long as it has to be. "


def run(*, quick: bool = False, motion: str = "diffusion") -> list[dict[str, Any]]:
    """Rows of {minutes, peak_mb, frames_per_s}; quick: half a minute against one."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        synthesize(_TEXT * 4, folder / "one.wav")
        for minutes in (0.5, 1.0) if quick else (1.0, 10.0):
            voice, out = folder / f"{minutes}.wav", folder / f"{minutes}.mp4"
            _repeat(folder / "one.wav", voice, minutes * 60)
            rows.append({"minutes": minutes, **_render(voice, out, motion)})
    return rows


def _repeat(source: Path, out: Path, seconds: float) -> None:
    with wave.open(str(source)) as inside, wave.open(str(out), "wb") as outside:
        outside.setparams(inside.getparams())
        sound = inside.readframes(inside.getnframes())
        size = round(seconds * inside.getframerate()) * inside.getsampwidth()
        outside.writeframes((sound * (size // len(sound) + 1))[:size])


def _render(voice: Path, out: Path, motion: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tellmark.cli", "render", "actor:1", str(voice), "-o", str(out), "-q"]
    command += ["--motion", motion]
    environment = {**os.environ, "TELLMARK_HOME": str(voice.parent / "home")}
    start = os.times().elapsed
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed with exit code {process.returncode}")
    with wave.open(str(voice)) as sound:
        frames = sound.getnframes() / sound.getframerate() * 25
    seconds = os.times().elapsed - start
    return {"peak_mb": round(usage.ru_maxrss / 1024, 1), "frames_per_s": round(frames / seconds, 1)}
