"""Footage is framed by one window, or refused with the reason. The films show virtual actors."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tellmark.encoding import Encoding, VideoWriter
from tellmark.errors import FaceError
from tellmark.faces import find_face
from tellmark.generator.actors import actor
from tellmark.generator.footage import Shot, find_shot, framed
from tellmark.landmarks import mouth_opening
from tellmark.media import rgb_to_i420
from tellmark.types import U8

FPS, FRAMES = 10.0, 12


@pytest.fixture(scope="module")
def face() -> U8:
    return actor(53).image


def film(path: Path, frames: list[U8]) -> Path:
    height, width = frames[0].shape[:2]
    with VideoWriter(path, width=width, height=height, fps=FPS, encoding=Encoding(crf=12)) as writer:
        for frame in frames:
            writer.write(rgb_to_i420(frame))
    return path


def scene(*places: tuple[U8, int, int], width: int = 960, height: int = 640) -> U8:
    canvas = np.full((height, width, 3), 128, np.uint8)
    for picture, x, y in places:
        canvas[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
    return canvas


def shot(path: Path, start_s: float = 0.0) -> Shot:
    return find_shot(path, start_s=start_s, seconds=1.0, fps=FPS)


def test_one_window_frames_the_face_like_a_portrait(face: U8, tmp_path: Path) -> None:
    path = film(tmp_path / "walk.mp4", [scene((face, 200 + 3 * k, 60)) for k in range(FRAMES)])
    found = shot(path)
    frames = list(framed(found))
    assert len(frames) == found.stretch.frames == 10
    assert all(frame.shape == (512, 512, 3) for frame in frames)
    first, last = find_face(frames[0]), find_face(frames[-1])
    assert 0.38 < first.size / 512 < 0.48
    scale = 512 / found.stretch.window[2]
    moved = last.box[0] - first.box[0]
    assert moved == pytest.approx(27 * scale, abs=3)  # the window stands still while the face walks


def test_a_stretch_begins_where_it_should(face: U8, tmp_path: Path) -> None:
    path = film(tmp_path / "walk.mp4", [scene((face, 200 + 3 * k, 60)) for k in range(FRAMES)])
    late = shot(path, start_s=0.2)
    assert late.stretch.first == 2
    early = shot(path)
    x = find_face(next(framed(late))).box[0] * late.stretch.window[2] / 512 + late.stretch.window[0]
    at_start = find_face(next(framed(early))).box[0] * early.stretch.window[2] / 512 + early.stretch.window[0]
    assert x - at_start == pytest.approx(6, abs=1.5)


def test_the_still_is_the_most_frontal_frame_with_a_closed_mouth(face: U8, tmp_path: Path) -> None:
    landmarks = find_face(face).landmarks
    x, y = landmarks[[13, 14], :2].mean(0).astype(int)
    open_mouth = face.copy()
    cv2.ellipse(open_mouth, (int(x), int(y) + 8), (20, 14), 0, 0, 360, (30, 5, 8), -1)
    assert mouth_opening(find_face(open_mouth).landmarks) > mouth_opening(landmarks) + 0.015
    frames = [scene((open_mouth, 200, 60))] * FRAMES
    frames[6] = frames[7] = scene((face, 200, 60))
    assert shot(film(tmp_path / "talk.mp4", frames)).still in (6, 7)


def test_what_cannot_be_used_is_refused(face: U8, tmp_path: Path) -> None:
    half = cv2.resize(face, (256, 256), interpolation=cv2.INTER_AREA)
    left, top, right, bottom = (round(side) for side in find_face(face).box)
    tight = np.ascontiguousarray(face[top - 40 : bottom + 30, left - 30 : right + 30])
    cases = {
        "no face": [scene()] * FRAMES,
        "two faces": [scene((face, 0, 60), (face, 440, 60))] * FRAMES,
        "jumps": [scene((face, 0 if k < 5 else 440, 60)) for k in range(FRAMES)],
        "px are needed": [scene((cv2.resize(half, (136, 136)), 300, 200))] * FRAMES,
        "fills the picture": [cv2.resize(tight, (320, 340))] * FRAMES,
        "the picture ends": [scene((face, 200, 60))] * 6,
    }
    for number, (reason, frames) in enumerate(cases.items()):
        path = film(tmp_path / f"{number}.mp4", frames)
        with pytest.raises(FaceError, match=reason):
            shot(path)
