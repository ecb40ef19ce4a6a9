"""Atomic outputs, the user's folder, result files."""

import csv
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tellmark.errors import UsageError
from tellmark.runs import atomic_path, check_output, home, machine_slug, this_process, write_results


def test_success_renames_and_leaves_nothing_else(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("x")
        assert not (tmp_path / "a.txt").exists()
        assert temporary.suffix == ".txt"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_of_two_that_write_the_same_file_the_second_does_not_replace_the_first(tmp_path: Path) -> None:
    def late() -> None:
        with atomic_path(tmp_path / "a.txt") as temporary:
            temporary.write_text("second")
            with atomic_path(tmp_path / "a.txt") as faster:
                faster.write_text("first")

    with pytest.raises(UsageError, match="another process"):
        late()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["first"]


def test_failure_keeps_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")

    def fail() -> None:
        with atomic_path(tmp_path / "a.txt", force=True) as temporary:
            temporary.write_text("new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "old")]


def test_existing_output_needs_force(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(UsageError, match="--force"), atomic_path(tmp_path / "a.txt"):
        pass


def test_unwritable_folder_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"), atomic_path(tmp_path / "file" / "a.txt"):
        pass
    with pytest.raises(UsageError, match="is a folder"), atomic_path(tmp_path):
        pass


def test_neither_a_look_nor_a_failure_leaves_a_folder(tmp_path: Path) -> None:
    out = tmp_path / "new" / "inner" / "a.txt"
    check_output(out, force=False)
    assert list(tmp_path.iterdir()) == []

    def fail() -> None:
        with atomic_path(out) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []
    out.parent.mkdir(parents=True)  # somebody's own, if empty
    with pytest.raises(RuntimeError):
        fail()
    assert list(out.parent.iterdir()) == []
    with atomic_path(out) as temporary:
        temporary.write_text("whole")
    assert out.read_text() == "whole"


def test_home_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELLMARK_HOME", str(tmp_path / "mine"))
    assert home().stat().st_mode & 0o777 == 0o700


def test_results_name_their_machine_and_keep_every_column(tmp_path: Path) -> None:
    path = write_results("speed", [{"a": 1}, {"a": 2, "b": 3}], tmp_path)
    assert path.name == f"speed-{machine_slug()}.csv"
    with path.open() as handle:
        assert list(csv.DictReader(handle)) == [{"a": "1", "b": ""}, {"a": "2", "b": "3"}]


def test_what_a_killed_run_left_is_swept_once_nobody_can_be_writing_it(tmp_path: Path) -> None:
    """Only of the same output: after a minute where its process is gone, after a day where that cannot be told."""
    child = subprocess.run(
        [sys.executable, "-c", "import tellmark.runs as r; print(r.this_process())"],
        capture_output=True,
        text=True,
        check=True,
    )
    gone, alive, elsewhere = child.stdout.strip(), this_process(), "0123abcd-1"
    day, hour, moment = 90_000, 3600, 5
    names = {
        f".clip.{gone}-0123abcd.part.mp4": (hour, True),
        f".clip.{gone}-0123abcd.part.unsigned.mp4": (hour, True),
        f"..clip.{gone}-0123abcd.part.{gone}-4567abcd.part.mp4": (hour, True),
        f".clip.{gone}-89abcdef.part.mp4": (moment, False),
        f".clip.{alive}-0123abcd.part.mp4": (hour, False),
        f".clip.{elsewhere}-0123abcd.part.mp4": (hour, False),
        f".clip.{elsewhere}-89abcdef.part.mp4": (day, True),
        f".other.{gone}-0123abcd.part.mp4": (day, False),
        f".clip.{gone}-0123abcd.part.wav": (day, False),
        ".clip.mine.part.mp4": (day, False),
    }
    for name, (age_s, _) in names.items():
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (time.time() - age_s,) * 2)
    with atomic_path(tmp_path / "clip.mp4") as temporary:
        temporary.write_text("new")
    left = {path.name for path in tmp_path.iterdir()} - {"clip.mp4"}
    assert left == {name for name, (_, swept) in names.items() if not swept}
