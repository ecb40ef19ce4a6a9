"""Who works in a dataset's folder: one build, with its workers, at a time.

Two that wrote the same clip would leave one's file beside the other's record. Locks on files in ``.build`` go with the
process that holds them, however that ends; the next build waits for workers whose builder was killed under them.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tellmark.errors import UsageError
from tellmark.runs import has_ended, this_process

try:
    import fcntl
except ImportError:  # Windows: nothing keeps two builds apart there
    fcntl = None  # type: ignore[assignment]

_PATIENCE_S = 60.0
_SCRATCH = "tellmark-take-"


@contextmanager
def building(out: Path) -> Iterator[None]:
    """Hold the folder for a build. Raises :class:`UsageError` where another one is still at work after a minute."""
    with _lock(out, "builder") as builder, _lock(out, "workers") as workers:
        _wait(builder, out)
        _wait(workers, out)  # for those that outlived their builder
        _give_back(workers)
        yield


@contextmanager
def working(out: Path) -> Iterator[None]:
    """Hold the folder for a take, beside the others of the same build."""
    with _lock(out, "workers") as handle:
        if fcntl:
            fcntl.flock(handle, fcntl.LOCK_SH)
        builder = multiprocessing.parent_process()
        if builder is not None and not builder.is_alive():  # the folder may be another build's by now
            os._exit(1)
        yield


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for what a take needs while it is made; its name says whose it is."""
    with tempfile.TemporaryDirectory(prefix=f"{_SCRATCH}{this_process()}-") as name:
        yield Path(name)


def sweep_scratch() -> None:
    """Remove the scratch folders of killed processes: gigabytes, at 2 MB a frame."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_SCRATCH}*"):
        owner = re.fullmatch(r"([0-9a-f]{8}-[0-9a-f]+)-\w+", folder.name.removeprefix(_SCRATCH))
        if owner and has_ended(owner[1]):
            shutil.rmtree(folder, ignore_errors=True)


def _wait(handle: int, out: Path) -> None:
    started = time.monotonic()
    while fcntl:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() - started > _PATIENCE_S:
                raise UsageError(f"another build is at work in {out}; wait for it, or stop it") from error
            time.sleep(0.05)
        else:
            return


def _give_back(handle: int) -> None:
    if fcntl:
        fcntl.flock(handle, fcntl.LOCK_UN)


@contextmanager
def _lock(out: Path, who: str) -> Iterator[int]:
    handle = os.open(out / ".build" / f"{who}.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        yield handle
    finally:
        os.close(handle)
