"""The distance between sets: none between halves of one population, whoever is in both; more for more difference."""

import numpy as np
import pytest

from tellmark.detector.distance import embed, interval, kernel_distance
from tellmark.detector.features import ClipFeatures
from tests.detector.columns import normal


def clips(count: int, shift: float, seed: int, own: np.ndarray | None = None) -> list[ClipFeatures]:
    rng = np.random.default_rng(seed)
    x = normal(rng, count, 3) + shift + (0 if own is None else own[:, None])
    x[:, :, 0] = np.nan  # a tell that says nothing
    return [ClipFeatures(np.arange(3.0), row, 120, 1, 120, 200.0) for row in x]


def distance(a: list[ClipFeatures], b: list[ClipFeatures], paired: bool = False) -> tuple[float, float, float]:
    people = [f"p{k}" for k in range(len(a))], [f"{'p' if paired else 'q'}{k}" for k in range(len(b))]
    sides = embed(a, b), embed(b, b)
    return kernel_distance(*sides, *people), *interval(*sides, *people)


def test_one_population_has_no_distance() -> None:
    value, low, high = distance(clips(40, 0, 1), clips(40, 0, 2))
    assert low < 0 < high
    assert abs(value) < 0.1


def test_the_same_people_in_both_sets_do_not_bring_them_closer() -> None:
    """Paired clips resemble each other; counted as pairs they would make the distance negative."""
    own = normal(np.random.default_rng(5), 40) * 2
    assert abs(distance(clips(40, 0, 1, own), clips(40, 0, 2, own), paired=True)[0]) < 0.1
    assert distance(clips(40, 0, 1, own), clips(40, 0, 2, own), paired=False)[0] < -0.05


def test_it_grows_with_the_difference() -> None:
    values = [distance(clips(30, shift, 1), clips(30, 0, 2))[0] for shift in (0.0, 0.3, 0.8)]
    assert values == sorted(values)


def test_one_person_gives_no_number() -> None:
    a = embed(clips(3, 0, 1), clips(5, 0, 2))
    assert np.isnan(kernel_distance(a, a, ["p"] * 3, ["p"] * 3))
    assert kernel_distance(a, a, ["p", "q", "r"], ["s", "t", "u"]) == pytest.approx(
        kernel_distance(a, a, ["s", "t", "u"], ["p", "q", "r"])
    )
