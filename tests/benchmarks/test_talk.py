"""The measurements of `bench talk` on signals whose answer is known; the benchmarks themselves in their short form."""

import numpy as np
import pytest

from tellmark.benchmarks import render, talk


@pytest.mark.parametrize("shift", [-4, 0, 3])
def test_lag_is_found(shift: int) -> None:
    energy = np.convolve(np.random.default_rng(0).normal(size=400), np.ones(5), "same")
    mouth = np.roll(energy, shift)
    mouth[50:60] = np.nan  # frames without a face
    lag, correlation = talk._best_lag(mouth, energy)
    assert lag == shift
    assert correlation > 0.95


def test_energy_follows_loudness() -> None:
    sound = np.concatenate([np.zeros(16_000), 0.5 * np.sin(np.arange(16_000))]).astype(np.float32)
    energy = talk._energy(sound, fps=25.0, frames=50)
    assert energy[30] - energy[10] == pytest.approx(50, abs=0.1)


@pytest.mark.slow
def test_render_benchmark_in_short() -> None:
    rows = {row["measure"]: row["value"] for row in render.run(quick=True)}
    assert rows["ratio"] == pytest.approx(rows["pipeline"] / rows["encoding alone"], rel=0.01)
    assert {"render", "RGB to I420", "mark"} <= set(rows)
