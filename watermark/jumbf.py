"""JUMBF boxes (ISO 19566-5), as far as it takes to find out which manifest a store is about."""

from __future__ import annotations

import struct
from collections.abc import Iterator


def identifier(store: bytes) -> str | None:
    """The identifier of a store's active manifest, which is its last; None where the store is damaged.

    A store is a superbox: a description box, then one superbox for each manifest, whose label is its identifier.
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
