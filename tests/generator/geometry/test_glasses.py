"""Glasses are told from brows and bags, and skin under them stays with the head."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from tellmark.generator.actors import facespace
from tellmark.generator.geometry.basis import expression_basis, face_frame
from tellmark.generator.geometry.glasses import find_glasses
from tellmark.generator.geometry.seams import build_fields
from tellmark.generator.mesh.mesh import Mesh, Pose, build_mesh, move
from tellmark.generator.types import EXPRESSIONS, SIZE
from tellmark.landmarks import LEFT_BROW, LEFT_EYE, RIGHT_BROW, RIGHT_EYE
from tellmark.types import F32, U8


def face() -> tuple[U8, F32]:
    """Skin with dark brows and eyes."""
    mean = facespace.load().mean
    picture = np.full((SIZE, SIZE, 3), (200, 160, 140), np.uint8)
    for brow in (RIGHT_BROW, LEFT_BROW):
        cv2.fillPoly(picture, [cv2.convexHull(np.rint(mean[list(brow), :2]).astype(np.int32))], (50, 40, 35))
    for loop in (RIGHT_EYE, LEFT_EYE):
        cv2.fillPoly(picture, [np.rint(mean[list(loop), :2]).astype(np.int32)], (60, 60, 60))
    return picture, mean


def worn(rim: tuple[int, int, int] = (90, 45, 40)) -> tuple[U8, F32]:
    """The same face with round rims, 22 mm around the eyes, and a bridge."""
    picture, mean = face()
    px = face_frame(mean).px_per_mm
    ends = []
    for loop, side in ((RIGHT_EYE, 1), (LEFT_EYE, -1)):
        middle = mean[[loop[0], loop[8]], :2].mean(0)
        cv2.circle(
            picture, tuple(np.rint(middle).astype(int).tolist()), round(22 * px), rim, round(2 * px), cv2.LINE_AA
        )
        ends.append(np.rint(middle + px * np.array([side * 22 * 0.94, -22 * 0.34])).astype(int).tolist())
    cv2.line(picture, ends[0], ends[1], rim, round(2 * px), cv2.LINE_AA)
    return picture, mean


def test_none_on_a_bare_face_nor_in_brows_that_meet_or_bags_under_eyes() -> None:
    picture, mean = face()
    assert find_glasses(picture, mean) is None
    ends = [np.rint(mean[point, :2]).astype(int).tolist() for point in (55, 285)]
    cv2.line(picture, ends[0], ends[1], (50, 40, 35), 6)
    px = face_frame(mean).px_per_mm
    for loop in (RIGHT_EYE, LEFT_EYE):
        middle = np.rint(mean[[loop[0], loop[8]], :2].mean(0)).astype(int).tolist()
        cv2.ellipse(picture, middle, (round(14 * px), round(11 * px)), 0, 10, 170, (120, 90, 80), 3, cv2.LINE_AA)
    assert find_glasses(picture, mean) is None


@pytest.mark.parametrize("rim", [(90, 45, 40), (20, 20, 20)])
def test_skin_under_them_stays_and_the_mouth_moves(rim: tuple[int, int, int]) -> None:
    picture, mean = worn(rim)
    glasses = find_glasses(picture, mean)
    assert glasses is not None
    held = [*RIGHT_EYE, *LEFT_EYE, 6, 168]
    assert (glasses.loose[held] == 0).all()
    assert (glasses.loose[[10, 13, 14, 61, 291, 152]] == 1).all()
    still = Pose(np.eye(3, dtype=np.float32), np.zeros(2, np.float32), 1.0)
    free, tied = build_mesh(mean), build_mesh(mean, glasses.loose)

    def moves(mesh: Mesh, name: str, points: list[int], pose: Pose = still) -> np.ndarray:
        expression = np.array([float(one == name) for one in EXPRESSIONS], np.float32)
        return (move(mesh, expression, pose) - mesh.rest)[points, :2]

    assert np.abs(moves(tied, "brow_up", held)).max() < 0.01
    seen = replace(still, shape=np.zeros((478, 2), np.float32))  # a film's own points say where rims are
    np.testing.assert_array_equal(moves(free, "brow_up", held, seen), moves(tied, "brow_up", held, seen))
    brow = [*RIGHT_BROW[:5], *LEFT_BROW[:5]]
    raised = [np.linalg.norm(moves(mesh, "brow_up", brow), axis=1).mean() for mesh in (free, tied)]
    assert raised[1] < 0.5 * raised[0]
    mouth = [61, 291, 13, 14, 17]
    for name in ("smile", "jaw"):
        np.testing.assert_allclose(moves(free, name, mouth), moves(tied, name, mouth), atol=1e-4)
    basis = build_fields(mean, glasses).basis
    np.testing.assert_allclose(basis[: len(expression_basis(mean))], expression_basis(mean) * glasses.loose)


def test_rims_leave_lids_their_room() -> None:
    picture, mean = worn()
    glasses = find_glasses(picture, mean)
    assert glasses is not None
    px = face_frame(mean).px_per_mm
    for room, loop in zip(glasses.lid_room.tolist(), (RIGHT_EYE, LEFT_EYE), strict=True):
        middle = mean[[loop[0], loop[8]], 1].mean()
        lid = middle - mean[list(loop[1:8]), 1].min()
        assert 0.5 * (22 * px - lid) < room <= 22 * px - lid
