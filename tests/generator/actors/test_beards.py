import dataclasses

import cv2
import numpy as np
import pytest

from tellmark.generator.actors import beards, facespace
from tellmark.generator.actors.recipe import draw_recipe
from tellmark.generator.types import SIZE
from tellmark.landmarks import FACE_OVAL, LEFT_EYE, LIPS_OUTER, RIGHT_EYE
from tellmark.types import F32


@pytest.fixture(scope="module")
def shape() -> F32:
    return facespace.load().mean


def inside(shape: F32, loop: tuple[int, ...], share: float = 1.0) -> F32:
    points = shape[list(loop), :2]
    points = points.mean(axis=0) + share * (points - points.mean(axis=0))
    mask = np.zeros((SIZE, SIZE), np.float32)
    cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 1.0)
    return mask


@pytest.mark.parametrize("seed", range(4))
def test_beards_grow_around_the_mouth_only(shape: F32, seed: int) -> None:
    density = beards.grows(0.8, shape, np.random.default_rng(seed))
    assert density.min() >= 0
    assert density.max() <= 1
    x, y = np.round(shape[152, :2] - [0, 16]).astype(int)
    assert density[y - 4 : y + 4, x - 6 : x + 6].mean() > 0.4  # the chin
    for bare in (inside(shape, LIPS_OUTER, 0.9), inside(shape, RIGHT_EYE), inside(shape, LEFT_EYE)):
        assert (density * bare).max() < 0.02
    assert (density * (1 - inside(shape, FACE_OVAL, 1.03))).max() < 0.02
    assert density[: int(shape[4, 1])].max() < 0.9 * density.max()


def test_beards_differ(shape: F32) -> None:
    densities = [beards.grows(0.8, shape, np.random.default_rng(seed)) for seed in range(6)]
    areas = [float(density.sum()) for density in densities]
    assert max(areas) > 1.2 * min(areas)


def test_hair_before_the_ears_is_of_short_cuts(shape: F32) -> None:
    style = draw_recipe(0).hair
    crop, hanging, tied = (
        dataclasses.replace(style, flow=flow, length=length)
        for flow, length in (("crop", 0.1), ("part", 1.0), ("back", 0.55))
    )
    assert not beards.sideburns(hanging, True, shape, np.random.default_rng(1)).any()
    man, woman, wisps = (
        beards.sideburns(cut, feminine, shape, np.random.default_rng(1))
        for cut, feminine in ((crop, False), (crop, True), (tied, True))
    )
    assert man.sum() > woman.sum() > wisps.sum() > 0
    assert man.max() <= 1
    assert man[int(shape[61, 1]) :].max() == 0  # it ends above the mouth
    assert (man * (1 - inside(shape, FACE_OVAL, 1.03))).max() < 0.05  # the ears are bare
    temple, cheek = (man[round(float(shape[point, 1]))] > 0.2 for point in (127, 234))
    assert temple.sum() > cheek.sum()  # it narrows
