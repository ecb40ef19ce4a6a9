"""The clips that watermarks are measured on: virtual actors, rendered in memory, or the videos of a folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2

from tellmark.benchmarks.attacks import Frames
from tellmark.benchmarks.kept_aside import of_split
from tellmark.errors import UsageError
from tellmark.generator.actors import actor
from tellmark.generator.audio.voice import synthesize
from tellmark.generator.render import MeshRenderer
from tellmark.generator.rules import RuleMotion
from tellmark.generator.speech import load_speech
from tellmark.generator.types import Controls
from tellmark.media import VideoReader
from tellmark.types import U8
from tellmark.video_folders import VIDEOS

SIDE = 512
FPS = 25.0
SECONDS = 12.5  # ten seconds from anywhere, and somewhere to start
_TEXT = (
    "The mark has to stay where it is while the picture moves, and nobody should see it, not on a face nor on a wall. "
    "It was put there once. Then the clip was copied, cut, made smaller and sent on, by people who never knew of it. "
    "What is left of it after that is what we want to know."
)


@dataclass(frozen=True, slots=True)
class Hosts:
    """Unmarked clips of 512x512 at 25 frames a second; each is made anew on every pass, one at a time.

    folder: of videos, whose middle square is taken, or one that keeps them in ``real`` beside their index.csv; None
    renders actors. count: at most so many; None: all, or four actors. seconds: at most so much of each. split:
    "held-out" or "development", to take these persons alone.
    """

    folder: Path | None = None
    count: int | None = None
    seconds: float = SECONDS
    split: str = ""

    @property
    def kind(self) -> str:
        """What a results file says of them; never a name."""
        if self.folder is None:
            return "rendered"
        return f"real, {self.split.replace('-', ' ')}" if self.split else "real"

    def __iter__(self) -> Iterator[Frames]:
        if self.folder is None:
            yield from _rendered(range(self.count or 4), self.seconds)
            return
        for number, path in enumerate(self.paths()):
            yield Frames(_squares(path, self.seconds), FPS, number)

    def __len__(self) -> int:
        return (self.count or 4) if self.folder is None else len(self.paths())

    def paths(self) -> list[Path]:
        """The videos of the folder. Raises UsageError where there are none."""
        assert self.folder is not None
        if not self.folder.is_dir():
            raise UsageError(f"data={self.folder} is no folder; give one that holds videos")
        videos = self.folder / "real" if (self.folder / "index.csv").is_file() else self.folder
        found = sorted(path for path in videos.iterdir() if path.suffix.lower() in VIDEOS)
        if self.split:
            found = of_split(found, videos, self.split)
        if not found:
            raise UsageError(f"no videos to measure on in {self.folder}; give a folder that holds some")
        return found[: self.count]


def chosen(data: str | Path | None, clips: int | str | None, seconds: float | str, split: str = "") -> Hosts:
    """Hosts from the settings of a benchmark."""
    if split and data is None:
        raise UsageError(f"split={split} is of the persons in footage; give data=FOLDER as well")
    return Hosts(Path(data) if data is not None else None, int(clips) if clips else None, float(seconds), split)


def _rendered(seeds: Iterable[int], seconds: float) -> Iterator[Frames]:
    with tempfile.TemporaryDirectory() as name:
        voice = Path(name) / "voice.wav"
        synthesize(_TEXT, voice)
        speech = load_speech(voice, fps=FPS)
        for seed in seeds:
            motion = RuleMotion().generate(speech, Controls(), seed)
            renderer = MeshRenderer(actor(seed))
            length = min(len(motion), round(seconds * FPS))
            yield Frames([renderer.render(motion, index).copy() for index in range(length)], FPS, seed)


def _squares(path: Path, seconds: float) -> list[U8]:
    frames: list[U8] = []
    with VideoReader(path, fps=FPS) as reader:
        for frame in reader:
            frames.append(_square(frame.rgb()))
            if len(frames) >= round(seconds * FPS):
                break
    return frames


def _square(rgb: U8) -> U8:
    side = min(rgb.shape[:2])
    top, left = (rgb.shape[0] - side) // 4, (rgb.shape[1] - side) // 2  # faces sit high
    method = cv2.INTER_AREA if side > SIDE else cv2.INTER_CUBIC
    square: U8 = cv2.resize(rgb[top : top + side, left : left + side], (SIDE, SIDE), interpolation=method)
    return square
