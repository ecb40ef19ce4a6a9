"""The embedder: in place, barely there, at any size."""

from collections.abc import Callable

import numpy as np
import pytest

from tellmark.errors import UsageError
from tellmark.media import i420_to_rgb, rgb_to_i420
from tellmark.types import U8, Kind
from tellmark.watermark.embed import Embedder
from tellmark.watermark.signal.payload import Payload

PAYLOAD = Payload(Kind.SYNTHETIC, 0x1234567890ABCD)


def _psnr(a: U8, b: U8) -> float:
    return 10 * float(np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


def test_marks_in_place_and_faintly(pictures: Callable[..., list[U8]]) -> None:
    frame = rgb_to_i420(pictures(3, 1, size=512)[0])
    before = frame.copy()
    marked = Embedder(PAYLOAD, width=512, height=512).embed(frame)
    assert marked is frame
    assert _psnr(before[:512], frame[:512]) > 49
    assert _psnr(before[512:], frame[512:]) > 50
    assert np.abs(frame.astype(int) - before).max() <= 4
    change = frame.astype(float) - before
    assert abs(change[:512].mean()) < 0.02  # no shift of brightness or colour
    assert abs(change[512:].mean()) < 0.02


def test_flat_regions_change_by_one_level_at_most() -> None:
    frame = np.full((768, 512), 128, np.uint8)
    marked = Embedder(PAYLOAD, width=512, height=512).embed(frame.copy())
    change = np.abs(marked.astype(int) - frame)[:512]
    assert np.mean(change > 1) == 0
    assert 0.01 < np.mean(change == 1) < 0.1  # of luma; chroma carries the mark there
    chroma = np.abs(marked.astype(int) - frame)[512:]
    assert np.mean(chroma > 1) < 0.01
    assert 0.1 < np.mean(chroma == 1) < 0.35


def test_texture_takes_more_than_flat() -> None:
    frame = np.full((768, 512), 128, np.uint8)
    frame[:512, 256:] = np.random.default_rng(0).integers(60, 200, (512, 256))
    marked = Embedder(PAYLOAD, width=512, height=512).embed(frame.copy())
    change = marked[:512].astype(float) - frame[:512]
    assert change[:, 300:].std() > 1.1 * change[:, :212].std()


def test_no_frame_changes_by_more_than_the_budget() -> None:
    """Texture everywhere asks for the strongest mark everywhere; 45 dB in RGB are kept all the same."""
    random = np.random.default_rng(0)
    coarse = random.integers(60, 200, (64, 64)).astype(np.uint8)
    frame = np.full((768, 512), 128, np.uint8)
    frame[:512] = np.kron(coarse, np.ones((8, 8), np.uint8))
    marked = Embedder(PAYLOAD, width=512, height=512).embed(frame.copy())
    assert 45.0 < _psnr(i420_to_rgb(frame), i420_to_rgb(marked)) < 45.6


def test_black_and_white_do_not_wrap() -> None:
    for value in (0, 255):
        frame = np.full((384, 256), value, np.uint8)
        marked = Embedder(PAYLOAD, width=256, height=256).embed(frame.copy())
        assert np.abs(marked.astype(int) - value).max() <= 4


@pytest.mark.parametrize(("width", "height"), [(256, 256), (640, 360), (270, 480), (1920, 1080)])
def test_any_even_size(width: int, height: int) -> None:
    embedder = Embedder(PAYLOAD, width=width, height=height)
    frame = np.full((height * 3 // 2, width), 100, np.uint8)
    change = embedder.embed(frame).astype(float) - 100
    assert 0.1 < change[:height].std() < 0.3  # a flat frame
    assert 0.3 < change[height:].std() < 0.8


def test_waves_that_a_small_frame_cannot_show_are_left_out() -> None:
    """At 96 pixels luma's waves are shorter than two and a half samples: aliased they would only be noise."""
    frame = np.full((144, 96), 100, np.uint8)
    frame[:96] += np.random.default_rng(0).integers(0, 80, (96, 96), dtype=np.uint8)
    marked = Embedder(PAYLOAD, width=96, height=96).embed(frame.copy())
    assert np.array_equal(marked[:96], frame[:96])
    assert not np.array_equal(marked[96:], frame[96:])


@pytest.mark.parametrize(("width", "height"), [(511, 512), (512, 513), (32, 512)])
def test_what_cannot_be_marked_is_refused(width: int, height: int) -> None:
    with pytest.raises(UsageError, match="cannot mark"):
        Embedder(PAYLOAD, width=width, height=height)


def test_wrong_frames_are_refused() -> None:
    embedder = Embedder(PAYLOAD, width=128, height=128)
    for frame in (
        np.zeros((128, 128), np.uint8),
        np.zeros((192, 128), np.float32),
        np.zeros((192, 256), np.uint8)[:, ::2],
    ):
        with pytest.raises(ValueError, match="expected contiguous"):
            embedder.embed(frame)
