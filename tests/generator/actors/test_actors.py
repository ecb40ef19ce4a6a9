from collections import Counter

import numpy as np
import pytest

from tellmark.generator import actors
from tellmark.generator.actors import ageing, persona
from tellmark.generator.actors.recipe import actor_attributes, balanced, draw_recipe, monk_tone, skin_tone_group
from tellmark.generator.actors.reference import ReferenceRenderer
from tellmark.generator.types import SIZE, Portrait
from tellmark.landmarks import eye_opening, head_rotation_deg, mouth_opening

SEEDS = (0, 3, 8, 30)  # the last one shows teeth


@pytest.fixture(scope="module")
def portraits() -> dict[int, Portrait]:
    return {seed: actors.actor(seed) for seed in SEEDS}


def test_is_a_usable_portrait(portraits: dict[int, Portrait]) -> None:
    for seed, portrait in portraits.items():
        assert portrait.image.shape == (SIZE, SIZE, 3)
        assert portrait.image.dtype == np.uint8
        assert portrait.landmarks.shape == (478, 3)
        assert portrait.name == f"actor:{seed}"
        assert portrait.source is None
        assert portrait.consent_sha256 is None
        nose = np.round(portrait.landmarks[1, :2]).astype(int)
        assert portrait.matte[nose[1], nose[0]] > 0.99
        assert portrait.matte[5, 5] < 0.01
        assert portrait.matte.min() >= 0
        assert portrait.matte.max() <= 1.0001


def test_does_what_the_recipe_says(portraits: dict[int, Portrait]) -> None:
    for seed, portrait in portraits.items():
        pose, framing = draw_recipe(seed).pose, draw_recipe(seed).framing
        yaw, _, roll = (float(angle) for angle in head_rotation_deg(portrait.landmarks))
        assert yaw == pytest.approx(pose.rotation_deg[0], abs=5)
        assert roll == pytest.approx(pose.rotation_deg[2] + framing[0], abs=3)
        assert (mouth_opening(portrait.landmarks) > 0.03) == (pose.teeth > 0)
        assert min(eye_opening(portrait.landmarks)) > 0.15


def test_at_rest_faces_the_camera_with_open_eyes_and_closed_lips() -> None:
    for seed in SEEDS:
        portrait = actors.at_rest(seed)
        assert np.abs(head_rotation_deg(portrait.landmarks)[:2]).max() < 8
        assert mouth_opening(portrait.landmarks) < 0.02
        assert min(eye_opening(portrait.landmarks)) > 0.18


def test_tracker_finds_the_shape_that_was_drawn(portraits: dict[int, Portrait]) -> None:
    for seed, portrait in portraits.items():
        renderer = ReferenceRenderer(seed)
        renderer.light(actors.motion_of(renderer.recipe), 0)
        held = actors.frame_of(renderer.recipe)
        drawn = renderer.points[:468, :2] @ held[:, :2].T + held[:, 2]
        error = np.linalg.norm(portrait.landmarks[:468, :2] - drawn, axis=1)
        assert np.median(error) < 5


def test_same_seed_same_bytes(portraits: dict[int, Portrait]) -> None:
    again = actors.actor(3)
    assert again.image.tobytes() == portraits[3].image.tobytes()
    assert again.landmarks.tobytes() == portraits[3].landmarks.tobytes()
    assert again.sha256 == portraits[3].sha256


def test_different_seeds_different_people(portraits: dict[int, Portrait]) -> None:
    shapes = np.stack([persona.shape_of(draw_recipe(seed))[:, :2] for seed in range(20)])
    apart = np.sqrt(((shapes[:, None] - shapes[None]) ** 2).sum(axis=-1).mean(axis=-1)) + 99 * np.eye(20)
    assert apart.min() > 1.5  # px, root mean square over the face
    assert len({portrait.sha256 for portrait in portraits.values()}) == len(SEEDS)


def test_fine_texture_is_nobodys_but_a_mixture() -> None:
    for seed in range(40):
        weights = np.array(draw_recipe(seed).detail_weights)
        assert weights.sum() == pytest.approx(1, abs=1e-3)
        assert (weights >= 0).all()
        assert weights.max() < 0.95  # of archetypes that are mixtures themselves


def test_attributes_follow_the_recipe() -> None:
    seen = [actor_attributes(seed) for seed in range(60)]
    for seed, attributes in enumerate(seen):
        recipe = draw_recipe(seed)
        assert (attributes.presentation == "feminine") == recipe.feminine
        assert attributes.skin_tone == skin_tone_group(recipe.skin)
        assert (attributes.lighting == "left") == (recipe.light[0] <= -0.25)
        assert (attributes.glasses == "none") == (recipe.glasses is None)
        assert attributes.age == ageing.group_of(recipe.age)
        assert (attributes.expression != "neutral") == (recipe.pose.smile >= 0.5)
        assert (attributes.expression == "open smile") == (recipe.pose.teeth > 0)
        assert attributes.facial_hair == "none" or not recipe.feminine
    assert {attributes.monk_tone for attributes in seen} == set(range(1, 11))
    assert {attributes.age for attributes in seen} == set(ageing.GROUPS)
    assert {attributes.presentation for attributes in seen} == {"feminine", "masculine"}


def test_skin_tone_groups_are_those_of_the_typology_angle() -> None:
    # Angles 79, 43, 35, 3 and -71 degrees, from CIELAB.
    assert skin_tone_group((0.96, 0.90, 0.85)) == "very light"
    assert skin_tone_group((0.84, 0.66, 0.53)) == "light"
    assert skin_tone_group((0.78, 0.60, 0.47)) == "intermediate"
    assert skin_tone_group((0.62, 0.44, 0.33)) == "brown"
    assert skin_tone_group((0.25, 0.16, 0.12)) == "dark"


def test_monk_tones_are_those_of_their_swatches() -> None:
    assert monk_tone((0xF6 / 255, 0xED / 255, 0xE4 / 255)) == 1
    assert monk_tone((0xA0 / 255, 0x7E / 255, 0x56 / 255)) == 6
    assert monk_tone((0.16, 0.14, 0.13)) == 10


def test_drawn_tones_darken_along_the_scale() -> None:
    light: dict[int, list[float]] = {}
    for seed in range(120):
        recipe = draw_recipe(seed)
        light.setdefault(recipe.tone, []).append(float(np.dot(recipe.skin, [0.30, 0.59, 0.11])))
    means = [np.mean(light[tone]) for tone in range(1, 11)]
    assert (np.diff(means) < 0).all()


def test_balanced_actors_are_even_in_what_was_asked() -> None:
    chosen = balanced(20, ("presentation", "eye_colour"), range(300))
    assert len(set(chosen)) == 20
    counts = Counter((one.presentation, one.eye_colour) for one in map(actor_attributes, chosen))
    assert max(counts.values()) - min(counts.values()) <= 1
    assert balanced(5, ("garment",), range(3)) == [0, 1, 2]
