"""Work on a Ray cluster that is started here: the same results as in this process, whatever order they come in."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

import pytest

from tellmark.cluster import on_ray
from tellmark.errors import UsageError


def job(folder: Path, name: str) -> str:
    if name == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    (folder / name).write_text(os.environ["OMP_NUM_THREADS"])
    return name.upper()


def test_every_item_is_done_and_a_crash_costs_only_itself(tmp_path: Path) -> None:
    names = ["a", "dies", "b", "c"]
    found = dict(on_ray(partial(job, tmp_path), names, "local", crashed=lambda name: f"{name}!"))
    assert found == {0: "A", 1: "dies!", 2: "B", 3: "C"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c"]
    assert (tmp_path / "a").read_text() == "1"


def test_an_address_where_nothing_answers() -> None:
    with pytest.raises(UsageError, match="no cluster answers"):
        list(on_ray(str.upper, ["a"], "no such place"))
