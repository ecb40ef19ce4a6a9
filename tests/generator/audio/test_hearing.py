"""What the encoder hears: bands, levels and pitch, and nothing of the future."""

from __future__ import annotations

import numpy as np
import pytest

from tellmark.generator.audio.acoustics import SAMPLE_RATE_HZ, analyse
from tellmark.generator.audio.hearing import COLUMNS, MELS, REACH, Hearing, mel_db
from tellmark.types import F32

ENERGY, PERIODICITY, VOICED, PITCH = (2 * MELS + i for i in (0, 2, 3, 4))


def tone(hz: float, seconds: float, size: float = 0.5) -> F32:
    return (size * np.sin(2 * np.pi * hz * np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ)).astype(
        np.float32
    )


def noise(seconds: float, size: float, seed: int = 0) -> F32:
    return (size * np.random.default_rng(seed).standard_normal(round(seconds * SAMPLE_RATE_HZ))).astype(np.float32)


@pytest.mark.parametrize("hz", [200.0, 1000.0, 5000.0])
def test_a_full_scale_sine_is_3_db_below_in_its_band(hz: float) -> None:
    bands = mel_db(tone(hz, 0.04, 1.0)[None])[0]
    centres = 700 * (10 ** (np.linspace(*(np.log10(1 + f / 700) for f in (80, 7600)), MELS + 2)[1:-1]) - 1)
    assert abs(int(np.argmax(bands)) - int(np.argmin(np.abs(centres - hz)))) <= 1
    # Triangles overlap: what one band lacks its neighbour has.
    assert 10 * np.log10(np.sum(10 ** (bands / 10))) == pytest.approx(-3.0, abs=0.6)


def test_rows_do_not_depend_on_the_pieces() -> None:
    sound = noise(3.0, 0.1) + tone(150.0, 3.0)
    whole = Hearing().push(sound)
    hearing, parts, at = Hearing(), [], 0
    for size in (1, 7, 160, 500, 3000, 64, 10_000, 30_000, 5000):
        parts.append(hearing.push(sound[at : at + size]))
        at += size
    assert at >= len(sound)
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-5)
    assert whole.shape == ((len(sound) - REACH) // 160 + 1, COLUMNS)


def test_later_sound_changes_no_earlier_row() -> None:
    sound = noise(2.0, 0.1)
    changed = sound.copy()
    changed[SAMPLE_RATE_HZ:] = noise(1.0, 0.9, seed=5)
    a, b = Hearing().push(sound), Hearing().push(changed)
    last = (SAMPLE_RATE_HZ - REACH) // 160
    np.testing.assert_array_equal(a[: last + 1], b[: last + 1])
    assert np.abs(a[last + 1 :] - b[last + 1 :]).max() > 0.1


def test_loudness_of_the_recording_is_forgotten() -> None:
    speech = np.concatenate([noise(0.3, 0.001), np.tile(np.append(noise(0.2, 0.3), noise(0.1, 0.002)), 30)])
    loud, soft = Hearing().push(speech), Hearing().push(0.03 * speech)
    late = slice(500, None)
    assert np.abs(loud[late, ENERGY] - soft[late, ENERGY]).mean() < 0.05


def test_pitch_against_the_past() -> None:
    sound = np.concatenate([tone(120.0, 3.0), tone(240.0, 0.5)])
    rows = Hearing().push(sound)
    assert rows[250, PERIODICITY] > 0.9
    assert rows[280, PITCH] == pytest.approx(0.0, abs=0.3)
    assert rows[310, PITCH] * 6 == pytest.approx(12.0, abs=1.5)
    assert analyse([sound]).pitch_hz[310] == pytest.approx(240.0, rel=0.02)


def test_silence_is_finite_and_unvoiced() -> None:
    rows = Hearing().push(np.zeros(2 * SAMPLE_RATE_HZ, np.float32))
    assert np.isfinite(rows).all()
    assert rows[:, VOICED].max() == 0
    assert rows[:, ENERGY].max() == 0
