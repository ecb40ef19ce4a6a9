"""Glasses: found on virtual actors who wear some and on no other, and stiff before a face that moves."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tellmark.generator.actors import actor, actor_attributes
from tellmark.generator.geometry.basis import face_frame
from tellmark.generator.geometry.glasses import NONE, Glasses, find, free, lid_room
from tellmark.generator.mesh.mesh import Mesh, build_mesh, move, pose_of
from tellmark.generator.types import EXPRESSIONS, MOODS, Motion, Portrait
from tellmark.landmarks import LEFT_EYE, LIPS_OUTER, RIGHT_EYE

_WEARERS = [seed for seed in range(700, 760) if actor_attributes(seed).glasses != "none"][:2]
_OTHERS = [seed for seed in range(700, 760) if actor_attributes(seed).glasses == "none"][:2]


@pytest.fixture(scope="module")
def wearer() -> Portrait:
    return actor(_WEARERS[0])


@pytest.mark.parametrize("seed", [*_WEARERS, *_OTHERS])
def test_glasses_are_found_where_there_are_some(seed: int) -> None:
    portrait = actor(seed)
    assert find(portrait.image, portrait.landmarks).surely == (1.0 if seed in _WEARERS else 0.0)


def test_what_is_behind_lenses_holds_still_and_the_mouth_does_not(wearer: Portrait) -> None:
    glasses = find(wearer.image, wearer.landmarks)
    left = free(wearer.landmarks[:, :2], wearer.landmarks, glasses)
    assert left[[159, 145, 386, 374, 168]].max() < 0.15
    assert left[list(LIPS_OUTER)].min() == 1
    assert np.all(free(wearer.landmarks[:, :2], wearer.landmarks, NONE) == 1)


def test_half_sure_glasses_hold_half(wearer: Portrait) -> None:
    whole, half = (
        free(wearer.landmarks[:, :2], wearer.landmarks, Glasses(surely, 15.0, 25.0)) for surely in (1.0, 0.5)
    )
    np.testing.assert_allclose(1 - half, (1 - whole) / 2, atol=1e-6)


def test_rims_keep_their_shape_in_a_mood(wearer: Portrait) -> None:
    motion = Motion.rest(25.0)
    motion.expression[:, EXPRESSIONS.index("smile")] = 0.6
    motion.mood[:, MOODS.index("happy")] = 1
    bare, behind = build_mesh(wearer.landmarks), build_mesh(wearer.landmarks, find(wearer.image, wearer.landmarks))

    def rims(mesh: Mesh) -> float:
        """Px by which the rims' lowest part moves, where it moves most."""
        points = move(mesh, motion.expression[0], pose_of(mesh, motion, 0), motion.mood[0])
        below = [101, 100, 118, 330, 329, 347]  # where cheeks rise in a smile
        return float(np.linalg.norm((points - mesh.rest)[below, :2], axis=1).max())

    assert rims(bare) > 3
    assert rims(behind) < 0.25 * rims(bare)


def test_lids_stretch_below_a_rim_that_is_near_and_freely_without_one(wearer: Portrait) -> None:
    glasses = find(wearer.image, wearer.landmarks)
    px = face_frame(wearer.landmarks).px_per_mm
    flat = np.full_like(wearer.image, 180)
    assert np.isinf(lid_room(wearer.image, wearer.landmarks, NONE)).all()
    assert np.isinf(lid_room(flat, wearer.landmarks, glasses)).all()
    for loop in (RIGHT_EYE, LEFT_EYE):  # a rim 6 mm over either lid
        edge = wearer.landmarks[list(loop[:9]), :2] + (0, -6 * px)
        cv2.polylines(flat, [np.rint(edge).astype(np.int32)], False, (40, 40, 40), round(2 * px))
    room = lid_room(flat, wearer.landmarks, glasses) / px
    assert ((room > 2.5) & (room < 6)).all()
