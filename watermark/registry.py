"""The registry: from a watermark's payload back to the signed manifest of its clip.

One SQLite file in write-ahead mode. A row is committed before its clip appears under its final name, so a clip that can
be seen can be found; after a kill there may be a row without a clip, never a clip without a row. Several processes may
write at once: SQLite lets one in at a time, the others wait.

A payload may have several rows: marking a marked clip again keeps its mark and signs anew.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tellmark import runs
from tellmark.errors import InputError, UsageError

WAIT_S = 30.0  # how long a writer waits for the others
_COLUMNS = "payload, manifest, fingerprint, title, sha256, created_at"
_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS clips (
    id INTEGER PRIMARY KEY,
    payload TEXT NOT NULL,
    manifest BLOB NOT NULL,
    fingerprint BLOB NOT NULL,
    title TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS clips_by_payload ON clips (payload);
"""


def _utc_now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class Entry:
    """One signed clip."""

    payload: str  # 16 hex digits
    manifest: bytes  # the C2PA manifest store
    fingerprint: bytes  # ``tellmark.watermark.fingerprint.Fingerprint.to_bytes``
    title: str
    sha256: str  # of the signed file
    created_at: str = field(default_factory=_utc_now)  # ISO 8601, UTC


def location(where: str | Path | None = None) -> Path:
    """The registry's file: a path, a ``sqlite:///`` URL, or None for the user's own.

    Raises :class:`UsageError` for any other URL.
    """
    if where is None:
        return runs.home() / "registry.sqlite"
    text = str(where)
    if text.startswith("sqlite:///"):
        text = text.removeprefix("sqlite:///")
    elif "://" in text:
        raise UsageError(f"--registry {text}: give a path or a sqlite:///PATH; other registries are not spoken to")
    if not text:
        raise UsageError("--registry: the path is empty; give the registry's file")
    return Path(text)


class Registry:
    """A context manager over one registry file; made on the first :meth:`add`, never by looking something up."""

    def __init__(self, where: str | Path | None = None) -> None:
        self.path = location(where)
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the registry opens it again when used again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def prepare(self) -> None:
        """Make the file where there is none; raises now what :meth:`add` would raise after an hour of rendering."""
        with self._errors():
            self._open()

    def add(self, entry: Entry) -> None:
        """Commit ``entry`` to disk. Raises :class:`InputError` where the file is no registry or cannot be written."""
        with self._errors():
            connection = self._open()
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute(
                    f"INSERT INTO clips ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",
                    (entry.payload, entry.manifest, entry.fingerprint, entry.title, entry.sha256, entry.created_at),
                )

    def find(self, payload: str) -> list[Entry]:
        """The entries of a payload, newest first; empty where there are none."""
        if not self.path.exists():
            return []
        with self._errors():
            rows = self._open().execute(
                f"SELECT {_COLUMNS} FROM clips WHERE payload = ? ORDER BY id DESC",
                (payload,),
            )
            return [Entry(*row) for row in rows]

    def count(self) -> int:
        """How many entries there are."""
        if not self.path.exists():
            return 0
        with self._errors():
            return int(self._open().execute("SELECT count(*) FROM clips").fetchone()[0])

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            read_only = self.path.exists() and not (
                os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK)
            )
            # Write-ahead mode writes beside the file even to read; a copy on a read-only share is opened as it is.
            name = self.path.absolute().as_uri() + ("?mode=ro&immutable=1" if read_only else "")
            connection = sqlite3.connect(name, timeout=WAIT_S, isolation_level=None, check_same_thread=False, uri=True)
            try:
                _prepare(connection, read_only)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise InputError(
                f"the registry {self.path} cannot be used ({error}); give another with --registry"
            ) from error


def _prepare(connection: sqlite3.Connection, read_only: bool) -> None:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > _SCHEMA_VERSION:
        raise sqlite3.DatabaseError(f"made by a newer tellmark, schema {version}")
    if read_only:
        return
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # a commit survives a power cut, not only a kill
    if version < _SCHEMA_VERSION:
        # executescript would commit in the middle of a transaction; the statements are idempotent instead.
        for statement in _SCHEMA.split(";")[:-1]:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
