"""Nostrils lie where the tracker finds them, are dark, and leave the rest of the face alone; light keeps its mean."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tellmark.faces import find_face
from tellmark.generator.actors import at_rest, noses
from tellmark.generator.actors.persona import shape_of
from tellmark.generator.actors.recipe import draw_recipe
from tellmark.types import F32


@pytest.fixture(scope="module")
def shape() -> F32:
    return shape_of(draw_recipe(3))


def test_nostrils_are_two_dark_places_under_the_tip_of_the_nose(shape: F32) -> None:
    taken = noses.hollows(shape, np.random.default_rng(0)).mean(axis=2)
    places, _, _, centres = cv2.connectedComponentsWithStats((taken > 0.4).astype(np.uint8))[0:4]
    assert places == 1 + 2
    (left, low), (right, low_too) = sorted(centres[1:].tolist())
    assert left < shape[2, 0] - 4
    assert right > shape[2, 0] + 4
    assert all(shape[4, 1] < y < shape[0, 1] for y in (low, low_too))


def test_what_is_drawn_stays_at_the_nose(shape: F32) -> None:
    taken = noses.hollows(shape, np.random.default_rng(0))
    y, x = np.nonzero(taken.max(axis=2) > 0.01)
    assert taken.min() >= 0
    assert x.min() > shape[[33, 61], 0].min()
    assert x.max() < shape[[263, 291], 0].max()
    assert shape[168, 1] < y.min()
    assert y.max() < shape[13, 1]


def test_no_two_noses_are_alike(shape: F32) -> None:
    one, other = (noses.hollows(shape, np.random.default_rng(seed)) for seed in (0, 1))
    assert np.abs(one - other).max() > 0.05


def test_light_about_the_nose_has_less_contrast_and_the_same_mean(shape: F32) -> None:
    rng = np.random.default_rng(0)
    light = 1 + cv2.GaussianBlur(rng.normal(0, 4, (512, 512, 3)).astype(np.float32), (0, 0), 5.0)
    even = noses.evened(light, shape)
    middle = noses.near(shape, 20.0) > 0.7
    assert even[middle].std() < 0.6 * light[middle].std()
    assert abs(float(even[middle].mean() / light[middle].mean()) - 1) < 0.03
    np.testing.assert_allclose(even[:40], light[:40], rtol=1e-4)


def test_nostrils_of_an_actor_are_darker_than_the_skin_between_them() -> None:
    image = at_rest(3).image
    points = find_face(image).landmarks[:, :2]
    grey = cv2.GaussianBlur(image.astype(np.float32).mean(axis=2), (0, 0), 1.0)

    def at(indices: tuple[int, ...]) -> float:
        x, y = points[list(indices)].mean(axis=0)
        return float(grey[round(float(y)), round(float(x))])

    between = at((1, 2))
    assert at((79, 239, 238, 20, 60, 166)) < 0.75 * between
    assert at((309, 459, 458, 250, 290, 392)) < 0.75 * between
