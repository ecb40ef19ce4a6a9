import numpy as np
import pytest

from tellmark.generator.actors import archetypes, facespace, features, persona
from tellmark.generator.actors.recipe import draw_recipe
from tellmark.landmarks import FACE_OVAL
from tellmark.types import F32


@pytest.fixture(scope="module")
def mean() -> F32:
    return facespace.load().mean


def only(name: str, strength: float) -> tuple[float, ...]:
    return tuple(strength if name == other else 0.0 for other in features._FIELDS)


def test_nothing_of_one_s_own_is_the_mixture(mean: F32) -> None:
    assert np.array_equal(features.shaped(mean, (0.0,) * features.COUNT), mean)


@pytest.mark.parametrize(
    ("name", "points"),
    [("nose, broad", (48, 278)), ("eyes, apart", (133, 362)), ("mouth, wide", (61, 291)), ("jaw, broad", (172, 397))],
)
def test_breadths(mean: F32, name: str, points: tuple[int, int]) -> None:
    width = [
        float(np.ptp(features.shaped(mean, only(name, strength))[list(points), 0])) for strength in (-1.5, 0.0, 1.5)
    ]
    assert width[0] < 0.99 * width[1] < 0.98 * width[2]


@pytest.mark.parametrize("name", list(features._FIELDS))
def test_both_sides_alike(mean: F32, name: str) -> None:
    mirror = facespace.mirror(mean)
    middle = mean[:, 0].mean()
    made = features.shaped(mean, only(name, 1.5))
    flipped = made[mirror] * [-1, 1, 1] + [2 * middle, 0, 0]
    assert np.abs(flipped - made).max() < 1.0  # px; the oval's middle is not that of all points


def test_no_triangle_is_turned_over(mean: F32) -> None:
    _, triangles = facespace.mesh(mean)
    rng = np.random.default_rng(3)

    def area(shape: F32) -> F32:
        a, b, c = (facespace.vertices(shape)[triangles[:, k]] for k in range(3))
        u, v = b - a, c - a
        return np.asarray(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0], np.float32)

    rest = area(mean)
    solid = np.abs(rest) > 4  # px^2: flat ones lie in the line of the lips
    for k in range(40):
        strengths = tuple(features.draw(k % 2 == 0, rng).tolist())
        assert (area(features.shaped(mean, strengths))[solid] / rest[solid]).min() > 0


def test_faces_differ(mean: F32) -> None:
    """Landmarks of 30 actors, aligned, vary by more than .021 face widths (.0186 with half the features)."""
    faces = [
        archetypes.align(persona.shape_of(draw_recipe(seed)).astype(float), mean.astype(float)) for seed in range(30)
    ]
    offset = (np.stack(faces) - np.mean(faces, axis=0))[..., :2]
    width = np.ptp(mean[list(FACE_OVAL), 0])
    assert np.sqrt((offset**2).sum(axis=2).mean()) / width > 0.021


def test_men_and_women_differ_in_more_than_hair(mean: F32) -> None:
    rng = np.random.default_rng(5)

    def measures(feminine: bool) -> np.ndarray:
        made = np.stack([features.shaped(mean, tuple(features.draw(feminine, rng).tolist())) for _ in range(200)])
        jaw, lips = np.ptp(made[:, [172, 397], 0], axis=1), made[:, 17, 1] - made[:, 0, 1]
        return np.stack([jaw, lips], axis=1).mean(axis=0)

    women, men = measures(True), measures(False)
    assert men[0] > 1.01 * women[0]
    assert men[1] < 0.98 * women[1]
