import numpy as np
import pytest

from tellmark.generator.actors import facespace, headmodel
from tellmark.generator.actors.headmodel import HeadModel, HeadPose
from tellmark.generator.actors.sheets import Sheet
from tellmark.generator.actors.skull import skull_of
from tellmark.generator.types import SIZE
from tellmark.landmarks import FACE_OVAL
from tellmark.types import F32

STILL = HeadPose(np.eye(3, dtype=np.float32), np.zeros(3, np.float32))
NOWHERE = np.zeros(2, np.float32)


@pytest.fixture(scope="module")
def model() -> HeadModel:
    shape = facespace.load().mean
    return headmodel.build(shape, skull_of(shape[list(FACE_OVAL)]), 6.0)


def sheet(model: HeadModel, depth: float, share: float = 1.0) -> Sheet:
    """A grey square in an empty picture."""
    picture = np.zeros((SIZE, SIZE, 4), np.float32)
    picture[200:300, 200:300] = 0.5, 0.5, 0.5, 1
    whole = np.ones((SIZE, SIZE), np.float32)
    return Sheet(picture, whole * depth, whole * share, model)


def test_a_sheet_at_rest_is_its_picture(model: HeadModel) -> None:
    layer = sheet(model, 20.0).draw(STILL, NOWHERE)
    assert (layer[205:295, 205:295] == (128, 128, 128, 255)).all()
    assert layer[:195].max() == layer[305:].max() == 0


@pytest.mark.parametrize(("depth", "seen"), [(0.0, 255), (60.0, 0)], ids=["before the head", "behind it"])
def test_what_lies_behind_something_is_hidden(model: HeadModel, depth: float, seen: int) -> None:
    head: F32 = np.full((SIZE, SIZE), np.inf, np.float32)
    head[:, :250] = 30.0
    layer = sheet(model, depth).draw(STILL, NOWHERE, before=head)
    assert layer[250, 220, 3] == seen
    assert layer[250, 280, 3] == 255  # where nothing is before it


def test_the_part_that_follows_the_head_turns_with_it(model: HeadModel) -> None:
    moved = HeadPose(np.eye(3, dtype=np.float32), np.array([50, 0, 0], np.float32))
    layers = [sheet(model, 0.0, share).draw(moved, NOWHERE).copy() for share in (1, 0)]
    columns = [np.flatnonzero(layer[250, :, 3] > 127).mean() for layer in layers]
    assert columns[0] - 249.5 == pytest.approx(50, abs=1)
    assert columns[1] - 249.5 == pytest.approx(20, abs=1)
