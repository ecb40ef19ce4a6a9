"""Light about the jaw: fades on the face towards its edge, and on the neck below it."""

import numpy as np
import pytest

from tellmark.generator.actors import facespace, jaw, skin
from tellmark.generator.types import SIZE
from tellmark.types import F32


@pytest.fixture(scope="module")
def shape() -> F32:
    return facespace.load().mean


def test_a_face_fades_towards_its_chin_and_keeps_its_light_above_the_mouth(shape: F32) -> None:
    light, gloss = jaw.turned_under(shape, *skin.beyond_outline(shape))
    assert light.shape == (SIZE, SIZE, 3)
    x, chin, lip = int(shape[152, 0]), int(shape[152, 1]), int(shape[17, 1])
    down = light[lip : chin + 8, x].mean(axis=1)
    assert (np.diff(down) <= 1e-6).all()
    assert np.abs(np.diff(down)).max() < 0.03  # without an edge
    assert down[-1] < 0.8 * down[0]
    assert (gloss[..., 0] <= light.max(axis=2) + 1e-6).all()
    np.testing.assert_allclose(light[: int(shape[2, 1]), x], 1, atol=1e-3)


def test_the_shade_on_the_neck_is_soft_and_ends(shape: F32) -> None:
    bare, bearded = jaw.on_neck(shape, 0.0), jaw.on_neck(shape, 1.0)
    x, chin = int(shape[152, 0]), int(shape[152, 1])
    below = bare[chin + 20 : min(chin + 110, SIZE), x].mean(axis=1)
    assert below[0] < 0.9  # under the chin
    assert below[-1] > below.min() + 0.04  # less further down
    assert np.abs(np.diff(below)).max() < 0.02
    assert (bearded <= bare + 1e-6).all()
    assert bearded[chin + 4, x].mean() < 0.7 * bare[chin + 4, x].mean()
    assert bare[20, 20].min() == pytest.approx(1.0, abs=1e-3)
