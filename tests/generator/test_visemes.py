"""Postures of phonemes and the tracks between them."""

from __future__ import annotations

import numpy as np
import pytest

from tellmark.generator.visemes import GESTURES, lip_tracks, posture, segments
from tellmark.generator.voice import Phoneme


def column(tracks: np.ndarray, name: str) -> np.ndarray:  # type: ignore[type-arg]
    return tracks[:, GESTURES.index(name)]


@pytest.mark.parametrize(
    ("phoneme", "gesture"),
    [("ˈɑː", "open"), ("iː", "front"), ("uː", "round"), ("b", "closure"), ("pʰ", "closure"), ("v", "labiodental"),
     ("tʃ", "sibilant"), ("s", "sibilant")],
)  # fmt: skip
def test_a_phoneme_makes_its_gesture(phoneme: str, gesture: str) -> None:
    known = posture(phoneme)
    assert known is not None
    assert known[0][GESTURES.index(gesture)] >= 0.9
    assert max(known[0]) <= 1.0


def test_pauses_rest_and_marks_say_nothing() -> None:
    pause = posture("")
    assert pause is not None
    assert set(pause[0]) == {0.0}
    assert posture("ʲ") is None


def test_plosives_start_before_their_release_and_diphthongs_are_cut() -> None:
    found = segments([Phoneme(0.0, "a"), Phoneme(0.3, "p"), Phoneme(0.35, "ˈaɪ"), Phoneme(0.55, "")], 0.6)
    assert [name for _, _, name in found] == ["a", "p", "a", "ɪ", ""]
    assert found[0][1] == found[1][0] == pytest.approx(0.245)
    assert found[2][1] == found[3][0] == pytest.approx(0.45)


def test_the_lips_meet_in_the_middle_of_apa_and_rest_in_silence() -> None:
    phonemes = [Phoneme(0.0, ""), Phoneme(0.3, "ɑ"), Phoneme(0.5, "m"), Phoneme(0.6, "ɑ"), Phoneme(0.8, "")]
    tracks = lip_tracks(phonemes, 1.2)
    assert tracks.shape == (120, len(GESTURES))
    assert int(column(tracks, "closure").argmax()) == pytest.approx(55, abs=1)
    assert column(tracks, "closure").max() > 0.95
    assert column(tracks, "open")[55] < 0.1
    assert column(tracks, "open")[40] > 0.6
    assert tracks[:15].max() < 0.01
    assert tracks[105:].max() < 0.01
    assert np.abs(np.diff(tracks, axis=0)).max() < 0.25  # nothing jumps


def test_rounding_spreads_over_neighbouring_consonants() -> None:
    def rounding(vowel: str) -> float:
        phonemes = [Phoneme(0.0, "t"), Phoneme(0.1, vowel), Phoneme(0.3, "t"), Phoneme(0.4, vowel)]
        return float(column(lip_tracks(phonemes, 0.6), "round")[34])

    assert rounding("u") > rounding("i") + 0.1
