from pathlib import Path

import numpy as np
import pytest

from tellmark.generator.actors import likeness
from tellmark.types import F64

MEMBERS, WIDTH = 30, 200


def features(rng: np.random.Generator, mixture_of: int = 0) -> tuple[F64, ...]:
    """Members, as many others, and 60 actors: mixtures of ``mixture_of`` members, strangers if 0."""
    made = []
    for _ in range(2):
        people = rng.normal(size=(2 * MEMBERS + 60, WIDTH)) * np.linspace(3, 0.3, WIDTH)
        if mixture_of:
            for actor in people[2 * MEMBERS :]:
                actor[:] = people[rng.choice(MEMBERS, mixture_of, replace=False)].sum(axis=0) / np.sqrt(mixture_of)
        made.append(people)
    return tuple(made)


def test_near_copies_of_members_are_found_out() -> None:
    shape, appearance = features(np.random.default_rng(0))
    for values in (shape, appearance):
        values[2 * MEMBERS :] = values[np.arange(60) % MEMBERS] * 1.05
    for result in likeness.compare((shape, appearance), MEMBERS):
        assert not result.criterion
        assert result.ratio < 0.3


def test_strangers_are_not_accused() -> None:
    ratios = [[r.ratio for r in likeness.compare(features(np.random.default_rng(k)), MEMBERS)] for k in range(8)]
    np.testing.assert_allclose(np.mean(ratios, axis=0), 1, atol=0.06)


def test_every_setting_is_reported() -> None:
    results = likeness.compare(features(np.random.default_rng(2), mixture_of=8), MEMBERS)
    assert [(result.components, result.cosine) for result in results] == list(likeness.SETTINGS)
    assert all(("holds" in result.report()) == result.criterion for result in results)


@pytest.mark.shared
@pytest.mark.slow
def test_actors_do_not_lean_towards_the_people_they_were_mixed_from(shared_data: Path) -> None:
    # Of 8 who do not lean (100 do not: .95 and more) one draw in seven falls below the bound, of 24 one in 200.
    for result in likeness.check(shared_data, count=24, frames=3):
        assert result.ratio > 0.85, result.report()
