"""The journeys do what their names say."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from tellmark.benchmarks import journeys
from tellmark.benchmarks.attacks import Frames
from tellmark.types import U8


def _clip(count: int = 50, height: int = 128, width: int = 160) -> Frames:
    """Frame ``index`` is a ramp whose first pixel says which frame it is."""
    y, x = np.mgrid[:height, :width]
    base = np.stack([x // 2, y, 120 - x // 2], axis=2)
    return Frames([np.clip(base + 2 * index, 0, 255).astype(np.uint8) for index in range(count)], 25.0)


def _numbers(clip: Frames) -> list[int]:
    return [int(frame[0, 0, 0]) // 2 for frame in clip.frames]


@pytest.mark.parametrize("name", sorted(journeys.JOURNEYS))
def test_every_journey_gives_even_rgb_frames_and_leaves_its_input_alone(name: str) -> None:
    clip = _clip(75, 256, 256) if "quarter" in name or "av1" in name else _clip(75)
    before = [frame.copy() for frame in clip.frames]
    made = journeys.JOURNEYS[name](clip)
    assert len(made.frames) > 10
    for frame in made.frames:
        assert frame.dtype == np.uint8
        assert frame.shape[2] == 3
        assert frame.shape[0] % 2 == frame.shape[1] % 2 == 0
    assert all(np.array_equal(a, b) for a, b in zip(before, clip.frames, strict=True))


def test_geometry() -> None:
    clip = _clip(1)
    assert journeys.stretch(clip, 1.1).frames[0].shape == (128, 176, 3)
    assert journeys.portrait_crop(clip).frames[0].shape == (128, 102, 3)
    assert journeys.to_side(clip, 64).frames[0].shape == (64, 80, 3)


def test_perspective_moves_the_far_corner_and_not_the_near_one() -> None:
    frame: U8 = np.zeros((200, 200, 3), np.uint8)
    cv2.circle(frame, (20, 20), 3, (255, 0, 0), -1)
    cv2.circle(frame, (180, 180), 3, (0, 255, 0), -1)
    (seen,) = journeys.perspective(Frames([frame], 25.0), 0.1).frames
    near, far = (np.argwhere(seen[..., channel] > 128).mean(axis=0) for channel in (0, 1))
    assert np.abs(near - 20).max() < 8
    assert far[0] < 168
    assert far[1] < 178


def test_speed_keeps_the_rate_and_changes_the_length() -> None:
    clip = _clip()
    faster, slower = journeys.speed(clip, 1.25), journeys.speed(clip, 0.8)
    assert (len(faster.frames), faster.fps) == (40, 25.0)
    assert (len(slower.frames), slower.fps) == (62, 25.0)
    assert _numbers(faster)[8] == 10
    assert _numbers(slower)[10] == 8


def test_frames_get_lost_double_and_cut() -> None:
    clip = _clip()
    dropped, doubled = journeys.drop(clip, 0.2), journeys.duplicate(clip, 0.2)
    assert 30 < len(dropped.frames) < 48
    assert all(a < b for a, b in pairwise(_numbers(dropped)))
    assert 52 < len(doubled.frames) < 70
    assert sorted(set(_numbers(doubled))) == list(range(50))
    assert _numbers(journeys.cut(clip, 0.4, 0.8)) == [*range(10), *range(30, 50)]


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_overlay_covers_its_share(share: float) -> None:
    clip = Frames([np.full((200, 300, 3), 90, np.uint8)], 25.0)
    (made,) = journeys.overlay(clip, share).frames
    assert np.mean((made != 90).any(axis=2)) == pytest.approx(share, abs=0.02)
