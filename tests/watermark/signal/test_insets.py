"""Rectangles that a picture was set into another by are found, whatever lies in them."""

import cv2
import numpy as np
import pytest

from tellmark.types import F32
from tellmark.watermark.signal.analysis import residual
from tellmark.watermark.signal.insets import insets


def _clouds(seed: int, height: int, width: int) -> list[F32]:
    random = np.random.default_rng(seed)
    grids = random.normal(0, 30, (3, height // 8, width // 8)).astype(np.float32)
    return [128 + cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) for grid in grids]


@pytest.mark.parametrize("box", [(100, 230, 200, 330), (9, 95, 300, 440), (100, 256, 0, 160), (60, 200, 0, 455)])
def test_a_picture_in_another_is_the_clearest_rectangle(box: tuple[int, int, int, int]) -> None:
    top, bottom, left, right = box
    planes = _clouds(0, 256, 455)
    for plane, inset in zip(planes, _clouds(1, bottom - top, right - left), strict=True):
        plane[top:bottom, left:right] = inset
    found = insets(residual(planes))[:2]
    sides = np.array(found) * np.array([256, 256, 455, 455])
    assert np.abs(sides - box).max(axis=1).min() < 4


@pytest.mark.parametrize("shape", [(256, 256), (455, 256), (256, 1024)])
def test_what_is_named_lies_in_the_frame_and_is_no_sliver(shape: tuple[int, int]) -> None:
    for planes in (_clouds(2, *shape), [np.full(shape, 128, np.float32)] * 3):
        found = insets(residual(planes))
        assert 0 < len(found) <= 6
        for part in found:
            assert 0 <= part.top < part.bottom <= 1
            assert 0 <= part.left < part.right <= 1
            assert (part.bottom - part.top) * shape[0] > 47
            assert (part.right - part.left) * shape[1] > 47
            assert (part.bottom - part.top) * (part.right - part.left) < 0.81
