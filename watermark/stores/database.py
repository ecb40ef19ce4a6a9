"""A registry in a database: SQLite in a file, or PostgreSQL, through SQLAlchemy Core.

SQLite is kept in write-ahead mode with full synchronisation, and PostgreSQL is told to commit synchronously whatever
the server's default: what :meth:`Database.add` has returned from survives a kill and a power cut. Several processes may
write at once: SQLite lets one in at a time, the others wait.

The schema has a version: SQLite's ``user_version``, a table of one row in PostgreSQL. ``_MIGRATIONS`` lead from each
version to the next, under a lock, in one transaction. Alembic would bring a configuration file, a folder of scripts and
four more packages for what is one table and a tuple of functions.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from tellmark.errors import InputError, UsageError
from tellmark.watermark.jumbf import identifier
from tellmark.watermark.stores.entry import DATABASES, Entry

WAIT_S = 30.0  # how long a writer waits for the others
CONNECT_S = 10  # how long a server may take to answer
_LOCK = 0x7E11_3A2C  # of PostgreSQL's advisory lock while the schema is migrated
_VERSION_TABLE = "tellmark_schema"

_meta = sa.MetaData()
_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_CLIPS = sa.Table(
    "clips",
    _meta,
    sa.Column("id", _ID, primary_key=True),
    *(sa.Column(name, sa.Text, nullable=False) for name in ("payload", "title", "sha256", "created_at")),
    *(sa.Column(name, sa.LargeBinary, nullable=False) for name in ("manifest", "fingerprint")),
    *(sa.Column(name, sa.Text, nullable=False) for name in ("origin", "generator")),
    sa.Column("manifest_id", sa.Text),  # None where the store has none
)
_ENTRY = [
    _CLIPS.c[name]
    for name in ("payload", "manifest", "fingerprint", "title", "sha256", "origin", "generator", "created_at")
]


class Database:
    """One registry. ``where``: the path of a SQLite file, or a ``postgresql://`` URL."""

    def __init__(self, where: Path | str) -> None:
        self._file = where if isinstance(where, Path) else None
        self._url = _server(where) if isinstance(where, str) else None
        self._name = str(where) if self._url is None else self._url.render_as_string(hide_password=True)
        self._opened: sa.Engine | None = None
        self._opening = threading.Lock()

    def prepare(self) -> None:
        """Make or migrate the table."""
        with self._errors():
            self._engine()

    def check(self) -> None:
        """Raise :class:`InputError` where the registry cannot be read."""
        self.count()

    def add(self, entry: Entry) -> None:
        """Commit ``entry`` to disk. Raises :class:`InputError` where that is not possible."""
        values = {column.name: getattr(entry, column.name) for column in _ENTRY}
        with self._errors(), _writing(self._engine()) as connection:
            connection.execute(_CLIPS.insert().values(**values, manifest_id=identifier(entry.manifest)))

    def withdraw(self, sha256: str) -> None:
        """Take out the entries of a file that is given up."""
        if not self._missing():
            with self._errors(), _writing(self._engine()) as connection:
                connection.execute(_CLIPS.delete().where(_CLIPS.c.sha256 == sha256))

    def find(self, payload: str) -> list[Entry]:
        """The entries of a payload, newest first."""
        return self._select(_CLIPS.c.payload == payload)

    def find_manifest(self, manifest_id: str) -> Entry | None:
        """The newest entry whose active manifest has this identifier."""
        return next(iter(self._select(_CLIPS.c.manifest_id == manifest_id)), None)

    def payloads(self, most: int) -> list[str]:
        """Each payload once, at most so many; which ones, where there are more, is left to the database."""
        if self._missing():
            return []
        with self._errors(), self._engine().connect() as connection:
            return list(connection.scalars(sa.select(_CLIPS.c.payload).distinct().limit(most)))

    def count(self) -> int:
        """How many entries there are."""
        if self._missing():
            return 0
        with self._errors(), self._engine().connect() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(_CLIPS)) or 0

    def close(self) -> None:
        """Close all connections."""
        if self._opened is not None:
            self._opened.dispose()
            self._opened = None

    def _select(self, condition: sa.ColumnElement[bool]) -> list[Entry]:
        if self._missing():
            return []
        query = sa.select(*_ENTRY).where(condition).order_by(_CLIPS.c.id.desc())
        with self._errors(), self._engine().connect() as connection:
            return [Entry(**row) for row in connection.execute(query).mappings()]

    def _missing(self) -> bool:
        return self._file is not None and not self._file.exists()

    def _engine(self) -> sa.Engine:
        with self._opening:
            if self._opened is None:
                engine, writable = _sqlite(self._file) if self._file is not None else (_postgres(self._url), True)
                try:
                    _migrate(engine, writable)
                except BaseException:
                    engine.dispose()
                    raise
                self._opened = engine
            return self._opened

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, OSError) as error:
            reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            raise InputError(
                f"the registry {self._name} cannot be used ({reason}); give another with --registry"
            ) from error


# Engines


