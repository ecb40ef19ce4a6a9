"""Random damage to signed files, the same for the same number, and which of their bytes are signed at all."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, slots=True)
class Sample:
    """A signed file, or a manifest store."""

    path: Path
    data: bytes

    @property
    def store(self) -> tuple[int, int]:
        """Where its manifest is kept: (start, end) in bytes."""
        return _store(self.data)


def damage(sample: Sample, number: int) -> bytes:
    """The sample's bytes as case ``number`` changes them; always the same, and never the same as before."""
    rng = np.random.default_rng(number)
    while True:
        way = _WAYS[rng.integers(len(_WAYS))]
        start, end = sample.store if rng.random() < 0.6 else (0, len(sample.data))
        damaged = way(bytearray(sample.data), start, end, rng)
        if damaged != sample.data:
            return bytes(damaged)


def anywhere(data: bytes, number: int) -> bytes:
    """``data`` as case ``number`` changes it, wherever in it; always the same, and never the same as before."""
    rng = np.random.default_rng(number)
    while True:
        way = _WAYS[rng.integers(len(_WAYS))]
        damaged = bytearray(data)
        for _ in range(int(rng.integers(1, 9))):
            damaged = way(damaged, 0, len(damaged), rng) or damaged
        if damaged != data:
            return bytes(damaged)


def _flips(data: bytearray, start: int, end: int, rng: np.random.Generator) -> bytearray:
    for offset in rng.integers(start, end, rng.integers(1, 9)):
        data[offset] ^= 1 << int(rng.integers(8))
    return data


def _values(data: bytearray, start: int, end: int, rng: np.random.Generator) -> bytearray:
    """Numbers that programs trip over, where lengths and counts may be."""
    for offset in rng.integers(start, max(start + 1, end - 8), rng.integers(1, 4)):
        value = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)[rng.integers(5)]
        struct.pack_into(">I", data, int(offset), value)
    return data


def _cut(data: bytearray, start: int, end: int, rng: np.random.Generator) -> bytearray:
    first = int(rng.integers(start, end))
    del data[first : first + int(rng.integers(1, 200))]
    return data


def _end(data: bytearray, start: int, end: int, rng: np.random.Generator) -> bytearray:
    return data[: int(rng.integers(start, end))]


def _repeat(data: bytearray, start: int, end: int, rng: np.random.Generator) -> bytearray:
    first = int(rng.integers(start, end))
    data[first:first] = data[first : first + int(rng.integers(1, 2000))]
    return data


def _noise(data: bytearray, start: int, end: int, rng: np.random.Generator) -> bytearray:
    first = int(rng.integers(start, end))
    data[first:first] = rng.bytes(int(rng.integers(1, 64)))
    return data


def _move(data: bytearray, start: int, end: int, rng: np.random.Generator) -> bytearray:
    here, there = (int(place) for place in rng.integers(start, end, 2))
    part = data[here : here + int(rng.integers(4, 300))]
    data[there : there + len(part)] = part
    return data


def _append(data: bytearray, start: int, end: int, rng: np.random.Generator) -> bytearray:
    """More after the end: a part of the file itself, or a box of a kind that players pass over."""
    kind = (b"free", b"uuid", b"mdat", b"skip", b"")[rng.integers(5)]
    first = int(rng.integers(start, end))
    extra = bytes(data[first : first + 500])
    return data + (struct.pack(">I4s", 8 + len(extra), kind) + extra if kind else extra)


_Way = Callable[[bytearray, int, int, np.random.Generator], bytearray]
_WAYS: tuple[_Way, ...] = (_flips, _flips, _values, _cut, _end, _repeat, _noise, _move, _append)


# What is signed


def content(data: bytes) -> bytes | None:
    """The bytes that the signature covers, the manifest aside; None where the file's structure is broken."""
    try:
        if data.startswith(b"\x89PNG"):
            return b"".join(data[a:b] for kind, a, b in _chunks(data) if kind != b"caBX")
        if data.startswith(b"\xff\xd8"):
            return b"".join(data[a:b] for kind, a, b in _segments(data) if kind != 0xEB)
        return b"".join(data[a:b] for kind, a, b in _boxes(data) if kind not in (b"ftyp", b"c2pa"))
    except (struct.error, IndexError, ValueError):
        return None


def _store(data: bytes) -> tuple[int, int]:
    """Where the manifest is."""
    if data[4:8] == b"jumb":
        return 0, len(data)
    if data.startswith(b"\x89PNG"):
        spans = [(a, b) for kind, a, b in _chunks(data) if kind == b"caBX"]
    elif data.startswith(b"\xff\xd8"):
        spans = [(a, b) for kind, a, b in _segments(data) if kind == 0xEB]
    else:
        spans = [(a, b) for kind, a, b in _boxes(data) if kind == b"c2pa"]
    return spans[0][0], spans[-1][1]


def _boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of the boxes of an MP4; a manifest's box is called ``c2pa`` here."""
    offset = 0
    while offset < len(data):
        size, kind = struct.unpack_from(">I4s", data, offset)
        if size < 8:
            raise ValueError("no box")
        ours = kind == b"uuid" and data[offset + 8 : offset + 24].hex() == "d8fec3d61b0e483c92975828877ec481"
        yield (b"c2pa" if ours else kind), offset, offset + size
        offset += size


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    offset = 8
    while offset < len(data):
        size, kind = struct.unpack_from(">I4s", data, offset)
        yield kind, offset, offset + size + 12
        offset += size + 12


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of the segments of a JPEG; all from the picture's data on is one."""
    offset = 2
    while data[offset + 1] != 0xDA:
        size = struct.unpack_from(">H", data, offset + 2)[0] + 2
        yield data[offset + 1], offset, offset + size
        offset += size
    yield 0xDA, offset, len(data)
