"""Windows and residual maps."""

import tracemalloc
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest

from tellmark.media import rgb_to_i420
from tellmark.types import F32, U8
from tellmark.watermark.signal.analysis import (
    SIDE,
    WINDOW_S,
    Frame,
    Window,
    averaged,
    blur,
    flattened,
    residual,
    windows,
)


def _still(count: int, fps: float, shape: tuple[int, int] = (256, 256), value: int = 128) -> Iterator[Frame]:
    height, width = shape
    return ((index / fps, np.full((height * 3 // 2, width), value, np.uint8), False) for index in range(count))


@pytest.mark.parametrize("fps", [10.0, 23.976, 25.0, 29.97, 60.0])
def test_windows_cover_the_clip_without_gaps(fps: float) -> None:
    made = list(windows(_still(round(3.2 * fps), fps)))
    assert len(made) == 7
    assert made[0].start_s == 0.0
    for before, after in pairwise(made):
        assert before.end_s == after.start_s
        assert after.start_s - before.start_s == pytest.approx(WINDOW_S, abs=1.01 / fps)
    assert made[-1].end_s == pytest.approx(round(3.2 * fps) / fps, abs=1e-6)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((512, 512), (256, 256)), ((180, 320), (256, 455)), ((1280, 720), (455, 256)), ((64, 1024), (256, 1024))],
)
def test_maps_have_one_short_side(shape: tuple[int, int], expected: tuple[int, int]) -> None:
    (window,) = windows(_still(3, 25, shape))
    assert window.residual.shape == (3, *expected)
    assert min(window.residual.shape[1:]) == SIDE


def test_a_change_of_size_starts_a_new_window() -> None:
    frames = [*_still(3, 25, (256, 256)), *((t + 0.12, f, k) for t, f, k in _still(3, 25, (256, 512)))]
    assert [w.residual.shape[2] for w in windows(frames)] == [256, 512]


def test_a_keyframe_makes_a_window_of_its_own() -> None:
    frames = [(time_s, frame, index in (0, 5, 30)) for index, (time_s, frame, _) in enumerate(_still(36, 25))]
    made = list(windows(frames))  # the second keyframe comes too soon after the first
    assert [window.keyframe for window in made] == [True, False, False, False, True, False]
    assert [window.start_s for window in made] == pytest.approx([0, 0.04, 0.52, 1.0, 1.2, 1.24])


def test_keyframes_count_for_more_in_the_mean() -> None:
    quiet, loud = (np.random.default_rng(seed).normal(0, 2, (3, 256, 256)).astype(np.float32) for seed in (0, 1))
    for keyframe in (True, False):
        mean = averaged([Window(0.0, 0.1, quiet, keyframe), Window(0.1, 0.5, loud, not keyframe)])
        shares = [abs(np.corrcoef(mean[0].ravel(), flattened(one)[0].ravel())[0, 1]) for one in (quiet, loud)]
        assert (shares[0] > 2 * shares[1]) == keyframe
        assert (shares[1] > 2 * shares[0]) != keyframe


def test_the_mean_is_evened_out_where_the_picture_stands_still() -> None:
    random = np.random.default_rng(2)
    still = np.zeros((3, 256, 256), np.float32)
    still[:, :, :128] = random.normal(0, 3, (3, 256, 128))
    frames = [(still + random.normal(0, 1, still.shape)).astype(np.float32) for _ in range(8)]
    mean = averaged([Window(i / 2, (i + 1) / 2, frame) for i, frame in enumerate(frames)])
    plain = np.mean([flattened(frame) for frame in frames], axis=0)
    left, right = np.s_[:, :, 20:108], np.s_[:, :, 148:236]
    assert mean[left].std() / mean[right].std() < 0.6 * plain[left].std() / plain[right].std()


def test_what_both_chroma_planes_share_is_taken_out() -> None:
    """Contours change both; a mark in one of them is left alone. Crops keep both."""
    random = np.random.default_rng(4)

    def smooth() -> F32:
        return blur(random.normal(0, 30, (256, 256)).astype(np.float32), 9)

    contours, marks = smooth(), [smooth(), smooth()]
    frame = np.stack([smooth(), 2 * contours + marks[0], marks[1] - 2 * contours]).astype(np.float32)
    seen, crop = (averaged([Window(0.0, 0.5, frame)], zoom) for zoom in (1, 2))
    assert np.corrcoef(crop[1].ravel(), crop[2].ravel())[0, 1] < -0.6
    for channel in (1, 2):
        fits = [np.corrcoef(maps[channel].ravel(), marks[channel - 1].ravel())[0, 1] for maps in (seen, crop)]
        assert fits[0] > fits[1] + 0.1
    assert np.array_equal(seen[0], averaged([Window(0.0, 0.5, frame[[0, 0, 0]])])[0])  # luma has no part in it


def test_one_frame_makes_one_window() -> None:
    assert len(list(windows(_still(1, 25)))) == 1
    assert list(windows([])) == []


def test_smooth_pictures_leave_nothing() -> None:
    y, x = np.mgrid[:256, :256].astype(np.float32)
    ramp = 60 + 0.2 * x + 0.1 * y
    inner = np.abs(residual([ramp, ramp, ramp])[:, 30:-30, 30:-30])
    assert inner.max() < 0.1


def test_chroma_loses_what_luma_explains() -> None:
    luma = np.random.default_rng(0).normal(128, 20, (256, 256)).astype(np.float32)
    own = 3 * np.sin(np.arange(256, dtype=np.float32) / 3) * np.ones((256, 1), np.float32)
    cb = 0.5 * luma + own
    left = residual([luma, cb, cb])[1].astype(np.float32)
    assert abs(np.corrcoef(left.ravel(), luma.ravel())[0, 1]) < 0.1
    assert np.corrcoef(left.ravel(), own.ravel())[0, 1] > 0.8


def test_flattening_evens_out_texture(pictures: Callable[..., list[U8]]) -> None:
    detail = np.random.default_rng(0).normal(0, 1, (3, 256, 256)).astype(np.float32)
    detail[:, :, 128:] *= 20
    flat = flattened(detail)
    assert 0.2 < flat[0, :, 140:].std() / flat[0, :, :116].std() < 0.5  # 20 ** (1 - 2 * 0.7) = 0.3


def test_memory_does_not_grow_with_length(pictures: Callable[..., list[U8]]) -> None:
    frames = [rgb_to_i420(picture) for picture in pictures(1, 10)]

    def peak(count: int) -> int:
        tracemalloc.start()
        for _ in windows((index / 25, frames[index % 10], False) for index in range(count)):
            pass
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    assert peak(400) < 1.2 * peak(50)
