"""What the motion model is told: rows of what is heard, and the controls. For training and for use alike."""

from __future__ import annotations

import numpy as np

from tellmark.generator.audio.encoder import FEATURES, Encoded
from tellmark.generator.audio.visemes import GESTURES
from tellmark.generator.types import MOODS
from tellmark.types import F32

CONDITIONS = ("gaze_yaw", "gaze_pitch", "distance", *MOODS, "own_lips", "own_head")
"""Columns of :func:`conditions`. own_lips: the lips are a film's, not of known phonemes. own_head: the head goes with
the sound; it is not borrowed from a film that says something else."""
SOUND = FEATURES + len(GESTURES) + 4  # columns of :func:`sound_rows`


def sound_rows(encoded: Encoded) -> F32:
    """(T, SOUND) what the model hears."""
    return np.column_stack(
        [encoded.features, encoded.gestures, encoded.speaking, encoded.energy, encoded.voiced, encoded.pitch_st / 6]
    ).astype(np.float32)


def conditions(
    gaze_deg: tuple[float, float], distance: float, emotion: dict[str, float], *, lips: bool, head: bool
) -> F32:
    """(len(CONDITIONS),) as the model reads them; ``lips`` and ``head``: the films' own."""
    moods = [emotion.get(name, 0.0) for name in MOODS]
    return np.array([gaze_deg[0] / 15, gaze_deg[1] / 15, 5 * np.log(distance), *moods, lips, head], np.float32)
