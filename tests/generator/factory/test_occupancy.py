import multiprocessing
import os
import tempfile
import time
from pathlib import Path

import pytest

from tellmark.errors import UsageError
from tellmark.generator.factory import occupancy


def hold(out: Path, seconds: float) -> None:
    with occupancy.working(out):
        (out / "begun").touch()
        time.sleep(seconds)
        (out / "ended").touch()


def leave_scratch() -> None:
    with occupancy.scratch() as folder:
        (folder / "frames").touch()
        os._exit(0)


def test_scratch_of_killed_processes_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    worker = multiprocessing.get_context("spawn").Process(target=leave_scratch)
    worker.start()
    worker.join()
    with occupancy.scratch() as own:
        assert len(list(tmp_path.iterdir())) == 2
        occupancy.sweep_scratch()
        assert list(tmp_path.iterdir()) == [own]


def test_a_build_waits_for_workers_that_outlived_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".build").mkdir()
    worker = multiprocessing.get_context("spawn").Process(target=hold, args=(tmp_path, 1.0))
    worker.start()
    while not (tmp_path / "begun").exists():
        time.sleep(0.01)
    monkeypatch.setattr(occupancy, "_PATIENCE_S", 0.1)
    with pytest.raises(UsageError, match=r"another build is at work in .*; wait for it"), occupancy.building(tmp_path):
        pass
    monkeypatch.setattr(occupancy, "_PATIENCE_S", 60.0)
    with occupancy.building(tmp_path):
        assert (tmp_path / "ended").exists()
    worker.join()


def test_two_builds_do_not_share_a_folder_but_a_build_and_its_takes_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".build").mkdir()
    monkeypatch.setattr(occupancy, "_PATIENCE_S", 0.1)
    with occupancy.building(tmp_path):
        with occupancy.working(tmp_path), occupancy.working(tmp_path):
            pass
        with pytest.raises(UsageError, match="another build"), occupancy.building(tmp_path):
            pass
    with occupancy.building(tmp_path):
        pass
