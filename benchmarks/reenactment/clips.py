"""Real clips as a renderer is measured on them: square frames at 25 a second, the tracked face, and the split.

One window serves a whole clip: it shows head and shoulders as a portrait does, as far as the picture reaches.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from tellmark.benchmarks import kept_aside
from tellmark.errors import FaceError, UsageError
from tellmark.faces import Face, matte
from tellmark.generator.portrait import FACE_SHARE
from tellmark.generator.retarget import bridged
from tellmark.generator.track import FPS, Track, track_video
from tellmark.generator.types import SIZE, Portrait
from tellmark.media import VideoReader
from tellmark.types import F32, U8
from tellmark.video_folders import video_files

SPLITS = ("development", "held-out")
_CENTRE = 0.45  # height of the face's middle in the window
_ROOM = 1.15  # of the room that the face takes up in all of a clip, that the window has at least
_FEWEST = 10  # frames worth measuring


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip ready to be re-enacted; frame 0 is the first one with a face."""

    number: int  # among the folder's videos by name: no name reaches a result
    split: str
    frames: U8  # (T, 512, 512, 3) RGB
    landmarks: F32  # (T, 478, 3) px in ``frames``
    scale: float  # px of ``frames`` over px of the video

    def portrait(self) -> Portrait:
        """Frame 0, tracked as the clip is, so that its motion begins at rest."""
        first = self.frames[0]
        return Portrait(first, self.landmarks[0], matte(first), "clip", "", source=Path("clip"), consent_sha256="")

    def track(self) -> Track:
        """The clip's face."""
        everywhere = np.ones(len(self.frames), np.bool_)
        return Track(self.landmarks, everywhere, FPS, SIZE, SIZE, sha256="", has_audio=False)


def videos(folder: Path, split: str | None = None) -> list[tuple[int, str, Path]]:
    """Number, split and path of the videos in a folder; persons are kept whole, by ``person_id`` of the data's index.

    Raises :class:`UsageError` for an unknown split, and where there are no videos.
    """
    if split is not None and split not in SPLITS:
        raise UsageError(f"split={split}: choose one of {', '.join(SPLITS)}")
    persons = kept_aside.persons(folder)
    files = video_files(folder)
    if not files:
        raise UsageError(f"data={folder} holds no videos; give a folder that does")
    found = [
        (number, SPLITS[zlib.crc32(persons.get(path.name, path.name).encode()) % 2], path)
        for number, path in enumerate(files)
    ]
    return [video for video in found if split in (None, video[1])]


def read_clip(number: int, split: str, path: Path, *, seconds: float, tracks: Path | None = None) -> Clip:
    """The first ``seconds`` of a video from its first face on.

    tracks: a folder with the video's track as ``tellmark track`` writes it; without, the video is tracked here.
    Raises :class:`FaceError` where less than a few frames show a face, and :class:`MediaError` for what is no video.
    """
    stored = None if tracks is None else tracks / f"{path.name}.npz"
    track = Track.load(stored) if stored is not None and stored.is_file() else track_video(path)
    first = int(np.argmax(track.found))
    stop = min(len(track), first + round(seconds * FPS))
    found = track.found[first:stop]
    if found.sum() < _FEWEST:
        raise FaceError(f"only {found.sum()} frames show a face")
    landmarks = bridged(track.landmarks[first:stop], found)
    x, y, side = _window(landmarks, (track.width, track.height))
    scale = SIZE / side
    frames = np.stack(list(_squares(path, first, stop, (x, y, side))))
    placed = (landmarks - np.array([x, y, 0], np.float32)) * np.float32(scale)
    return Clip(number, split, frames, placed[: len(frames)].astype(np.float32), scale)


def _window(landmarks: F32, size: tuple[int, int]) -> tuple[int, int, int]:
    """x, y and side, px, of a square that holds the face wherever it goes, as far as the picture does."""
    boxes = np.array([Face(face).box for face in landmarks])
    face = float(np.median((boxes[:, 2:] - boxes[:, :2]).max(axis=1)))
    low, high = boxes[:, :2].min(0), boxes[:, 2:].max(0)
    side = int(min(max(face / FACE_SHARE, _ROOM * float((high - low).max())), *size))
    start = (low + high) / 2 - side * np.array([0.5, _CENTRE])
    x, y = (int(np.clip(at, 0, extent - side)) for at, extent in zip(start, size, strict=True))
    return x, y, side


def _squares(path: Path, first: int, stop: int, window: tuple[int, int, int]) -> Iterator[U8]:
    x, y, side = window
    how = cv2.INTER_AREA if side > SIZE else cv2.INTER_CUBIC
    with VideoReader(path, fps=FPS) as reader:
        for frame in reader:
            if frame.index >= stop:
                return
            if frame.index >= first:
                yield np.asarray(cv2.resize(frame.rgb()[y : y + side, x : x + side], (SIZE, SIZE), interpolation=how))
