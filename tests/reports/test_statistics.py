"""Statistics against independent references: scikit-learn, scipy, statistics known by hand."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import roc_auc_score

from tellmark.reports.statistics import auc, auc_interval, gap, reliability, wilson


def test_auc_equals_scikit_learn_with_ties() -> None:
    rng = np.random.default_rng(0)
    p = rng.integers(0, 8, 90) / 8
    fake = rng.random(90) < 0.4
    assert auc(p[fake], p[~fake]) == pytest.approx(roc_auc_score(fake, p), abs=1e-12)


def test_gap_spans_chance_to_certain() -> None:
    assert gap(auc(np.array([0.9, 0.8]), np.array([0.1, 0.2]))) == 1
    assert gap(auc(np.array([0.5, 0.5]), np.array([0.5]))) == 0
    assert gap(auc(np.array([0.1]), np.array([0.9]))) == -1


@pytest.mark.parametrize(("hits", "trials"), [(0, 5), (5, 5), (37, 40), (1, 1000)])
def test_wilson_equals_scipy(hits: int, trials: int) -> None:
    low, high = binomtest(hits, trials).proportion_ci(0.95, method="wilson")
    assert wilson(hits, trials) == pytest.approx((low, high), abs=1e-6)


def test_wilson_knows_nothing_without_trials() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


def test_reliability_equals_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    p = np.append(rng.random(300), [0.0, 1.0])
    fake = rng.random(302) < p
    bins = reliability(p, fake)
    rate, mean = calibration_curve(fake, p, n_bins=10)
    assert [one.rate for one in bins] == pytest.approx(list(rate))
    assert [one.mean_p for one in bins] == pytest.approx(list(mean))
    assert sum(one.count for one in bins) == 302


def test_interval_draws_identities_not_clips() -> None:
    """Ten copies of each clip under one identity must not narrow the interval; under ten identities they must."""
    rng = np.random.default_rng(2)
    p = np.concatenate([rng.normal(0.6, 0.2, 30), rng.normal(0.4, 0.2, 30)])
    fake = np.arange(60) < 30
    names = [f"{k % 30}" for k in range(60)]
    copies = [f"{k % 30}-{copy}" for copy in range(10) for k in range(60)]
    one = auc_interval(p, fake, names)
    same = auc_interval(np.tile(p, 10), np.tile(fake, 10), names * 10)
    spread = auc_interval(np.tile(p, 10), np.tile(fake, 10), copies)
    assert np.diff(same)[0] == pytest.approx(np.diff(one)[0], rel=1e-9)
    assert np.diff(spread)[0] < 0.6 * np.diff(one)[0]


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    truth = 0.7602  # Phi(1 / sqrt 2) for two unit normals one apart
    hits = 0
    for trial in range(60):
        rng = np.random.default_rng(trial)
        p = np.concatenate([rng.normal(1, 1, 40), rng.normal(0, 1, 40)])
        low, high = auc_interval(p, np.arange(80) < 40, [str(k % 40) for k in range(80)], seed=trial, rounds=200)
        hits += low <= truth <= high
    assert 51 <= hits <= 60
