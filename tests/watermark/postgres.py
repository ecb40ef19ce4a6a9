"""A PostgreSQL server of its own for tests: a fresh cluster in a temporary folder, on a socket there and no network."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("initdb", "postgres", "psql")


def missing() -> list[str]:
    """Names of the programs that are not here."""
    return [name for name in PROGRAMS if _program(name) is None]


def _program(name: str) -> str | None:
    """On the path, or where Debian keeps them."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *map(str, folders)]))


@contextmanager
def cluster() -> Iterator[str]:
    """Start a server; yields ``postgresql://..?host=`` with ``{}`` for the database's name. The server refuses root."""
    user = pwd.getpwuid(os.getuid() or pwd.getpwnam("nobody").pw_uid)
    folder = Path(tempfile.mkdtemp(prefix="tellmark-pg-"))
    as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if os.getuid() == 0 else {}
    try:
        if as_user:
            os.chown(folder, user.pw_uid, user.pw_gid)
        data, log = folder / "data", (folder / "log").open("w")
        quiet = {"cwd": folder, "stdout": log, "stderr": log, **as_user}
        subprocess.run(
            [_program("initdb"), "-D", data, "-U", "test", "-A", "trust", "-E", "UTF8", "--no-sync"],
            check=True,
            **quiet,
        )
        server = subprocess.Popen([_program("postgres"), "-D", data, "-k", folder, "-h", ""], **quiet)
        try:
            _wait(folder, server)
            yield f"postgresql://test@/{{}}?host={folder}"
        finally:
            server.terminate()
            server.wait(30)
            log.close()
    finally:
        shutil.rmtree(folder)


def create(url: str, name: str) -> str:
    """A new, empty database on the server."""
    folder = url.partition("?host=")[2]
    statement = f"CREATE DATABASE {name}"
    subprocess.run([_program("psql"), "-q", "-h", folder, "-U", "test", "-d", "postgres", "-c", statement], check=True)
    return url.format(name)


def _wait(folder: Path, server: subprocess.Popen) -> None:
    command = [_program("psql"), "-h", str(folder), "-U", "test", "-d", "postgres", "-c", "SELECT 1"]
    for _ in range(200):
        if server.poll() is not None:
            raise RuntimeError((folder / "log").read_text())
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.1)
    raise RuntimeError("PostgreSQL did not start: " + (folder / "log").read_text())
