"""What hairstyles are drawn."""

import numpy as np

from tellmark.generator.actors.recipe import draw_recipe


def test_long_hair_hangs_alike_on_both_sides() -> None:
    styles = [draw_recipe(seed).hair for seed in range(200)]
    assert {style.flow for style in styles} == {"part", "back", "crop"}
    assert all(style.behind[0] == style.behind[1] for style in styles)
    hanging = [style.behind[0] for style in styles if style.flow == "part"]
    assert set(hanging) == {0.0, 0.6, 1.0}
    assert hanging.count(0.0) < 0.3 * len(hanging)


def test_some_have_a_fringe_a_bun_or_longer_hair() -> None:
    recipes = [draw_recipe(seed) for seed in range(400)]
    women, men = ([recipe.hair for recipe in recipes if recipe.feminine is group] for group in (True, False))
    fringed = np.mean([style.fringe > 0 for style in women])
    assert 0.1 < fringed < 0.4
    assert not any(style.fringe > 0.7 for style in women if style.flow == "crop")
    assert 0.04 < np.mean([style.knot for style in women]) < 0.25
    assert not any(style.knot for style in men)
    assert 0.02 < np.mean([style.flow == "part" for style in men]) < 0.15


def test_long_hair_differs_in_cut_and_body() -> None:
    long = [style for style in (draw_recipe(seed).hair for seed in range(400)) if style.flow == "part"]
    assert np.std([style.even for style in long]) > 0.15
    assert np.std([style.ends for style in long]) > 0.025
    assert min(style.lift for style in long) < 0.02 < 0.05 < max(style.lift for style in long)
