"""Years show: lips thin, lines deepen, the young stay as they are."""

import numpy as np
import pytest

from tellmark.generator.actors import ageing, facespace


def test_the_young_keep_their_shape_and_old_lips_are_thinner() -> None:
    mean = facespace.load().mean
    assert (ageing.sag(mean, 25) == mean).all()
    old = ageing.sag(mean, 75)
    assert old[17, 1] - old[0, 1] < 0.85 * (mean[17, 1] - mean[0, 1])


def test_lines_deepen() -> None:
    mean = facespace.load().mean
    young, old = (ageing.lines(mean, age, np.random.default_rng(1)).sum() for age in (25, 70))
    assert old > 3 * young


@pytest.mark.parametrize(("age", "group"), [(18, "18-29"), (30, "30-44"), (59.9, "45-59"), (60, "60 and over")])
def test_groups(age: float, group: str) -> None:
    assert ageing.group_of(age) == group
