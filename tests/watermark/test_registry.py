"""The registry on both databases, SQLite and a PostgreSQL server that the tests start."""

import os
import signal
import sqlite3
import subprocess
import sys
import uuid
from contextlib import closing
from dataclasses import replace

import pytest

from tellmark.errors import InputError, UsageError
from tellmark.types import Kind
from tellmark.watermark.credentials import Provenance, sign
from tellmark.watermark.jumbf import identifier
from tellmark.watermark.registry import Registry, location
from tellmark.watermark.stores import database
from tellmark.watermark.stores.entry import Entry
from tests.watermark import postgres

WRITER = """
import sys
from tellmark.watermark.registry import Registry
from tellmark.watermark.stores.entry import Entry
where, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
with Registry(where) as registry:
    for number in range(count):
        registry.add(Entry(f"{name}{number:015x}", b"manifest" * 500, b"fingerprint", "clip", "0" * 64))
        print(number, flush=True)
"""
VERSION_1 = """
CREATE TABLE clips (id INTEGER PRIMARY KEY, payload TEXT NOT NULL, manifest BLOB NOT NULL, fingerprint BLOB NOT NULL,
  title TEXT NOT NULL, sha256 TEXT NOT NULL, created_at TEXT NOT NULL) STRICT;
CREATE INDEX clips_by_payload ON clips (payload);
PRAGMA user_version = 1;
"""


@pytest.fixture(scope="session")
def server():
    """The address of a PostgreSQL server."""
    pytest.importorskip("psycopg", reason="needs the extra tellmark[postgres]")
    if lacking := postgres.missing():
        pytest.skip(f"needs PostgreSQL's {', '.join(lacking)} (Debian: apt install postgresql)")
    with postgres.cluster() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def where(request, tmp_path):
    """A registry that does not exist yet."""
    if request.param == "sqlite":
        return str(tmp_path / "registry.sqlite")
    return postgres.create(request.getfixturevalue("server"), f"r{uuid.uuid4().hex}")


def entry(payload: str = "1" * 16, **fields) -> Entry:
    made = Entry(payload, b"manifest", b"finger\0print", "clip.mp4", "a" * 64, "actor:7, voice.wav", "tellmark 0.1.0")
    return replace(made, **fields)


def test_what_is_added_is_found_newest_first(where):
    old, new = entry(created_at="2026-01-01"), entry(created_at="2026-02-01", title="Ünïcode 📼")
    with Registry(where) as registry:
        registry.add(old)
        registry.add(new)
        registry.add(entry("2" * 16))
    with Registry(where) as registry:
        assert registry.find("1" * 16) == [new, old]
        assert registry.find("3" * 16) == []
        assert registry.count() == 3


def test_a_file_that_is_given_up_is_withdrawn_and_no_other(where, tmp_path):
    kept, given_up = entry(), entry(sha256="b" * 64)
    with Registry(where) as registry:
        registry.withdraw("b" * 64)  # of nothing
        registry.add(kept)
        registry.add(given_up)
        registry.withdraw("b" * 64)
        assert registry.find("1" * 16) == [kept]
    Registry(tmp_path / "none.sqlite").withdraw("b" * 64)
    assert not (tmp_path / "none.sqlite").exists()


def test_each_payload_is_listed_once_and_no_more_than_asked_for(where):
    with Registry(where) as registry:
        for digit in "1213":
            registry.add(entry(digit * 16))
        assert sorted(registry.payloads(10)) == ["1" * 16, "2" * 16, "3" * 16]
        assert len(set(registry.payloads(2))) == 2


def test_a_manifest_is_found_by_its_identifier(where, plain_clip, tmp_path):
    store = sign(plain_clip, tmp_path / "signed.mp4", Provenance(Kind.SYNTHETIC, "x"), "1" * 16)
    with Registry(where) as registry:
        registry.add(entry())
        registry.add(entry(manifest=store))
        assert registry.find_manifest(identifier(store)).manifest == store
        assert registry.find_manifest("urn:c2pa:none") is None


def test_an_empty_database_is_an_empty_registry_and_preparing_twice_changes_nothing(where):
    with Registry(where) as registry:
        assert registry.find("1" * 16) == []
        registry.prepare()
        registry.prepare()
        registry.check()
        assert registry.count() == 0


def test_looking_something_up_makes_no_file(tmp_path):
    registry = Registry(tmp_path / "none.sqlite")
    assert registry.find("1" * 16) == []
    assert registry.find_manifest("urn:c2pa:none") is None
    assert registry.count() == 0
    assert registry.payloads(10) == []
    assert list(tmp_path.iterdir()) == []


