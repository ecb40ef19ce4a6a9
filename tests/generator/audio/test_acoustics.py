"""Short-time analysis against known signals and plain numpy."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from tellmark.generator.audio.acoustics import BAND_EDGES_HZ, HOP, SAMPLE_RATE_HZ, analyse
from tellmark.types import F32

SECOND = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ


def pulses(pitch_hz: float, seconds: float = 1.0) -> F32:
    sound = np.zeros(int(seconds * SAMPLE_RATE_HZ), np.float32)
    sound[np.arange(0, len(sound), SAMPLE_RATE_HZ / pitch_hz).astype(int)] = 0.5
    return sound


def test_level_is_the_rms_of_plain_numpy() -> None:
    rng = np.random.default_rng(1)
    sound = (rng.standard_normal(SAMPLE_RATE_HZ) * np.linspace(0.01, 0.3, SAMPLE_RATE_HZ)).astype(np.float32)
    level = analyse([sound]).level_db
    for hop in (5, 40, 90):
        window = sound[hop * HOP - 200 : hop * HOP + 200]
        assert level[hop] == pytest.approx(20 * np.log10(np.sqrt(np.mean(window**2))), abs=0.05)


@pytest.mark.parametrize("frequency_hz", [150, 500, 1200, 3000, 6000])
def test_a_tone_fills_its_band(frequency_hz: float) -> None:
    rows = analyse([np.sin(2 * np.pi * frequency_hz * SECOND).astype(np.float32)])
    expected = int(np.searchsorted(BAND_EDGES_HZ, frequency_hz, side="right")) - 1
    assert int(rows.bands_db[50].argmax()) == expected
    assert rows.bands_db[50, expected] == pytest.approx(-3.0, abs=0.7)


@pytest.mark.parametrize("pitch_hz", [75, 110, 173, 240, 350])
def test_pitch_of_a_pulse_train(pitch_hz: float) -> None:
    rows = analyse([pulses(pitch_hz)])
    middle = slice(10, 90)
    assert np.median(rows.pitch_hz[middle]) == pytest.approx(pitch_hz, rel=0.01)
    assert rows.periodicity[middle].min() > 0.85


def test_noise_has_no_pitch() -> None:
    noise = np.random.default_rng(2).standard_normal(2 * SAMPLE_RATE_HZ).astype(np.float32)
    assert np.mean(analyse([noise]).periodicity > 0.65) < 0.05


def test_the_rows_do_not_depend_on_the_chunks() -> None:
    rng = np.random.default_rng(3)
    sound = rng.standard_normal(100_003).astype(np.float32)
    whole = analyse([sound])
    for cuts in (np.arange(1, 100_003, 997), np.sort(rng.integers(0, 100_003, 50))):
        parts = analyse(np.split(sound, cuts))
        assert parts.samples == whole.samples
        for name in ("level_db", "bands_db", "periodicity", "pitch_hz"):
            np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))


@pytest.mark.parametrize("samples", [0, 1, HOP, HOP + 1, 256 * HOP, 256 * HOP + 1, 257 * HOP + 320, 70_000])
def test_one_row_a_hop(samples: int) -> None:
    rows = analyse([np.ones(samples, np.float32)])
    assert len(rows.level_db) == len(rows.bands_db) == -(-samples // HOP)
    assert rows.samples == samples


def test_memory_grows_with_the_rows_alone() -> None:
    def chunks(seconds: int) -> Iterator[F32]:
        for _ in range(seconds):
            yield np.zeros(SAMPLE_RATE_HZ, np.float32)

    def peak_bytes(seconds: int) -> int:
        tracemalloc.start()
        analyse(chunks(seconds))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    rows = 100 * 19 * 4  # bytes a second: 16 bands, level, periodicity, pitch
    assert peak_bytes(90) - peak_bytes(30) < 60 * 2.5 * rows  # the sound itself would be 60 * 8.4 rows
