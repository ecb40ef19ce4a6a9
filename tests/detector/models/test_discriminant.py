"""The discriminant: Fisher's direction, both sides of the middle, missing values, its file."""

from __future__ import annotations

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from tellmark.detector.metrics import auc
from tellmark.detector.models.discriminant import Discriminant, learn


def test_it_finds_the_direction_of_an_independent_implementation() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(4000) % 2
    x = rng.normal(size=(4000, 5)) @ rng.normal(size=(5, 5)) + labels[:, None] * np.array([1.0, 0, 0.5, 0, -0.5])
    found = learn(x, labels, np.ones(len(x)), np.arange(5)).parts(x).sum(1)
    other = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.2).fit(x, labels).decision_function(x)
    assert np.corrcoef(found, other)[0, 1] > 0.97


def test_a_class_on_both_sides_of_the_middle_is_told_apart() -> None:
    rng = np.random.default_rng(1)
    labels = np.arange(2000) % 2
    x = rng.normal(size=(2000, 2))
    x[:, 0] *= np.where(labels == 1, 3.0, 1.0)
    assert auc(labels, learn(x, labels, np.ones(2000), np.arange(2)).parts(x).sum(1)) > 0.7


def test_columns_that_are_not_used_add_nothing_and_missing_values_count_as_the_middle() -> None:
    rng = np.random.default_rng(2)
    labels = np.arange(200) % 2
    x = rng.normal(size=(200, 3)) + labels[:, None]
    line = learn(x, labels, np.ones(200), np.array([0, 2]))
    assert (line.parts(x)[:, 1] == 0).all()
    missing = np.full((1, 3), np.nan)
    np.testing.assert_allclose(line.parts(missing), line.parts(line.middle[None]))
    again = Discriminant.from_arrays(line.arrays())
    np.testing.assert_array_equal(again.parts(x), line.parts(x))


def test_a_column_that_another_encoding_moves_weighs_less() -> None:
    rng = np.random.default_rng(3)
    labels = np.repeat(np.arange(400) % 2, 2)  # two looks of each clip
    clips = np.repeat(rng.normal(size=(400, 3)), 2, axis=0) + labels[:, None] * np.array([1.0, 1.0, 0.0])
    looks = np.arange(800).reshape(-1, 2)
    x = clips.copy()
    x[:, 0] += 0.8 * rng.normal(size=800)  # by the encoder
    heard, steady = (learn(x, labels, np.ones(800), np.arange(3), looks=looks, steady=much) for much in (0.0, 5.0))
    assert abs(steady.slope[0] / steady.slope[1]) < 0.6 * abs(heard.slope[0] / heard.slope[1])
    alone = learn(x, labels, np.ones(800), np.arange(3), looks=looks[:0], steady=5.0)
    np.testing.assert_array_equal(alone.slope, heard.slope)
