"""Real footage becomes 512 x 512 frames with the face framed as in a portrait.

One window serves a whole stretch: a window that followed the face would add its own motion, and the fakes, made from
one of these frames, have none of that. Nothing is filled in: a face too near the border is refused, not completed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tellmark.errors import FaceError
from tellmark.faces import RIVAL, Face, MediapipeTracker
from tellmark.generator.portrait import FACE_SHARE
from tellmark.generator.types import SIZE
from tellmark.landmarks import eye_opening, head_rotation_deg, mouth_opening
from tellmark.media import VideoReader
from tellmark.recode import Stretch
from tellmark.types import F32, U8

MIN_SIDE = 200  # px of the window: below, the frames would mostly be interpolation
_MAX_FACE = 0.62  # of the window's side, where the picture ends
_CENTRE = 0.45  # height of the face's middle in the window
_STRAY = 0.02  # share of frames in which the tracker may err
_JUMP = 0.6  # face sizes between two frames: a cut


@dataclass(frozen=True, slots=True)
class Shot:
    """A stretch of footage with one face in it."""

    stretch: Stretch
    still: int  # the frame, from the first on, that serves best as a portrait


def find_shot(path: Path, *, start_s: float, seconds: float, fps: float) -> Shot:
    """Track the face through a stretch and choose the window and the still.

    Raises :class:`FaceError` where the stretch does not show one face of sufficient size throughout, and
    :class:`MediaError` where it cannot be decoded.
    """
    first, count = round(start_s * fps), round(seconds * fps)
    found: list[F32 | None] = []
    size = (0, 0)
    # Two trackers: one that follows two faces loses its grip on a single small one and sees it twice.
    with MediapipeTracker() as tracker, MediapipeTracker(max_faces=2, static=True) as counter:
        for rgb in _stretch(path, first, count, fps):
            if len(found) % round(fps) == 0 and _crowded(counter.track(rgb)):
                raise FaceError(f"two faces at {(first + len(found)) / fps:.0f} s; one is needed")
            faces = tracker.track(rgb)
            found.append(faces[0].landmarks if faces else None)
            size = rgb.shape[1], rgb.shape[0]
    if len(found) < count:
        raise FaceError(f"the picture ends after {(first + len(found)) / fps:.1f} s, before the sound")
    seen = [landmarks for landmarks in found if landmarks is not None]
    if len(seen) < (1 - _STRAY) * count or not seen:
        raise FaceError(f"no face in {count - len(seen)} of {count} frames")
    return Shot(Stretch(path, first, count, fps, _window(seen, size)), _still(found))


def framed(shot: Shot) -> Iterator[U8]:
    """The shot's frames: (512, 512, 3) RGB."""
    return shot.stretch.read(SIZE)


def _stretch(path: Path, first: int, count: int, fps: float) -> Iterator[U8]:
    with VideoReader(path, fps=fps) as reader:
        for frame in reader:
            if frame.index >= first + count:
                return
            if frame.index >= first:
                yield frame.rgb()


def _crowded(faces: list[Face]) -> bool:
    return len(faces) > 1 and (faces[1].size / faces[0].size) ** 2 >= RIVAL


def _window(seen: list[F32], size: tuple[int, int]) -> tuple[int, int, int]:
    """The square that frames the face like a portrait, moved and shrunk to lie inside the picture."""
    boxes = np.array([Face(landmarks).box for landmarks in seen])
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    face = float(np.median((boxes[:, 2:] - boxes[:, :2]).max(axis=1)))
    if np.linalg.norm(np.diff(centres, axis=0), axis=1).max(initial=0) > _JUMP * face:
        raise FaceError("the face jumps, probably at a cut; give footage without cuts")
    side = int(min(face / FACE_SHARE, *size))
    if side < MIN_SIDE:
        raise FaceError(f"the face is only {face:.0f} px; {MIN_SIDE * FACE_SHARE:.0f} px are needed")
    if face > _MAX_FACE * side:
        raise FaceError("the face fills the picture; the window has no room around it")
    centre = np.median(centres, axis=0)
    x = int(np.clip(centre[0] - side / 2, 0, size[0] - side))
    y = int(np.clip(centre[1] - _CENTRE * side, 0, size[1] - side))
    if boxes[:, 0].min() < x or boxes[:, 1].min() < y or boxes[:, 2].max() > x + side or boxes[:, 3].max() > y + side:
        raise FaceError("the face leaves the window; give footage in which it moves less")
    return x, y, side


def _still(found: list[F32 | None]) -> int:
    """The frame that looks most like a portrait: frontal, mouth closed, eyes open."""
    index = [k for k, landmarks in enumerate(found) if landmarks is not None]
    faces = np.stack([landmarks for landmarks in found if landmarks is not None])
    yaw, pitch, _ = head_rotation_deg(faces)
    eyes = np.minimum(*eye_opening(faces))
    closed = np.maximum(0, 0.85 - eyes / np.median(eyes))
    # In these units a head turned by 15 degrees, a mouth a little open and eyes half shut are equally unfit.
    unfit = (np.abs(yaw) + np.abs(pitch)) / 15 + mouth_opening(faces) / 0.05 + 3 * closed
    return index[int(np.argmin(unfit))]
