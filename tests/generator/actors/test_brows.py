import numpy as np
import pytest

from tellmark.generator.actors import brows, persona
from tellmark.generator.actors.recipe import draw_recipe
from tellmark.generator.types import SIZE
from tellmark.landmarks import LEFT_BROW, LEFT_EYE, RIGHT_BROW, RIGHT_EYE


@pytest.mark.parametrize("seed", [0, 1])
def test_brows_grow_on_the_brows_and_not_over_the_eyes(seed: int) -> None:
    recipe = draw_recipe(seed)
    shape = persona.shape_of(recipe)
    drawn = brows.paint(recipe, shape, np.random.default_rng(0))
    assert drawn.shape == (SIZE, SIZE, 4)
    assert (drawn[..., :3].max(axis=2) <= drawn[..., 3] + 1e-4).all()  # premultiplied
    y, x = np.nonzero(drawn[..., 3] > 0.05)
    reach = np.min([np.hypot(x - shape[k, 0], y - shape[k, 1]) for k in (*RIGHT_BROW, *LEFT_BROW)], axis=0)
    assert np.percentile(reach, 99) < 14  # px
    for loop in (RIGHT_EYE, LEFT_EYE):
        column, row = np.round(shape[list(loop), :2].mean(axis=0)).astype(int)
        assert drawn[row - 3 : row + 4, column - 5 : column + 6, 3].max() < 0.02


def test_brows_are_about_alike_on_both_sides() -> None:
    recipe = draw_recipe(0)
    cover = brows.paint(recipe, persona.shape_of(recipe), np.random.default_rng(0))[..., 3]
    left, right = cover[:, : SIZE // 2].sum(), cover[:, SIZE // 2 :].sum()
    assert 0.8 < left / right < 1.25
