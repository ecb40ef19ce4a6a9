"""The attacks do what their names say."""

import os
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from tellmark.benchmarks import attacks
from tellmark.benchmarks.attacks import LADDER, Frames, colour, geometry, screens, timing
from tellmark.types import U8


def _clip(count: int = 50, height: int = 96, width: int = 128) -> Frames:
    """Frame ``index`` is a ramp whose first pixel says which frame it is."""
    y, x = np.mgrid[:height, :width]
    base = np.stack([x // 2, y + 40, 120 - x // 2], axis=2)
    return Frames([np.clip(base + 2 * index, 0, 255).astype(np.uint8) for index in range(count)], 25.0)


def _numbers(clip: Frames) -> list[int]:
    return [int(frame[0, 0, 0]) // 2 for frame in clip.frames]


def _distance(a: U8, b: U8) -> float:
    return float(np.abs(a.astype(float) - b).mean())


@pytest.mark.parametrize("name", sorted(LADDER))
def test_every_attack_gives_even_rgb_frames_and_leaves_its_input_alone(name: str) -> None:
    small = any(word in name for word in ("quarter", "0.37", "random, 0.25", "av1", "hevc"))
    clip = _clip(30, 256, 256) if small else _clip(70 if "cuts" in name else 30)
    before = [frame.copy() for frame in clip.frames]
    made, again = LADDER[name].attack(clip), LADDER[name].attack(clip)
    assert os.sched_getscheduler(0) == os.SCHED_OTHER  # SVT-AV1, run by root, would keep a core to itself
    assert len(made.frames) > 5
    for frame in made.frames:
        assert frame.dtype == np.uint8
        assert frame.shape[2] == 3
        assert frame.shape[0] % 2 == frame.shape[1] % 2 == 0
    assert all(np.array_equal(a, b) for a, b in zip(before, clip.frames, strict=True))
    # Not to the last bit: encoders fill up sizes that are no multiple of 16 with what they find in memory.
    assert all(_distance(a, b) < 2 for a, b in zip(made.frames, again.frames, strict=True))


def test_recompression_is_close_and_worse_with_crf() -> None:
    clip = _clip(10)
    errors = [_distance(attacks.recompress(clip, crf=crf).frames[5], clip.frames[5]) for crf in (10, 40)]
    assert errors[0] < 3
    assert errors[0] < errors[1]
    assert len(attacks.encoded(clip, crf=40)) < len(attacks.encoded(clip, crf=10))
    assert len(attacks.encoded(_clip(50), crf=30, gop_s=0.2)) > len(attacks.encoded(_clip(50), crf=30))


def test_geometry() -> None:
    clip = _clip(1)
    frame = clip.frames[0]
    assert geometry.resize(clip, 0.5).frames[0].shape == (48, 64, 3)
    assert geometry.to_side(clip, 48).frames[0].shape == (48, 64, 3)
    assert geometry.stretch(clip, 1.1).frames[0].shape == (96, 140, 3)
    assert geometry.portrait_crop(clip).frames[0].shape == (96, 76, 3)
    assert geometry.crop(clip, 0.25).frames[0].shape == (72, 96, 3)
    assert np.array_equal(geometry.crop(clip, 0.25, x=0, y=0).frames[0], frame[:72, :96])
    assert geometry.crop_and_rescale(clip, 0.25).frames[0].shape == frame.shape
    assert geometry.pad(clip, 0.1).frames[0].shape == (112, 128, 3)
    assert np.array_equal(geometry.mirror(clip).frames[0][:, 0], frame[:, -1])
    turned = geometry.rotate(clip, 90.0).frames[0][16:80, 40:88]  # the middle, away from the filled corners
    assert _distance(turned, np.rot90(frame[:, 16:112])[16:80, 24:72]) < 1


def test_quarter_turns_and_cameras_that_move() -> None:
    clip = _clip(10)
    frame = clip.frames[0]
    assert np.array_equal(geometry.quarter_turns(clip, 1).frames[0], np.rot90(frame))
    zoomed = geometry.slow_zoom(clip, 2.0).frames
    assert _distance(zoomed[0], frame) < 0.5
    middle = cv2.resize(clip.frames[9][24:72, 32:96], (128, 96), interpolation=cv2.INTER_LINEAR)
    assert _distance(zoomed[9], middle) < 2
    still = geometry.hand_held(replace(clip, frames=[frame] * 50), 2.0, 0.02).frames
    assert len({made.tobytes() for made in still}) > 40


def test_other_films_leave_the_clip_where_it_was_put() -> None:
    clip = _clip(10)
    frame = clip.frames[5]
    shown = screens.before_blurred_copy(clip, 9 / 16).frames[5]
    assert shown.shape == (228, 128, 3)
    assert np.array_equal(shown[66:162], frame)
    assert not np.array_equal(shown[:66], 0 * shown[:66])
    film = screens.set_into_film(clip, 0.5, 1.0, 0.0).frames
    assert film[5].shape == (720, 1280, 3)
    own = cv2.resize(frame, (480, 360), interpolation=cv2.INTER_AREA)
    assert np.array_equal(film[5][:360, 800:], own)
    assert _distance(film[5][360:], film[6][360:]) > 0.2
    quarter = screens.one_of_four(clip).frames[5]
    assert quarter.shape == frame.shape
    assert np.array_equal(quarter[:48, 64:], cv2.resize(frame, (64, 48), interpolation=cv2.INTER_AREA))
    assert 5 < _distance(screens.double_exposure(clip).frames[5], frame) < 60


def test_what_chance_decides_follows_the_seed() -> None:
    clips = [replace(_clip(10), seed=seed) for seed in range(20)]
    sides = [geometry.resize_at_random(clip, 0.25, 2.0).frames[0].shape[0] / 96 for clip in clips]
    assert len(set(sides)) > 10
    assert 0.22 < min(sides) < 0.6 < 1.2 < max(sides) < 2.05
    kept = [geometry.crop_at_random(clip, 0.5).frames[0].shape[0] / 96 for clip in clips]
    assert 0.45 <= min(kept) < 0.7 < max(kept) <= 1
    assert not np.array_equal(colour.noise(clips[0], 5).frames[0], colour.noise(clips[1], 5).frames[0])


def test_perspective_moves_the_far_corner_and_not_the_near_one() -> None:
    frame: U8 = np.zeros((200, 200, 3), np.uint8)
    cv2.circle(frame, (20, 20), 3, (255, 0, 0), -1)
    cv2.circle(frame, (180, 180), 3, (0, 255, 0), -1)
    (seen,) = geometry.perspective(Frames([frame], 25.0), 0.1).frames
    near, far = (np.argwhere(seen[..., channel] > 128).mean(axis=0) for channel in (0, 1))
    assert np.abs(near - 20).max() < 8
    assert far[0] < 168
    assert far[1] < 178


def test_time() -> None:
    clip = _clip(50)
    slower, faster = timing.change_rate(clip, 15.0), timing.change_rate(clip, 30.0)
    assert (len(slower.frames), slower.fps) == (30, 15.0)
    assert (len(faster.frames), faster.fps) == (60, 30.0)
    assert np.array_equal(slower.frames[3], clip.frames[5])
    assert np.array_equal(faster.frames[6], clip.frames[5])
    assert _numbers(timing.trim(clip, 0.4, 1.0)) == list(range(10, 35))


def test_frames_freeze_and_smear() -> None:
    clip = _clip(10)
    assert _numbers(timing.frozen(clip)) == [0] * 10
    assert _numbers(timing.smeared(clip, 3))[4:7] == [3, 4, 5]


def test_speed_keeps_the_rate_and_changes_the_length() -> None:
    clip = _clip()
    faster, slower = timing.speed(clip, 1.25), timing.speed(clip, 0.8)
    assert (len(faster.frames), faster.fps) == (40, 25.0)
    assert (len(slower.frames), slower.fps) == (62, 25.0)
    assert _numbers(faster)[8] == 10
    assert _numbers(slower)[10] == 8


def test_frames_get_lost_double_and_cut() -> None:
    clip = _clip()
    dropped, doubled = timing.drop(clip, 0.2), timing.duplicate(clip, 0.2)
    assert 30 < len(dropped.frames) < 48
    assert all(a < b for a, b in pairwise(_numbers(dropped)))
    assert 52 < len(doubled.frames) < 70
    assert sorted(set(_numbers(doubled))) == list(range(50))
    assert _numbers(timing.cut(clip, 0.4, 0.8)) == [*range(10), *range(30, 50)]
    thrice = _numbers(timing.cut_at_random(clip, 3, 0.2))
    assert len(thrice) == 35
    assert sum(b - a == 6 for a, b in pairwise(thrice)) == 3


def test_values() -> None:
    clip = _clip(10)
    frame = clip.frames[0].astype(float)
    np.testing.assert_allclose(colour.brightness(clip, 0.5).frames[0], np.rint(frame * 0.5), atol=1)
    np.testing.assert_allclose(colour.contrast(clip, 0.5).frames[0], (frame - 128) * 0.5 + 128, atol=1)
    np.testing.assert_allclose(colour.gamma(clip, 2.0).frames[0], 255 * (frame / 255) ** 2, atol=1)
    assert np.ptp(colour.greyscale(clip).frames[0], axis=2).max() == 0
    noisy = colour.noise(clip, 5.0)
    assert np.std(noisy.frames[0][20:] - frame[20:]) == pytest.approx(5, rel=0.1)  # clear of black
    assert np.array_equal(colour.hue(clip, 120).frames[0][..., 1], clip.frames[0][..., 0])
    assert np.array_equal(colour.negative(clip).frames[0], 255 - clip.frames[0])
    assert len(np.unique(colour.palette(clip, 16).frames[0].reshape(-1, 3), axis=0)) <= 16
    assert np.array_equal(colour.shifted_colours(clip, 2).frames[0][2:, 2:, 0], clip.frames[0][:-2, :-2, 0])
    dark = colour.scan_lines(clip, 0.5).frames[0]
    np.testing.assert_allclose(dark[2:4], frame[2:4] / 2, atol=0.5)
    assert np.array_equal(dark[4:6], clip.frames[0][4:6])
    brown = colour.sepia(clip).frames[0].astype(int)
    assert (brown[..., 0] >= brown[..., 2]).all()
    edge = np.zeros((20, 20, 3), np.uint8) + np.where(np.arange(20) < 10, 80, 160).astype(np.uint8)[:, None]
    assert np.ptp(colour.sharpen(Frames([edge], 25.0), 1.0).frames[0]) > 100
    assert np.ptp(colour.blur(Frames([edge], 25.0), 1.0).frames[0][:, 9:11]) < 75


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_overlays_cover_their_share(share: float) -> None:
    clip = Frames([np.full((200, 300, 3), 90, np.uint8)], 25.0)
    for cover in (colour.overlay, colour.inset):
        (made,) = cover(clip, share).frames
        assert np.mean((made != 90).any(axis=2)) == pytest.approx(share, abs=0.02)
    (made,) = colour.subtitles(clip, share).frames
    assert np.array_equal(made[: int(200 * (1 - share)) - 2], clip.frames[0][: int(200 * (1 - share)) - 2])
    assert np.mean((made != 90).any(axis=2)) > 0.2 * share
