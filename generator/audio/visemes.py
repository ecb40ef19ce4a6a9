"""What the lips do for a phoneme, and how neighbouring phonemes share them.

Gives exact lip tracks for speech whose phonemes are known: espeak-ng's, on which the reading of lips from sound
(``inversion``) is trained and tested.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from tellmark.generator.audio.voice import Phoneme
from tellmark.types import F64

GESTURES = ("open", "front", "round", "closure", "labiodental", "sibilant")
"""open: jaw, 1 = widest vowel; front: corners apart; round: lips forward; closure: lips pressed together;
labiodental: lower lip at the upper teeth; sibilant: teeth together and showing."""

# Phonemes (IPA) with one posture: open, front, round, closure, labiodental, sibilant; then the weight with which they
# impose it on their neighbours (the dominance of Cohen & Massaro 1993, "Modeling coarticulation in synthetic speech").
_POSTURES: tuple[tuple[str, tuple[float, ...], float], ...] = (
    ("a ɑ", (0.95, 0.15, 0.0, 0, 0, 0), 1.0),
    ("æ", (0.85, 0.45, 0.0, 0, 0, 0), 1.0),
    ("ɐ ʌ", (0.65, 0.15, 0.0, 0, 0, 0), 0.8),
    ("ɛ", (0.60, 0.50, 0.0, 0, 0, 0), 0.9),
    ("e", (0.45, 0.60, 0.0, 0, 0, 0), 0.9),
    ("i", (0.25, 0.90, 0.0, 0, 0, 0), 0.9),
    ("ɪ ɨ ɯ", (0.30, 0.55, 0.0, 0, 0, 0), 0.7),
    ("ə ɘ ᵻ", (0.35, 0.25, 0.0, 0, 0, 0), 0.5),
    ("ɜ ɚ ɝ", (0.40, 0.15, 0.25, 0, 0, 0), 0.8),
    ("ɔ ɒ", (0.65, 0.0, 0.45, 0, 0, 0), 1.0),
    ("o ɤ", (0.45, 0.0, 0.70, 0, 0, 0), 1.0),
    ("u", (0.22, 0.0, 0.95, 0, 0, 0), 1.0),
    ("ʊ", (0.30, 0.0, 0.60, 0, 0, 0), 0.8),
    ("y ʏ", (0.22, 0.0, 0.85, 0, 0, 0), 1.0),
    ("ø œ ɵ", (0.40, 0.0, 0.65, 0, 0, 0), 1.0),
    ("p b m", (0.04, 0.1, 0.1, 1, 0, 0), 3.0),
    ("f v ɱ ʋ", (0.15, 0.15, 0.0, 0, 1, 0), 2.0),
    ("β", (0.12, 0.1, 0.2, 0.45, 0, 0), 1.5),
    ("w ʍ ɥ", (0.15, 0.0, 1.0, 0, 0, 0), 1.5),
    ("s z", (0.12, 0.45, 0.0, 0, 0, 1), 1.2),
    ("ʃ ʒ ʂ ʐ ɕ ʑ", (0.15, 0.0, 0.55, 0, 0, 1), 1.3),
    ("θ ð", (0.20, 0.30, 0.0, 0, 0, 0.3), 0.7),
    ("t d n ɾ ɖ ʈ ɳ", (0.20, 0.30, 0.0, 0, 0, 0.2), 0.5),
    ("l ɫ ɭ ʎ ɬ", (0.28, 0.30, 0.0, 0, 0, 0), 0.5),
    ("r ɹ ɻ ʀ ʁ ɽ", (0.25, 0.10, 0.30, 0, 0, 0), 0.6),
    ("k ɡ g ŋ ɲ c ɟ q x ɣ χ ç", (0.25, 0.25, 0.0, 0, 0, 0), 0.4),
    ("j", (0.20, 0.65, 0.0, 0, 0, 0), 0.6),
    ("h ɦ ħ ʔ ʕ", (0.30, 0.20, 0.0, 0, 0, 0), 0.15),
)
_BY_PHONEME = {name: (posture, weight) for names, posture, weight in _POSTURES for name in names.split()}
PHONEME_GROUPS = ("", *(names for names, _, _ in _POSTURES))
"""Coarse classes of phonemes: those that share a posture; the first is silence."""
_GROUP_OF = {name: index for index, names in enumerate(PHONEME_GROUPS) for name in names.split()}
_REST = ((0.0,) * len(GESTURES), 0.8)

PLOSIVE_LEAD_S = 0.055
"""espeak-ng times a stop at its release: the lips have been shut for about this long before. So it does with voiced
ones, 30 ms of silence ahead of them, unless the voice runs on through the closure: that is part of their time."""
_RELEASE_S = 0.015  # in which the lips part; what is left of a voiceless stop is breath, or the hiss of an affricate
_VOICED_S = 0.040  # a voiced stop that is shorter is its release alone


def posture(phoneme: str) -> tuple[tuple[float, ...], float] | None:
    """Gestures in [0, 1] and their weight for an IPA phoneme with or without its marks; None if it says nothing.

    A diphthong or affricate is judged by its first part, except that "tʃ" and its like take the lips of the hiss.
    """
    letters = [letter for letter in phoneme if letter in _BY_PHONEME]
    if not letters:
        return _REST if not phoneme.strip("ˈˌː") else None
    if len(letters) > 1 and letters[0] in "td" and letters[1] in "sʃʒzʂɕʑ":
        return _BY_PHONEME[letters[1]]
    return _BY_PHONEME[letters[0]]


def group(phoneme: str) -> int | None:
    """Index of a phoneme in ``PHONEME_GROUPS``, judged as by :func:`posture`; None if it says nothing."""
    letters = [letter for letter in phoneme if letter in _GROUP_OF]
    if not letters:
        return None if phoneme.strip("ˈˌː") else 0
    affricate = len(letters) > 1 and letters[0] in "td" and letters[1] in "sʃʒzʂɕʑ"
    return _GROUP_OF[letters[1 if affricate else 0]]


def segments(phonemes: Sequence[Phoneme], duration_s: float) -> list[tuple[float, float, str]]:
    """(start_s, end_s, phoneme) of every phoneme: stops start when the closure does, "p" ends with it, and what is
    left of it is "h" or, in "pf", "f"; diphthongs are cut in two."""
    found: list[tuple[float, float, str]] = []
    times = [*(time_s for time_s, _ in phonemes), duration_s]
    for index, (start_s, name) in enumerate(phonemes):
        end_s = max(times[index + 1], start_s)
        release_s = start_s + _RELEASE_S
        if index and (name[:1] in tuple("ptkq") or (name[:1] in tuple("bdɡ") and end_s - start_s < _VOICED_S)):
            start_s = _make_room(found, start_s - PLOSIVE_LEAD_S)
        vowels = [letter for letter in name if letter in _VOWELS]
        if len(vowels) == 2:
            middle_s = (start_s + end_s) / 2
            found += [(start_s, middle_s, vowels[0]), (middle_s, end_s, vowels[1])]
        elif name[:1] == "p" and end_s > release_s:
            found += [(start_s, release_s, "p"), (release_s, end_s, "f" if "f" in name else "h")]
        else:
            found.append((start_s, end_s, name))
    return found


def _make_room(found: list[tuple[float, float, str]], start_s: float) -> float:
    """Shorten what comes before a closure that starts at ``start_s``; returns where it can start at the earliest."""
    while found and not found[-1][2] and found[-1][0] >= start_s:
        found.pop()  # a pause that the closure fills
    if found:
        first_s, last_s, name = found[-1]
        start_s = max(start_s, first_s)
        found[-1] = (first_s, min(last_s, start_s), name)
    return max(start_s, 0.0)


_VOWELS = set("aɑæɐʌɛeiɪɨɯəɘᵻɜɚɝɔɒoɤuʊyʏøœɵ")


def lip_tracks(phonemes: Sequence[Phoneme], duration_s: float, rate_hz: float = 100.0) -> F64:
    """(ceil(duration * rate), len(GESTURES)) tracks in [0, 1]; row k is at k / rate.

    Weighted means of the postures under a window of about 0.1 s; a closure is sharper and parts the vowels around it.
    """
    rows = int(np.ceil(duration_s * rate_hz))
    target, weight = np.zeros((rows, len(GESTURES))), np.full((rows, 1), 1e-3)
    for start_s, end_s, name in segments(phonemes, duration_s):
        known = posture(name)
        if known is not None:
            span = slice(round(start_s * rate_hz), max(round(end_s * rate_hz), round(start_s * rate_hz) + 1))
            target[span], weight[span] = known
    tracks = _blur(target * weight, 0.040 * rate_hz) / _blur(weight, 0.040 * rate_hz)
    sharp = _blur(target, 0.018 * rate_hz)
    for name in ("closure", "labiodental"):
        tracks[:, GESTURES.index(name)] = sharp[:, GESTURES.index(name)]
    tracks[:, 0] *= 1 - sharp[:, GESTURES.index("closure")]
    return np.asarray(np.clip(tracks, 0, 1), np.float64)


def _blur(track: F64, sigma: float) -> F64:
    return np.asarray(ndimage.gaussian_filter1d(track, sigma, axis=0, mode="nearest"), np.float64)
