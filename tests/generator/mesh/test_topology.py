from dataclasses import replace

import numpy as np
import pytest

from tellmark.generator.actors import actor
from tellmark.generator.geometry.raster import raster
from tellmark.generator.mesh.mesh import build_mesh, move, pose_of
from tellmark.generator.mesh.topology import without_cliffs
from tellmark.generator.types import SIZE, Motion


@pytest.mark.parametrize("seed", [3, 17, 20])  # in whose nets the tracked face leaves slits
@pytest.mark.parametrize("rotation", [(0, 0, 0), (15, 0, 0), (-15, 0, 0), (0, 10, 5), (10, -8, 0)])
def test_nothing_opens_beside_a_face_that_turns(seed: int, rotation: tuple[int, int, int]) -> None:
    landmarks = actor(seed).landmarks
    mesh = build_mesh(landmarks)
    motion = replace(Motion.rest(25.0), rotation_deg=np.array([rotation], np.float32))
    points = move(mesh, motion.expression[0], pose_of(mesh, motion, 0))
    map_x, map_y = (np.zeros((SIZE, SIZE), np.float32) for _ in range(2))
    depth = np.full((SIZE, SIZE), np.inf, np.float32)
    raster(points, mesh.sources, mesh.triangles, map_x, map_y, depth)
    (left, top), (right, bottom) = landmarks[:, :2].min(0).astype(int), landmarks[:, :2].max(0).astype(int)
    assert np.isfinite(depth[top:bottom, left:right]).all()


def test_slivers_of_a_far_cheek_are_no_cliffs() -> None:
    """A point a pixel behind a long edge lies hardly deeper than the edge, however far the edge's ends are."""
    points = np.array([[0, 0, 0], [40, 0, 10], [20, 1, 90], [20, 60, 90]], np.float32)
    mesh = np.array([[0, 1, 2], [0, 1, 3]], np.int32)
    depth = without_cliffs(points, mesh, np.ones(4, bool))
    assert depth[2] == pytest.approx(5 + 2.2, abs=0.01)
    assert depth[3] == 90  # behind it by more than its depth
    assert (without_cliffs(points, mesh, np.zeros(4, bool)) == points[:, 2]).all()
