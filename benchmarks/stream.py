"""`tellmark bench stream`: how soon and how fast frames come while the sound does, in how much memory, and which.

The command is run as a user runs it, from a pipe to a pipe, and what comes out is taken apart as it comes.
"""

from __future__ import annotations

import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from tellmark.encoding import VideoWriter
from tellmark.generator.actors import actor
from tellmark.generator.audio.acoustics import SAMPLE_RATE_HZ
from tellmark.generator.audio.voice import synthesize
from tellmark.generator.dynamics.online import OnlineRules
from tellmark.generator.motion import DiffusionMotion
from tellmark.generator.streaming import FrameStream
from tellmark.media import load_audio, rgb_to_i420
from tellmark.types import F32

_TEXT = "This sentence is said again and again, until the sound is as long as it has to be. "
_PIECE = 320  # samples, 20 ms
_FPS = 25


def run(
    *, quick: bool = False, minutes: str = "1,10", runs: int | str = 5, motion: str = "diffusion"
) -> list[dict[str, Any]]:
    """Rows of {what, value, ..}. ``minutes``: lengths of sound whose peak of memory is taken; ``motion``: the model."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        synthesize(_TEXT * 4, folder / "voice.wav")
        sound = load_audio(folder / "voice.wav", SAMPLE_RATE_HZ)
        _stream(sound[:SAMPLE_RATE_HZ], folder, motion)  # fills the caches of numba and of the disk
        live = [_stream(_seconds(sound, 6), folder, motion, paced=True) for _ in range(2 if quick else int(runs))]
        rows = [*_delays(live), *_speed(_stream(_seconds(sound, 20 if quick else 60), folder, motion))]
        rows += [_encoding(sound, folder, motion), *_same(sound, motion)]
        for length in (0.5, 1.0) if quick else tuple(float(item) for item in minutes.split(",")):
            taken = _stream(_seconds(sound, 60 * length), folder, motion)
            rows.append({"what": f"peak memory, {length:g} minutes, MB", "value": round(taken.peak_mb, 1)})
            rows.append({"what": f"frames a second over {length:g} minutes", "value": round(taken.frames_per_s, 1)})
    return rows


@dataclass(slots=True)
class Taken:
    """One run of the command, seen from outside; times in seconds from the first sound written."""

    frames_s: list[float] = field(default_factory=list)  # when each frame could be read
    peak_mb: float = 0.0

    @property
    def frames_per_s(self) -> float:
        return (len(self.frames_s) - 1) / (self.frames_s[-1] - self.frames_s[0])


def _stream(sound: F32, folder: Path, motion: str, *, paced: bool = False) -> Taken:
    """Pipe the sound through the command; ``paced``: as fast as it would be spoken, once the command listens."""
    command = [sys.executable, "-m", "tellmark.cli", "render", "actor:1", "-", "--stream", "-o", "-", "-q"]
    command += ["--motion", motion]
    environment = {**os.environ, "TELLMARK_HOME": str(folder / "home"), "TMPDIR": str(folder)}
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    while not list(folder.glob("*/stream.part.mp4")):
        if process.poll() is not None:
            raise RuntimeError(f"{' '.join(command)} ended with exit code {process.returncode}")
        time.sleep(0.01)
    taken = Taken()
    threading.Thread(target=_watch, args=(process.pid, taken), daemon=True).start()
    start = time.perf_counter()
    writer = threading.Thread(target=_feed, args=(process.stdin, sound, start if paced else None), daemon=True)
    writer.start()
    taken.frames_s = [moment - start for moment in _frame_times(process.stdout)]
    if process.wait():
        raise RuntimeError(f"{' '.join(command)} failed with exit code {process.returncode}")
    return taken


def _watch(pid: int, taken: Taken) -> None:
    """Keep the peak of memory that the process says of itself; what wait4 says is its parent's too."""
    status = Path(f"/proc/{pid}/status")
    with contextlib.suppress(OSError):
        while (peak := re.search(r"VmHWM:\s+(\d+)", status.read_text())) is not None:
            taken.peak_mb = int(peak[1]) / 1024
            time.sleep(0.1)


