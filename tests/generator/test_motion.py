"""The learned motion model that ships."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tellmark.generator.audio.encoder import SpeechEncoder
from tellmark.generator.audio.voice import synthesize
from tellmark.generator.dynamics import latent_motion as columns
from tellmark.generator.dynamics.behaviour import HEAD_SHARE
from tellmark.generator.motion import DiffusionMotion, Performance, bounded, liveliness
from tellmark.generator.rules import RuleMotion
from tellmark.generator.speech import load_speech
from tellmark.generator.types import EXPRESSIONS, Controls, Encoded, GradualModel, Motion

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


def performed(heard: Encoded, seed: int = 1, controls: Controls | None = None, size: int | None = None) -> Motion:
    performance, size = Performance(controls or Controls(), seed), size or len(heard)
    parts = [performance.push(heard[start : start + size]) for start in range(0, len(heard), size)]
    rows = np.concatenate([part.array() for part in [*parts, performance.finish()]])
    return Motion.from_array(columns.FPS, rows)


@pytest.fixture(scope="module")
def plain(heard: Encoded) -> Motion:
    return performed(heard)


def test_pieces_change_nothing_and_a_seed_says_it_again(heard: Encoded, plain: Motion) -> None:
    assert len(plain) == len(heard)
    for size in (1, 7):
        assert np.abs(performed(heard, size=size).array() - plain.array()).max() < 1e-3
    assert np.abs(performed(heard, 2).rotation_deg - plain.rotation_deg).max() > 0.2


def test_one_row_waits(heard: Encoded) -> None:
    performance = Performance(Controls(), 1)
    assert len(performance.finish()) == 0
    assert [len(performance.push(heard[k : k + 1])) for k in range(3)] == [0, 1, 1]
    assert [len(performance.finish()) for _ in range(2)] == [1, 0]


def test_the_mouth_speaks_and_then_is_still(heard: Encoded, plain: Motion) -> None:
    talking = heard.speaking > 0.8
    silent = slice(-20, None)
    assert plain.expression[talking, JAW].mean() > 0.12
    assert plain.expression[silent, JAW].max() < 0.02
    assert np.abs(np.diff(plain.expression[silent], axis=0)).max() < 0.15


def test_controls_do_what_they_say(heard: Encoded, plain: Motion) -> None:
    def aside(controls: Controls) -> Motion:
        return performed(heard, controls=controls)

    looking = aside(Controls(gaze_deg=(15.0, 0.0)))
    sight = (looking.rotation_deg + np.pad(looking.gaze_deg, ((0, 0), (0, 1))))[:, 0].mean()
    assert sight == pytest.approx(15, abs=5)
    assert np.exp(np.log(aside(Controls(distance=1.3)).distance).mean()) == pytest.approx(1.3, rel=0.06)
    assert aside(Controls(emotion={"happy": 1.0})).expression[:, SMILE].mean() > plain.expression[:, SMILE].mean() + 0.3
    assert aside(Controls(emotion={"sad": 1.0})).expression[:, FROWN].mean() > plain.expression[:, FROWN].mean() + 0.2
    np.testing.assert_array_equal(aside(Controls(emotion={"sad": 0.5})).mood, [[0, 0.5, 0, 0]] * len(plain))
    still = aside(Controls(gains={"head": 0.0, "blink": 0.0}))
    assert np.abs(still.rotation_deg).max() == 0
    assert still.blink.max() == 0


def test_the_head_is_drawn_home(heard: Encoded, plain: Motion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tellmark.generator.motion._HOME_S", 0.2)
    near = performed(heard, controls=Controls(gaze_deg=(10.0, 0.0)))
    assert near.rotation_deg.std(0).mean() < 0.7 * plain.rotation_deg.std(0).mean()
    assert near.rotation_deg[:, 0].mean() == pytest.approx(10 * HEAD_SHARE, abs=1)


def test_offline_motion_has_the_rate_and_length_of_the_speech(tmp_path: Path, sound: np.ndarray) -> None:
    path = tmp_path / "voice.wav"
    synthesize("One, two, three.", path)
    for fps in (25.0, 30.0):
        speech = load_speech(path, fps=fps)
        motion = DiffusionMotion().generate(speech, Controls(), 0)
        assert len(motion) == speech.frames
        assert motion.fps == fps
        assert np.isfinite(motion.array()).all()


def test_pieces_are_the_rows_of_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "voice.wav"
    synthesize("One, two, three, and four.", path)
    speech = load_speech(path)
    longer = dataclasses.replace(
        speech, duration_s=speech.duration_s + 0.4, features=np.pad(speech.features, ((0, 10), (0, 0)))
    )
    shorter = dataclasses.replace(speech, duration_s=0.8, features=speech.features[:20])
    for one in (speech, longer, shorter, load_speech(path, fps=30.0)):
        whole = DiffusionMotion().generate(one, Controls(), 3)
        pieces = list(DiffusionMotion().pieces(one, Controls(), 3))
        assert {piece.fps for piece in pieces} == {whole.fps}
        np.testing.assert_array_equal(np.concatenate([piece.array() for piece in pieces]), whole.array())
    assert isinstance(DiffusionMotion(), GradualModel)
    assert not isinstance(RuleMotion(), GradualModel)


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
    turns = np.stack([performed(heard[:75], seed).rotation_deg for seed in range(4)])
    assert np.abs(turns[:, 0]).max() > 0.5
    speed = np.linalg.norm(np.diff(turns, axis=1), axis=2).mean(0)
    assert speed[:25].mean() > 0.5 * speed[50:].mean()


def test_blinks_are_whole_and_follow_their_gain(heard: Encoded, plain: Motion) -> None:
    long = Encoded.joined([heard] * 3)
    lids = performed(long).blink.mean(1)
    peaks = lids[1:-1][(lids[1:-1] > 0.3) & (lids[1:-1] >= lids[:-2]) & (lids[1:-1] > lids[2:])]
    assert len(peaks) > 1
    assert np.median(peaks) > 0.85
    half = performed(long, controls=Controls(gains={"blink": 0.5})).blink.mean(1)
    assert np.abs(half - lids / 2).max() < 1e-6


def test_heads_end_where_the_films_do_and_small_turns_are_left_alone() -> None:
    off = np.array([[5.0, -6.0], [12.0, 40.0], [-90.0, -9.0]], np.float32)
    held = bounded(off, np.array([12.0, 7.0]), np.array([20.0, 11.0]))
    assert np.array_equal(held[0], off[0])
    assert held[1, 0] == 12
    assert 10.5 < held[1, 1] <= 11
    assert -20 <= held[2, 0] < -19.5
    assert held[2, 1] > off[2, 1]


def test_performances_are_as_differently_lively_as_people() -> None:
    drawn = np.array([liveliness(seed) for seed in range(400)])
    assert 1.2 < np.median(drawn) < 1.4
    assert 0.78 < drawn.min() < 0.85
    assert 2.0 < drawn.max() < 2.15
    assert 0.25 < np.log(drawn).std() < 0.4
    assert liveliness(0) == pytest.approx(1.3)
    for start in (0, 3, 2**63 - 1):
        few = [liveliness(seed) for seed in range(start, start + 7)]
        assert 1.1 < np.median(few) < 1.5
        assert max(few) > 1.6 * min(few)
    assert np.isfinite([liveliness(-1), liveliness(2**64 - 1)]).all()


def test_how_lively_a_head_is_changes_nothing_but_its_size(
    heard: Encoded, plain: Motion, monkeypatch: pytest.MonkeyPatch
) -> None:
    lively = float(liveliness(1))
    monkeypatch.setattr("tellmark.generator.motion.liveliness", lambda seed: np.float32(0.5))
    calm = performed(heard)
    assert np.abs(calm.translation - 0.5 / lively * plain.translation).max() < 1e-5
    assert np.abs(np.log(calm.distance) - 0.5 / lively * np.log(plain.distance)).max() < 1e-5
    assert np.array_equal(calm.expression, plain.expression)
    # Turns that are not held at the films' ends: below 7 degrees.
    free = np.abs(plain.rotation_deg).max(1) < 6.5
    assert free.any()
    assert np.abs(calm.rotation_deg - 0.5 / lively * plain.rotation_deg)[free].max() < 1e-4


def test_a_speech_that_was_cut_short_is_not_heard_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "voice.wav"
    synthesize("A sentence that goes on and on, and does not end before it has been said. " * 4, path)
    speech = load_speech(path)
    rows: list[int] = []
    push = Performance.push
    monkeypatch.setattr(Performance, "push", lambda self, heard: rows.append(len(heard)) or push(self, heard))
    cut = dataclasses.replace(speech, features=speech.features[:20], duration_s=0.8)
    assert len(DiffusionMotion().generate(cut, Controls(), 0)) == 20
    assert sum(rows) < speech.frames / 2
