import wave
from pathlib import Path

import numpy as np
import pytest

from tellmark.benchmarks.motions import stats as measures
from tellmark.benchmarks.motions import sync, train_sync
from tellmark.benchmarks.motions.stage import model_named, show
from tellmark.errors import InputError, UsageError
from tellmark.generator.actors import actor
from tellmark.generator.audio.voice import Phoneme
from tellmark.generator.types import EXPRESSIONS, Motion


def test_delta_p_is_the_turn_a_frame() -> None:
    steady = np.cumsum(np.tile([0.3, 0.4, 0.0], (50, 1)), axis=0)
    assert measures.delta_p(steady) == pytest.approx(0.5)
    assert measures.delta_p(np.zeros((50, 3))) == 0


def test_blinks_are_counted_and_long_closures_are_not() -> None:
    lids = np.zeros((1500, 2))
    for start in (100, 700, 1300):
        lids[start : start + 4] = 1
    lids[900:1000] = 1  # four seconds with the eyes shut
    lids[400:404] = 0.4  # a twitch
    found = measures.blinks(lids, 25.0)
    assert found.a_minute == pytest.approx(3)
    assert found.duration_s == pytest.approx(0.16)
    assert np.isnan(measures.blinks(np.zeros((100, 2)), 25.0).duration_s)


def test_gaze_spread_tells_jumps_from_rest() -> None:
    motion = Motion.rest(25.0, 250)
    motion.gaze_deg[50:150, 0] = 8
    found = measures.gaze_spread(motion)
    assert found["saccades a minute"] == pytest.approx(12)
    assert found["share of frames in fixation"] == pytest.approx(1 - 2 / 249)
    assert found["gaze spread up and down"] == 0


def test_diversity_is_0_for_copies_and_about_1_for_strangers() -> None:
    rng = np.random.default_rng(0)
    motions = []
    for _ in range(6):
        motion = Motion.rest(25.0, 400)
        motion.rotation_deg[:] = rng.standard_normal((400, 3))
        motions.append(motion)
    assert measures.diversity(motions) == pytest.approx(1, abs=0.1)
    assert measures.diversity(motions[:1] * 4) == 0


def test_closures_are_looked_for_where_they_are() -> None:
    phonemes = [Phoneme(t, name) for t, name in ((0.0, ""), (0.4, "a"), (0.6, "m"), (0.7, "a"), (1.0, "k"), (1.1, "a"))]
    times = measures.closure_times(phonemes, 1.6)
    assert times == pytest.approx([0.65])
    gap = np.full(40, 5.0)
    gap[17] = 0.5  # 0.68 s
    assert measures.closed_at(gap, times, 25.0, 1.0).tolist() == [1]
    assert measures.closed_at(gap, times - 0.1, 25.0, 1.0).tolist() == [0]
    others = measures.moments_without_closure(phonemes, 1.6, 40)
    assert len(others) == 40
    assert np.abs(others - 0.65).min() > 0.12
    assert others.min() >= 0.4


def test_seams_are_found_where_there_are_some() -> None:
    rng = np.random.default_rng(1)
    motion = Motion.rest(25.0, 600)
    motion.rotation_deg[:] = np.cumsum(rng.normal(0, 0.1, (600, 3)), axis=0)
    assert measures.seams([motion], 60)["seam p"] > 0.05
    for border in range(60, 600, 60):
        motion.rotation_deg[border:] += 2
    found = measures.seams([motion], 60)
    assert found["seam jump ratio"] > 3
    assert found["seam p"] == pytest.approx(1 / 60)  # the largest of all
    assert measures.seams([motion], 59)["seam jump ratio"] < 2


def test_eyes_that_jump_are_no_seams() -> None:
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        motion = Motion.rest(25.0, 400)
        motion.gaze_deg[:] = np.cumsum(rng.normal(0, 4, (400, 2)) * (rng.random((400, 1)) < 0.1), axis=0)
        motion.rotation_deg[:] = np.cumsum(rng.normal(0, 0.1, (400, 3)), axis=0)
        found.append(measures.seams([motion], 30)["seam p"])
    assert np.mean(np.array(found) < 0.05) < 0.1


