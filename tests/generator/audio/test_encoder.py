"""The speech encoder: causal, the same in pieces, and it hears what was said."""

from __future__ import annotations

import numpy as np
import pytest

from tellmark.generator.audio.acoustics import SAMPLE_RATE_HZ
from tellmark.generator.audio.encoder import FEATURES, LOOK_AHEAD_S, Encoded, SpeechEncoder
from tellmark.generator.audio.visemes import GESTURES, PHONEME_GROUPS, segments
from tellmark.generator.audio.voice import Phoneme
from tellmark.generator.training.encoder_data import KEPT_ASIDE
from tellmark.generator.training.train_inversion import spoken
from tellmark.generator.types import Encoded as Rows
from tellmark.types import F32

SENTENCE = "My baby brother bumped into the big purple lamp. What do you think about five brave firemen?"
FIELDS = ("features", "gestures", "phonemes", "speaking", "energy", "voiced", "pitch_st")


@pytest.fixture(scope="module")
def said() -> tuple[F32, list[Phoneme]]:
    return spoken(SENTENCE, np.random.default_rng(3), "en-us", KEPT_ASIDE[1][0])


def in_pieces(sound: F32, sizes: list[int]) -> Encoded:
    stream, parts, at, turn = SpeechEncoder.load().stream(), [], 0, 0
    while at < len(sound):
        parts.append(stream.push(sound[at : at + sizes[turn % len(sizes)]]))
        at += sizes[turn % len(sizes)]
        turn += 1
    return Encoded.joined([*parts, stream.finish()])


@pytest.mark.parametrize("sizes", [[320], [640], [1, 5000, 17, 333]])
def test_a_stream_gives_what_offline_gives(said: tuple[F32, list[Phoneme]], sizes: list[int]) -> None:
    whole, pieces = SpeechEncoder.load().encode(said[0]), in_pieces(said[0], sizes)
    for name in FIELDS:
        np.testing.assert_allclose(getattr(pieces, name), getattr(whole, name), atol=1e-4)


@pytest.mark.parametrize("samples", [0, 100, 319, 321, 640, 961, 16_000, 16_321])
def test_25_rows_a_second(samples: int) -> None:
    encoded = SpeechEncoder.load().encode(np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32))
    assert len(encoded) == round(samples / 640)
    assert encoded.features.shape == (len(encoded), FEATURES)
    assert encoded.gestures.shape == (len(encoded), len(GESTURES))
    assert encoded.phonemes.shape == (len(encoded), len(PHONEME_GROUPS))
    assert encoded.features.dtype == encoded.pitch_st.dtype == np.float32


def test_it_looks_ahead_no_further_than_it_says(said: tuple[F32, list[Phoneme]]) -> None:
    sound = said[0]
    changed = sound.copy()
    cut = SAMPLE_RATE_HZ + 100
    changed[cut:] = np.random.default_rng(1).normal(0, 0.3, len(sound) - cut)
    a, b = SpeechEncoder.load().encode(sound), SpeechEncoder.load().encode(changed)
    untouched = int((cut / SAMPLE_RATE_HZ - LOOK_AHEAD_S) * 25) + 1
    np.testing.assert_allclose(a.features[:untouched], b.features[:untouched], atol=1e-5)
    assert np.abs(a.features[untouched + 1] - b.features[untouched + 1]).max() > 1e-3


def test_a_row_comes_as_soon_as_its_look_ahead_is_there() -> None:
    stream = SpeechEncoder.load().stream()
    assert len(stream.push(np.zeros(1279, np.float32))) == 0
    assert len(stream.push(np.zeros(1, np.float32))) == 1
    assert len(stream.push(np.zeros(640, np.float32))) == 1


def test_it_reads_closures_and_silence(said: tuple[F32, list[Phoneme]]) -> None:
    """A voice that it was not trained on: the lips shut at /p b m/, at random times they do not."""
    sound, phonemes = said
    encoded = SpeechEncoder.load().encode(sound)
    closure = encoded.gestures[:, GESTURES.index("closure")]
    spans = [(a, b) for a, b, name in segments(phonemes, len(sound) / SAMPLE_RATE_HZ) if name[:1] in tuple("pbm")]
    times = np.arange(len(closure)) / 25
    found = [closure[np.abs(times - (a + b) / 2) <= 0.04].max() for a, b in spans]
    aside = np.array([all(t < a - 0.1 or t > b + 0.1 for a, b in spans) for t in times])
    assert np.mean(np.array(found) > 0.4) >= 0.8
    assert np.mean(closure[aside] > 0.4) <= 0.1
    starts, ends = phonemes[1].time_s, phonemes[-1].time_s
    assert encoded.speaking[(times > starts + 0.2) & (times < ends - 0.2)].mean() > 0.85
    silence = SpeechEncoder.load().encode(
        np.random.default_rng(0).normal(0, 0.003, 5 * SAMPLE_RATE_HZ).astype(np.float32)
    )
    assert silence.speaking[25:].mean() < 0.1
    assert silence.gestures[25:, 0].mean() < 0.05


def test_features_are_bounded_and_memory_is_flat(said: tuple[F32, list[Phoneme]]) -> None:
    encoded = SpeechEncoder.load().encode(20 * said[0])
    assert np.abs(encoded.features).max() <= 1
    stream = SpeechEncoder.load().stream()
    held = []
    for _ in range(3):
        for start in range(0, 3 * SAMPLE_RATE_HZ, 640):
            stream.push(said[0][start : start + 640])
        held.append(sum(part.numel() for part in stream._memory))
    assert held[0] == held[1] == held[2]


def test_rows_are_cut_and_joined() -> None:
    encoded = SpeechEncoder.load().encode(np.zeros(6400, np.float32))
    again = Rows.joined([encoded[:3], encoded[3:]])
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(again, name), getattr(encoded, name))
