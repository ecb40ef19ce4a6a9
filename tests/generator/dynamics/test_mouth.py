"""The mouth of the learned motion."""

import numpy as np

from tellmark.generator.audio.encoder import FEATURES
from tellmark.generator.audio.visemes import GESTURES, PHONEME_GROUPS
from tellmark.generator.dynamics.mouth import settled
from tellmark.generator.types import EXPRESSIONS, Encoded
from tellmark.types import F32

JAW, SMILE = EXPRESSIONS.index("jaw"), EXPRESSIONS.index("smile")


def _heard(frames: int, speaking: F32 | None = None, shut: tuple[int, ...] = ()) -> Encoded:
    gestures = np.full((frames, len(GESTURES)), 0.01, np.float32)
    gestures[list(shut), GESTURES.index("closure")] = 0.999
    ones = np.ones(frames, np.float32)
    return Encoded(
        np.zeros((frames, FEATURES), np.float32), gestures, np.zeros((frames, len(PHONEME_GROUPS)), np.float32),
        ones if speaking is None else speaking, ones, ones, 0 * ones,
    )  # fmt: skip


def _face(frames: int, **tracks: F32 | float) -> F32:
    rows = np.zeros((frames, len(EXPRESSIONS)), np.float32)
    for name, track in tracks.items():
        rows[:, EXPRESSIONS.index(name)] = track
    return rows


def test_a_jaw_that_trembles_is_calm_and_one_that_opens_is_as_wide() -> None:
    tremble = 0.4 + 0.1 * (-1.0) ** np.arange(40)
    calm = settled(_face(40, jaw=tremble), _heard(40), 1.0)["jaw"]
    assert len(calm) == 38
    assert np.ptp(calm) < 0.15 * np.ptp(tremble)
    slow = 0.4 + 0.3 * np.sin(2 * np.pi * np.arange(40) / 12)
    assert np.ptp(settled(_face(40, jaw=slow), _heard(40), 1.0)["jaw"]) > 0.85 * np.ptp(slow)


def test_lips_meet_for_a_frame_and_come_and_go_by_a_ramp() -> None:
    tracks = settled(_face(20, jaw=0.5, smile=0.3), _heard(20, shut=(10,)), 1.0)
    press, jaw = tracks["press"], tracks["jaw"]
    assert press[9] > 0.85  # of row 10: the first is left out
    assert jaw[9] < 0.05
    assert press[[8, 10]].min() > 0.3
    assert press[[7, 11]].max() < 0.02
    assert np.allclose(tracks["smile"], 0.3)
    assert settled(_face(20), _heard(20, shut=(10,)), 0.0)["press"].max() == 0


def test_a_mouth_rests_in_silence() -> None:
    speaking = np.repeat(np.array([1, 0], np.float32), 20)
    tracks = settled(_face(40, jaw=0.5, wide=0.4, smile=0.3), _heard(40, speaking), 1.0)
    assert tracks["jaw"][:15].min() > 0.45
    assert max(tracks[name][25:].max() for name in ("jaw", "wide", "press")) == 0
    assert np.allclose(tracks["smile"], 0.3)