def _sqlite(file: Path) -> tuple[sa.Engine, bool]:
    """The engine, and whether the file may be written."""
    file.parent.mkdir(parents=True, exist_ok=True)
    writable = not file.exists() or (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK))
    # Write-ahead mode writes beside the file even to read; a copy on a read-only share is opened as it is.
    name = file.absolute().as_uri() + ("" if writable else "?mode=ro&immutable=1")

    def connect() -> Any:
        import sqlite3

        # isolation_level None: transactions begin where _begin says, not where the driver thinks so.
        connection = sqlite3.connect(name, timeout=WAIT_S, isolation_level=None, check_same_thread=False, uri=True)
        if writable:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")  # a commit survives a power cut, not only a kill
            except BaseException:
                connection.close()
                raise
        return connection

    engine = sa.create_engine("sqlite+pysqlite://", creator=connect, poolclass=sa.QueuePool)
    sa.event.listen(engine, "begin", _begin)
    return engine, writable


def _begin(connection: sa.Connection) -> None:
    """A transaction that will write takes the lock at once: one that came to it later could not wait for others."""
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


def _server(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except ArgumentError as error:
        raise UsageError("--registry: not the URL of a database; write postgresql://USER@HOST/DATABASE") from error
    assert parsed.drivername in DATABASES
    return parsed.set(drivername="postgresql+psycopg")


def _postgres(url: sa.URL | None) -> sa.Engine:
    assert url is not None
    try:
        return sa.create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": CONNECT_S})
    except ModuleNotFoundError as error:
        raise UsageError(
            f"a registry in PostgreSQL needs {error.name}; install it with: pip install 'tellmark[postgres]'"
        ) from error


@contextlib.contextmanager
def _writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection within a transaction that is on disk when the block has ended."""
    with engine.connect() as connection:
        connection = connection.execution_options(writes=True)
        with connection.begin():
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql("SET LOCAL synchronous_commit TO on")
            yield connection


# The schema


def _migrate(engine: sa.Engine, writable: bool) -> None:
    """Bring the schema up to date; nothing is written where it is already."""
    with engine.connect() as connection:
        version = _version(connection)
    if version > len(_MIGRATIONS):
        raise SQLAlchemyError(f"made by a newer tellmark, schema {version}")
    if version == len(_MIGRATIONS):
        return
    if not writable:
        raise SQLAlchemyError(f"schema {version} of an older tellmark; open it once where it can be written")
    with _writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        for number in range(_version(connection), len(_MIGRATIONS)):  # another process may have been faster
            _MIGRATIONS[number](connection)
            _set_version(connection, number + 1)


def _version(connection: sa.Connection) -> int:
    """0 where there is no registry yet."""
    if connection.dialect.name == "sqlite":
        return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    if not sa.inspect(connection).has_table(_VERSION_TABLE):
        return 0
    return int(connection.exec_driver_sql(f"SELECT version FROM {_VERSION_TABLE}").scalar_one())


def _set_version(connection: sa.Connection, version: int) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA user_version = {version}")
        return
    connection.exec_driver_sql(f"CREATE TABLE IF NOT EXISTS {_VERSION_TABLE} (version integer NOT NULL)")
    connection.exec_driver_sql(f"DELETE FROM {_VERSION_TABLE}")
    connection.exec_driver_sql(f"INSERT INTO {_VERSION_TABLE} VALUES ({version})")


def _clips(connection: sa.Connection) -> None:
    """Version 1: payload to manifest and fingerprint."""
    sqlite = connection.dialect.name == "sqlite"
    key = "INTEGER PRIMARY KEY" if sqlite else "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
    blob, strict = ("BLOB", "STRICT") if sqlite else ("bytea", "")
    connection.exec_driver_sql(
        f"CREATE TABLE IF NOT EXISTS clips (id {key}, payload TEXT NOT NULL, manifest {blob} NOT NULL, "
        f"fingerprint {blob} NOT NULL, title TEXT NOT NULL, sha256 TEXT NOT NULL, created_at TEXT NOT NULL) {strict}"
    )
    connection.exec_driver_sql("CREATE INDEX IF NOT EXISTS clips_by_payload ON clips (payload)")


def _origins(connection: sa.Connection) -> None:
    """Version 2: where a clip came from, and its manifest's identifier, by which a service is asked."""
    for column in ("origin TEXT NOT NULL DEFAULT ''", "generator TEXT NOT NULL DEFAULT ''", "manifest_id TEXT"):
        connection.exec_driver_sql(f"ALTER TABLE clips ADD COLUMN {column}")
    connection.exec_driver_sql("CREATE INDEX clips_by_manifest ON clips (manifest_id)")
    for (row,) in connection.execute(sa.select(_CLIPS.c.id)).all():
        store = connection.scalar(sa.select(_CLIPS.c.manifest).where(_CLIPS.c.id == row))
        connection.execute(_CLIPS.update().where(_CLIPS.c.id == row).values(manifest_id=identifier(store or b"")))


_MIGRATIONS: tuple[Callable[[sa.Connection], None], ...] = (_clips, _origins)
