"""Hair that falls over the forehead, and hair that is wound up."""

import dataclasses

import numpy as np
import pytest

from tellmark.generator.actors import facespace, strands
from tellmark.generator.actors.hairstyle import HairStyle
from tellmark.generator.actors.skull import BROWS, Skull, skull_of
from tellmark.landmarks import FACE_OVAL

LONG = HairStyle("part", 1.2, 0.08, 0.0, 0.01, 2, 0.6, 1.0, 0.5, 0.0, 0.02, (0.4, 0.3, 0.2), 1.0)


@pytest.fixture(scope="module")
def skull() -> Skull:
    return skull_of(facespace.load().mean[list(FACE_OVAL)])


@pytest.mark.parametrize("sweep", [0.0, 0.8])
def test_a_fringe_covers_the_forehead_and_no_eye(skull: Skull, sweep: float) -> None:
    fringed = dataclasses.replace(LONG, fringe=1.0, sweep=sweep)
    hair, _ = strands.grow(fringed, skull, 1)
    plain, _ = strands.grow(LONG, skull, 1)

    def on_forehead(strand: np.ndarray) -> int:
        height = (strand[..., 1] - skull.centre[1]) / skull.radii[1]
        middle = np.abs(strand[..., 0] - skull.centre[0]) < 0.45 * skull.radii[0]
        return int((middle & (height > -0.45) & (height < -0.25) & (strand[..., 2] < skull.centre[2])).sum())

    assert on_forehead(hair) > 5 * on_forehead(plain) + 1000
    # Nothing of it lies on an eye or between the eyes.
    height = (hair[..., 1] - skull.centre[1]) / skull.radii[1]
    across = np.abs(hair[..., 0] - skull.centre[0]) / skull.radii[0]
    assert (
        (across < 0.7) & (height > BROWS + 0.12) & (height < 0.5) & (hair[..., 2] < skull.face[:, 2].max())
    ).mean() < 0.001


def test_a_bun_stands_on_the_crown(skull: Skull) -> None:
    tied = dataclasses.replace(LONG, flow="back", length=0.55, lift=0.03)
    top = skull.centre[1] - skull.radii[1]
    low, high = (strands.grow(dataclasses.replace(tied, knot=knot), skull, 1)[0][..., 1].min() for knot in (0, 1))
    assert high < top - 0.08 * skull.height < low
