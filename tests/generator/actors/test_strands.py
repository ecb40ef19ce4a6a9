import dataclasses

import numpy as np
import pytest

from tellmark.generator.actors import facespace, strands
from tellmark.generator.actors.hairstyle import HairStyle
from tellmark.generator.actors.skull import Skull, skull_of
from tellmark.landmarks import FACE_OVAL

LONG = HairStyle("part", 1.2, 0.08, 0.0, 0.01, 2, 0.6, 1.0, 0.5, 0.0, 0.02, (0.4, 0.3, 0.2), 1.0)


@pytest.fixture(scope="module")
def skull() -> Skull:
    return skull_of(facespace.load().mean[list(FACE_OVAL)])


def test_strands_start_on_the_skull_and_stay_out_of_it(skull: Skull) -> None:
    hair, layers = strands.grow(LONG, skull, 1)
    assert (((layers >= 0) & (layers <= 1)) | (layers == strands.ASTRAY)).all()
    assert 0 < (layers == strands.ASTRAY).mean() < 0.05
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


def test_hair_of_one_level_ends_at_one_level(skull: Skull) -> None:
    def spread(even: float) -> float:
        hair, layers = strands.grow(dataclasses.replace(LONG, even=even, wave=0.0), skull, 1)
        below = hair[layers != strands.ASTRAY, -1, 1]
        return float(np.subtract(*np.percentile(below, [90, 25])))

    assert spread(1.0) < 0.75 * spread(0.0)


def test_ends_turn_in_and_out(skull: Skull) -> None:
    def breadth(ends: float) -> float:
        hair, _ = strands.grow(dataclasses.replace(LONG, ends=ends, wave=0.0), skull, 1)
        return float(np.median(np.abs(hair[:, -1, 0] - skull.centre[0])))

    assert breadth(0.1) + 8 < breadth(0.0) < breadth(-0.05) - 4  # px


def test_what_is_tucked_behind_an_ear_falls_down_behind_it(skull: Skull) -> None:
    hair, _ = strands.grow(dataclasses.replace(LONG, length=1.6, behind=(1.0, 1.0)), skull, 1)
    chin = skull.face[:, 1].max()
    assert (hair[:, -1, 1] > chin).mean() > 0.25


def test_same_seed_same_hair(skull: Skull) -> None:
    first, second, other = (strands.grow(LONG, skull, seed)[0] for seed in (1, 1, 2))
    assert (first == second).all()
    assert (first != other).any()


def test_short_hair_leaves_the_chin_free(skull: Skull) -> None:
    short = dataclasses.replace(LONG, flow="crop", length=0.12, lift=0.04)
    hair, _ = strands.grow(short, skull, 1)
    assert hair[..., 1].max() < skull.face[:, 1].max()


def test_short_hair_lies_close_above_the_ears_and_stands_off_on_top(skull: Skull) -> None:
    short = dataclasses.replace(LONG, flow="crop", length=0.2, lift=0.05, frizz=0.2, wave=0.0)
    hair, _ = strands.grow(short, skull, 1)
    place = (hair - skull.centre) / skull.radii
    off = np.linalg.norm(place, axis=2) - 1
    beside = (np.abs(place[..., 0]) > 0.8) & (np.abs(place[..., 1]) < 0.1)
    top = place[..., 1] < -0.8
    assert np.percentile(off[beside], 95) < 0.4 * np.percentile(off[top], 95)
    assert strands.taper(LONG, place[:, 0]).min() == 1  # nobody tapers long hair


def test_a_parting_leaves_no_notch_in_the_crown(skull: Skull) -> None:
    hair, _ = strands.grow(dataclasses.replace(LONG, frizz=0.2, wave=0.0), skull, 1)
    across = (hair[..., 0] - skull.centre[0]) / skull.radii[0]
    middle, sides = (np.percentile(hair[where][:, 1], 2) for where in (np.abs(across) < 0.1, np.abs(across) > 0.35))
    assert middle < sides + 2  # px, downwards


def test_long_hair_draws_in_towards_the_neck(skull: Skull) -> None:
    hair, _ = strands.grow(dataclasses.replace(LONG, wave=0.0), skull, 1)
    away = np.abs(hair[..., 0] - skull.centre[0])
    height = (hair[..., 1] - skull.centre[1]) / skull.radii[1]
    ears, neck = (np.percentile(away[np.abs(height - at) < 0.08], 98) for at in (0.0, 1.0))
    assert neck < 0.95 * ears


def test_hair_that_is_swept_back_leaves_the_front_of_the_shoulder(skull: Skull) -> None:
    before = strands.grow(LONG, skull, 1)[0]
    after = strands.grow(dataclasses.replace(LONG, behind=(0.0, 0.6)), skull, 1)[0]
    low = skull.face[:, 1].max()  # the chin

    def in_front(hair: np.ndarray, side: int) -> float:
        hanging = (hair[..., 1] > low) & (side * (hair[..., 0] - skull.centre[0]) > 0)
        return float((hair[..., 2][hanging] < skull.face[:, 2].max()).mean())

    assert in_front(after, 1) < 0.7 * in_front(before, 1)
    assert in_front(after, -1) == pytest.approx(in_front(before, -1), abs=0.05)


def test_tied_hair_comes_together_behind_the_head(skull: Skull) -> None:
    tied = dataclasses.replace(LONG, flow="back", length=0.55, lift=0.03)
    hair, layers = strands.grow(tied, skull, 1)
    place = (hair - skull.centre) / skull.radii
    ends = place[layers != strands.ASTRAY, -1]
    assert (ends[:, 2] > 0.6).mean() > 0.9  # none at the outline, where they would stand off as bristles
    assert np.abs(ends[:, 0]).mean() < 0.5 * np.abs(place[:, 0, 0]).mean()
