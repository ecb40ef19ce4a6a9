"""Calibration: Platt's curve, and the share of fakes that look like real clips."""

from __future__ import annotations

import numpy as np
import pytest

from tellmark.detector.metrics import expected_calibration_error
from tellmark.detector.models.calibration import Logistic, lapsing, platt
from tellmark.types import F64


def drawn(lapse: float, seed: int, count: int = 4000) -> tuple[F64, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Margins of as many real clips as fakes, 2.5 deviations apart but for the share ``lapse`` of the fakes."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    told = (labels == 1) & (rng.random(count) >= lapse)
    return rng.normal(size=count) + 2.5 * told, labels


def test_fakes_that_look_like_real_clips_keep_low_margins_from_promising_much() -> None:
    found = lapsing(*drawn(0.3, 0))
    assert found.lapse == pytest.approx(0.3, abs=0.05)
    margins, labels = drawn(0.3, 1)
    error, logistic = (
        expected_calibration_error(labels, fit(margins), balanced=True) for fit in (found, platt(*drawn(0.3, 0)))
    )
    assert error < 0.03
    assert logistic > 2 * error
    assert found(-20.0) == pytest.approx(found.lapse / (1 + found.lapse))
    assert (np.diff(found(np.linspace(-6, 6, 100))) >= 0).all()


def test_where_nothing_lapses_it_is_platts() -> None:
    margins, labels = drawn(0.0, 2)
    found, logistic = lapsing(margins, labels), platt(margins, labels)
    assert found.lapse < 0.02
    np.testing.assert_allclose(found(margins), logistic(margins), atol=0.03)
    x = np.linspace(-5, 5, 50)
    np.testing.assert_allclose(logistic(x), 1 / (1 + np.exp(-(logistic.slope * x + logistic.offset))), rtol=1e-12)


def test_a_curve_never_falls() -> None:
    margins, labels = drawn(0.0, 3, count=200)
    assert lapsing(-margins, labels).slope == 0


def test_log_odds_and_their_rise() -> None:
    one = Logistic(1.7, -0.4, 0.2)
    p = one(np.array([-3.0, 0.5]))
    np.testing.assert_allclose(one.log_odds(np.array([-3.0, 0.5])), np.log(p / (1 - p)))
    low, high = one.log_odds(np.array([-3.0, 0.5]))
    assert one.rise(-3.0, 0.5) * 3.5 == pytest.approx(high - low)
    assert Logistic(1.7, -0.4).rise(-3.0, 0.5) == 1.7