def test_places(tmp_path):
    assert location(f"sqlite:///{tmp_path}/r.sqlite") == tmp_path / "r.sqlite"
    for url in ("postgresql://u@host/db", "postgres://host/db", "https://example.org/r"):
        assert location(url) == url


@pytest.mark.parametrize("where", ["ftp://example.org/r", "mysql://host/db", "sqlite://host/x", "", "sqlite:///"])
def test_other_places_are_refused(where):
    with pytest.raises(UsageError, match="--registry"):
        location(where)


def test_a_server_that_is_not_there_is_said_without_the_password():
    with pytest.raises(InputError, match="cannot be used") as caught:
        Registry("postgresql://me:secret@127.0.0.1:1/db").count()
    assert "secret" not in str(caught.value)


def test_what_to_install_is_said_where_the_driver_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(UsageError, match=r"pip install 'tellmark\[postgres\]'"):
        Registry("postgresql://host/db").count()


def test_files_that_are_no_registry_are_refused(tmp_path):
    path = tmp_path / "text"
    path.write_text("no database " * 100)
    with pytest.raises(InputError, match="cannot be used"):
        Registry(path).find("1" * 16)
    newer = tmp_path / "newer.sqlite"
    with closing(sqlite3.connect(newer)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(InputError, match="newer tellmark"):
        Registry(newer).count()


def test_a_registry_of_version_1_is_migrated_with_its_rows(plain_clip, tmp_path, monkeypatch):
    store = sign(plain_clip, tmp_path / "signed.mp4", Provenance(Kind.SYNTHETIC, "x"), "1" * 16)
    path = tmp_path / "registry.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(VERSION_1)
        row = ("1" * 16, store, b"print", "old.mp4", "b" * 64, "2026-01-01")
        connection.execute("INSERT INTO clips VALUES (7, ?, ?, ?, ?, ?, ?)", row)
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda *_: False)
        with pytest.raises(InputError, match="older tellmark"):
            Registry(path).count()
    with Registry(path) as registry:
        (found,) = registry.find("1" * 16)
        assert (found.title, found.origin, found.created_at) == ("old.mp4", "", "2026-01-01")
        assert registry.find_manifest(identifier(store)) == found
        registry.add(entry())
        assert registry.count() == 2


def test_a_migration_that_fails_leaves_the_registry_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "registry.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_1)

    def fails(connection):
        connection.exec_driver_sql("ALTER TABLE clips ADD COLUMN half TEXT")
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(database, "_MIGRATIONS", (database._clips, fails))
        with pytest.raises(InputError, match="disk is full"):
            Registry(path).prepare()
    with closing(sqlite3.connect(path)) as connection:
        assert "half" not in [row[1] for row in connection.execute("PRAGMA table_info(clips)")]
    with Registry(path) as registry:
        assert registry.count() == 0


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


def test_writers_at_the_same_time_lose_nothing(where):
    """The first of them to come makes the table."""
    command = [sys.executable, "-c", WRITER, where]
    writers = [subprocess.Popen([*command, name, "25"], stdout=subprocess.DEVNULL) for name in "abcdef"]
    assert [writer.wait(60) for writer in writers] == [0] * 6
    with Registry(where) as registry:
        assert registry.count() == 150
        assert all(len(registry.find(f"{name}{number:015x}")) == 1 for name in "abcdef" for number in range(25))


def test_a_killed_writer_loses_nothing_it_had_committed(where):
    writer = subprocess.Popen([sys.executable, "-c", WRITER, where, "a", "100000"], stdout=subprocess.PIPE, text=True)
    said = [writer.stdout.readline() for _ in range(20)]
    os.kill(writer.pid, signal.SIGKILL)
    said += writer.stdout.read().splitlines(keepends=True)
    writer.wait()
    writer.stdout.close()
    committed = sum(line.endswith("\n") for line in said)
    assert committed >= 20
    with Registry(where) as registry:
        found = [registry.find(f"a{number:015x}") for number in range(committed)]
        assert all(len(rows) == 1 and rows[0].manifest == b"manifest" * 500 for rows in found)
        assert committed <= registry.count() <= committed + 1  # one may have been committed and not said
        registry.add(entry())
    if "://" not in where:
        with closing(sqlite3.connect(where)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_commit_is_on_disk_before_it_is_acknowledged(tmp_path):
    """A kill does not show it, a power cut would: SQLite waits for the disk at every commit."""
    rows = database.Database(tmp_path / "registry.sqlite")
    rows.prepare()
    with rows._engine().connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
    rows.close()


def test_importing_the_registry_does_not_load_the_database_library():
    """Checking manifests of thousands of small files needs no registry."""
    script = "import sys, tellmark.watermark.many; print('sqlalchemy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
