"""Damaged films and sounds: each case is the same again, and what gets out of it is told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from tellmark.benchmarks import media
from tellmark.benchmarks.damage import anywhere
from tellmark.media import VideoReader, probe, read_audio


@pytest.mark.parametrize("name", media.FORMATS)
def test_the_samples_are_whole(tmp_path: Path, name: str) -> None:
    path = media.make(tmp_path / f"a.{name}", name)
    assert sum(len(part) for part in read_audio(path)) == pytest.approx(0.6 * 16_000, rel=0.2)
    assert probe(path).has_video == bool(media.FORMATS[name][0])
    if probe(path).has_video:
        with VideoReader(path) as reader:
            assert len(list(reader)) == 15


def test_damage_is_the_same_for_the_same_number() -> None:
    data = bytes(range(256)) * 8
    assert anywhere(data, 5) == anywhere(data, 5) != anywhere(data, 6)
    assert all(anywhere(data, number) != data for number in range(50))


def test_none_of_some_cases_ends_otherwise_than_it_should() -> None:
    rows = media.run(cases=30)
    assert [row["format"] for row in rows] == list(media.FORMATS)
    assert sum(row["cases"] for row in rows) == 30
    assert sum(row["read"] for row in rows) > 5
    assert [row["bad_cases"] for row in rows] == [""] * len(rows)


def test_an_error_that_is_none_of_ours_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path) -> None:
        raise KeyError("stream")

    sample = media.make(tmp_path / "a.wav", "wav")
    monkeypatch.setattr(media, "anywhere", lambda data, number: data)
    assert media.outcome([sample], tmp_path, 0) == "read"
    monkeypatch.setattr(media, "anywhere", lambda data, number: b"nothing")
    assert media.outcome([sample], tmp_path, 0) == "refused"
    monkeypatch.setattr(media, "probe", broken)
    assert media.outcome([sample], tmp_path, 0) == "internal: KeyError: 'stream'"
