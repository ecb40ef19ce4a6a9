"""The metrics against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from tellmark.detector import metrics


@pytest.fixture(scope="module")
def drawn() -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 300)
    scores = np.clip(np.round(0.3 * labels + rng.normal(0.4, 0.2, 300), 2), 0, 1)  # rounded: ties
    return labels, scores


def test_same_as_sklearn(drawn) -> None:  # type: ignore[no-untyped-def]
    labels, scores = drawn
    assert metrics.auc(labels, scores) == pytest.approx(reference.roc_auc_score(labels, scores))
    assert metrics.average_precision(labels, scores) == pytest.approx(reference.average_precision_score(labels, scores))
    assert metrics.brier(labels, scores) == pytest.approx(reference.brier_score_loss(labels, scores))
    fpr, tpr = metrics.roc(labels, scores)
    expected_fpr, expected_tpr, _ = reference.roc_curve(labels, scores, drop_intermediate=False)
    np.testing.assert_allclose(fpr, expected_fpr)
    np.testing.assert_allclose(tpr, expected_tpr)
    assert metrics.tpr_at_fpr(labels, scores, 0.1) == pytest.approx(expected_tpr[expected_fpr <= 0.1].max())


def test_equal_error_rate_lies_on_the_diagonal(drawn) -> None:  # type: ignore[no-untyped-def]
    labels, scores = drawn
    fpr, tpr, _ = reference.roc_curve(labels, scores, drop_intermediate=False)
    eer = metrics.equal_error_rate(labels, scores)
    assert np.interp(eer, fpr, tpr) == pytest.approx(1 - eer, abs=0.02)
    assert metrics.equal_error_rate([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]) == 0


def test_calibration_error() -> None:
    assert metrics.expected_calibration_error([0, 1, 1, 1], [0.75] * 4) == 0
    assert metrics.expected_calibration_error([0, 0, 1, 1], [1.0, 1.0, 0.0, 0.0]) == 1
    # Two bins of two: |1 - .5| and |1 - 1.5|, in four clips.
    assert metrics.equal_mass_calibration_error([1, 0, 1, 0], [0.3, 0.2, 0.8, 0.7], bins=2) == pytest.approx(1 / 4)
    # Right for equal classes, where one of three is fake: 0.5 claimed, 1/3 found.
    assert metrics.expected_calibration_error([0, 0, 1], [0.5] * 3) == pytest.approx(1 / 6)
    assert metrics.expected_calibration_error([0, 0, 1], [0.5] * 3, balanced=True) == pytest.approx(0)


def test_interval_covers_and_narrows() -> None:
    rng = np.random.default_rng(0)
    labels = np.tile([0, 1], 200)
    scores = labels * 0.5 + rng.normal(size=400)
    few = metrics.auc_interval(labels, scores, [str(i // 40) for i in range(400)])
    many = metrics.auc_interval(labels, scores, [str(i) for i in range(400)])
    value = metrics.auc(labels, scores)
    assert many[0] < value < many[1]
    assert 0.05 < many[1] - many[0] < 0.15
    # Ten copies of each clip carry no new information: only resampling of whole groups notices.
    copies = metrics.auc_interval(np.repeat(labels, 10), np.repeat(scores, 10), [str(i // 10) for i in range(4000)])
    assert copies[1] - copies[0] == pytest.approx(many[1] - many[0], rel=0.2)
    assert np.isfinite(few).all()


def test_random_scores_are_chance() -> None:
    rng = np.random.default_rng(1)
    labels, scores = rng.integers(0, 2, 500), rng.random(500)
    low, high = metrics.auc_interval(labels, scores, [str(i) for i in range(500)])
    assert low < 0.5 < high


def test_a_missing_class_is_nan_not_a_crash() -> None:
    assert np.isnan(metrics.auc([1, 1], [0.1, 0.2]))
    assert np.isnan(metrics.auc_interval([1, 1], [0.1, 0.2], ["a", "b"])).all()
    assert np.isnan(metrics.tpr_at_fpr([0, 0], [0.1, 0.2]))
    assert np.isnan(metrics.equal_error_rate([0, 0], [0.1, 0.2]))
    assert np.isnan(metrics.average_precision([0, 0], [0.1, 0.2]))
    assert np.isnan(metrics.cohens_d([0, 1], [1.0, 2.0]))


def test_cohens_d_of_two_normal_samples() -> None:
    rng = np.random.default_rng(2)
    values = np.concatenate([rng.normal(0, 1, 5000), rng.normal(0.8, 1, 5000), [np.nan]])
    labels = np.repeat([0, 1, 1], [5000, 5000, 1])
    assert metrics.cohens_d(labels, values) == pytest.approx(0.8, abs=0.05)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        metrics.auc([0, 1], [0.5])
    with pytest.raises(ValueError, match="0 or 1"):
        metrics.auc([0, 2], [0.5, 0.6])
