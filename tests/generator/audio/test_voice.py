"""espeak-ng as a source of speech whose phonemes are known."""

from __future__ import annotations

import sys
import time
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tellmark.errors import UsageError
from tellmark.generator.audio.acoustics import SAMPLE_RATE_HZ, analyse
from tellmark.generator.audio.voice import LANGUAGES, VARIANTS, synthesize
from tellmark.media import load_audio


def test_the_file_is_16_bit_mono_and_holds_every_phoneme(tmp_path: Path) -> None:
    path = tmp_path / "speech.wav"
    phonemes = synthesize("Mama made a papaya pie.", path)
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        duration_s = file.getnframes() / file.getframerate()
    times = [phoneme.time_s for phoneme in phonemes]
    assert times == sorted(times)
    assert 0 <= times[0] < 0.1
    assert duration_s - 0.1 < times[-1] <= duration_s + 0.01
    spoken = [phoneme.phoneme.strip("ˈˌ") for phoneme in phonemes]
    assert spoken[:4] == ["m", "ɑː", "m", "ɐ"]
    assert spoken.count("p") == 3


def test_the_same_text_is_the_same_sound_whenever_it_is_said(tmp_path: Path) -> None:
    """The breath of this voice is random, and espeak-ng seeds it from the clock's seconds unless told otherwise."""
    for name in ("one.wav", "two.wav"):
        synthesize("Mama made a papaya pie.", tmp_path / name, variant="f2")
        time.sleep(1.1)
    assert (tmp_path / "one.wav").read_bytes() == (tmp_path / "two.wav").read_bytes()


def test_phoneme_times_are_those_of_the_sound(tmp_path: Path) -> None:
    path = tmp_path / "speech.wav"
    phonemes = synthesize("She sees a sea, so she says. Asa, usu, isi.", path)
    sound = load_audio(path, SAMPLE_RATE_HZ)
    bands = analyse([sound]).bands_db
    hiss = bands[:, -2:].mean(1) - bands[:, 2:6].mean(1)
    edges = [time for time, _ in phonemes] + [len(sound) / SAMPLE_RATE_HZ]
    middles: dict[str, list[float]] = {"s": [], "vowel": []}
    for index, (start_s, name) in enumerate(phonemes):
        middle = round(50 * (start_s + edges[index + 1]))
        if name == "s":
            middles["s"].append(hiss[middle])
        elif name.strip("ˈˌː")[:1] in "aiuɑ" and name:
            middles["vowel"].append(hiss[middle])
    assert min(middles["s"]) > max(middles["vowel"])


def test_the_same_text_gives_the_same_samples(tmp_path: Path) -> None:
    def spoken(name: str, **choice: object) -> bytes:
        synthesize("Five fishes, six thistles.", tmp_path / name, **choice)  # type: ignore[arg-type]
        return (tmp_path / name).read_bytes()

    first = spoken("a.wav")
    assert spoken("b.wav", language="de", variant="f3") != first
    assert spoken("a.wav") == first


def test_threads_do_not_disturb_each_other(tmp_path: Path) -> None:
    def spoken(index: int) -> bytes:
        path = tmp_path / f"{index}.wav"
        synthesize("One voice at a time.", path, variant=VARIANTS[index % 4])
        return path.read_bytes()

    alone = [spoken(index) for index in range(4)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(spoken, range(16)))
    assert together == alone * 4


def test_voice_speed_and_pitch_are_heard(tmp_path: Path) -> None:
    def heard(**choice: object) -> tuple[float, float]:
        synthesize("Many men named many moons.", tmp_path / "v.wav", **choice)  # type: ignore[arg-type]
        sound = load_audio(tmp_path / "v.wav", SAMPLE_RATE_HZ)
        rows = analyse([sound])
        return len(sound) / SAMPLE_RATE_HZ, float(np.median(rows.pitch_hz[rows.periodicity > 0.8]))

    plain_s, plain_hz = heard()
    assert heard(speed=240)[0] < 0.8 * plain_s
    assert heard(pitch=90)[1] > 1.2 * plain_hz
    assert heard(variant="f2")[1] > 1.2 * plain_hz


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_listed_language_speaks(tmp_path: Path, language: str) -> None:
    assert len(synthesize("mama papa", tmp_path / "v.wav", language=language)) >= 8


def test_every_listed_variant_speaks(tmp_path: Path) -> None:
    for variant in VARIANTS:
        assert len(synthesize("mama", tmp_path / "v.wav", variant=variant)) >= 4


@pytest.mark.parametrize(
    ("text", "choice", "message"),
    [
        (" \n", {}, "no text"),
        ("—", {}, "nothing to say"),
        ("hello", {"language": "xx-none"}, "no voice xx-none"),
        ("hello", {"variant": "nobody"}, "no variant nobody"),
        ("hello", {"variant": "../../lang/gmw/en"}, "no variant"),
        ("hello", {"speed": 20}, "between 80 and 450"),
        ("hello", {"pitch": 101}, "between 0 and 100"),
    ],
)
def test_what_cannot_be_spoken_leaves_the_old_file(
    tmp_path: Path, text: str, choice: dict[str, object], message: str
) -> None:
    path = tmp_path / "speech.wav"
    path.write_bytes(b"precious")
    with pytest.raises(UsageError, match=message):
        synthesize(text, path, **choice)  # type: ignore[arg-type]
    assert path.read_bytes() == b"precious"
    assert [file.name for file in tmp_path.iterdir()] == ["speech.wav"]


def test_without_the_extra_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(UsageError, match=r"install 'tellmark\[voice\]'"):
        synthesize("hello", tmp_path / "speech.wav")
