"""From a request's body to a file on disk: streamed, capped, under a name of the server's choosing.

The client's file name is a label for the answer and never part of a path. All uploads lie in one private folder, each
in a folder of its own that also serves the verification as its temporary folder, so that one removal leaves nothing.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import shutil
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import ClientDisconnect, Request

from tellmark.web.limits import Limits
from tellmark.web.problems import Problem

_FORM = "multipart/form-data"  # not x-www-form-urlencoded, for so curl calls whatever it sends
_MAX_NAME = 255
_DRAIN_S, _DRAIN_STALL_S = 10.0, 0.5
_RAW = "send the file as the request's raw body, such as: curl --data-binary @clip.mp4"


@dataclass(frozen=True, slots=True)
class Upload:
    """A received file: ``path`` in a ``folder`` of its own; ``name`` is what the client calls it."""

    name: str
    folder: Path
    path: Path
    size: int  # bytes


class Storage:
    """The uploads on disk and the room they take."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder = folder
        self._limits = limits
        self._held: dict[Path, int] = {}  # folder -> bytes

    async def receive(self, request: Request) -> Upload:
        """Stream the body of ``request`` to disk.

        Raises :class:`Problem`: 400 (name, empty body, wrong length), 408 (stalled), 413 (too large), 415 (a form),
        503 (no room). Whatever is raised, nothing stays on disk.
        """
        name = _name(request)
        if request.headers.get("content-type", "").split(";")[0].strip().lower() == _FORM:
            raise Problem(415, "the body is a form, not a file", _RAW)
        declared = _declared(request)
        if declared is not None and declared > self._limits.max_bytes:
            raise self._too_large()
        folder = self._folder / secrets.token_hex(16)
        upload = Upload(name, folder, folder / "upload", 0)
        try:
            folder.mkdir(mode=0o700)
            size = await self._write(request, upload.path)
            if size == 0:
                raise Problem(400, "the body is empty", _RAW)
            if declared is not None and declared != size:
                raise _wrong_length(declared, size)
        except BaseException as error:
            self.release(upload)
            if isinstance(error, OSError) and not isinstance(error, TimeoutError):
                raise Problem(503, "the server cannot store the file now", "try again later") from error
            raise
        return Upload(name, folder, upload.path, size)

    def release(self, upload: Upload) -> None:
        """Remove an upload and all that its verification left beside it."""
        self._held.pop(upload.folder, None)
        shutil.rmtree(upload.folder, ignore_errors=True)

    async def _write(self, request: Request, path: Path) -> int:
        size = 0
        try:
            async with asyncio.timeout(self._limits.upload_s):
                with path.open("xb") as file:
                    async with aclosing(_chunks(request, self._limits.stall_s)) as chunks:
                        async for chunk in chunks:
                            size += len(chunk)
                            self._held[path.parent] = size
                            if size > self._limits.max_bytes:
                                raise self._too_large()
                            if sum(self._held.values()) > self._limits.stored_bytes:
                                raise Problem(503, "too many files are waiting", "try again in a minute")
                            # Some 64 KB into the page cache: handing it to a thread would take longer.
                            file.write(chunk)
        except TimeoutError as error:
            raise Problem(
                408,
                f"the upload stopped after {size} bytes, or was too slow",
                "check that Content-Length is the file's size, and send it again",
            ) from error
        except ClientDisconnect as error:
            raise _wrong_length(_declared(request), size) from error
        return size

    def _too_large(self) -> Problem:
        largest = f"{self._limits.max_bytes / 1e6:g} MB"
        return Problem(
            413,
            f"the file is larger than the {largest} that this server takes",
            "cut or scale the video, or use `tellmark verify`, which has no limit",
        )


async def _chunks(request: Request, stall_s: float) -> AsyncGenerator[bytes, None]:
    """The parts of a body; TimeoutError where one takes longer than ``stall_s``."""
    stream = request.stream()
    while True:
        async with asyncio.timeout(stall_s):
            chunk = await anext(stream, None)
        if chunk is None:
            return
        yield chunk


async def drain(request: Request) -> None:
    """Read on for a while in a body that was refused.

    A client that is still sending when the connection closes may lose the answer. One that waits for "100 Continue" has
    not begun to send.
    """
    if "expect" in request.headers:
        return
    # RuntimeError: there is nothing left to read.
    with suppress(TimeoutError, ClientDisconnect, RuntimeError):
        async with asyncio.timeout(_DRAIN_S), aclosing(_chunks(request, _DRAIN_STALL_S)) as chunks:
            async for _ in chunks:
                pass


def _name(request: Request) -> str:
    name = request.query_params.get("name") or "upload"
    if len(name) > _MAX_NAME or name in (".", "..") or re.search(r"[/\\\x00-\x1f\x7f]", name):
        raise Problem(
            400,
            "the name is not that of a file: it holds a folder or a control character, or is very long",
            "give the file's name alone, such as ?name=clip.mp4",
        )
    return name


def _declared(request: Request) -> int | None:
    value = request.headers.get("content-length")
    if value is None:
        return None
    if not value.isascii() or not value.isdigit():
        raise Problem(400, "Content-Length is not a number", "send the file's size in bytes, or leave it out")
    return int(value)


def _wrong_length(declared: int | None, size: int) -> Problem:
    promised = "" if declared is None else f" of the {declared} that Content-Length promises"
    return Problem(
        400, f"the body ended at {size} bytes{promised}", "check that Content-Length is the file's size; send it again"
    )
