"""The registry: from a watermark's payload back to the signed manifest of its clip.

It is a database (``stores.database``: a SQLite file, by default the user's own, or PostgreSQL) or somebody else's
service (``stores.remote``), which can only be asked. A row is committed before its clip appears under its final name,
so a clip that can be seen can be found; after a kill there may be a row without a clip, never a clip without a row.

A payload may have several rows: marking a marked clip again keeps its mark and signs anew.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from tellmark import runs
from tellmark.errors import UsageError
from tellmark.watermark.identity import settings
from tellmark.watermark.stores.entry import DATABASES, Entry, Store

SERVICES = ("http", "https")


def location(where: str | Path | None = None) -> Path | str:
    """Where a registry is: the path of a SQLite file, or the URL of a database or service.

    None is the one of the settings file, by default ``registry.sqlite`` in the user's folder. Raises
    :class:`UsageError` for anything else.
    """
    if where is None:
        where = settings.load().registry or runs.home() / "registry.sqlite"
    text = str(where)
    scheme, separator, rest = text.partition("://")
    if separator and rest and (scheme in DATABASES or scheme in SERVICES):
        return text
    if text.startswith("sqlite:///"):
        text = text.removeprefix("sqlite:///")
    elif separator:
        raise UsageError(
            f"--registry {text}: give a path, sqlite:///PATH, postgresql://.. or the https:// of a service"
        )
    if not text:
        raise UsageError("--registry: the path is empty; give the registry's file")
    return Path(text)


class Registry:
    """A context manager over one registry. A SQLite file is made on the first :meth:`add`, never by looking up.

    where: see :func:`location`. Methods may be called from several threads.
    """

    def __init__(self, where: str | Path | None = None) -> None:
        self.location = location(where)
        self._opened: Store | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close it; it is opened again when used again."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def prepare(self) -> None:
        """Make ready to be written; raises now what :meth:`add` would raise after an hour of rendering."""
        self._store.prepare()

    def check(self) -> None:
        """Raise :class:`tellmark.errors.InputError` where it cannot be read."""
        self._store.check()

    def add(self, entry: Entry) -> None:
        """Commit ``entry`` to disk. Raises :class:`tellmark.errors.InputError` where it cannot be written."""
        self._store.add(entry)

    def withdraw(self, sha256: str) -> None:
        """Take out the entries of a signed file, by its hash, that was never handed on and is given up.

        Raises :class:`tellmark.errors.InputError` where it cannot be written.
        """
        self._store.withdraw(sha256)

    def find(self, payload: str) -> list[Entry]:
        """The entries of a payload, newest first; empty where there are none."""
        return self._store.find(payload)

    def find_manifest(self, manifest_id: str) -> Entry | None:
        """The newest entry whose active manifest has this identifier."""
        return self._store.find_manifest(manifest_id)

    def payloads(self, most: int) -> list[str]:
        """Each payload once, at most so many; empty where it does not tell, as a service."""
        return self._store.payloads(most)

    def count(self) -> int:
        """How many entries there are. Raises :class:`tellmark.errors.UsageError` where a service does not tell."""
        return self._store.count()

    @property
    def _store(self) -> Store:
        """The implementation; imported when it is needed, because verifying manifests needs neither."""
        if self._opened is None:
            if isinstance(self.location, str) and self.location.partition("://")[0] in SERVICES:
                from tellmark.watermark.stores.remote import Service

                self._opened = Service(self.location)
            else:
                from tellmark.watermark.stores.database import Database

                self._opened = Database(self.location)
        return self._opened