def test_offsets_are_those_of_the_lips() -> None:
    rng = np.random.default_rng(2)
    sound = rng.standard_normal((120, 64)).astype(np.float32)
    sound /= np.linalg.norm(sound, axis=1, keepdims=True)
    found = sync.judge(np.roll(sound, 4, axis=0), sound)  # the lips come four frames late
    assert found.offset == 4
    assert found.distance < 0.01
    assert found.confidence > 1
    with pytest.raises(InputError, match="too short"):
        sync.judge(sound[:20], sound[:20])


def test_the_shipped_net_hears_the_lips_of_known_phonemes() -> None:
    from tellmark.benchmarks.motions.sync_synthetic import synthetic_pair

    lips, sound = synthetic_pair([actor(2).landmarks], 10_007, 99)
    found = sync.score(lips, sound)
    assert abs(found.offset) <= 1
    other = sync.score(lips[::-1].copy(), sound)
    assert found.confidence > 1.5 * other.confidence


def test_training_learns_from_little_and_writes_what_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(3)
    data = []
    for who in range(4):
        common = np.repeat(rng.standard_normal((90, 2)), 1, axis=0)
        lips = np.tile(common, 6).astype(np.float32)
        data.append(
            train_sync.Pair(f"p{who}", lips, np.repeat(np.tile(common, 10)[:, :19], 4, axis=0).astype(np.float32))
        )
    monkeypatch.setattr(sync, "WEIGHTS", tmp_path / "net.safetensors")
    monkeypatch.setattr(train_sync, "BATCH", 6)
    sync.network.cache_clear()
    try:
        train_sync.train(data, sync.WEIGHTS, steps=30)
        a, b = sync.embed(data[0].lips, data[0].sound)
        assert a.shape == b.shape == (90 - sync.WINDOW + 1, 64)
        np.testing.assert_allclose(np.linalg.norm(a, axis=1), 1, atol=1e-5)
        assert train_sync.accuracy(data, seconds=2.0)["AUC of 3 s"] > 0.7
    finally:
        sync.network.cache_clear()


def test_a_performance_is_seen_as_it_was_asked_for() -> None:
    motion = Motion.rest(25.0, 12)
    motion.expression[6:, EXPRESSIONS.index("jaw")] = 0.8
    stage = show(actor(2), motion)
    assert len(stage.track) == 12
    assert stage.track.found.all()
    lips = sync.lip_shape(stage.track)
    assert lips.shape == (12, 12)
    assert lips[8:, 1].mean() - lips[:5, 1].mean() > 1  # 4 mm


def test_models_by_name() -> None:
    assert model_named("rules").name == "rules"
    assert model_named("tellmark.generator.rules:RuleMotion").name == "rules"
    with pytest.raises(UsageError, match="choose one of"):
        model_named("nobody")


def test_persons_are_split_the_same_way_everywhere() -> None:
    aside = [train_sync.held_out(f"person {k}") for k in range(300)]
    assert 70 < sum(aside) < 130
    assert aside == [train_sync.held_out(f"person {k}") for k in range(300)]


def test_a_pause_is_silent(tmp_path: Path) -> None:
    from tellmark.benchmarks.motions.lips import with_pause
    from tellmark.benchmarks.motions.stage import speak

    voice = speak(tmp_path, "en-us", ["One."])
    with wave.open(str(with_pause(voice, tmp_path))) as file, wave.open(str(voice.path)) as once:
        assert file.getnframes() == 2 * once.getnframes() + 3 * once.getframerate()


def test_seams_of_many_performances_are_found_where_those_of_one_are_not() -> None:
    made = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        motion = Motion.rest(25.0, 400)
        motion.rotation_deg[:] = np.cumsum(rng.normal(0, 0.1, (400, 3)), axis=0)
        for border in range(40, 400, 40):
            motion.rotation_deg[border:] += 0.06
        made.append(motion)
    alone = [measures.seams([motion], 40)["seam p"] for motion in made]
    assert max(alone) > 0.1
    assert measures.seams(made, 40)["seam p"] == pytest.approx(1 / 40)
