"""What the frames of the learned motion start from."""

import numpy as np

from tellmark.generator.dynamics import latent_motion as columns
from tellmark.generator.dynamics.noise import MEMORY, TEMPERATURE, Noise


def test_noise_is_as_large_and_remembers_as_long_as_it_says() -> None:
    noise = Noise(3)
    rows = np.stack([noise.draw() for _ in range(6000)])
    assert rows.dtype == np.float32
    for name, part in {"head": slice(0, 6), "lids": columns.LIDS, "gaze": columns.GAZE}.items():
        assert np.abs(rows[:, part].std(0) / np.array(TEMPERATURE[name]) - 1).max() < 0.12
        again = [np.corrcoef(rows[1:, column], rows[:-1, column])[0, 1] for column in range(part.start, part.stop)]
        assert np.abs(np.array(again) - MEMORY.get(name, 0.0)).max() < 0.06
    assert np.abs(rows[:, columns.DYNAMIC].std(0) - 1).max() < 0.06


def test_a_seed_says_it_again() -> None:
    one, same, other = (Noise(seed) for seed in (1, 1, 2**64 - 1))
    assert (one.draw() == same.draw()).all()
    assert (one.draw() != other.draw()).all()
