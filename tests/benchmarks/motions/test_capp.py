"""Audio-pose alignment, on heads that do and do not go with the sound."""

import numpy as np
import pytest

from tellmark.benchmarks.motions import capp, train_capp
from tellmark.errors import InputError
from tellmark.generator.dynamics.behaviour import wander
from tellmark.generator.track import Track


def made(seed: int, frames: int = 220) -> train_capp.Pair:
    """A head whose pitch follows a band of the sound."""
    rng = np.random.default_rng(seed)
    common = wander(rng, frames, 25.0, 0.12)
    pose = 0.3 * rng.standard_normal((frames, capp.POSE))
    sound = 0.3 * rng.standard_normal((frames, capp.SOUND))
    pose[:, 7] += common
    sound[:, 3] += common
    return train_capp.Pair(f"p{seed}", pose.astype(np.float32), sound.astype(np.float32))


def test_training_finds_the_moment_and_the_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_capp, "BATCH", 12)
    net = train_capp.train([made(seed) for seed in range(6)], steps=60)
    aside = [made(seed) for seed in (20, 21, 22)]
    shifted = train_capp.shift_test(aside, net).mean(0)
    assert shifted.argmax() == 4
    assert shifted[4] > shifted[[0, 8]].max() + 0.1
    assert shifted[4] > train_capp.foreign(aside, net).mean() + 0.1


def test_a_clip_must_be_long_enough() -> None:
    pair = made(1, 82)
    with pytest.raises(InputError, match="82 frames are too short"):
        capp.scores(pair.pose, pair.sound, capp.build().eval())


def test_a_head_that_stays_has_no_movement() -> None:
    from tellmark.generator.actors import actor

    landmarks = np.repeat(actor(1).landmarks[None], 90, axis=0)
    track = Track(landmarks, np.ones(90, bool), 25.0, 512, 512, "0" * 64, True)
    rows = capp.pose_rows(track)
    assert rows.shape == (90, capp.POSE)
    assert np.abs(rows).max() < 1e-3


def test_persons_kept_from_the_sync_net_are_kept_from_this_one() -> None:
    from tellmark.benchmarks.motions.train_sync import held_out

    names = [f"person {k}" for k in range(60)]
    assert [train_capp.part_of(name) == 0 for name in names] == [held_out(name) for name in names]
