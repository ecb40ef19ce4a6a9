"""Motion from rules while the sound comes in."""

from __future__ import annotations

import numpy as np
import pytest

from tellmark.generator.audio.acoustics import SAMPLE_RATE_HZ
from tellmark.generator.audio.encoder import SpeechEncoder
from tellmark.generator.dynamics.online import OnlineRules
from tellmark.generator.training.train_inversion import spoken
from tellmark.generator.types import (
    EMOTIONS,
    EXPRESSIONS,
    MOODS,
    Controls,
    Encoded,
    Motion,
    MotionStream,
    StreamingModel,
)
from tellmark.types import F32

MODEL: StreamingModel = OnlineRules()


@pytest.fixture(scope="module")
def heard() -> Encoded:
    text = "My baby brother bumped into the lamp. Nobody knew why. The museum opens later on Mondays."
    sound, _ = spoken(text, np.random.default_rng(5), "en-us", None)
    pause = np.zeros(3 * SAMPLE_RATE_HZ, np.float32)
    return SpeechEncoder.load().encode(np.concatenate([pause, sound, pause, sound]))


def performed(heard: Encoded, piece: int, controls: Controls | None = None, seed: int = 3) -> F32:
    stream: MotionStream = MODEL.stream(controls or Controls(), seed)
    parts = [stream.push(heard[start : start + piece]).array() for start in range(0, len(heard), piece)]
    return np.concatenate([*parts, stream.finish().array()])


def test_pieces_do_not_matter(heard: Encoded) -> None:
    whole = performed(heard, len(heard))
    assert whole.shape == (len(heard), Motion.rest(25.0).array().shape[1])
    for piece in (1, 3, 50):
        np.testing.assert_allclose(performed(heard, piece), whole, atol=1e-6)


def test_later_speech_changes_no_earlier_row(heard: Encoded) -> None:
    np.testing.assert_array_equal(performed(heard[:90], 90), performed(heard, len(heard))[:90])


def test_seeds_differ_and_repeat(heard: Encoded) -> None:
    np.testing.assert_array_equal(performed(heard, 7, seed=4), performed(heard, 7, seed=4))
    assert np.abs(performed(heard, 7, seed=4) - performed(heard, 7, seed=5)).max() > 1


def test_the_mouth_is_still_in_silence_and_moves_in_speech(heard: Encoded) -> None:
    motion = Motion.from_array(25.0, performed(heard, 10))
    mouth = motion.expression[:, [EXPRESSIONS.index(name) for name in ("jaw", "wide", "pucker")]]
    silent = heard.speaking < 0.05
    silent[:25] = False  # the encoder has to get its bearings
    assert silent.sum() > 40
    assert mouth[silent].max() < 0.06
    assert mouth[heard.speaking > 0.9, 0].max() > 0.3


def test_controls_do_what_they_say(heard: Encoded) -> None:
    plain = Motion.from_array(25.0, performed(heard, 10))
    asked = Controls(gaze_deg=(15.0, 0.0), distance=1.3, emotion={"happy": 1.0}, gains={"blink": 0.0, "head": 0.0})
    turned = Motion.from_array(25.0, performed(heard, 10, asked))
    looks = turned.gaze_deg[:, 0] + 0.95 * turned.rotation_deg[:, 0]
    assert float(np.median(looks)) == pytest.approx(15.0, abs=1.0)
    assert turned.distance == pytest.approx(1.3, rel=1e-3)
    assert turned.expression[:, EXPRESSIONS.index("smile")].min() > 0.95 * EMOTIONS["happy"]["smile"]
    np.testing.assert_array_equal(turned.mood[:, MOODS.index("happy")], 1)
    assert turned.blink.max() < 0.26
    assert plain.blink.max() > 0.9


def test_it_blinks_as_often_as_people_do() -> None:
    quiet = SpeechEncoder.load().encode(np.zeros(SAMPLE_RATE_HZ, np.float32))
    minutes = Encoded.joined([quiet] * 240)
    lids = Motion.from_array(25.0, performed(minutes, 100)).blink.mean(axis=1)
    starts = np.sum((lids[1:] > 0.4) & (lids[:-1] <= 0.4))
    assert 18 <= starts / 4 <= 32
