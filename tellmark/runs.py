"""Where files go: atomic outputs, the user's folder, result files that name their machine."""

from __future__ import annotations

import contextlib
import csv
import os
import platform
import re
import secrets
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tellmark.errors import UsageError

Progress = Callable[[int, int | None], None]
"""Called with (done, total); total is None where it is not known. Library code reports, the command line draws."""

STALE_S = 24 * 3600.0  # after which nobody is writing a temporary file any more, wherever they are
DEAD_S = 60.0  # the same for a file of this machine whose process is gone
RESULTS = Path("benchmarks/results")


@contextmanager
def atomic_path(path: Path | str, *, force: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it on success, remove it, and folders made for it, on failure.

    What a run that was killed has left of the same output is removed: after a minute where the process is known to be
    gone, after a day where it ran elsewhere.

    Raises :class:`UsageError` if ``path`` exists, before or after, and not ``force``, or its folder cannot be written.
    """
    target = Path(path)
    check_output(target, force=force)
    made = make_folder(target)
    _sweep(target)
    temporary = target.with_name(f".{target.stem}.{this_process()}-{secrets.token_hex(4)}.part{target.suffix}")
    try:
        yield temporary
        _rename(temporary, target, force=force)
        made = []
    finally:
        temporary.unlink(missing_ok=True)
        remove_folders(made)


def _rename(temporary: Path, target: Path, *, force: bool) -> None:
    """Give a finished file its name; without ``force``, not over one that another process has written meanwhile."""
    if not force:
        try:
            os.link(temporary, target)
        except FileExistsError as error:
            raise UsageError(
                f"{target} was written by another process meanwhile; give --force to replace it"
            ) from error
        except OSError:  # a file system without links
            temporary.replace(target)
        return
    temporary.replace(target)


def this_process() -> str:
    """What stands for this process in a temporary file's name: machine and process number, in hexadecimal."""
    return f"{zlib.crc32(platform.node().encode()):08x}-{os.getpid():x}"


def _sweep(target: Path) -> None:
    """Remove temporary files of ``target`` that nobody is writing."""
    stem, suffix, part = (
        re.escape(target.stem),
        re.escape(target.suffix),
        r"\.([0-9a-f]{8}-[0-9a-f]+)-[0-9a-f]{8}\.part",
    )
    name = re.compile(rf"\.{{1,2}}{stem}{part}(\.unsigned|{part})?{suffix}")  # signing makes one of one
    for left in target.parent.glob(".*.part*"):
        with contextlib.suppress(OSError):  # another run may be sweeping too
            found = name.fullmatch(left.name)
            if found and left.is_file():
                limit_s = DEAD_S if has_ended(found[1]) else STALE_S
                if time.time() - left.stat().st_mtime > limit_s:
                    left.unlink()


def has_ended(process: str) -> bool:
    """Whether a process of this machine has ended, by its ``this_process``; False where that cannot be told."""
    machine, number = process.split("-")
    if os.name != "posix" or machine != this_process().split("-")[0]:
        return False
    try:
        os.kill(int(number, 16), 0)  # asks, and sends nothing
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:  # somebody else's
        return False
    return False


def check_output(path: Path, *, force: bool) -> None:
    """Refuse early what :func:`atomic_path` would refuse: an existing output, a folder that cannot be written.

    Nothing is left of the attempt: a folder that is not there yet is tried out in the nearest one above it that is.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file")
    if path.exists() and not force:
        raise UsageError(f"{path} exists; give --force to overwrite it")
    try:
        probe = next(folder for folder in path.absolute().parents if folder.exists()) / f".{secrets.token_hex(4)}.part"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise _cannot_be_written(path, error) from error


def make_folder(path: Path) -> list[Path]:
    """Make the folder of ``path``; return those that had to be made, the innermost first."""
    made = [folder for folder in path.parents if not folder.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_be_written(path, error) from error
    return made


def remove_folders(made: list[Path]) -> None:
    """Remove folders that were made in vain, the innermost first."""
    with contextlib.suppress(OSError):  # another run writes into it
        for folder in made:
            folder.rmdir()


def _cannot_be_written(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{path} cannot be written ({error.strerror}); choose another output")


def home() -> Path:
    """The user's folder for keys and the registry: ``$TELLMARK_HOME`` or the platform's data folder. Created 0700."""
    import platformdirs

    folder = Path(os.environ.get("TELLMARK_HOME") or platformdirs.user_data_dir("tellmark", appauthor=False))
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be made ({error.strerror}); set TELLMARK_HOME to a folder of yours"
        ) from error
    return folder


def machine() -> dict[str, str | int]:
    """What a result depends on: processor, cores, system, Python."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "system": platform.system(),
        "python": platform.python_version(),
    }


def machine_slug() -> str:
    """``machine()`` as part of a file's name, such as ``xeon-2core``."""
    words = re.sub(r"\(.*?\)|cpu|processor|@.*", " ", _processor().lower())
    name = "-".join(re.findall(r"[a-z0-9]+", words)[:3]) or "machine"
    return f"{name}-{os.cpu_count() or 1}core"


def write_results(name: str, rows: list[dict[str, Any]], folder: Path = RESULTS) -> Path:
    """Write ``rows`` to ``folder/name-<machine>.csv`` and return its path. Columns are the union of the rows' keys."""
    path = folder / f"{name}-{machine_slug()}.csv"
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with atomic_path(path, force=True) as temporary, temporary.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, columns)
        writer.writeheader()
        writer.writerows(rows)
    return path


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
