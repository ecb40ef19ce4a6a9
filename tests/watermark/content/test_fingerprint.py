import zlib

import numpy as np
import pytest

from tellmark.watermark.content.fingerprint import RATE, Fingerprint, Fingerprinter


@pytest.fixture(scope="module")
def reference(pictures) -> Fingerprint:
    maker = Fingerprinter()
    for index, rgb in enumerate(pictures(5, 200, 160)):
        maker.add(rgb[..., 1], index / 25)
    return maker.finish()


def test_a_bin_is_the_mean_of_its_frames_on_the_grid():
    """Against plain NumPy, for a size that the grid divides."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (50, 192, 256), dtype=np.uint8)
    maker = Fingerprinter()
    for index, luma in enumerate(frames):
        maker.add(luma, index / 62.5)
    blocks = frames.reshape(10, 5, 32, 6, 32, 8).mean((1, 3, 5))
    made = maker.finish()
    assert made.frames.shape == (10, 32, 32)
    assert np.abs(made.frames - blocks).max() <= 1.0  # rounding on the way
    assert made.aspect == pytest.approx(256 / 192)
    assert made.duration_s == 0.8


def test_bytes_go_round_and_are_compact(reference):
    packed = reference.to_bytes()
    again = Fingerprint.from_bytes(packed)
    assert np.array_equal(again.frames, reference.frames)
    assert (again.aspect, again.sha256) == (reference.aspect, reference.sha256)
    assert len(packed) < 5000 * reference.duration_s
    for wrong in (b"", b"rubbish", packed[: len(packed) // 2]):
        with pytest.raises(ValueError, match="fingerprint"):
            Fingerprint.from_bytes(wrong)


def test_what_others_may_have_packed_does_not_fill_the_memory_nor_divide_by_zero(reference):
    bomb = zlib.compress(reference.content() + bytes(200 << 20), 9)
    assert len(bomb) < 1_000_000
    with pytest.raises(ValueError, match="two hours"):
        Fingerprint.from_bytes(bomb)
    for aspect in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="no picture"):
            Fingerprint.from_bytes(Fingerprint(reference.frames, aspect).to_bytes())


def test_holes_repeat_the_picture_and_broken_time_stamps_do_not_fill_the_memory():
    grey = np.full((32, 32), 100, np.uint8)
    maker = Fingerprinter()
    maker.add(grey, 0.0)
    maker.add(grey + 50, 1.0)
    maker.add(grey, 1e9)
    frames = maker.finish().frames
    assert frames[11].mean() == 100
    assert frames[12].mean() == 150
    assert len(frames) < 50 * RATE
