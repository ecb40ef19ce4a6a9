"""Frames in, windows of one tracked face out, in constant memory."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np

from tellmark.ahead import ahead
from tellmark.detector.windows.sound import NONE, Sound
from tellmark.detector.windows.window import CONTEXT, FPS, FRAMES, SIZE, Window
from tellmark.faces import MIN_FACE_PX, Face, FaceTracker, MediapipeTracker, align, alignment
from tellmark.landmarks import face_height
from tellmark.media import VideoReader
from tellmark.types import F32, U8

Frames = Iterable[tuple[float, U8]]
"""(time in seconds, (height, width, 3) RGB) in the order of time, at any frame rate."""

MAX_FACES = 4  # more are not counted
_AHEAD = 4  # frames decoded, and tracked, before they are needed
_FACE_SCALE = 1.3  # side of a crop over the face's height
_CONTEXT_SCALE = 2.4  # side of the context over the face's height
_RIM = 4  # px around what a crop shows, for its interpolation
_JUMP = 0.5  # of the face's height between two frames: another face, or a cut


def read_frames(path: Path | str) -> Iterator[tuple[float, U8]]:
    """The frames of a file at 25 per second. Raises :class:`~tellmark.errors.MediaError` where it is no video."""
    with VideoReader(path, fps=FPS) as reader:
        for frame in reader:
            yield frame.time_s, frame.rgb()


def resample(frames: Frames, fps: float = FPS) -> Iterator[tuple[float, U8]]:
    """The picture on screen at k / ``fps`` seconds after the first frame, for k = 0, 1, .., to the last frame."""
    start = latest = 0.0
    ticks = 0
    held: U8 | None = None
    for time_s, rgb in frames:
        start = time_s if held is None else start
        while held is not None and ticks / fps < time_s - start - 1e-6:
            yield start + ticks / fps, held
            ticks += 1
        held, latest = rgb, time_s
    if held is not None and ticks / fps <= latest - start + 1e-6:
        yield start + ticks / fps, held


def tracked(frames: Frames, tracker: FaceTracker) -> Generator[tuple[float, U8, list[Face]], None, None]:
    """Each frame at 25 per second with its faces, the largest first; read and tracked ahead in two threads."""
    source = ((time_s, rgb, tracker.track(rgb)) for time_s, rgb in ahead(resample(frames), _AHEAD))
    return ahead(source, _AHEAD)


class WindowReader:
    """Iterate over the windows of the largest face; the attributes tell what was met on the way.

    A window is broken off where the face is lost, or jumps (a cut, another face), or is smaller than 64 px; the next
    one begins where it is back. Of several faces the largest is followed until it is lost. Windows of ``length`` frames
    follow each other without a gap.
    """

    def __init__(
        self, frames: Frames, *, sound: Sound | None = None, tracker: FaceTracker | None = None, length: int = FRAMES
    ) -> None:
        self.frames = 0  # read so far, at 25 per second
        self.faces = 0  # most faces seen in one frame
        self.followed = 0  # frames in which a large enough face was followed
        self.largest_px = 0.0  # size of the largest face
        self._source = frames
        self._sound = sound
        self._tracker = tracker
        self._length = length

    def __iter__(self) -> Iterator[Window]:
        tracker = self._tracker or MediapipeTracker(max_faces=MAX_FACES)
        try:
            yield from self._windows(tracker)
        finally:
            if self._tracker is None:
                tracker.close()

    def _windows(self, tracker: FaceTracker) -> Iterator[Window]:
        part = Part()
        with closing(tracked(self._source, tracker)) as frames:
            for time_s, rgb, faces in frames:
                self.frames += 1
                face = self._follow(faces, part.face)
                if face is None or not part.fits(face, rgb):
                    part = Part()
                if face is not None:
                    part.add(time_s, rgb, face)
                if len(part.times) == self._length:
                    yield part.window(self._sound)
                    part = Part()

    def _follow(self, faces: list[Face], last: Face | None) -> Face | None:
        """The face followed so far, else the largest; None where there is none of a size that can be judged."""
        self.faces = max(self.faces, len(faces))
        if not faces:
            return None
        self.largest_px = max(self.largest_px, *(face.size for face in faces))
        face = faces[0] if last is None else min(faces, key=lambda other: _distance(other, last))
        if face.size < MIN_FACE_PX:
            return None
        self.followed += 1
        return face


class Part:
    """A window being filled."""

    def __init__(self) -> None:
        self.face: Face | None = None
        self.times: list[float] = []
        self.crops: list[U8] = []
        self.landmarks: list[F32] = []
        self.source_landmarks: list[F32] = []
        self.context: list[U8] = []
        self._box = (0, 0, 0, 0)
        self._shape: tuple[int, ...] = ()

    def fits(self, face: Face, rgb: U8) -> bool:
        """Whether ``face`` continues this part: near the last one, in a frame of the same size."""
        if self.face is None:
            return True
        return rgb.shape == self._shape and _distance(face, self.face) < _JUMP * float(face_height(self.face.landmarks))

    def add(self, time_s: float, rgb: U8, face: Face) -> None:
        if not self.times:
            self._shape = rgb.shape
            self._box = _context_box(face, rgb)
        crop, landmarks = aligned(rgb, face.landmarks)
        x0, y0, x1, y1 = self._box
        self.face = face
        self.times.append(time_s)
        self.crops.append(crop)
        self.landmarks.append(landmarks)
        self.source_landmarks.append(face.landmarks)
        self.context.append(_shrunk(cv2.cvtColor(rgb[y0:y1, x0:x1], cv2.COLOR_RGB2GRAY)))

    def window(self, sound: Sound | None = None) -> Window:
        x0, y0, x1, y1 = self._box
        source = np.stack(self.source_landmarks)
        scale = np.array(self.context[0].shape[::-1], np.float32) / (x1 - x0, y1 - y0)
        return Window(
            start_s=self.times[0],
            crops=np.stack(self.crops),
            landmarks=np.stack(self.landmarks),
            source_landmarks=source,
            context=np.stack(self.context),
            context_landmarks=((source[..., :2] - (x0, y0)) * scale).astype(np.float32),
            sound=sound.between(self.times[0], self.times[0] + len(self.times) / FPS) if sound else NONE,
        )


def aligned(rgb: U8, landmarks: F32) -> tuple[U8, F32]:
    """The aligned crop (256, 256, 3) and its landmarks (478, 3) px.

    A face much larger than the crop is averaged down first: sampling alone would turn its fine texture into aliasing.
    """
    ratio = SIZE / (_FACE_SCALE * float(face_height(landmarks)))
    offset, shrink = np.zeros(2, np.float32), 1.0
    if ratio < 0.75:
        left, top, right, bottom = _shown(landmarks)
        part = rgb[top:bottom, left:right]
        rgb = cv2.resize(part, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        offset, shrink = np.array([left, top], np.float32), ratio
    inner = landmarks.copy()
    inner[:, :2] = (inner[:, :2] - offset + 0.5) * shrink - 0.5
    inner[:, 2] *= shrink
    crop, matrix = align(rgb, inner, SIZE, _FACE_SCALE)
    moved = inner.copy()
    moved[:, :2] = inner[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    moved[:, 2] *= np.hypot(matrix[0, 0], matrix[1, 0])
    return crop, moved


def _shown(landmarks: F32) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what the aligned crop shows, cut at the frame's left and upper rim."""
    back = cv2.invertAffineTransform(alignment(landmarks, SIZE, _FACE_SCALE))
    corners = np.array([[0, 0], [SIZE, 0], [0, SIZE], [SIZE, SIZE]], np.float32) @ back[:, :2].T + back[:, 2]
    (left, top), (right, bottom) = corners.min(0) - _RIM, corners.max(0) + _RIM
    return max(0, int(left)), max(0, int(top)), int(right) + 1, int(bottom) + 1


def _context_box(face: Face, rgb: U8) -> tuple[int, int, int, int]:
    """Square of 2.4 face heights around the face, cut to the frame."""
    x0, y0, x1, y1 = face.box
    half = _CONTEXT_SCALE * float(face_height(face.landmarks)) / 2
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    height, width = rgb.shape[:2]
    left, top = np.clip([x - half, y - half], 0, [width - 16, height - 16]).astype(int)
    right, bottom = np.clip([x + half, y + half], [left + 16, top + 16], [width, height]).astype(int)
    return int(left), int(top), int(right), int(bottom)


def _shrunk(grey: U8) -> U8:
    ratio = CONTEXT / max(grey.shape)
    size = (max(32, round(grey.shape[1] * ratio)), max(32, round(grey.shape[0] * ratio)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _distance(face: Face, other: Face) -> float:
    return float(np.linalg.norm(face.landmarks[:468, :2].mean(0) - other.landmarks[:468, :2].mean(0)))
