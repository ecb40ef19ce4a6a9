"""Light on the form: brighter towards the lamp, dark where something stands before it."""

import cv2
import numpy as np
import pytest

from tellmark.generator.actors import complexion, facespace, relief
from tellmark.generator.actors.relief import FAR, Light
from tellmark.generator.actors.skull import skull_of
from tellmark.generator.types import SIZE
from tellmark.landmarks import FACE_OVAL
from tellmark.types import F32

LEFT = Light((-0.8, -0.2, -0.5657), 0.2, 0.6, 0.0)


@pytest.fixture(scope="module")
def depth() -> F32:
    mean = facespace.load().mean
    return relief.head_depth(mean, skull_of(mean[list(FACE_OVAL)]))


def test_the_nose_is_nearest_and_the_corner_is_empty(depth: F32) -> None:
    nose = facespace.load().mean[4]
    row, column = np.unravel_index(np.argmin(depth), depth.shape)
    assert abs(row - nose[1]) < 12
    assert abs(column - nose[0]) < 12
    assert depth[4, 4] == FAR


def test_the_side_towards_the_light_is_brighter(depth: F32) -> None:
    lit, _ = relief.shine_on(relief.normals(depth, 3.0), depth, depth, LEFT, 1)
    mean = facespace.load().mean
    left, right = (lit[int(mean[k, 1]), int(mean[k, 0])].mean() for k in (205, 425))
    assert left > 1.3 * right


def test_what_stands_before_the_light_throws_a_shadow(depth: F32) -> None:
    normal = relief.normals(depth, 3.0)
    wall = depth.copy()
    wall[100:400, 60:110] = -60
    free, _ = relief.shine_on(normal, depth, depth, LEFT, 1)
    kept, _ = relief.shine_on(normal, depth, wall, LEFT, 1)
    y, x = facespace.load().mean[205, [1, 0]].astype(int)
    assert kept[y, x].mean() < 0.8 * free[y, x].mean()
    assert kept.shape == (SIZE, SIZE, 3)


def test_pores_break_up_what_is_mirrored_and_nothing_else(depth: F32) -> None:
    normal = relief.normals(depth, 3.0)
    lit, smooth = relief.shine_on(normal, depth, depth, LEFT, 1)
    same, rough = relief.shine_on(normal, depth, depth, LEFT, 1, complexion.grain(1))
    np.testing.assert_array_equal(lit, same)
    y, x = facespace.load().mean[105, [1, 0]].astype(int)  # above a brow
    bright = np.s_[y - 40 : y - 10, x - 15 : x + 15]
    assert rough[bright].mean() == pytest.approx(smooth[bright].mean(), rel=0.2)
    assert rough.max() < 1.1 * smooth.max()  # no sparks
    fine, none = ((gloss - cv2.GaussianBlur(gloss, (0, 0), 1.2))[bright].std() for gloss in (rough, smooth))
    assert fine > 2 * none
