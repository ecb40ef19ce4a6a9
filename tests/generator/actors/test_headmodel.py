"""The shell of the head is closed, at rest and turned."""

import cv2
import numpy as np
import pytest

from tellmark.generator.actors import facespace, headmodel
from tellmark.generator.actors.persona import shape_of
from tellmark.generator.actors.recipe import draw_recipe
from tellmark.generator.actors.skull import skull_of
from tellmark.generator.geometry.raster import raster
from tellmark.generator.types import SIZE, Motion
from tellmark.landmarks import FACE_OVAL, LEFT_IRIS, RIGHT_IRIS


@pytest.mark.parametrize("seed", [3, 1009])
@pytest.mark.parametrize("pose", [(0, 0, 0), (20, 4, 0), (-20, -4, 3), (0, 12, 0), (0, -12, 0)])
def test_no_pose_opens_a_gap(seed: int, pose: tuple[float, float, float]) -> None:
    shape = shape_of(draw_recipe(seed))
    model = headmodel.build(shape, skull_of(shape[list(FACE_OVAL)]), 6.0)
    motion = Motion.rest(25.0)
    motion.rotation_deg[0] = pose
    space = headmodel.express(model, motion.expression[0], motion.blink[0], 0.0)
    seen = headmodel.project(headmodel.turn_head(model, space, headmodel.pose_of(model, motion, 0)), model.camera)
    map_x, map_y, depth = np.full((3, SIZE, SIZE), -9, np.float32)
    depth[:] = np.inf
    raster(seen, model.sources, model.triangles, map_x, map_y, depth)
    drawn = (map_x > -5).astype(np.uint8)
    outlines, _ = cv2.findContours(drawn, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(drawn)
    cv2.drawContours(filled, outlines, -1, 1, -1)
    assert (filled - drawn).sum() == 0


def test_irises_are_no_part_of_the_skin() -> None:
    shape = shape_of(draw_recipe(1012))
    model = headmodel.build(shape, skull_of(shape[list(FACE_OVAL)]), 6.0)
    assert not np.isin([*RIGHT_IRIS, *LEFT_IRIS], model.triangles).any()
    assert not np.isin([*RIGHT_IRIS, *LEFT_IRIS], facespace.mesh(facespace.load().mean)[1]).any()


def test_normals_are_evened_out_at_the_outline_alone() -> None:
    shape = shape_of(draw_recipe(1012))
    model = headmodel.build(shape, skull_of(shape[list(FACE_OVAL)]), 6.0)
    normals = headmodel.vertex_normals(model.points, model.triangles)
    even = model.even @ normals
    around = [*FACE_OVAL, *FACE_OVAL[:2]]
    bends, before = (np.abs(np.diff(field[around], 2, axis=0)).mean() for field in (even, normals))
    assert bends < 0.7 * before
    np.testing.assert_allclose(even[[1, 4, 13, 159]], normals[[1, 4, 13, 159]])
    np.testing.assert_allclose(model.even.sum(axis=1), 1, rtol=1e-5)
