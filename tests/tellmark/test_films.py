"""Films for a plan: one a person, with sound, without names."""

import csv
from pathlib import Path

import numpy as np
import pytest

from tellmark.encoding import Encoding, VideoWriter
from tellmark.errors import InputError
from tellmark.films import GROUPS, PERSONS, gather_films
from tellmark.generator.factory.soundtrack import write_sound
from tellmark.media import VideoReader, load_audio, probe, rgb_to_i420

COLUMNS = ("path", "kind", "person_id", "seconds", "has_audio", "notes")
TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(3 * 16_000) / 16_000)).astype(np.float32)


def film(path: Path, shade: int, audio: Path | None = None) -> None:
    with VideoWriter(path, width=64, height=64, fps=25, audio=audio, encoding=Encoding(preset="ultrafast")) as writer:
        for _ in range(50):
            writer.write(rgb_to_i420(np.full((64, 64, 3), shade, np.uint8)))


@pytest.fixture
def index(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    write_sound(folder / "talk.wav", TONE, 16_000)
    film(folder / "ann_loud.mp4", 90, folder / "talk.wav")
    film(folder / "ann_mute.mp4", 60)
    film(folder / "bob.mp4", 200)
    rows = [
        ("ann_mute.mp4", "real", "ann", 9, 0, ""), ("ann_loud.mp4", "real", "ann", 2, 1, ""),
        ("bob.mp4", "real", "bob", 2, 0, ""), ("cut.mp4", "real", "cat", 1, 1, ""),
        ("fake.mp4", "fake", "dan", 9, 1, ""), ("talk.wav", "speech", "eve", 3, 1, "lang=de (speech)"),
    ]  # fmt: skip
    with (folder / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return folder / "index.csv"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_one_film_a_person_with_sound(index: Path, tmp_path: Path) -> None:
    out = gather_films(index, tmp_path / "films", seconds=2)
    persons, groups = rows_of(out / PERSONS), rows_of(out / GROUPS)
    films = [out / row["path"] for row in persons]
    assert [probe(path).has_audio for path in films] == [True, True]
    assert films[0].resolve() == index.parent / "ann_loud.mp4"  # its own sound comes before the longer film
    assert [(row["sound"], row["language"]) for row in groups] == [("its own", ""), ("lent", "de")]
    written = " ".join(path.name for path in out.iterdir()) + (out / PERSONS).read_text() + (out / GROUPS).read_text()
    assert not any(name in written for name in ("ann", "bob", "eve", "talk"))


def test_lent_speech_leaves_the_picture_as_it_was(index: Path, tmp_path: Path) -> None:
    out = gather_films(index, tmp_path / "films", seconds=2)
    lent = out / rows_of(out / PERSONS)[1]["path"]
    with VideoReader(lent) as made, VideoReader(index.parent / "bob.mp4") as given:
        pairs = [(a.rgb(), b.rgb()) for a, b in zip(made, given, strict=True)]
    assert len(pairs) == 50
    assert all(np.array_equal(a, b) for a, b in pairs)
    heard = load_audio(lent)
    assert 1.9 < len(heard) / 16_000 < 2.2
    assert np.abs(np.fft.rfft(heard[:16_000])).argmax() == 440


def test_identities_are_those_a_dataset_gives(index: Path, tmp_path: Path) -> None:
    from tellmark.generator.factory.plan import Folder
    from tellmark.generator.factory.sources import people

    out = gather_films(index, tmp_path / "films", seconds=2)
    found = people(Folder(out, "none", None, out / PERSONS), 1.9, [])
    assert {f"person:{key}" for key in found} == {row["identity"] for row in rows_of(out / GROUPS)}


def test_silence_is_kept_where_nothing_has_to_be_said(index: Path, tmp_path: Path) -> None:
    out = gather_films(index, tmp_path / "films", seconds=2, most=5, lend=False)
    assert [probe(out / row["path"]).has_audio for row in rows_of(out / PERSONS)] == [True, False]
    assert len(rows_of(gather_films(index, tmp_path / "one", seconds=2, most=1) / PERSONS)) == 1


def test_an_index_of_nobody_is_refused(index: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no real footage of 60 s"):
        gather_films(index, tmp_path / "films", seconds=60)
