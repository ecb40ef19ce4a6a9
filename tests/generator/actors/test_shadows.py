import numpy as np
import pytest

from tellmark.generator.actors import facespace, shadows
from tellmark.generator.actors.skull import Skull, skull_of
from tellmark.generator.actors.strands import STEPS
from tellmark.landmarks import FACE_OVAL
from tellmark.types import F32

ABOVE = np.array([0.0, -1.0, 0.0], np.float32)


@pytest.fixture(scope="module")
def skull() -> Skull:
    return skull_of(facespace.load().mean[list(FACE_OVAL)])


def mat(skull: Skull, depth: float, count: int) -> F32:
    """(count, STEPS, 3) level strands beside each other, ``depth`` px above the crown."""
    top = skull.centre - [0, skull.radii[1] + 10, 0]
    across, along = np.linspace(-40, 40, count), np.linspace(-40, 40, STEPS)
    place = np.stack(np.broadcast_arrays(along[None, :], -depth, across[:, None]), axis=-1)
    return np.asarray(top + place, np.float32)


def test_what_lies_below_hair_is_in_its_shade(skull: Skull) -> None:
    hair = np.concatenate([mat(skull, 0, 100), mat(skull, 40, 2500)])
    lamp, around = shadows.within(hair, skull, ABOVE)
    middle = slice(STEPS // 4, -STEPS // 4)
    below, outside = (part[:, middle].mean() for part in (lamp[25:75], lamp[100:]))
    assert below < 0.5 * outside
    assert around[25:75, middle].mean() < around[100:].mean()


def test_thin_hair_lets_the_light_through_and_the_head_does_not(skull: Skull) -> None:
    hair = mat(skull, 0, 20)
    assert shadows.within(hair, skull, ABOVE)[0].min() > 0.9
    assert shadows.within(hair, skull, -ABOVE)[0][:, STEPS // 2].max() < 0.1
