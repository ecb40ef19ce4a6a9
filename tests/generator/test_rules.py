"""Motion from rules: what is heard is seen, silence is still, chance is bounded and repeatable."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from tellmark.generator.audio.acoustics import SAMPLE_RATE_HZ, analyse
from tellmark.generator.audio.visemes import PLOSIVE_LEAD_S
from tellmark.generator.audio.voice import Phoneme, synthesize
from tellmark.generator.dynamics import behaviour, posture
from tellmark.generator.rules import MOUTH, RuleMotion
from tellmark.generator.speech import FEATURES, features
from tellmark.generator.types import EMOTIONS, EXPRESSIONS, MOODS, Controls, Motion, Speech
from tellmark.media import load_audio
from tellmark.types import F32, F64

FPS = 25.0
SENTENCES = {
    "en-us": "My baby brother bumped into the big purple lamp, but mom put a pillow below him before lunch.",
    "de": "Am Abend bringt meine Mutter immer ein paar Bücher mit, und die Amsel bleibt im Baum.",
    "es": "El hombre compró pan blanco para su madre, porque no había más tiempo para caminar.",
    "fr": "Ma mère boit un peu de jus de pomme avant de partir, et le bateau passe sous le pont.",
    "it": "La bambina mangiava una mela bianca, ma il problema più importante è sempre il tempo.",
    "pl": "Mama kupiła mi piękną bluzkę, a pan Paweł pływał po jeziorze.",
}
MODEL = RuleMotion()


def described(sound: F32, fps: float = FPS) -> Speech:
    return Speech(Path("a.wav"), "", len(sound) / SAMPLE_RATE_HZ, fps, features(analyse([sound]), fps))


def say(folder: Path, text: str, **choice: object) -> tuple[F32, list[Phoneme]]:
    phonemes = synthesize(text, folder / "say.wav", **choice)  # type: ignore[arg-type]
    return load_audio(folder / "say.wav", SAMPLE_RATE_HZ), phonemes


def track(motion: Motion, name: str) -> F32:
    return np.asarray(motion.expression[:, EXPRESSIONS.index(name)], np.float32)


def gap(motion: Motion) -> F32:
    """What is seen of an opening between the lips."""
    return track(motion, "jaw") - track(motion, "press")


def closures(phonemes: list[Phoneme], end_s: float) -> list[float]:
    """Times of the middle of every "m b p" within the speech."""
    times = [time_s for time_s, _ in phonemes] + [end_s]
    found = []
    for index, (time_s, name) in enumerate(phonemes):
        if name[:1] in ("m", "b"):
            found.append(time_s + 0.45 * min(times[index + 1] - time_s, 0.12))
        elif name[:1] == "p":
            found.append(time_s - 0.4 * PLOSIVE_LEAD_S)
    return [time_s for time_s in found if 0.1 < time_s < end_s - 0.1]


def dips(track: F32, fps: float, times: list[float] | F64, depth: float = 0.1) -> int:
    """How many of the times have, within 60 ms, a local minimum at least ``depth`` below both sides within 0.2 s."""
    count, reach = 0, round(0.2 * fps)
    for time_s in times:
        for index in range(len(track)):
            near = abs(index / fps - time_s) <= 0.0601 and 0 < index < len(track) - 1
            if near and track[index] <= min(track[index - 1], track[index + 1]):
                sides = track[max(0, index - reach) : index].max(), track[index + 1 : index + 1 + reach].max()
                if min(sides) - track[index] >= depth:
                    count += 1
                    break
    return count


def _best(by_lag: dict[int, float]) -> int:
    return max(by_lag, key=by_lag.__getitem__)


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> F32:
    """20 s of speech with pauses."""
    folder = tmp_path_factory.mktemp("talk")
    pause = np.zeros(12_000, np.float32)
    pieces = [piece for text in list(SENTENCES.values())[:4] for piece in (say(folder, text)[0], pause)]
    return np.concatenate(pieces)


@pytest.fixture(scope="module")
def long_speech(talk: F32) -> Speech:
    """The same again and again for five minutes."""
    rows = np.tile(described(talk).features, (20, 1))[:7500]
    return Speech(Path("a.wav"), "", 300.0, FPS, rows)


@pytest.fixture(scope="module")
def long_motion(long_speech: Speech) -> Motion:
    return MODEL.generate(long_speech, Controls(), seed=5)


def test_the_same_seed_gives_the_same_motion_whatever_the_global_state(talk: F32) -> None:
    speech = described(talk)
    np.random.seed(1)  # noqa: NPY002
    first = MODEL.generate(speech, Controls(), seed=3)
    np.random.seed(2)  # noqa: NPY002
    np.testing.assert_array_equal(first.array(), MODEL.generate(speech, Controls(), seed=3).array())
    other = MODEL.generate(speech, Controls(), seed=-4)
    assert np.abs(first.rotation_deg - other.rotation_deg).max() > 1
    lips = [EXPRESSIONS.index(name) for name in MOUTH]
    np.testing.assert_array_equal(first.expression[:, lips], other.expression[:, lips])  # lips follow the sound alone


@pytest.mark.parametrize("fps", [24.0, 25.0, 29.97, 60.0])
def test_shape_type_and_range(talk: F32, fps: float) -> None:
    speech = described(talk, fps)
    motion = MODEL.generate(speech, Controls(emotion={"happy": 1.0}, gains={"mouth": 2.0, "head": 2.0}), seed=0)
    assert len(motion) == speech.frames
    assert motion.fps == fps
    assert motion.array().dtype == np.float32
    assert np.isfinite(motion.array()).all()
    for values in (motion.expression, motion.blink):
        assert 0 <= values.min() <= values.max() <= 1
    assert np.abs(motion.gaze_deg).max() <= 28.01


def test_the_mouth_is_still_in_silence() -> None:
    rng = np.random.default_rng(1)
    for sound in (np.zeros(5 * SAMPLE_RATE_HZ), 0.02 * rng.standard_normal(5 * SAMPLE_RATE_HZ)):
        motion = MODEL.generate(described(sound.astype(np.float32)), Controls(), seed=1)
        for name in MOUTH:
            assert track(motion, name).max() < 0.01, name
        assert np.ptp(motion.rotation_deg, axis=0).max() > 0.5  # the head lives


def test_the_mouth_closes_in_pauses(talk: F32) -> None:
    pause = np.zeros(2 * SAMPLE_RATE_HZ, np.float32)
    motion = MODEL.generate(described(np.concatenate([pause, talk[: 4 * SAMPLE_RATE_HZ], pause])), Controls(), seed=1)
    jaw = track(motion, "jaw")
    assert jaw[: int(1.75 * FPS)].max() < 0.01
    assert jaw[int(6.35 * FPS) :].max() < 0.01
    assert jaw[int(2.2 * FPS) : int(5.8 * FPS)].max() > 0.4


def test_the_jaw_follows_the_energy_without_delay(talk: F32) -> None:
    speech = described(talk)
    jaw, energy = track(MODEL.generate(speech, Controls(), 0), "jaw"), speech.features[:, FEATURES.index("energy")]
    by_lag = {lag: float(np.corrcoef(np.roll(energy, lag), jaw)[0, 1]) for lag in range(-8, 9)}
    assert abs(_best(by_lag)) <= 2
    assert by_lag[0] > 0.45


def test_the_lips_meet_where_m_b_and_p_are_said(tmp_path: Path) -> None:
    total = met = by_chance = tries = 0
    rng = np.random.default_rng(8)
    for language, text in SENTENCES.items():
        for variant in ("m3", "f2"):
            sound, phonemes = say(tmp_path, text, language=language, variant=variant)
            seen = gap(MODEL.generate(described(sound), Controls(), 0))
            times = closures(phonemes, len(sound) / SAMPLE_RATE_HZ)
            total, met = total + len(times), met + dips(seen, FPS, times)
            anywhere = rng.uniform(0.1, len(sound) / SAMPLE_RATE_HZ - 0.1, 30)
            tries, by_chance = tries + 30, by_chance + dips(seen, FPS, anywhere)
    assert total > 100
    assert met / total > 0.85
    assert by_chance / tries < 0.55  # a mouth that chatters would meet them all


def test_rounded_and_spread_lips(tmp_path: Path) -> None:
    spread = MODEL.generate(described(say(tmp_path, "see, tea, he, free, key")[0]), Controls(), 0)
    rounded = MODEL.generate(described(say(tmp_path, "shoe, two, who, blue, you")[0]), Controls(), 0)
    assert track(spread, "wide").max() > 2 * track(rounded, "wide").mean()
    assert track(rounded, "pucker").mean() > 2 * track(spread, "pucker").mean()


def test_mouth_opening_is_neither_always_open_nor_chattering(talk: F32) -> None:
    jaw = track(MODEL.generate(described(talk), Controls(), 0), "jaw")
    assert 0.1 < np.mean(jaw < 0.1) < 0.6
    assert 0.35 < np.percentile(jaw, 90) < 0.9
    # Real mouths change by about a third of their standard deviation from frame to frame.
    assert 0.2 < np.abs(np.diff(jaw)).mean() / jaw.std() < 0.5


def test_blinks_come_as_people_blink(long_motion: Motion) -> None:
    right, left = long_motion.blink.T
    shut = right > 0.5
    starts = np.flatnonzero(shut[1:] & ~shut[:-1])
    assert 19 < len(starts) / 5 < 29
    intervals = np.diff(starts) / FPS
    assert intervals.min() > 0.2
    assert 0.3 < intervals.std() / intervals.mean() < 1.0
    assert 0.04 <= shut.mean() * 300 / len(starts) <= 0.25  # seconds a blink
    assert np.abs(right - left).max() < 0.2


def test_lids_open_fast_at_first_and_slowly_at_last() -> None:
    fps = 1000.0
    for seed in range(5):
        blink = behaviour.draw_blink(np.random.default_rng(seed))
        lids = behaviour.bump(np.arange(1000) / fps, 0.0, *blink.strokes_s, ease=behaviour.LID_EASE)
        shut = np.flatnonzero(lids > 0.99)[-1]
        half, rest = (np.flatnonzero(lids[shut:] < level)[0] for level in (0.5, 0.02))
        assert rest > 2.5 * half  # of a half cosine: 1.8


def test_lids_close_faster_than_they_open() -> None:
    lids = behaviour.blinks(np.random.default_rng(2), np.zeros(0), 6000, 100.0)[:, 0]
    speed = np.diff(lids)
    assert speed.max() > 1.4 * -speed.min()


def test_blinks_wait_for_pauses() -> None:
    pauses = np.arange(2.0, 600.0, 4.0)
    lids = behaviour.blinks(np.random.default_rng(3), pauses, 15_000, FPS)[:, 0]
    starts = np.flatnonzero((lids[1:] > 0.3) & (lids[:-1] <= 0.3)) / FPS
    after_pause = np.mean([(starts > pause) & (starts < pause + 0.35) for pause in pauses], axis=1)
    share = np.sum(after_pause * len(starts)) / len(starts)
    assert share > 2 * 0.35 / 4.0  # twice what chance gives


def test_the_head_moves_as_much_as_real_heads_and_comes_back(long_motion: Motion) -> None:
    rotation = long_motion.rotation_deg
    change = np.abs(np.diff(rotation, axis=0)).sum(axis=1).mean()
    assert 0.4 < change < 0.8
    assert np.abs(rotation.mean(axis=0)).max() < 1.0
    assert np.abs(rotation).max() < 18
    thirds = np.array_split(rotation, 3)
    assert all(np.abs(third.mean(axis=0)).max() < 1.5 for third in thirds)  # no drift
    jerk = np.abs(np.diff(rotation, n=3, axis=0)).mean()
    assert jerk < 1.5 * change  # smooth, not trembling


def test_nods_follow_stress(talk: F32) -> None:
    speech = described(talk)
    energy, pitch = (speech.features[:, FEATURES.index(name)].astype(np.float64) for name in ("energy", "pitch_st"))
    stress = behaviour.accents(energy, pitch, FPS)
    assert 10 < len(stress) < 100
    beats = [MODEL.generate(speech, Controls(), seed).rotation_deg[:, 1] for seed in range(40)]
    mean = np.mean(beats, axis=0)  # chance averages out, nods stay
    at_stress = np.mean([mean[round(time_s * FPS)] for time_s, strength in stress if strength > 0.4])
    assert at_stress < mean.mean() - 0.3


def test_the_eyes_hold_their_target_while_the_head_turns(long_motion: Motion) -> None:
    world = long_motion.gaze_deg + long_motion.rotation_deg[:, :2]
    step = np.abs(np.diff(world[:, 0]))
    assert np.median(step) < 0.15  # fixating
    assert 20 < np.sum(step > 2) / 5 < 120  # saccades a minute
    assert np.corrcoef(long_motion.gaze_deg[:, 0], long_motion.rotation_deg[:, 0])[0, 1] < -0.3


@pytest.mark.parametrize("gaze_deg", [(15.0, 0.0), (-20.0, 10.0), (0.0, -12.0)])
def test_gaze_control_turns_eyes_and_head(talk: F32, gaze_deg: tuple[float, float]) -> None:
    motion = MODEL.generate(described(talk), Controls(gaze_deg=gaze_deg), seed=2)
    world = motion.gaze_deg + motion.rotation_deg[:, :2]
    np.testing.assert_allclose(np.median(world, axis=0), gaze_deg, atol=2.0)
    plain = MODEL.generate(described(talk), Controls(), seed=2)
    for axis in (0, 1):
        if gaze_deg[axis]:
            moved = (motion.rotation_deg - plain.rotation_deg)[:, axis].mean()
            assert 0.2 < moved / gaze_deg[axis] < 0.5


def test_distance_control(talk: F32) -> None:
    motion = MODEL.generate(described(talk), Controls(distance=1.3), seed=2)
    assert motion.distance.mean() == pytest.approx(1.3, rel=0.02)
    assert motion.distance.std() < 0.05


@pytest.mark.parametrize("emotion", [name for name in EMOTIONS if EMOTIONS[name]])
def test_emotion_adds_its_expression(talk: F32, emotion: str) -> None:
    speech = described(talk)
    plain = MODEL.generate(speech, Controls(), seed=2)
    moved = MODEL.generate(speech, Controls(emotion={emotion: 0.8}), seed=2)
    for index, name in enumerate(EXPRESSIONS):
        offset, before = 0.8 * EMOTIONS[emotion].get(name, 0.0), plain.expression[:, index]
        if name in ("jaw", "upper_raise"):
            offset = offset * (1 - track(plain, "press"))  # closed lips stay closed
        expected = np.maximum(before, offset) if name == "jaw" else np.clip(before + offset, 0, 1)
        np.testing.assert_allclose(moved.expression[:, index], expected, atol=1e-5, err_msg=name)
    assert (plain.mood == 0).all()
    np.testing.assert_array_equal(
        moved.mood, np.tile(np.float32([0.8 * (name == emotion) for name in MOODS]), (len(moved), 1))
    )
    livelier, bare = posture.livelier({emotion: 0.8}), posture.carried(Motion.rest(25.0, len(plain)), {emotion: 0.8})
    np.testing.assert_allclose(moved.rotation_deg, livelier * plain.rotation_deg + bare.rotation_deg, atol=1e-4)


def test_gains_scale_what_they_name(talk: F32) -> None:
    speech = described(talk)
    plain = MODEL.generate(speech, Controls(), seed=2)
    frozen = MODEL.generate(speech, Controls(gains={"head": 0, "blink": 0, "brow": 0, "mouth": 0}), seed=2)
    assert np.abs(frozen.rotation_deg).max() == np.abs(frozen.translation).max() == frozen.expression.max() == 0
    assert frozen.blink.max() <= 0.25  # the lids still follow the eyes
    half = MODEL.generate(speech, Controls(gains={"head": 0.5, "mouth": 0.5}), seed=2)
    np.testing.assert_allclose(half.rotation_deg, 0.5 * plain.rotation_deg, atol=1e-4)
    np.testing.assert_allclose(track(half, "jaw"), 0.5 * track(plain, "jaw"), atol=1e-5)


def test_the_start_does_not_depend_on_the_length(long_motion: Motion, long_speech: Speech) -> None:
    minute = Speech(Path("a.wav"), "", 60.0, FPS, long_speech.features[:1500])
    short = MODEL.generate(minute, Controls(), seed=5)
    np.testing.assert_allclose(short.array()[: 55 * 25], long_motion.array()[: 55 * 25], atol=1e-3)


def test_time_is_linear_in_length(long_speech: Speech) -> None:
    hour = Speech(Path("a.wav"), "", 3600.0, FPS, np.tile(long_speech.features, (12, 1)))
    began = time.perf_counter()
    motion = MODEL.generate(hour, Controls(), seed=0)
    assert len(motion) == 90_000
    assert time.perf_counter() - began < 10  # about 1 s; anything quadratic takes minutes


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_a_few_frames_are_enough(frames: int) -> None:
    speech = Speech(Path("a"), "", frames / FPS, FPS, np.zeros((frames, len(FEATURES)), np.float32))
    assert len(MODEL.generate(speech, Controls(), seed=0)) == frames


@pytest.mark.shared
def test_real_speech_in_many_languages(shared_data: Path) -> None:
    from tellmark.generator.speech import load_speech

    files = sorted((shared_data / "speech").glob("dreamtalk__*[0-9].flac"))
    assert len(files) > 5
    for file in files:
        speech = load_speech(file)
        jaw, energy = track(MODEL.generate(speech, Controls(), 0), "jaw"), speech.features[:, FEATURES.index("energy")]
        by_lag = {lag: float(np.corrcoef(energy[8:-8], np.roll(jaw, -lag)[8:-8])[0, 1]) for lag in range(-8, 9)}
        assert abs(_best(by_lag)) <= 2, file.name
        assert by_lag[0] > 0.4, file.name
