"""Taking the pose out of a tracked mesh."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tellmark.generator.actors import actor
from tellmark.generator.geometry.canonical import POINTS, WIDTH_MM, mean_face, pose_free, turn
from tellmark.landmarks import head_rotation_deg


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return np.stack([actor(seed).landmarks for seed in (3, 4, 5)])


def test_mean_face_is_frontal_and_of_the_stated_width(faces: np.ndarray) -> None:
    mean = mean_face(faces)
    assert mean.shape == (POINTS, 3)
    assert np.linalg.norm(mean[454] - mean[234]) == pytest.approx(WIDTH_MM, rel=0.01)
    assert np.abs([float(angle) for angle in head_rotation_deg(mean)]).max() < 0.1


@pytest.mark.parametrize("angles", [(12.0, 0, 0), (0, -9.0, 0), (0, 0, 15.0), (10.0, 6.0, -8.0)])
def test_a_known_pose_is_found_and_undone(faces: np.ndarray, angles: tuple[float, float, float]) -> None:
    mean = mean_face(faces)
    face = np.pad(mean, ((0, 10), (0, 0)))
    posed = face @ turn(*np.deg2rad(angles)).T * 1.7 + (250, 240, 0)
    free = pose_free(posed[None].astype(np.float32), mean)
    assert np.abs(free.points[0, :POINTS] - mean).max() < 1e-3
    assert free.px_per_mm[0] == pytest.approx(1.7, rel=1e-4)
    again = pose_free((face @ turn(*np.deg2rad(free.rotation_deg[0].astype(float))).T)[None].astype(np.float32), mean)
    assert np.abs(again.rotation_deg - free.rotation_deg).max() < 1.5  # angles are of the projected axes


def test_turn_is_a_rotation() -> None:
    matrix = turn(0.3, -0.2, 0.1)
    assert np.abs(Rotation.from_matrix(matrix).as_matrix() - matrix).max() < 1e-9
