"""Postures of phonemes and the tracks between them."""

from __future__ import annotations

import numpy as np
import pytest

from tellmark.generator.audio.visemes import GESTURES, lip_tracks, posture, segments
from tellmark.generator.audio.voice import Phoneme


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


def test_stops_start_before_their_release_and_diphthongs_are_cut() -> None:
    found = segments([Phoneme(0.0, "a"), Phoneme(0.3, "p"), Phoneme(0.35, "ˈaɪ"), Phoneme(0.55, "")], 0.6)
    assert [name for _, _, name in found] == ["a", "p", "h", "a", "ɪ", ""]
    assert found[0][1] == found[1][0] == pytest.approx(0.245)
    assert found[1][1] == pytest.approx(0.315)  # the lips part, and breath follows
    assert found[3][1] == found[4][0] == pytest.approx(0.45)


def test_voice_that_runs_through_a_closure_is_part_of_it_and_a_bare_release_has_one_before() -> None:
    through = segments([Phoneme(0.0, "a"), Phoneme(0.3, "b"), Phoneme(0.36, "a")], 0.6)
    assert through[1] == (0.3, 0.36, "b")
    bare = [Phoneme(0.0, "n"), Phoneme(0.27, ""), Phoneme(0.3, "b"), Phoneme(0.32, "ə"), Phoneme(0.5, "")]
    assert [name for _, _, name in segments(bare, 0.6)] == ["n", "b", "ə", ""]  # it fills the pause
    assert segments(bare, 0.6)[1][:2] == pytest.approx((0.245, 0.32))
    assert column(lip_tracks(bare, 0.6), "closure").max() > 0.9


def test_an_affricate_closes_and_then_hisses() -> None:
    phonemes = [Phoneme(0.0, "ə"), Phoneme(0.3, "pf"), Phoneme(0.4, "a"), Phoneme(0.6, "")]
    tracks = lip_tracks(phonemes, 0.6)
    assert int(column(tracks, "closure").argmax()) == pytest.approx(28, abs=1)
    assert int(column(tracks, "labiodental").argmax()) == pytest.approx(36, abs=2)
    assert column(tracks, "closure")[36] < 0.2


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