def _feed(pipe: IO[bytes], sound: F32, start: float | None) -> None:
    data = np.round(32767 * np.clip(sound, -1, 1)).astype("<i2")
    with pipe:
        for first in range(0, len(data), _PIECE):
            # A piece of a microphone is there once its last sample is.
            if start is not None:
                time.sleep(max(0.0, start + (first + _PIECE) / SAMPLE_RATE_HZ - time.perf_counter()))
            pipe.write(data[first : first + _PIECE].tobytes())
            pipe.flush()


def _frame_times(pipe: IO[bytes]) -> Iterator[float]:
    """When each fragment that holds a video frame had come in whole; the first track is the video."""
    video = 0
    for name, body in _boxes(pipe):
        if name == b"moof":
            video = _samples_of_track_1(body)
        elif name == b"mdat":
            now = time.perf_counter()
            yield from [now] * video


def _boxes(pipe: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    while len(head := pipe.read(8)) == 8:
        yield head[4:], pipe.read(int.from_bytes(head[:4], "big") - 8)


def _samples_of_track_1(moof: bytes) -> int:
    """The number of samples of the first track in a movie fragment (ISO/IEC 14496-12, 8.8)."""
    for name, traf in _inside(moof):
        if name == b"traf":
            parts = dict(_inside(traf))
            if int.from_bytes(parts[b"tfhd"][4:8], "big") == 1:
                return int.from_bytes(parts[b"trun"][4:8], "big")
    return 0


def _inside(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    while len(data) >= 8:
        size = int.from_bytes(data[:4], "big")
        yield data[4:8], data[8:size]
        data = data[size:]


def _delays(live: list[Taken]) -> list[dict[str, Any]]:
    """From the first sound that was spoken, and from what a frame shows to when it can be read, in ms."""
    first = [1000 * taken.frames_s[0] for taken in live]
    behind = [1000 * (at - row / _FPS) for taken in live for row, at in enumerate(taken.frames_s[:-4])]
    return [
        {
            "what": "first frame after the first sound, ms",
            "value": round(statistics.median(first)),
            "max": round(max(first)),
        },
        {
            "what": "a frame behind its sound, ms",
            "value": round(statistics.median(behind)),
            "p95": round(float(np.quantile(behind, 0.95))),
            "max": round(max(behind)),
        },
    ]


def _speed(taken: Taken) -> list[dict[str, Any]]:
    return [{"what": "frames a second, marked and encoded, 512x512", "value": round(taken.frames_per_s, 1)}]


def _encoding(sound: F32, folder: Path, motion: str) -> dict[str, Any]:
    """The floor: four seconds of the same frames through the same encoder, and nothing else; the best of three."""
    frames = _frames(_seconds(sound, 4), SAMPLE_RATE_HZ, motion)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        with VideoWriter(folder / "floor.mp4", width=512, height=512, fps=_FPS) as writer:
            for frame in frames:
                writer.write(rgb_to_i420(np.asarray(frame, np.uint8)))
        times.append(time.perf_counter() - start)
    return {"what": "encoding the same frames alone, frames a second", "value": round(len(frames) / min(times), 1)}


def _same(sound: F32, motion: str) -> list[dict[str, Any]]:
    """Frames of sound that came in pieces of 20 and 33 ms against those of the same sound in one piece."""
    sound = _seconds(sound, 4)
    whole = _frames(sound, len(sound), motion)
    rows = []
    for samples in (320, 533):
        pieces = _frames(sound, samples, motion)
        worst = max(int(np.abs(a.astype(int) - b).max()) for a, b in zip(whole, pieces, strict=True))
        rows.append({"what": f"largest difference of a pixel, pieces of {samples} samples", "value": worst})
    return rows


def _frames(sound: F32, samples: int, motion: str) -> list[np.ndarray[Any, Any]]:
    stream = FrameStream(actor(1), motion_model=DiffusionMotion() if motion == "diffusion" else OnlineRules(), seed=1)
    frames = [f.copy() for at in range(0, len(sound), samples) for f in stream.push(sound[at : at + samples])]
    return [*frames, *(f.copy() for f in stream.finish())]


def _seconds(sound: F32, seconds: float) -> F32:
    return np.resize(sound, round(seconds * SAMPLE_RATE_HZ))
