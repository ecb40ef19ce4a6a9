"""The learned motion model that ships."""

import subprocess
import sys

import numpy as np
import pytest

from tellmark.generator.audio.encoder import SpeechEncoder
from tellmark.generator.audio.voice import synthesize
from tellmark.generator.dynamics import latent_motion as columns
from tellmark.generator.dynamics.behaviour import HEAD_SHARE
from tellmark.generator.motion import DiffusionMotion, Performance
from tellmark.generator.speech import load_speech
from tellmark.generator.types import EXPRESSIONS, Controls, Encoded, Motion

JAW, SMILE, FROWN = (EXPRESSIONS.index(name) for name in ("jaw", "smile", "frown"))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    path = tmp_path_factory.mktemp("voice") / "voice.wav"
    synthesize("My mother baked a warm loaf of brown bread for Bob and me.", path)
    return np.concatenate([_read(path), np.zeros(24_000, np.float32)])


def _read(path: object) -> np.ndarray:
    from tellmark.media import read_audio

    return np.concatenate(list(read_audio(path, 16_000)))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def heard(sound: np.ndarray) -> Encoded:
    return SpeechEncoder.load().encode(sound)


@pytest.fixture(scope="module")
def plain(heard: Encoded) -> Motion:
    return Performance(Controls(), 1).push(heard)


def test_pieces_change_nothing_and_a_seed_says_it_again(heard: Encoded, plain: Motion) -> None:
    performance = Performance(Controls(), 1)
    pieces = [performance.push(heard[start : start + 7]) for start in range(0, len(heard), 7)]
    assert np.abs(np.concatenate([piece.array() for piece in pieces]) - plain.array()).max() < 1e-3
    assert len(performance.finish()) == 0
    other = Performance(Controls(), 2).push(heard)
    assert np.abs(other.rotation_deg - plain.rotation_deg).max() > 0.2


def test_the_mouth_speaks_and_then_is_still(heard: Encoded, plain: Motion) -> None:
    talking = heard.speaking > 0.8
    silent = slice(-20, None)
    assert plain.expression[talking, JAW].mean() > 0.12
    assert plain.expression[silent, JAW].max() < 0.08
    assert np.abs(np.diff(plain.expression[silent], axis=0)).max() < 0.15


def test_controls_do_what_they_say(heard: Encoded, plain: Motion) -> None:
    def aside(controls: Controls) -> Motion:
        return Performance(controls, 1).push(heard)

    looking = aside(Controls(gaze_deg=(15.0, 0.0)))
    sight = (looking.rotation_deg + np.pad(looking.gaze_deg, ((0, 0), (0, 1))))[:, 0].mean()
    assert sight == pytest.approx(15, abs=5)
    assert np.exp(np.log(aside(Controls(distance=1.3)).distance).mean()) == pytest.approx(1.3, rel=0.06)
    assert aside(Controls(emotion={"happy": 1.0})).expression[:, SMILE].mean() > plain.expression[:, SMILE].mean() + 0.3
    assert aside(Controls(emotion={"sad": 1.0})).expression[:, FROWN].mean() > plain.expression[:, FROWN].mean() + 0.2
    still = aside(Controls(gains={"head": 0.0, "blink": 0.0}))
    assert np.abs(still.rotation_deg).max() == 0
    assert still.blink.max() == 0


def test_the_head_is_drawn_home(heard: Encoded, plain: Motion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tellmark.generator.motion._HOME_S", 0.2)
    near = Performance(Controls(gaze_deg=(10.0, 0.0)), 1).push(heard)
    assert near.rotation_deg.std(0).mean() < 0.7 * plain.rotation_deg.std(0).mean()
    assert near.rotation_deg[:, 0].mean() == pytest.approx(10 * HEAD_SHARE, abs=1)


def test_offline_motion_has_the_rate_and_length_of_the_speech(tmp_path: object, sound: np.ndarray) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "voice.wav"
    synthesize("One, two, three.", path)
    for fps in (25.0, 30.0):
        speech = load_speech(path, fps=fps)
        motion = DiffusionMotion().generate(speech, Controls(), 0)
        assert len(motion) == speech.frames
        assert motion.fps == fps
        assert np.isfinite(motion.array()).all()


def test_rows_at_another_rate_keep_their_times() -> None:
    rows = np.arange(50, dtype=np.float32)[:, None] / 25
    faster = columns.resampled(rows, 25, 50)
    assert len(faster) == 100
    assert np.abs(faster[:98, 0] - np.arange(98) / 50).max() < 1e-5


def test_moving_a_face_needs_no_voice_to_train_on() -> None:
    """What speaks and resamples for training is an extra that renders do without."""
    code = "import sys; sys.modules.update(soxr=None, espeakng_loader=None); import tellmark.generator.motion"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_performance_begins_in_the_midst_of_its_motion(heard: Encoded) -> None:
    turns = np.stack([Performance(Controls(), seed).push(heard[:75]).rotation_deg for seed in range(4)])
    assert np.abs(turns[:, 0]).max() > 0.5
    speed = np.linalg.norm(np.diff(turns, axis=1), axis=2).mean(0)
    assert speed[:25].mean() > 0.5 * speed[50:].mean()


def test_blinks_are_whole_and_follow_their_gain(heard: Encoded, plain: Motion) -> None:
    long = Encoded.joined([heard] * 3)
    lids = Performance(Controls(), 1).push(long).blink.mean(1)
    peaks = lids[1:-1][(lids[1:-1] > 0.3) & (lids[1:-1] >= lids[:-2]) & (lids[1:-1] > lids[2:])]
    assert len(peaks) > 1
    assert np.median(peaks) > 0.85
    half = Performance(Controls(gains={"blink": 0.5}), 1).push(long).blink.mean(1)
    assert np.abs(half - lids / 2).max() < 1e-6
