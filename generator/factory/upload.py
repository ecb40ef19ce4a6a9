"""A finished dataset goes to an object store or another folder, file by file, and can go on where it was cut off.

pyarrow knows the stores and their credentials: S3 and what speaks it, Google Cloud Storage, Azure, folders.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.fs

from tellmark.errors import InputError, UsageError
from tellmark.media import sha256_of
from tellmark.runs import Progress

_PIECE = 1 << 20
_SUMS = "SHA256SUMS"


def upload(folder: Path | str, to: str, *, progress: Progress | None = None) -> dict[str, Any]:
    """Copy every file that ``folder``'s SHA256SUMS lists to ``to``, a folder or a URI such as ``s3://bucket/name?region=eu-west-1``.

    SHA256SUMS itself goes last: where it is, the dataset is whole. What is there already is read back, and left where
    its SHA-256 fits. Files are looked at before they leave. Returns counts of what was sent and what was there.
    Raises :class:`UsageError` for a URI of an unknown kind and a store that refuses, :class:`InputError` for a folder
    without SHA256SUMS or with files that do not fit it.
    """
    folder = Path(folder)
    sums = _listed(folder)
    try:
        store, root = pa.fs.FileSystem.from_uri(to if ":" in to else str(Path(to).absolute()))
    except (pa.ArrowInvalid, OSError) as error:
        raise UsageError(f"{to}: {error}; name a folder or a URI such as s3://bucket/name") from error
    sent = there = size = 0
    try:
        if not root.strip("/"):
            raise UsageError(f"{to} names no bucket or folder; add one")
        there_before = _digest(store, f"{root}/{_SUMS}") == sha256_of(folder / _SUMS)
        if not there_before and store.get_file_info(f"{root}/{_SUMS}").is_file:
            store.delete_file(f"{root}/{_SUMS}")  # of what is about to be replaced
        for done, (name, digest) in enumerate([*sums.items(), (_SUMS, sha256_of(folder / _SUMS))], 1):
            if _digest(store, f"{root}/{name}") == digest:
                there += 1
            else:
                size += _send(folder / name, digest, store, f"{root}/{name}")
                sent += 1
            if progress:
                progress(done, len(sums) + 1)
    except OSError as error:
        reason = str(error).strip().splitlines()[0]
        raise UsageError(f"{to}: {reason}; the same command goes on once that is mended") from error
    return {"to": to, "files_sent": sent, "files_there_already": there, "mb_sent": round(size / 1e6, 1)}


def _listed(folder: Path) -> dict[str, str]:
    """File name -> SHA-256."""
    try:
        lines = (folder / _SUMS).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"{folder} has no {_SUMS}, so it is no finished dataset; build it to its end first") from error
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _send(path: Path, digest: str, store: pa.fs.FileSystem, target: str) -> int:
    """Bytes sent. A folder gets the file under another name first, since a reader may look at any moment."""
    if not path.is_file() or sha256_of(path) != digest:
        raise InputError(f"{path} is missing or was changed; run `tellmark dataset check` on its dataset")
    folder, _, name = target.rpartition("/")
    local = isinstance(store, pa.fs.LocalFileSystem)
    under = f"{folder}/.{name}.part" if local else target  # in a store an object appears when it is whole
    if local:
        store.create_dir(folder, recursive=True)
    with path.open("rb") as source, store.open_output_stream(under) as stream:
        while piece := source.read(_PIECE):
            stream.write(piece)
    if local:
        store.move(under, target)
    return path.stat().st_size


def _digest(store: pa.fs.FileSystem, path: str) -> str | None:
    """SHA-256 of what is stored under ``path``; None where nothing is."""
    if not store.get_file_info(path).is_file:
        return None
    with store.open_input_stream(path) as stream:
        digest = hashlib.sha256()
        while piece := stream.read(_PIECE):
            digest.update(piece)
        return digest.hexdigest()
