"""Moods carry the head: by how much, whatever model moves it."""

from __future__ import annotations

import numpy as np
import pytest

from tellmark.generator.dynamics import posture
from tellmark.generator.types import EMOTIONS, Motion


def _nodding() -> Motion:
    motion = Motion.rest(25.0, 50)
    motion.rotation_deg[:, 1] = np.linspace(-3, 3, 50)
    return motion


def test_nothing_is_asked_of_a_head_without_a_mood() -> None:
    for emotion in ({}, {"neutral": 1.0}, {"sad": 0.0}):
        assert posture.livelier(emotion) == 1
        np.testing.assert_array_equal(posture.carried(_nodding(), emotion).array(), _nodding().array())


def test_sad_heads_hang_and_move_less_and_their_eyes_go_along() -> None:
    carried = posture.carried(_nodding(), {"sad": 1.0})
    lowered = (carried.rotation_deg - _nodding().rotation_deg)[:, 1]
    raised = (carried.gaze_deg - _nodding().gaze_deg)[:, 1]
    assert (lowered < -3).all()
    assert (lowered + raised < -2).all()
    assert (carried.translation[:, 1] > 0.01).all()
    assert posture.livelier({"sad": 1.0}) < posture.livelier({"sad": 0.5}) < 1


@pytest.mark.parametrize("mood", ["happy", "angry", "surprised"])
def test_others_go_on_looking_where_they_looked(mood: str) -> None:
    carried = posture.carried(_nodding(), {mood: 0.7})
    sight = (carried.rotation_deg[:, :2] + carried.gaze_deg) - (_nodding().rotation_deg[:, :2] + _nodding().gaze_deg)
    np.testing.assert_allclose(sight, 0, atol=1e-5)
    assert abs(float(carried.rotation_deg[:, 1].mean())) < 3
    assert mood in EMOTIONS
