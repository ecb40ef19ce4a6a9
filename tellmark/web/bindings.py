"""The C2PA Soft Binding Resolution API (C2PA 2.4, "Soft Binding API"), read-only over the registry.

A client that finds a watermark in a file without a manifest asks ``/matches/byBinding`` for the identifiers of the
manifests it stands for, and ``/manifests/{id}`` for the manifest store. The value of a binding is that of the
manifest's ``c2pa.soft-binding`` assertion, in base64: the payload's 16 hexadecimal digits; its 8 bytes are taken too.

The registry is kept by payload. For the way from a manifest's identifier to its row, the identifiers of all rows are
held in memory and those of new rows are added when one is asked for.
"""

from __future__ import annotations

import base64
import binascii
import re
import sqlite3
import struct
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from tellmark.errors import InputError
from tellmark.watermark.claims import SOFT_BINDING_ALGORITHM
from tellmark.watermark.registry import Registry, location
from tellmark.web.problems import Problem

DEFAULT_RESULTS = 10
_PAYLOAD = re.compile(r"[0-9a-f]{16}")
_WHAT_TO_DO = f"ask for alg={SOFT_BINDING_ALGORITHM}, the one algorithm of this service"


def supported_algorithms() -> dict[str, Any]:
    """``c2pa.softBindingAlgList``."""
    return {"watermarks": [{"alg": SOFT_BINDING_ALGORITHM}], "fingerprints": []}


def require_algorithm(alg: object) -> None:
    """:class:`Problem` 400 unless ``alg`` is the watermark's."""
    if alg != SOFT_BINDING_ALGORITHM:
        raise Problem(400, "alg names a soft binding that is not known here" if alg else "alg is missing", _WHAT_TO_DO)


def payload_of(value: object) -> str:
    """The payload, 16 hex digits, that a base64 ``value`` stands for. Raises :class:`Problem` 400."""
    try:
        # In a URL, a plus sign that was not escaped arrives as a space; the URL-safe alphabet is taken as well.
        text = str(value or "").replace(" ", "+").replace("-", "+").replace("_", "/")
        raw = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    payload = raw.hex() if len(raw) == 8 else raw.decode("ascii", "replace").lower()
    if not _PAYLOAD.fullmatch(payload):
        raise Problem(
            400,
            "value is not a watermark's payload",
            "give the value of the manifest's c2pa.soft-binding assertion (16 hexadecimal digits), in base64",
        )
    return payload


def max_results(value: str | None) -> int:
    """The parameter ``maxResults``. Raises :class:`Problem` 400."""
    if value is None:
        return DEFAULT_RESULTS
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise Problem(400, "maxResults is not a whole number from 1 on", "leave it out, or give a number such as 10")
    return int(value)


class Resolver:
    """From payloads to identifiers of manifests, and from those to manifest stores. Safe to use from several threads.

    Every method raises :class:`InputError` where the registry cannot be read.
    """

    def __init__(self, registry: str | Path | None) -> None:
        self._registry = registry
        self._path = location(registry)
        self._rows: dict[str, int] = {}  # identifier -> row
        self._seen = 0  # the last row that was read
        self._lock = threading.Lock()

    def matches(self, payload: str, limit: int, fits: bool | None = True) -> dict[str, Any]:
        """``c2pa.softBindingQueryResult``: newest manifests first.

        ``fits``: whether an uploaded file's content is the registered one. A mark can be copied: the score is then 0;
        it is left out where nothing could be compared.
        """
        with Registry(self._registry) as rows:
            found = [identifier(entry.manifest) for entry in rows.find(payload)]
        score = {} if fits is None else {"similarityScore": 100 if fits else 0}
        known = list(dict.fromkeys(name for name in found if name is not None))
        return {"matches": [{"manifestId": name, **score} for name in known[:limit]]}

    def store(self, manifest_id: str) -> bytes | None:
        """The manifest store whose active manifest has this identifier."""
        if not self._path.exists():
            return None
        try:
            with closing(_connect(self._path)) as connection, self._lock:
                new = connection.execute("SELECT id, manifest FROM clips WHERE id > ? ORDER BY id", (self._seen,))
                for row, manifest in new:
                    self._seen = row
                    if name := identifier(manifest):
                        self._rows[name] = row
                if manifest_id not in self._rows:
                    return None
                query = "SELECT manifest FROM clips WHERE id = ?"
                found = connection.execute(query, (self._rows[manifest_id],)).fetchone()
        except sqlite3.Error as error:
            raise InputError(f"the registry cannot be read ({error}); give another with --registry") from error
        return found[0] if found else None


def _connect(path: Path) -> sqlite3.Connection:
    """Read-only. A registry in a folder that cannot be written is opened as it is, without its write-ahead log."""
    for mode in ("mode=ro", "mode=ro&immutable=1"):
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True)
        try:
            connection.execute("SELECT id FROM clips LIMIT 1").fetchone()
            return connection
        except sqlite3.OperationalError:
            connection.close()
    raise sqlite3.OperationalError("not a registry, or not readable")


def identifier(store: bytes) -> str | None:
    """The identifier of a store's active manifest, which is its last; None where the store is damaged.

    A store is a JUMBF superbox (ISO 19566-5): a description box, then one superbox for each manifest, whose label is
    its identifier.
    """
    try:
        manifests = [content for kind, content in _boxes(_content(store)) if kind == b"jumb"]
        kind, description = next(_boxes(manifests[-1]))
        if kind != b"jumd":
            return None
        return description[17 : description.index(0, 17)].decode()  # after a 16-byte type and a byte of flags
    except (struct.error, ValueError, IndexError, StopIteration):
        return None


def _content(superbox: bytes) -> bytes:
    kind, content = next(_boxes(superbox))
    if kind != b"jumb":
        raise ValueError("not a JUMBF superbox")
    return content


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    offset = 0
    while offset < len(data):
        size, kind = struct.unpack_from(">I4s", data, offset)
        header = 8
        if size == 1:
            (size,), header = struct.unpack_from(">Q", data, offset + 8), 16
        elif size == 0:  # to the end
            size = len(data) - offset
        if size < header or offset + size > len(data):
            raise ValueError("a box that is larger than what holds it")
        yield kind, data[offset + header : offset + size]
        offset += size
