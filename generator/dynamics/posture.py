"""How a mood carries the head: sad heads hang and move less, glad ones are up and move more.

Which way is after Wallbott 1998, "Bodily expression of emotion", and Livingstone & Palmer 2016, "Head movements encode
emotions during speech and song"; how far was set by eye.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from tellmark.generator.types import Motion

# Degrees of pitch, how much larger the head's movements are, the share of the pitch that the eyes make up for (who is
# angry goes on looking at whom they talk to), and face widths that the head sinks.
_CARRIED = {
    "happy": (1.0, 1.15, 1.0, 0.0),
    "sad": (-4.5, 0.7, 0.3, 0.03),
    "angry": (-2.5, 1.1, 1.0, 0.01),
    "surprised": (1.5, 1.0, 1.0, 0.0),
}


def livelier(emotion: dict[str, float]) -> float:
    """Factor of the head's movements; weights as in :class:`~tellmark.generator.types.Controls`."""
    return float(
        np.prod([1 + weight * (_CARRIED[name][1] - 1) for name, weight in emotion.items() if name in _CARRIED])
    )


def carried(motion: Motion, emotion: dict[str, float]) -> Motion:
    """The motion with its head held as it is in a mood."""
    pitch = sum(weight * _CARRIED[name][0] for name, weight in _moods(emotion))
    met = sum(weight * _CARRIED[name][0] * _CARRIED[name][2] for name, weight in _moods(emotion))
    sunk = sum(weight * _CARRIED[name][3] for name, weight in _moods(emotion))
    return dataclasses.replace(
        motion,
        rotation_deg=motion.rotation_deg + np.array([0, pitch, 0], np.float32),
        translation=motion.translation + np.array([0, sunk], np.float32),
        gaze_deg=motion.gaze_deg - np.array([0, met], np.float32),
    )


def _moods(emotion: dict[str, float]) -> list[tuple[str, float]]:
    return [(name, weight) for name, weight in emotion.items() if name in _CARRIED]
