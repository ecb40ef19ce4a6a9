"""Damages films and sounds of many codecs at random, and reads them as the commands do: `tellmark bench media`.

A case is a number, which picks the file and the damage. Each is read in a process of its own kind: what the container
says, the pictures, the sound, and the whole marked anew. What comes out:

* read: something could be read, and the rest was an error that says so;
* refused: nothing could, and every error said so;
* internal: an error got out that is none of ``tellmark.errors``, which a command would end in with 4;
* died: the process did, or it had no answer within ``LIMIT_S``.
"""

from __future__ import annotations

import signal
import tempfile
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from tellmark.benchmarks.damage import anywhere
from tellmark.errors import TellmarkError
from tellmark.media import VideoReader, probe, read_audio
from tellmark.processes import in_order
from tellmark.runs import Progress
from tellmark.types import Kind
from tellmark.watermark.mark import mark_video

CASES = 1200
LIMIT_S = 120
FORMATS = {  # suffix and kind of container -> codecs of pictures and of sound
    "mp4": ("libx264", "aac"),
    "webm": ("libvpx-vp9", "libopus"),
    "mkv": ("libx265", "ac3"),
    "avi": ("mpeg4", "mp3"),
    "mpegts": ("mpeg2video", "mp2"),
    "mov": ("mjpeg", "pcm_s16le"),
    "mp3": ("", "mp3"),
    "flac": ("", "flac"),
    "ogg": ("", "libopus"),
    "wav": ("", "pcm_s16le"),
}
_SIZE, _FRAMES, _RATE_HZ = 128, 15, 48_000


def run(
    *, quick: bool = False, cases: int | str | None = None, seed: int | str = 0, progress: Progress | None = None
) -> list[dict[str, Any]]:
    """One row a format: cases, what came out, and the numbers of the bad ones. seed: the number of the first case."""
    count = int(cases) if cases is not None else CASES // (10 if quick else 1)
    numbers = range(int(seed), int(seed) + count)
    tally: dict[str, Counter[str]] = {name: Counter() for name in FORMATS}
    bad: dict[str, list[str]] = {name: [] for name in FORMATS}
    with tempfile.TemporaryDirectory() as folder:
        samples = [make(Path(folder) / f"whole.{name}", name) for name in FORMATS]
        job = partial(outcome, samples, Path(folder))
        for done, (number, found) in enumerate(zip(numbers, in_order(job, numbers, 2, lambda _: "died"), strict=True)):
            name = list(FORMATS)[number % len(FORMATS)]
            tally[name][found.split(":")[0]] += 1
            if found.startswith(("internal", "died")):
                bad[name].append(f"{number} {found}")
            if progress is not None:
                progress(done + 1, count)
    return [
        {"format": name, "cases": counter.total()}
        | {what: counter[what] for what in ("read", "refused", "internal", "died")}
        | {"bad_cases": "; ".join(bad[name])}
        for name, counter in tally.items()
    ]


def make(path: Path, name: str) -> Path:
    """A small film of ``_FRAMES`` frames with sound, or sound alone."""
    pictures, sounds = FORMATS[name]
    rng = np.random.default_rng(0)
    ground = cv2.resize(rng.integers(40, 216, (12, 12, 3), dtype=np.uint8), (_SIZE, _SIZE))
    with av.open(str(path), "w", format={"mkv": "matroska"}.get(name, name)) as target:
        sound: Any = target.add_stream(sounds, rate=_RATE_HZ, layout="stereo")
        if pictures:
            quiet = {"x265-params": "log-level=none", "cpu-used": "8"}
            film: Any = target.add_stream(pictures, rate=25, options=quiet)
            film.width = film.height = _SIZE
            film.pix_fmt = "yuvj420p" if pictures == "mjpeg" else "yuv420p"
            for number in range(_FRAMES):
                frame = av.VideoFrame.from_ndarray(np.roll(ground, 3 * number, axis=1), format="rgb24")
                target.mux(film.encode(frame))
            target.mux(film.encode(None))
        count = round(_RATE_HZ * _FRAMES / 25)
        tone = np.sin(np.arange(count) * (2 * np.pi * 220 / _RATE_HZ)) * 9000
        heard = av.AudioFrame.from_ndarray(np.repeat(tone, 2)[None].astype(np.int16), format="s16", layout="stereo")
        heard.sample_rate = _RATE_HZ
        fitting = av.AudioResampler(sound.format, "stereo", _RATE_HZ, frame_size=sound.frame_size or 1024)
        for piece in [*fitting.resample(heard), *fitting.resample(None)]:
            target.mux(sound.encode(piece))
        target.mux(sound.encode(None))
    return path


def outcome(samples: list[Path], folder: Path, number: int) -> str:
    """What comes of case ``number``: a word of the module's text, and which error it was."""
    sample = samples[number % len(samples)]
    path, marked = folder / f"{number}{sample.suffix}", folder / f"{number}-marked.mp4"
    path.write_bytes(anywhere(sample.read_bytes(), number))
    signal.alarm(LIMIT_S)  # kills the process, wherever it is
    said = [_tried(step, path) for step in (probe, _frames, _sound, partial(_marked, marked))]
    signal.alarm(0)
    path.unlink()
    marked.unlink(missing_ok=True)
    internal = [word for word in said if word.startswith("internal")]
    return internal[0] if internal else "read" if "read" in said else "refused"


def _tried(step: Callable[[Path], Any], path: Path) -> str:
    try:
        step(path)
    except TellmarkError:
        return "refused"
    except Exception as error:
        return f"internal: {type(error).__name__}: {error}"
    return "read"


def _frames(path: Path) -> None:
    with VideoReader(path, fps=25.0) as reader:
        for frame in reader:
            frame.rgb()


def _sound(path: Path) -> None:
    for _ in read_audio(path):
        pass


def _marked(out: Path, path: Path) -> None:
    mark_video(path, out, kind=Kind.CONTROL, registry=out.parent / "registry.sqlite")
