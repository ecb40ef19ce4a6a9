import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from tellmark.errors import InputError, UsageError
from tellmark.watermark.registry import Entry, Registry, location

WRITER = """
import sys
from tellmark.watermark.registry import Entry, Registry
path, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
with Registry(path) as registry:
    for number in range(count):
        registry.add(Entry(f"{name}{number:015x}", b"manifest" * 500, b"fingerprint", "clip", "0" * 64))
        print(number, flush=True)
"""


def entry(payload: str = "1" * 16, **fields) -> Entry:
    return Entry(payload, b"manifest", b"fingerprint", "clip.mp4", "a" * 64, **fields)


def test_what_is_added_is_found_newest_first(tmp_path):
    path = tmp_path / "registry.sqlite"
    old, new = entry(created_at="2026-01-01"), entry(created_at="2026-02-01")
    with Registry(path) as registry:
        registry.add(old)
        registry.add(new)
        registry.add(entry("2" * 16))
    with Registry(f"sqlite:///{path}") as registry:
        assert registry.find("1" * 16) == [new, old]
        assert registry.find("3" * 16) == []
        assert registry.count() == 3


def test_looking_something_up_makes_no_file(tmp_path):
    registry = Registry(tmp_path / "none.sqlite")
    assert registry.find("1" * 16) == []
    assert registry.count() == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", ["https://example.org/r", "postgres://host/db", "sqlite://host/x", "", "sqlite:///"])
def test_other_places_are_refused(where):
    with pytest.raises(UsageError, match="--registry"):
        location(where)


def test_files_that_are_no_registry_are_refused(tmp_path):
    path = tmp_path / "text"
    path.write_text("no database " * 100)
    with pytest.raises(InputError, match="cannot be used"):
        Registry(path).find("1" * 16)
    newer = tmp_path / "newer.sqlite"
    connection = sqlite3.connect(newer)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(InputError, match="newer tellmark"):
        Registry(newer).count()


def test_a_registry_on_a_read_only_share_can_be_looked_up(tmp_path, monkeypatch):
    path = tmp_path / "registry.sqlite"
    with Registry(path) as registry:
        registry.add(entry())
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere, so the mode bits say nothing here
    with Registry(path) as registry:
        assert registry.count() == 1
        assert len(registry.find("1" * 16)) == 1
        assert [item.name for item in tmp_path.iterdir()] == ["registry.sqlite"]
        with pytest.raises(InputError, match="readonly"):
            registry.add(entry())


def test_writers_at_the_same_time_lose_nothing(tmp_path):
    path = tmp_path / "registry.sqlite"
    command = [sys.executable, "-c", WRITER, str(path)]
    writers = [subprocess.Popen([*command, name, "25"], stdout=subprocess.DEVNULL) for name in "abcdef"]
    assert [writer.wait(60) for writer in writers] == [0] * 6
    with Registry(path) as registry:
        assert registry.count() == 150


def test_a_killed_writer_loses_nothing_it_had_committed(tmp_path):
    path = tmp_path / "registry.sqlite"
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), "a", "100000"], stdout=subprocess.PIPE, text=True
    )
    said = [writer.stdout.readline() for _ in range(20)]
    os.kill(writer.pid, signal.SIGKILL)
    said += writer.stdout.read().splitlines(keepends=True)
    writer.wait()
    writer.stdout.close()
    committed = sum(line.endswith("\n") for line in said)
    with Registry(path) as registry:
        assert committed >= 20
        assert registry.count() >= committed
        assert registry.find(f"a{committed - 1:015x}")[0].manifest == b"manifest" * 500
        registry.add(entry())
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
