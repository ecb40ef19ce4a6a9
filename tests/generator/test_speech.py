"""Features of speech: what they measure, and what must not change them."""

from __future__ import annotations

import dataclasses
import wave
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from scipy import signal

from tellmark.encoding import VideoWriter
from tellmark.errors import InputError, MediaError, UsageError
from tellmark.generator import speech
from tellmark.generator.audio.acoustics import SAMPLE_RATE_HZ, analyse
from tellmark.generator.audio.levels import REACH_S
from tellmark.generator.audio.visemes import lip_tracks
from tellmark.generator.audio.voice import Phoneme, synthesize
from tellmark.generator.speech import FEATURES, features, load_speech
from tellmark.generator.types import Speech
from tellmark.media import load_audio
from tellmark.types import F32, F64

SENTENCE = "My baby brother bumped into the big purple lamp. What do you think about five brave firemen?"


def write_wav(path: Path, sound: F32 | F64, rate: int = SAMPLE_RATE_HZ, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        samples = np.round(32767 * np.clip(np.asarray(sound, np.float64), -1, 1)).astype("<i2")
        file.writeframes(np.repeat(samples, channels).tobytes())
    return path


def encode(path: Path, sound: F32, codec: str, rate: int, layout: str) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        resampler = av.AudioResampler(format=stream.format, layout=layout, rate=rate, frame_size=1024)
        frame = av.AudioFrame.from_ndarray(sound[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE_HZ, 0
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> tuple[F32, list[Phoneme]]:
    """A sentence at 16 kHz with a second of silence on either side, and its phonemes."""
    path = tmp_path_factory.mktemp("voice") / "speech.wav"
    phonemes = synthesize(SENTENCE, path)
    sound = np.pad(0.6 * load_audio(path, SAMPLE_RATE_HZ), SAMPLE_RATE_HZ)
    return sound, [Phoneme(0.0, ""), *(Phoneme(time_s + 1, name) for time_s, name in phonemes)]


def column(rows: Speech | F32, name: str) -> F32:
    table = rows.features if isinstance(rows, Speech) else rows
    return np.asarray(table[:, FEATURES.index(name)], np.float32)


def heard(sound: F32 | F64, fps: float = 25.0) -> F32:
    return features(analyse([sound.astype(np.float32)]), fps)


def correlation(a: F32, b: F32) -> float:
    return float(np.corrcoef(a, b)[0, 1])


@pytest.mark.parametrize(("seconds", "fps"), [(0.2, 25.0), (1.0, 25.0), (1.01, 30.0), (2.5, 29.97), (0.25, 1.0)])
def test_one_row_a_frame(tmp_path: Path, seconds: float, fps: float) -> None:
    loaded = load_speech(write_wav(tmp_path / "a.wav", np.zeros(round(seconds * 16000))), fps=fps)
    assert loaded.frames == max(1, round(seconds * fps))
    assert loaded.features.shape == (loaded.frames, len(FEATURES))
    assert loaded.features.dtype == np.float32
    assert loaded.duration_s == pytest.approx(seconds)
    assert loaded.fps == fps
    assert np.isfinite(loaded.features).all()


def test_a_frame_is_centred_at_its_time(tmp_path: Path) -> None:
    sound = np.zeros(2 * SAMPLE_RATE_HZ)
    sound[16000:16016] = 0.9  # at 1 s
    loaded = load_speech(write_wav(tmp_path / "click.wav", sound), fps=50.0)
    assert int(column(loaded, "level_db").argmax()) == 50


def test_level_follows_the_rms_of_plain_numpy(tmp_path: Path, spoken: tuple[F32, list[Phoneme]]) -> None:
    sound, _ = spoken
    loaded = load_speech(write_wav(tmp_path / "a.wav", sound))
    windows = (sound[max(0, i * 640 - 320) : i * 640 + 320].astype(np.float64) for i in range(loaded.frames))
    rms_db = np.array([10 * np.log10(np.mean(window**2) + 1e-10) for window in windows], np.float32)
    loud = rms_db > -40
    assert correlation(column(loaded, "level_db")[loud], rms_db[loud]) > 0.85
    assert correlation(column(loaded, "energy"), np.clip(rms_db, -45, 0)) > 0.9


def test_every_container_rate_and_layout_is_heard_alike(tmp_path: Path, spoken: tuple[F32, list[Phoneme]]) -> None:
    sound, _ = spoken
    plain = load_speech(write_wav(tmp_path / "plain.wav", sound))
    at_44k = signal.resample_poly(sound, 441, 160)
    files = [
        write_wav(tmp_path / "stereo44.wav", at_44k, 44100, channels=2),
        encode(tmp_path / "a.flac", sound, "flac", 48000, "stereo"),
        encode(tmp_path / "a.m4a", sound, "aac", 44100, "mono"),
        encode(tmp_path / "a.mka", sound, "libopus", 48000, "5.1"),
    ]
    with VideoWriter(tmp_path / "a.mp4", width=64, height=64, fps=25, audio=tmp_path / "plain.wav") as video:
        for _ in range(plain.frames):
            video.write(np.full((96, 64), 128, np.uint8))
    for file in [*files, tmp_path / "a.mp4"]:
        loaded = load_speech(file)
        assert abs(loaded.frames - plain.frames) <= 2, file.name
        frames = min(loaded.frames, plain.frames)
        for name in ("energy", "open", "closure"):
            assert correlation(column(loaded, name)[:frames], column(plain, name)[:frames]) > 0.9, (file.name, name)


def test_level_does_not_matter(spoken: tuple[F32, list[Phoneme]]) -> None:
    sound, _ = spoken
    loud, quiet = heard(sound), heard(0.03 * sound)
    for name in ("energy", "speaking", "open", "closure", "band_04"):
        np.testing.assert_allclose(column(quiet, name), column(loud, name), atol=0.15, err_msg=name)
    drop_db = np.median(column(loud, "level_db") - column(quiet, "level_db"))
    assert drop_db == pytest.approx(-20 * np.log10(0.03), abs=0.1)


@pytest.mark.parametrize("spoil", ["telephone", "noise", "rumble", "hiss"])
def test_gestures_survive_bad_recordings(spoken: tuple[F32, list[Phoneme]], spoil: str) -> None:
    sound, _ = spoken
    rng = np.random.default_rng(5)
    noise = rng.standard_normal(len(sound))
    level = np.sqrt(np.mean(sound**2))
    spoilers: dict[str, Callable[[], F64]] = {
        "telephone": lambda: np.asarray(
            signal.sosfilt(signal.butter(4, (300, 3400), "bandpass", fs=SAMPLE_RATE_HZ, output="sos"), sound)
        ),
        "noise": lambda: sound + 0.18 * level * noise,  # 15 dB
        "rumble": lambda: (
            sound + 4 * level * np.asarray(signal.sosfilt(signal.butter(2, 60, fs=16000, output="sos"), noise))
        ),
        "hiss": lambda: np.asarray(signal.lfilter([1, -0.9], [1.0], sound)),
    }
    clean, spoilt = heard(sound), heard(spoilers[spoil]())
    for name, least in (("speaking", 0.8), ("open", 0.8), ("closure", 0.75), ("round", 0.6)):
        assert correlation(column(spoilt, name), column(clean, name)) > least, name


def test_gestures_are_those_of_the_phonemes(spoken: tuple[F32, list[Phoneme]]) -> None:
    sound, phonemes = spoken
    rows = heard(sound, fps=100.0)
    truth = lip_tracks(phonemes, len(sound) / SAMPLE_RATE_HZ)[: len(rows)]
    for index, (name, least) in enumerate(
        (("open", 0.8), ("front", 0.75), ("round", 0.65), ("closure", 0.8), ("labiodental", 0.5))
    ):
        assert correlation(column(rows, name), truth[:, index].astype(np.float32)) > least, name


@pytest.mark.parametrize("kind", ["zeros", "dither", "white", "pink", "hum", "steady tone"])
def test_steady_sound_is_silence(kind: str) -> None:
    rng = np.random.default_rng(6)
    seconds, t = 6, np.arange(6 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    white = rng.standard_normal(seconds * SAMPLE_RATE_HZ)
    sounds = {
        "zeros": np.zeros_like(white),
        "dither": np.round(white) / 32768,
        "white": 0.1 * white,
        "pink": 0.02 * signal.lfilter([1.0], [1.0, -0.98], white),
        "hum": 0.2 * np.sin(2 * np.pi * 50 * t) + 0.05 * np.sin(2 * np.pi * 150 * t) + 0.001 * white,
        "steady tone": 0.3 * np.sin(2 * np.pi * 300 * t),
    }
    rows = heard(sounds[kind])
    assert column(rows, "energy").max() < 0.2
    assert column(rows, "speaking").max() < 0.05


def test_pauses_between_noisy_phrases_are_silence(spoken: tuple[F32, list[Phoneme]]) -> None:
    sound, _ = spoken
    gap = np.zeros(3 * SAMPLE_RATE_HZ, np.float32)
    noisy = np.concatenate([sound, gap, sound]) + 0.004 * np.random.default_rng(7).standard_normal(
        2 * len(sound) + len(gap)
    )
    pause = slice(int((len(sound) / 16000 + 0.5) * 25), int((len(sound) / 16000 + 2.5) * 25))
    assert column(heard(noisy), "speaking")[pause].max() < 0.05
    assert column(heard(noisy), "speaking").max() > 0.95


def test_pitch_is_in_semitones_above_the_mean() -> None:
    step = np.concatenate([np.full(24000, 120.0), np.full(24000, 120.0 * 2 ** (4 / 12))])
    phase = 2 * np.pi * np.cumsum(step) / SAMPLE_RATE_HZ
    tone = sum(np.sin(k * phase) / k for k in range(1, 12))
    swell = np.clip(1.5 * np.sin(2 * np.pi * 2 * np.arange(48000) / 16000) ** 2, 0, 1)
    rows = heard(0.2 * tone * swell)
    voiced, pitch = column(rows, "voiced"), column(rows, "pitch_st")
    early, late = pitch[:34][voiced[:34] > 0.99], pitch[40:][voiced[40:] > 0.99]
    assert float(np.median(late) - np.median(early)) == pytest.approx(4.0, abs=0.3)


def test_the_start_does_not_know_the_end(spoken: tuple[F32, list[Phoneme]]) -> None:
    sound, _ = spoken
    long = np.tile(sound, 4)
    cut = long[: 20 * SAMPLE_RATE_HZ]
    frames = int((20 - REACH_S) * 25)
    longer = np.concatenate([cut, 0.9 * np.sign(long[: 15 * SAMPLE_RATE_HZ])])
    np.testing.assert_allclose(heard(cut)[:frames], heard(longer)[:frames], atol=1e-3)


def test_segments_do_not_show(spoken: tuple[F32, list[Phoneme]], monkeypatch: pytest.MonkeyPatch) -> None:
    sound, _ = spoken
    analysis = analyse([np.tile(sound, 13)])
    assert analysis.samples > 90 * SAMPLE_RATE_HZ
    in_segments = features(analysis, 25.0)
    monkeypatch.setattr(speech, "_SEGMENT", 10**9)
    np.testing.assert_allclose(in_segments, features(analysis, 25.0), atol=1e-3)


def test_loading_twice_gives_the_same(tmp_path: Path, spoken: tuple[F32, list[Phoneme]]) -> None:
    path = write_wav(tmp_path / "a.wav", spoken[0])
    first, second = load_speech(path), load_speech(path)
    np.testing.assert_array_equal(first.features, second.features)
    assert dataclasses.replace(first, features=second.features).sha256 == second.sha256


def test_files_without_speech_are_refused(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "mute.mp4", width=64, height=64, fps=25) as video:
        for _ in range(10):
            video.write(np.full((96, 64), 128, np.uint8))
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("this is not sound")
    whole = write_wav(tmp_path / "whole.wav", np.zeros(16000)).read_bytes()
    (tmp_path / "header.wav").write_bytes(whole[:30])
    write_wav(tmp_path / "none.wav", np.zeros(0))
    for name in ("mute.mp4", "empty.wav", "text.wav", "header.wav", "none.wav", "missing.wav"):
        with pytest.raises(MediaError, match=name):
            load_speech(tmp_path / name)
    with pytest.raises(InputError, match=r"0\.19 s of sound; give at least 0\.2 s"):
        load_speech(write_wav(tmp_path / "short.wav", np.zeros(3040)))


def test_a_file_cut_short_is_refused(tmp_path: Path, spoken: tuple[F32, list[Phoneme]]) -> None:
    whole = write_wav(tmp_path / "whole.wav", spoken[0]).read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MediaError, match="cut short"):
        load_speech(tmp_path / "cut.wav")


def test_too_long_and_odd_rates_are_usage_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_wav(tmp_path / "a.wav", np.zeros(32000))
    for fps in (0.0, -25.0, 500.0, float("nan")):
        with pytest.raises(UsageError, match="fps"):
            load_speech(path, fps=fps)
    monkeypatch.setattr(speech, "MAX_S", 1.5)
    with pytest.raises(UsageError, match="longer than two hours; cut it"):
        load_speech(path)
