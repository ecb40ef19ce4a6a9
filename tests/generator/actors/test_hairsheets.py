"""Where the hair of a performance lies."""

import numpy as np
import pytest

from tellmark.generator.actors import hairsheets, headmodel, persona
from tellmark.generator.actors.recipe import draw_recipe
from tellmark.generator.actors.skin import oval_of
from tellmark.generator.types import SIZE, Motion

LONG = next(seed for seed in range(40) if draw_recipe(seed).hair.flow == "part")


@pytest.fixture(scope="module")
def parts() -> persona.Parts:
    return persona.parts_of(LONG)


@pytest.fixture(scope="module")
def hair(parts: persona.Parts) -> hairsheets.HairSheets:
    model = headmodel.build(parts.shape, parts.skull, 6.0)
    oval = oval_of(parts.shape)
    head_z = np.where(oval > 0.5, 0.0, np.inf).astype(np.float32)
    return hairsheets.hung(parts, model, head_z)


def drawn(parts: persona.Parts, sheet: hairsheets.Sheet) -> np.ndarray:
    model = headmodel.build(parts.shape, parts.skull, 6.0)
    return np.asarray(sheet.draw(headmodel.pose_of(model, Motion.rest(25.0), 0), np.zeros(2, np.float32))).copy()


def test_an_unmoved_head_wears_the_hair_of_the_portrait(parts: persona.Parts, hair: hairsheets.HairSheets) -> None:
    front = drawn(parts, hair.front).astype(np.float32) / 255
    assert front.shape == (SIZE, SIZE, 4)
    assert np.abs(front[..., 3] - parts.front_hair[..., 3]).mean() < 0.01


def test_the_lining_goes_on_where_the_face_hides_it(parts: persona.Parts, hair: hairsheets.HairSheets) -> None:
    lining, front = (drawn(parts, sheet)[..., 3].astype(np.float32) / 255 for sheet in (hair.lining, hair.front))
    within = oval_of(parts.shape) > 0.5
    assert (lining > 0.5)[within].sum() > (front > 0.5)[within].sum()
    assert (lining > 0.5).sum() < 0.2 * SIZE**2
