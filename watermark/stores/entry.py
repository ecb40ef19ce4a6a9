"""One row of a registry, and what every store of rows can do."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Protocol

DATABASES = ("postgresql", "postgres", "postgresql+psycopg")


def _utc_now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class Entry:
    """One signed clip. What a service does not tell is empty."""

    payload: str  # 16 hex digits
    manifest: bytes  # the C2PA manifest store
    fingerprint: bytes  # ``tellmark.watermark.content.fingerprint.Fingerprint.to_bytes``
    title: str = ""
    sha256: str = ""  # of the signed file
    origin: str = ""  # titles of what it was made from, such as "actor:7, speech.wav"
    generator: str = ""  # what made it, such as "tellmark 0.1.0"
    created_at: str = field(default_factory=_utc_now)  # ISO 8601, UTC


class Store(Protocol):
    """What is behind a :class:`tellmark.watermark.registry.Registry`.

    Every method raises :class:`tellmark.errors.InputError` where it cannot.
    """

    def add(self, entry: Entry) -> None: ...
    def withdraw(self, sha256: str) -> None: ...
    def find(self, payload: str) -> list[Entry]: ...
    def find_manifest(self, manifest_id: str) -> Entry | None: ...
    def payloads(self, most: int) -> list[str]: ...
    def count(self) -> int: ...
    def prepare(self) -> None: ...
    def check(self) -> None: ...
    def close(self) -> None: ...
