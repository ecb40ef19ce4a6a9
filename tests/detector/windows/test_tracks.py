"""Frames become windows: rate, gaps, jumps, sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tellmark import landmarks as lm
from tellmark.detector.features import NAMES, cached_features, clip_features, version
from tellmark.detector.windows.tracks import WindowReader, aligned, read_frames, resample
from tellmark.encoding import VideoWriter
from tellmark.errors import MediaError
from tellmark.faces import Face
from tellmark.media import rgb_to_i420
from tellmark.types import F32, U8


class Script:
    """A tracker that finds what it is told to, frame by frame."""

    def __init__(self, faces: list[list[F32]]) -> None:
        self.faces = iter(faces)

    def track(self, rgb: U8) -> list[Face]:
        return [Face(points) for points in next(self.faces)]

    def close(self) -> None:
        pass


def stream(count: int, fps: float = 25.0, side: int = 320) -> Iterator[tuple[float, U8]]:
    frame = np.full((side, side, 3), 90, np.uint8)
    return ((index / fps, frame) for index in range(count))


@pytest.mark.parametrize("fps", [10.0, 24.0, 25.0, 29.97, 60.0])
def test_resample_keeps_the_duration(fps: float) -> None:
    count = round(4 * fps)
    marks = [(k / fps, np.full((2, 2, 3), k, np.uint8)) for k in range(count)]
    found = list(resample(iter(marks)))
    times = [time_s for time_s, _ in found]
    assert np.allclose(np.diff(times), 1 / 25)
    assert times[0] == 0
    assert times[-1] == pytest.approx((count - 1) / fps, abs=1 / 25)
    shown = [int(picture[0, 0, 0]) for _, picture in found]
    assert shown == [min(int((k / 25 + 1e-6) * fps + 1e-6), count - 1) for k in range(len(found))]


def test_windows_follow_without_a_gap(painted: Callable[..., Any]) -> None:
    points = painted(1).points[0]
    reader = WindowReader(stream(95), tracker=Script([[points]] * 95))
    windows = list(reader)
    assert [window.start_s for window in windows] == pytest.approx([0.0, 1.6])
    assert windows[0].crops.shape == (40, 256, 256, 3)
    assert windows[0].landmarks.shape == (40, 478, 3)
    assert max(windows[0].context.shape[1:]) == 160
    assert (reader.frames, reader.faces, reader.followed) == (95, 1, 95)


def test_a_lost_face_breaks_the_window(painted: Callable[..., Any]) -> None:
    points = painted(1).points[0]
    found = [[points]] * 39 + [[]] + [[points]] * 40
    windows = list(WindowReader(stream(80), tracker=Script(found)))
    assert [window.start_s for window in windows] == pytest.approx([40 / 25])


def test_a_cut_breaks_the_window(painted: Callable[..., Any]) -> None:
    here = painted(1).points[0]
    there = here + np.array([120, 0, 0], np.float32)
    windows = list(WindowReader(stream(60), tracker=Script([[here]] * 20 + [[there]] * 40)))
    assert [window.start_s for window in windows] == pytest.approx([20 / 25])


def test_the_same_face_is_followed_when_a_larger_one_comes(painted: Callable[..., Any]) -> None:
    here = painted(1).points[0]
    large = (here - 160) * 1.3 + np.array([600, 160, 0], np.float32)
    found = [[here]] * 10 + [[large, here]] * 30
    (window,) = WindowReader(stream(40, side=900), tracker=Script(found))
    np.testing.assert_allclose(window.source_landmarks[-1], here, atol=1e-3)


def test_a_small_face_is_not_judged(painted: Callable[..., Any]) -> None:
    small = (painted(1).points[0] - 160) * 0.3 + 160
    found = clip_features_of(stream(50), Script([[small]] * 50))
    assert found.followed == 0
    assert found.faces == 1
    assert 30 < found.largest_px < 64


def clip_features_of(frames: Any, tracker: Script) -> WindowReader:
    reader = WindowReader(frames, tracker=tracker)
    assert list(reader) == []
    return reader


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_crop_and_landmarks_agree_at_every_size(painted: Callable[..., Any], scale: float) -> None:
    import cv2

    scene = painted(1)
    side = int(320 * scale)
    picture = cv2.resize(scene.frames[0], (side, side), interpolation=cv2.INTER_AREA)
    for point in scene.points[0][list(lm.RIGHT_EYE) + list(lm.LEFT_EYE), :2]:
        centre = (round(point[0] * scale), round(point[1] * scale))
        cv2.circle(picture, centre, max(1, int(2 * scale)), (255, 0, 0), -1)
    crop, inner = aligned(picture, scene.points[0] * np.float32(scale))
    for x, y, _ in inner[list(lm.RIGHT_EYE), :]:
        red = crop[round(y), round(x)].astype(int)
        assert red[0] - red[2] > 80, "the dot painted on the landmark is where the crop's landmark says"


def test_a_file_reads_as_its_frames_do(tmp_path: Path, painted: Callable[..., Any]) -> None:
    path = tmp_path / "clip.mp4"
    with VideoWriter(path, width=320, height=320, fps=25) as writer:
        for frame in painted(12).frames:
            writer.write(rgb_to_i420(frame))
    frames = list(read_frames(path))
    assert len(frames) == 12
    assert frames[3][0] == pytest.approx(0.12)
    with pytest.raises(MediaError):
        clip_features(tmp_path / "missing.mp4")


def test_features_are_cached_by_content(tmp_path: Path) -> None:
    calls = []

    def compute(path: Path) -> Any:
        calls.append(path)
        return clip_features([(0.0, np.zeros((64, 64, 3), np.uint8))])

    first = cached_features(Path("a.mp4"), "0" * 64, tmp_path, compute)
    again = cached_features(Path("moved.mp4"), "0" * 64, tmp_path, compute)
    assert calls == [Path("a.mp4")]
    assert first.x.shape == again.x.shape == (0, len(NAMES))
    assert first.frames == again.frames == 1
    assert list(tmp_path.glob(f"*-{version()}.npz"))
    with pytest.raises(ValueError, match="SHA-256"):
        cached_features(Path("a.mp4"), "../evil", tmp_path, compute)
