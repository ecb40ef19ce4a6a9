import dataclasses

import numpy as np
import pytest

from tellmark.generator import facespace, strands
from tellmark.generator.strands import HairStyle, Skull
from tellmark.landmarks import FACE_OVAL

LONG = HairStyle("part", 1.2, 0.08, 0.0, 0.01, 2, 0.6, 1.0, 0.5, 0.0, 0.02, (0.4, 0.3, 0.2), 1.0)


@pytest.fixture(scope="module")
def skull() -> Skull:
    return strands.skull_of(facespace.load().mean[list(FACE_OVAL)])


def test_strands_start_on_the_skull_and_stay_out_of_it(skull: Skull) -> None:
    hair, layers = strands.grow(LONG, skull, 1)
    assert ((layers >= 0) & (layers <= 1)).all()
    radius = np.linalg.norm((hair - skull.centre) / skull.radii, axis=2)
    assert np.median(np.abs(radius[:, 0] - 1)) < 0.06
    upper = hair[..., 1] < skull.centre[1]
    assert (radius[upper] < 0.85).mean() < 0.01


def test_long_hair_hangs_beside_the_face_not_over_it(skull: Skull) -> None:
    hair, _ = strands.grow(LONG, skull, 1)
    middle = (np.abs(hair[..., 0] - skull.centre[0]) < 40) & (hair[..., 2] < skull.centre[2])
    low = hair[..., 1] > skull.centre[1] + 10
    assert (middle & low).mean() < 0.002
    assert hair[..., 1].max() > skull.face[:, 1].max()  # it reaches below the chin


def test_same_seed_same_hair(skull: Skull) -> None:
    first, second, other = (strands.grow(LONG, skull, seed)[0] for seed in (1, 1, 2))
    assert (first == second).all()
    assert (first != other).any()


def test_short_hair_leaves_the_chin_free(skull: Skull) -> None:
    short = dataclasses.replace(LONG, flow="crop", length=0.12, lift=0.04)
    hair, _ = strands.grow(short, skull, 1)
    assert hair[..., 1].max() < skull.face[:, 1].max()
