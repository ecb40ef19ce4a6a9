import numpy as np
import pytest

from tellmark.generator.performance.regions import Regions, moved, regions_of, similarity
from tellmark.generator.types import Portrait
from tellmark.landmarks import LIPS_OUTER


@pytest.fixture(scope="module")
def regions(someone: Portrait) -> Regions:
    return regions_of(someone)


def test_places_are_in_the_region_they_belong_to(regions: Regions, someone: Portrait) -> None:
    cheek, (mouth_x, mouth_y) = someone.landmarks[50, :2], someone.landmarks[list(LIPS_OUTER), :2].mean(0)
    assert regions.face[int(cheek[1]), int(cheek[0])] == 1
    assert regions.face[int(mouth_y), int(mouth_x)] == 0  # what speaks is in none
    forehead = someone.landmarks[10, :2]
    assert regions.hair[int(forehead[1]) - 20, int(forehead[0])] > 0.9
    assert regions.torso[500, int(forehead[0])] > 0.9
    assert regions.scene[5, 5] == 1


def test_no_place_counts_twice(regions: Regions) -> None:
    total = regions.face + regions.hair + regions.torso + regions.scene
    assert total.max() < 1.02


def test_a_similarity_is_found_again_and_moves_a_region(regions: Regions) -> None:
    angle, size = np.deg2rad(7), 1.1
    turn = size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = np.random.default_rng(0).uniform(100, 400, (40, 2)).astype(np.float32)
    goal = (points @ turn.T + (12, -7)).astype(np.float32)
    weight = np.linspace(0.1, 1, 40).astype(np.float32)
    found = similarity(points, goal, weight)
    np.testing.assert_allclose(found, np.column_stack([turn, (12, -7)]), atol=1e-3)
    shifted = moved(regions.face, points, points + np.float32(20), weight)
    np.testing.assert_allclose(shifted[20:, 20:], regions.face[:-20, :-20], atol=1e-3)
