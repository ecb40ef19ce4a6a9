"""Masks come back as they went in, and the same masks are the same bytes."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tellmark.generator.factory.masks import STEP, MaskWriter, mask_frames, read_masks


def test_masks_survive_to_the_level(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    given = [rng.integers(0, 256, (64, 96), np.uint8) for _ in range(5)]
    given[0][:8] = 0
    given[0][8] = 1
    for name in ("one.mkv", "two.mkv"):
        with MaskWriter(tmp_path / name, 25) as writer:
            for mask in given:
                writer.write(mask)
    read = list(read_masks(tmp_path / "one.mkv"))
    assert len(read) == mask_frames(tmp_path / "one.mkv") == 5
    for mask, before in zip(read, given, strict=True):
        assert np.abs(mask.astype(int) - before).max() <= STEP
        assert np.array_equal(mask > 0, before > 0)
    assert (tmp_path / "one.mkv").read_bytes() == (tmp_path / "two.mkv").read_bytes()
    ok, frame = cv2.VideoCapture(str(tmp_path / "one.mkv")).read()  # what others read them with
    assert ok
    assert np.array_equal(frame[..., 0], read[0])


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(AttributeError), MaskWriter(tmp_path / "mask.mkv", 25) as writer:
        writer.write(None)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
