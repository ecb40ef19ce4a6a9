"""The null distribution: against exact sums of cosines, Gaussian limits, and fields that were drawn."""

import numpy as np
import pytest
import scipy.fft
from scipy.stats import arcsine, norm

from tellmark.watermark.signal.chance import log_signs, tail


def test_one_wave_and_many() -> None:
    one = tail(np.array([np.sqrt(2.0)]), np.array([1.0]), 0.1, 100)
    exact = arcsine(loc=-1, scale=2).sf(1.2 / np.sqrt(2))
    assert np.exp(one.at_one(1.2)) == pytest.approx(exact, rel=0.2)  # the hardest case for a saddlepoint
    many = tail(np.array([np.sqrt(2 / 1e6)]), np.array([1e6]), 0.1, 100)
    for level in (0.0, 0.5, 2.0, 6.0, 9.0):
        assert many.at_one(level) == pytest.approx(norm.logsf(level), abs=0.02)


def test_the_tail_is_that_of_drawn_sums() -> None:
    waves = 8
    drawn = np.sqrt(2 / waves) * np.cos(np.random.default_rng(0).uniform(0, 2 * np.pi, (400_000, waves))).sum(axis=1)
    model = tail(np.array([np.sqrt(2 / waves)]), np.array([float(waves)]), 0.1, 100)
    for level in (0.7, 1.5, 2.2, 2.8):
        assert np.exp(model.at_one(level)) == pytest.approx(np.mean(drawn > level), rel=0.06)
    assert model.at_one(3.5) < norm.logsf(3.5) - 0.5  # lighter than a Gaussian
    assert model.at_one(5.0) < model.at_one(4.5)  # beyond what is possible it goes on falling


def test_random_signs_against_all_of_them() -> None:
    magnitudes = np.abs(np.random.default_rng(2).normal(size=18)).astype(np.float32)
    signs = 1 - 2 * (np.arange(1 << 18)[:, None] >> np.arange(18) & 1)
    sums = signs @ (magnitudes / np.sqrt(np.sum(magnitudes**2)))
    for level in (0.5, 1.5, 2.5, 3.0):
        assert np.exp(log_signs(magnitudes, level)) == pytest.approx(np.mean(sums > level), rel=0.12)
    assert log_signs(magnitudes, 4.3) == -np.inf
    for share in (0.9, 0.999, 0.999999):  # a reading that is all but perfect
        assert log_signs(np.ones(320, np.float32), share * np.sqrt(320)) < -150
    assert log_signs(np.zeros(320, np.float32), 0.0) == 0
    many = np.ones(100_000, np.float32)
    assert log_signs(many, 9.0) == pytest.approx(norm.logsf(9.0), abs=0.05)


@pytest.mark.parametrize(("shortest", "longest"), [(16, 32), (3, 6)])
def test_the_maximum_over_a_field_is_that_of_drawn_fields(shortest: float, longest: float) -> None:
    """Long waves, whose neighbours say the same, and waves of a few shifts, where every shift counts."""
    size, random = 96, np.random.default_rng(1)
    y, x = np.meshgrid(np.arange(size) - size // 2, np.arange(1, size // 2), indexing="ij")
    length = size / np.maximum(np.hypot(y, x), 1e-9)
    ring = (length >= shortest) & (length <= longest)
    rows, columns = y[ring], x[ring]
    grid = np.zeros((600, size, size // 2 + 1), np.complex128)
    grid[:, rows % size, columns] = np.exp(2j * np.pi * random.random((600, len(rows))))
    largest = scipy.fft.irfft2(grid, s=(size, size)).max(axis=(1, 2)) * size**2 / np.sqrt(2 * len(rows))
    waves = np.stack([rows, columns], axis=1) * 2 * np.pi / size
    curvature = float(np.sqrt(np.linalg.det(waves.T @ waves / len(waves))))
    model = tail(np.array([np.sqrt(2 / len(rows))]), np.array([float(len(rows))]), curvature, size**2)
    p_values = -np.expm1(-np.exp(model.at_any(largest)))
    for level in (0.03, 0.1, 0.3, 0.6):
        margin = 3 * np.sqrt(level * (1 - level) / len(largest))
        assert 0.8 * level - margin < np.mean(p_values <= level) < 1.1 * level + margin
