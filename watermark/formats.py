"""Which format a file has, by its first bytes: a renamed file is still what it is, and its manifest is still read."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

UNKNOWN = "application/octet-stream"

_BY_SUFFIX = {
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".avi": "video/avi",
    ".m4a": "audio/mp4",
    ".wav": "audio/wav",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
}
_BY_START = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG": "image/png",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
    b"II*\0": "image/tiff",
    b"MM\0*": "image/tiff",
    b"ID3": "audio/mpeg",
    b"\xff\xfb": "audio/mpeg",
    b"fLaC": "audio/flac",
    b"OggS": "audio/ogg",
    b"\x1a\x45\xdf\xa3": "video/x-matroska",
}
_BY_BRAND = {b"avif": "image/avif", b"heic": "image/heic", b"mif1": "image/heif", b"M4A ": "audio/mp4"}
_BY_RIFF = {b"WAVE": "audio/wav", b"WEBP": "image/webp", b"AVI ": "video/avi"}

_FIRST_BOXES = (b"ftyp", b"styp", b"moov", b"mdat", b"wide", b"free", b"skip")
_BMFF = ("video/mp4", *_BY_BRAND.values())

_BMFF_C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_JUMBF_STORE = b"jumdc2pa"  # how the description box of a manifest store begins


def sniff(path: Path) -> str:
    """The media type of a file by its content; ``UNKNOWN`` where it is none of those that c2pa knows."""
    with path.open("rb") as stream:
        head = stream.read(12)
    if head[4:8] in _FIRST_BOXES:
        return _BY_BRAND.get(head[8:12], "video/mp4")
    if head[:4] == b"RIFF":
        return _BY_RIFF.get(head[8:12], UNKNOWN)
    return next((mime for start, mime in _BY_START.items() if head.startswith(start)), UNKNOWN)


def mime_for(path: Path) -> str:
    """The media type that a file to be written has by its suffix."""
    return _BY_SUFFIX.get(path.suffix.lower(), UNKNOWN)


def has_store(path: Path) -> bool:
    """Whether the bytes of a manifest store are in the file, readable or not."""
    if sniff(path) in _BMFF:  # top level only: a picture inside may have a store of its own
        return any(kind == b"uuid" and head.startswith(_BMFF_C2PA_UUID) for kind, head in _boxes(path))
    tail = b""
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            if _JUMBF_STORE in tail + chunk:
                return True
            tail = chunk[-len(_JUMBF_STORE) :]
    return False


def has_tracks(path: Path) -> bool:
    """Whether an ISO base media file holds tracks, whatever its brand says: c2pa hashes the movie, not the brand."""
    return sniff(path) in _BMFF and any(kind == b"moov" for kind, _ in _boxes(path))


def is_sound(path: Path) -> bool:
    """Whether a file can hold nothing but sound. Ogg may hold a film, and so may a movie under a brand of sound."""
    mime = sniff(path)
    return mime.startswith("audio/") and mime != "audio/ogg" and not has_tracks(path)


def _boxes(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Type and first 16 bytes of every top-level box of an ISO base media file, until the structure breaks off."""
    with path.open("rb") as stream:
        end, offset = path.stat().st_size, 0
        while offset + 8 <= end:
            stream.seek(offset)
            size, kind = struct.unpack(">I4s", stream.read(8))
            header = 8
            if size == 1:
                size, header = int.from_bytes(stream.read(8), "big"), 16
            yield kind, stream.read(16)
            if size < header:  # 0: to the end of the file
                return
            offset += size
