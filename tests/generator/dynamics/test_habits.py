"""What is usual for a face, told apart from what happens."""

import numpy as np
import pytest

from tellmark.generator.dynamics.habits import PRIOR, apart, together
from tellmark.types import F32

USUAL = np.array([1.0, 2.0, 0.5], np.float32)


@pytest.fixture
def moves() -> F32:
    return (USUAL * np.random.default_rng(0).standard_normal((600, 3))).astype(np.float32)


def test_habit_and_dynamics_are_the_codes_again(moves: F32) -> None:
    np.testing.assert_allclose(together(*apart(moves, USUAL)), moves, atol=1e-5)


def test_nothing_looks_ahead(moves: F32) -> None:
    other = moves.copy()
    other[300:] += 5
    np.testing.assert_array_equal(apart(moves, USUAL)[0][:300], apart(other, USUAL)[0][:300])


def test_what_a_face_always_does_is_gone_in_time(moves: F32) -> None:
    smiling = 3 * moves + np.array([4.0, 0.0, 1.0], np.float32)
    dynamics, habit = apart(smiling, USUAL)
    start, end = dynamics[:20].mean(0), dynamics[-200:].mean(0)
    assert start[0] > 2
    assert np.abs(end / USUAL).max() < 0.6
    shrunk = dynamics[-200:].std(0) / USUAL
    assert (shrunk < 1.6).all()  # three times as large as usual, before
    share = 600 / (600 + PRIOR)
    np.testing.assert_allclose(habit.mean[-1], share * smiling.mean(0), atol=0.2)


def test_the_common_habit_changes_little(moves: F32) -> None:
    dynamics, _ = apart(moves, USUAL)
    assert np.corrcoef(dynamics[:, 1], moves[:, 1])[0, 1] > 0.98
    np.testing.assert_allclose(dynamics.std(0), USUAL, rtol=0.1)
