"""A change of light is read from two pictures of one face, and put on again."""

import numpy as np
import pytest

from tellmark.generator.mesh.light import NUMBERS, Light
from tellmark.generator.types import Portrait
from tellmark.types import F32, U8


def changed(**numbers: float) -> F32:
    light = np.zeros(NUMBERS, np.float32)
    for name, value in numbers.items():
        light[int(name[1:])] = value
    return light


def error(one: U8, other: U8) -> float:
    return float(np.square(one.astype(np.float32) - other).mean())


def test_no_change_leaves_every_byte(someone: Portrait) -> None:
    frame = someone.image.copy()
    Light(someone.landmarks).shine(frame, someone.landmarks, changed())
    np.testing.assert_array_equal(frame, someone.image)


@pytest.mark.parametrize("light", [changed(n2=0.12), changed(n1=-0.1, n6=0.08), changed(n0=0.1)])
def test_a_change_is_read_where_it_was_made(someone: Portrait, light: F32) -> None:
    lamp = Light(someone.landmarks)
    real = someone.image.copy()
    lamp.shine(real, someone.landmarks, light)
    found = lamp.read(someone.image, real, someone.landmarks, someone.matte)
    again = someone.image.copy()
    lamp.shine(again, someone.landmarks, found)
    assert error(again, real) < 0.15 * error(someone.image, real)


def test_light_moves_with_the_face_and_stays_within_it(someone: Portrait) -> None:
    moved = someone.landmarks + np.array([30, -20, 0], np.float32)
    grey = np.full((512, 512, 3), 100, np.uint8)
    Light(someone.landmarks).shine(grey, moved, changed(n1=0.2))
    rows, columns = np.nonzero(grey[..., 0] != 100)
    low, high = moved[:468, :2].min(0), moved[:468, :2].max(0)
    assert low[0] - 4 <= columns.min() <= columns.max() <= high[0] + 4
    assert low[1] - 4 <= rows.min() <= rows.max() <= high[1] + 4
    x, y = np.rint(moved[1, :2]).astype(int)
    assert abs(int(grey[y, x, 0]) - 122) <= 1


def test_something_else_in_place_of_a_face_is_no_light(someone: Portrait) -> None:
    real = someone.image.copy()
    x, y = np.rint(someone.landmarks[50, :2]).astype(int)
    real[y - 12 : y + 12, x - 12 : x + 12] = 0
    light = Light(someone.landmarks).read(someone.image, real, someone.landmarks, someone.matte)
    assert np.abs(light).max() < 0.15
