"""Training data of the motion model, and the training itself on films that are made here."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tellmark.generator.audio.encoder import SpeechEncoder
from tellmark.generator.dynamics import latent_motion as columns
from tellmark.generator.dynamics.conditioning import CONDITIONS, SOUND
from tellmark.generator.latent import IDENTITY, face_latent
from tellmark.generator.training.motion_data import LENGTH, Film, Mixer, draws, utterance
from tellmark.generator.training.train_motion import Course, Pool, Units, pool, train
from tellmark.generator.types import EXPRESSIONS


@pytest.fixture(scope="module")
def mixer() -> Mixer:
    rng = np.random.default_rng(0)
    wander = np.cumsum(rng.normal(0, 0.3, (140, 10)), axis=0).astype(np.float32)
    wander[:, columns.LIDS] = 0
    moved = rng.normal(0, 0.2, (140, 468, 3)).astype(np.float32)
    films = [Film(wander, moved, np.zeros(IDENTITY, np.float32), None)]
    return Mixer(films, [utterance(rng, SpeechEncoder.load())], face_latent())


@pytest.fixture(scope="module")
def drawn(mixer: Mixer) -> tuple[Pool, Units]:
    return pool(mixer, 24, 0)


def test_sequences_are_the_same_for_a_seed_and_of_the_stated_shapes(mixer: Mixer) -> None:
    first, again = (next(draws(mixer, 1, 3)) for _ in range(2))
    assert (first.motion == again.motion).all()
    assert (first.given == again.given).all()
    assert first.motion.shape == (LENGTH + 1, columns.CHANNELS)
    assert first.sound.shape == (LENGTH, SOUND)
    assert first.given.shape == (len(CONDITIONS),)


def test_borrowed_lips_open_in_speech_and_conditions_are_in_the_motion(mixer: Mixer) -> None:
    jaw, checked = EXPRESSIONS.index("jaw"), 0
    for item in draws(mixer, 12, 1):
        known = dict(zip(CONDITIONS, item.given, strict=True))
        assert item.motion[:, columns.DISTANCE].mean() == pytest.approx(known["distance"] / 5, abs=3.5)
        if item.sound.any() and not known["own_lips"]:
            opened = columns.expressions(item.motion[1:, columns.DYNAMIC])[:, jaw]
            speaking = item.sound[:, 70]
            if speaking.max() > 0.9 and speaking.min() < 0.1:
                assert opened[speaking > 0.9].mean() > opened[speaking < 0.1].mean() + 0.1
                checked += 1
    assert checked


def test_a_stopped_training_goes_on_where_it_was(
    drawn: tuple[Pool, Units], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, units = drawn
    monkeypatch.setattr("tellmark.generator.training.train_motion._EVERY", 3)
    straight = train(whole, whole, units, tmp_path / "a.safetensors", steps=6, width=24, layers=1)
    save, stopped = Course.save, []

    def then_die(course: Course, path: Path) -> None:
        save(course, path)
        if course.step == 3:
            stopped.append(path)
            raise KeyboardInterrupt

    monkeypatch.setattr(Course, "save", then_die)
    with pytest.raises(KeyboardInterrupt):
        train(whole, whole, units, tmp_path / "b.safetensors", steps=6, width=24, layers=1)
    assert stopped
    resumed = train(whole, whole, units, tmp_path / "b.safetensors", steps=6, width=24, layers=1)
    assert resumed == pytest.approx(straight, abs=1e-6)


def test_training_learns(drawn: tuple[Pool, Units], tmp_path: Path) -> None:
    whole, units = drawn
    torch.manual_seed(0)
    before = train(whole, whole, units, tmp_path / "a.safetensors", steps=1, width=36, layers=1)
    after = train(whole, whole, units, tmp_path / "b.safetensors", steps=80, width=36, layers=1)
    assert after < 0.9 * before
