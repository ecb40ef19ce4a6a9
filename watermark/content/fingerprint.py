"""A compact perceptual fingerprint of a video's content, to tell whether a mark sits on the clip it was made for.

The fingerprint is the clip itself, very small: brightness on a ``GRID`` x ``GRID`` grid, averaged over bins of
1/``RATE`` seconds. That survives what changes files and not content: compression, scaling, other frame rates.
``tellmark.watermark.content.comparison`` tells whether two of them show the same.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from tellmark.types import U8

GRID = 32  # cells a side
RATE = 12.5  # bins a second

_MAX_BYTES = 128 << 20  # unpacked: more than two hours; others may have packed anything
_HOLE_BINS = 125  # longest hole between two frames that is filled
_VERSION = 2
_INVERTED = np.uint8(16 + 235)  # less luma: that of the negative
_HEADER = struct.Struct(">4sBBHIf")
_MAGIC = b"tmfp"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """frames: (bins, GRID, GRID) uint8, mean luma of a cell in a bin. aspect: width / height of the video."""

    frames: U8
    aspect: float

    @property
    def duration_s(self) -> float:
        """Length of what the fingerprint covers."""
        return len(self.frames) / RATE

    @property
    def sha256(self) -> str:
        """SHA-256 of :meth:`content`, 64 hex digits: what a manifest says of the fingerprint."""
        return hashlib.sha256(self.content()).hexdigest()

    def content(self) -> bytes:
        """The uncompressed bytes; the same on every machine, which compressed ones are not."""
        header = _HEADER.pack(_MAGIC, _VERSION, GRID, round(RATE * 100), len(self.frames), self.aspect)
        return header + np.diff(self.frames, axis=0, prepend=np.uint8(0)).tobytes()

    def turned(self, quarters: int, negative: bool = False) -> Fingerprint:
        """That of the film turned by right angles, counter-clockwise, or of its negative."""
        frames = np.rot90(_INVERTED - self.frames if negative else self.frames, quarters, axes=(1, 2))
        return Fingerprint(np.ascontiguousarray(frames), 1 / self.aspect if quarters % 2 else self.aspect)

    def to_bytes(self) -> bytes:
        """Compressed: some 3 KB a second."""
        return zlib.compress(self.content(), 9)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The inverse of :meth:`to_bytes`; ValueError where ``data`` is no fingerprint of this version."""
        try:
            unpacking = zlib.decompressobj()
            content = unpacking.decompress(data, _MAX_BYTES)
            if not unpacking.eof:
                raise ValueError("a fingerprint that is cut short, or of more than two hours")
            magic, version, grid, rate, bins, aspect = _HEADER.unpack_from(content)
            steps = np.frombuffer(content, np.uint8, offset=_HEADER.size).reshape(bins, GRID, GRID)
        except (zlib.error, struct.error) as error:
            raise ValueError(f"no fingerprint: {error}") from error
        if (magic, version, grid, rate) != (_MAGIC, _VERSION, GRID, round(RATE * 100)):
            raise ValueError("a fingerprint of another version; it cannot be compared")
        if not 0.01 < aspect < 100:
            raise ValueError("a fingerprint of a picture that is no picture")
        return cls(np.cumsum(steps, axis=0, dtype=np.uint8), aspect)


class Fingerprinter:
    """Makes a fingerprint from frames as they come; keeps 1 KB for each bin."""

    def __init__(self) -> None:
        self._bins: list[U8] = []
        self._sum = np.zeros((GRID, GRID), np.float32)
        self._count = 0
        self._bin = 0
        self._aspect = 1.0

    def add(self, luma: U8, time_s: float) -> None:
        """Take a frame: (H, W) uint8 luma of any size, ``time_s`` from the clip's start, ascending."""
        height, width = luma.shape
        self._aspect = width / height
        fine = cv2.resize(luma, (4 * GRID, 4 * GRID), interpolation=cv2.INTER_AREA).astype(np.float32)
        cells = cv2.resize(fine, (GRID, GRID), interpolation=cv2.INTER_AREA)
        place = int(time_s * RATE + 1e-6)
        if place > self._bin:
            self._close(until=place)
        self._sum += cells
        self._count += 1

    def finish(self) -> Fingerprint:
        """The fingerprint of all frames so far; empty without any."""
        if self._count:
            self._close(until=self._bin + 1)
        frames = np.stack(self._bins) if self._bins else np.zeros((0, GRID, GRID), np.uint8)
        return Fingerprint(frames, float(np.float32(self._aspect)))

    def _close(self, until: int) -> None:
        """Finish the current bin; bins in which no frame fell repeat it, as a screen would.

        Holes are cut at ``_HOLE_BINS``: broken time stamps must not fill the memory.
        """
        if self._count:
            mean = np.rint(self._sum / self._count).astype(np.uint8)
            self._bins += [mean] * min(until - self._bin, _HOLE_BINS)
        self._sum[:] = 0
        self._count = 0
        self._bin = until
