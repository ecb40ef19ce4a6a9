"""How a mood carries the head: sad heads hang and move less, glad ones are up and move more.

Which way is after Wallbott 1998, "Bodily expression of emotion", and Livingstone & Palmer 2016, "Head movements encode
emotions during speech and song"; how far was set by eye.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from tellmark.generator.types import Motion


@dataclasses.dataclass(frozen=True, slots=True)
class _Carriage:
    """What a mood of weight 1 does."""

    pitch_deg: float  # up
    lively: float  # factor of the head's movements
    met: float  # share of the pitch that the eyes make up for: who is angry goes on looking at whom they talk to
    sinks: float  # face widths


_CARRIAGES = {
    "happy": _Carriage(1.0, 1.15, 1.0, 0.0),
    "sad": _Carriage(-4.5, 0.7, 0.3, 0.03),
    "angry": _Carriage(-2.5, 1.1, 1.0, 0.01),
    "surprised": _Carriage(1.5, 1.0, 1.0, 0.0),
}


def livelier(emotion: dict[str, float]) -> float:
    """Factor of the head's movements; weights as in :class:`~tellmark.generator.types.Controls`."""
    return float(np.prod([1 + weight * (mood.lively - 1) for weight, mood in _worn(emotion)]))


def carried(motion: Motion, emotion: dict[str, float]) -> Motion:
    """The motion with its head held as it is in a mood."""
    worn = _worn(emotion)
    pitch = sum(weight * mood.pitch_deg for weight, mood in worn)
    met = sum(weight * mood.pitch_deg * mood.met for weight, mood in worn)
    sunk = sum(weight * mood.sinks for weight, mood in worn)
    return dataclasses.replace(
        motion,
        rotation_deg=motion.rotation_deg + np.array([0, pitch, 0], np.float32),
        translation=motion.translation + np.array([0, sunk], np.float32),
        gaze_deg=motion.gaze_deg - np.array([0, met], np.float32),
    )


def _worn(emotion: dict[str, float]) -> list[tuple[float, _Carriage]]:
    return [(weight, _CARRIAGES[name]) for name, weight in emotion.items() if name in _CARRIAGES]
