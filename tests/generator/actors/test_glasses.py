"""Glasses sit before the eyes, let them be seen, and throw a shadow."""

import numpy as np
import pytest

from tellmark.generator.actors import facespace, glasses
from tellmark.generator.actors.glasses import SHAPES, Glasses

LIGHT = np.array([-0.4, -0.6, -0.69], np.float32)


@pytest.mark.parametrize("shape", SHAPES)
def test_rims_go_round_both_eyes(shape: str) -> None:
    mean = facespace.load().mean
    layer, depth, shadow = glasses.paint(Glasses(shape, (0.05, 0.05, 0.05), 0.03, 0.29, 0.22, 0.0), mean, LIGHT)
    unit = float(np.linalg.norm(mean[263, :2] - mean[33, :2]))
    for eye in ((33, 133), (263, 362)):
        x, y = mean[list(eye), :2].mean(axis=0)
        assert layer[int(y), int(x), 3] < 0.1
        column = layer[int(y - 0.35 * unit) : int(y + 0.35 * unit), int(x), 3]
        half = len(column) // 2
        assert column[:half].max() > 0.8
        assert column[half:].max() > 0.8
        assert depth[int(y), int(x)] < mean[list(eye), 2].min()
    assert shadow.min() < 0.8
    assert shadow[5, 5] == 1
