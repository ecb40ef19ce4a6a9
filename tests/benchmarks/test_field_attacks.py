"""The second list of attacks does what its names say."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy import ndimage

from tellmark.benchmarks.attacks import Frames, encoded, field
from tellmark.benchmarks.attacks.filters import filtered


def _clip(count: int = 12, side: int = 128) -> Frames:
    rng = np.random.default_rng(0)
    scene = cv2.GaussianBlur(rng.uniform(0, 255, (side, 2 * side, 3)).astype(np.float32), (0, 0), 4.0)
    scene = np.clip((scene - scene.mean()) * 8 + 120, 0, 255).astype(np.uint8)
    return Frames([scene[:, 2 * k : 2 * k + side].copy() for k in range(count)], 25.0)


def test_filters_are_ffmpegs_own_and_frames_keep_their_order() -> None:
    clip = _clip()
    reversed_ = filtered(clip, "reverse")
    for back, frame in zip(reversed_.frames, clip.frames[::-1], strict=True):
        assert np.abs(back.astype(float) - frame).mean() < 4  # through YUV 4:2:0
    median = filtered(clip, "median=radius=1").frames[3]
    luma = cv2.cvtColor(clip.frames[3], cv2.COLOR_RGB2YCrCb)[..., 0]
    expected = ndimage.median_filter(luma, 3)[2:-2, 2:-2]
    assert np.abs(cv2.cvtColor(median, cv2.COLOR_RGB2YCrCb)[2:-2, 2:-2, 0].astype(float) - expected).mean() < 1.5


def test_a_filter_may_change_the_rate() -> None:
    made = filtered(_clip(25), "framerate=fps=60", fps=60.0)
    assert made.fps == 60
    assert made.duration_s == pytest.approx(1.0, abs=0.1)


def test_what_ffmpeg_does_not_know_is_an_error() -> None:
    with pytest.raises(ValueError, match="nosuchfilter"):
        filtered(_clip(2), "nosuchfilter")


def test_mixes_are_drawn_once_and_differ() -> None:
    clip = _clip(30)
    first, again, other = (field.mix(number)(clip) for number in (1, 1, 2))
    assert len(first.frames) == len(again.frames)
    assert all(np.abs(a.astype(float) - b).mean() < 2 for a, b in zip(first.frames, again.frames, strict=True))
    assert (
        first.frames[0].shape != other.frames[0].shape
        or len(first.frames) != len(other.frames)
        or np.abs(first.frames[0].astype(float) - other.frames[0]).mean() > 3
    )


def test_values_are_misread_as_players_do() -> None:
    grey = Frames([np.full((16, 16, 3), value, np.uint8) for value in (10, 16, 128, 235, 250)], 25.0)
    read = [int(frame[0, 0, 0]) for frame in field.misread_range(grey).frames]
    assert read == [0, 0, 130, 255, 255]
    np.testing.assert_allclose(field.misread_matrix(grey).frames[2], 128, atol=1)  # grey stays grey
    red = Frames([np.full((16, 16, 3), (200, 50, 50), np.uint8)], 25.0)
    assert np.abs(field.misread_matrix(red).frames[0][0, 0].astype(int) - (200, 50, 50)).max() > 5


def test_a_woven_frame_has_rows_of_two() -> None:
    clip = _clip(3)
    woven = field.woven(clip).frames[2]
    np.testing.assert_array_equal(woven[::2], clip.frames[2][::2])
    np.testing.assert_array_equal(woven[1::2], clip.frames[1][1::2])


def test_faces_are_hidden_and_the_rest_is_not() -> None:
    clip = _clip(1)
    for mosaic in (False, True):
        (made,) = field.hidden(clip, mosaic=mosaic).frames
        changed = (made != clip.frames[0]).any(axis=2)
        assert changed[20:80, 40:88].mean() > 0.8
        assert not changed[:, :36].any()
        assert not changed[90:].any()
    (kept,) = field.another_background(clip).frames
    np.testing.assert_array_equal(kept[44:60, 56:72], clip.frames[0][44:60, 56:72])
    assert np.ptp(kept[4, :20], axis=0).max() == 0
    (half,) = field.one_half(clip).frames
    np.testing.assert_array_equal(half[:, :64], clip.frames[0][:, :64])
    (lower,) = field.banner(clip).frames
    assert (lower[126, :3] == (20, 30, 110)).all()


def test_histograms_are_made_flat() -> None:
    dark = Frames([(frame // 4).astype(np.uint8) for frame in _clip(1).frames], 25.0)
    for change in (field.equalised, field.locally_equalised):
        assert change(dark).frames[0].std() > 1.3 * dark.frames[0].std()


def test_rows_sway_one_after_the_other() -> None:
    columns = np.broadcast_to(np.arange(512, dtype=np.uint8)[None, :, None] // 2 * 2, (512, 512, 3)).copy()
    (made,) = field.rolling_shutter(Frames([columns], 25.0)).frames
    moved = made[:, 100, 0].astype(int) - 100
    assert moved.max() >= 2
    assert moved.min() <= -2
    assert np.abs(np.diff(moved)).max() <= 2


def test_a_rate_is_kept() -> None:
    rng = np.random.default_rng(0)
    busy = Frames([rng.integers(0, 255, (128, 128, 3), dtype=np.uint8) for _ in range(50)], 25.0)
    for codec in ("libx264", "libvpx"):
        sizes = [len(encoded(busy, codec=codec, preset="medium", kbit=kbit)) for kbit in (300, 1200)]
        assert sizes[0] * 8 / 1000 / 2 == pytest.approx(300, rel=0.35), codec
        assert sizes[1] > 2.5 * sizes[0], codec
