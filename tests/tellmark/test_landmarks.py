"""Measures on a mesh whose pose and openings are known because the test sets them."""

import numpy as np
import pytest

from tellmark import landmarks as lm
from tellmark.types import F32


def flat_face() -> F32:
    """A symmetric set of the points the measures use, 200 px high, looking at the camera."""
    points = np.zeros((478, 3), np.float32)
    pairs = {
        (33, 263): (60, -20), (133, 362): (20, -20), (127, 356): (90, -10), (93, 323): (88, 20), (234, 454): (90, 0),
        (54, 284): (70, -80), (21, 251): (80, -60), (205, 425): (50, 30), (61, 291): (30, 60), (98, 327): (15, 30),
        (160, 387): (45, -28), (159, 386): (40, -28), (158, 385): (35, -28), (144, 373): (45, -12),
        (145, 374): (40, -12), (153, 380): (35, -12), (468, 473): (40, -20),
    }  # fmt: skip
    for (right, left), (x, y) in pairs.items():
        points[right], points[left] = (-x, y, 0), (x, y, 0)
    for index, y in {10: -100, 151: -80, 9: -60, 2: 30, 13: 60, 14: 60, 152: 100}.items():
        points[index] = (0, y, 0)
    return points


def rotated(points: F32, axis: str, degrees: float) -> F32:
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    matrix = {
        "yaw": [[c, 0, -s], [0, 1, 0], [s, 0, c]],  # the subject's left side (x > 0) moves away from the camera
        "pitch": [[1, 0, 0], [0, c, s], [0, -s, c]],  # the forehead (y < 0) moves away
        "roll": [[c, -s, 0], [s, c, 0], [0, 0, 1]],
    }[axis]
    return (points @ np.array(matrix, np.float32).T).astype(np.float32)


@pytest.mark.parametrize(("axis", "index"), [("yaw", 0), ("pitch", 1), ("roll", 2)])
@pytest.mark.parametrize("degrees", [-20.0, 15.0])
def test_head_rotation_reads_back(axis: str, index: int, degrees: float) -> None:
    rest = np.array(lm.head_rotation_deg(flat_face()))
    turned = np.array(lm.head_rotation_deg(rotated(flat_face(), axis, degrees)))
    expected = np.zeros(3)
    expected[index] = degrees
    assert turned - rest == pytest.approx(expected, abs=0.5)


def test_openings() -> None:
    face = flat_face()
    assert lm.mouth_opening(face) == 0
    face[14, 1] += 26
    assert lm.mouth_opening(face) == pytest.approx(26 / 130)
    assert lm.eye_opening(face) == (pytest.approx(0.4), pytest.approx(0.4))


def test_measures_work_on_tracks() -> None:
    track = np.stack([flat_face()] * 5)
    assert lm.mouth_opening(track).shape == (5,)
    assert np.array(lm.head_rotation_deg(track)).shape == (3, 5)


def test_mesh_is_a_surface() -> None:
    triangles = lm.triangles()
    assert triangles.shape == (852, 3)
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [0, 2]]]), axis=1)
    _, uses = np.unique(edges, axis=0, return_counts=True)
    assert set(uses) == {1, 2}  # every edge borders one triangle (a rim) or two
