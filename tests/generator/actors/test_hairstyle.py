"""What hairstyles are drawn."""

from tellmark.generator.actors.recipe import draw_recipe


def test_long_hair_hangs_alike_on_both_sides() -> None:
    styles = [draw_recipe(seed).hair for seed in range(200)]
    assert {style.flow for style in styles} == {"part", "back", "crop"}
    assert all(style.behind[0] == style.behind[1] for style in styles)
    hanging = [style.behind[0] for style in styles if style.flow == "part"]
    assert set(hanging) == {0.0, 0.6, 1.0}
    assert hanging.count(0.0) < 0.3 * len(hanging)
