"""Verification of uploads, a few at a time, each in a process of its own; answers kept for minutes, in memory only."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tellmark import threads
from tellmark.web.limits import Limits
from tellmark.web.problems import Problem
from tellmark.web.uploads import Storage, Upload
from tellmark.web.worker import TOO_MUCH

_LINE_BYTES = 16 << 20  # of the worker's answer
_SECRETS = ("C2PA_PRIVATE_KEY", "C2PA_SIGN_CERT")  # verifying needs neither
_OVER_TIME = (
    504,
    "looking at the file takes longer than this server allows",
    "cut the video to the part in question, or use `tellmark verify`, which has no limit",
)
_INTERNAL = (500, "the verification failed for a reason of its own", "report it with the server's log")

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Job:
    """One file on its way to a verdict."""

    name: str
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    state: str = "queued"  # queued | running | done | failed | cancelled
    progress: tuple[int, int | None] | None = None  # frames
    verdict: dict[str, Any] | None = None
    explanation: str | None = None
    problem: Problem | None = None
    task: asyncio.Task[None] | None = None


class Jobs:
    """All jobs of a server. Belongs to one event loop."""

    def __init__(self, storage: Storage, limits: Limits, *, registry: str | None, trust: str | None) -> None:
        self._storage = storage
        self._limits = limits
        self._registry, self._trust = registry, trust
        self._jobs: dict[str, Job] = {}
        self._slots = asyncio.Semaphore(limits.workers)
        self._receiving = 0

    def get(self, job_id: str) -> Job:
        """The job, or :class:`Problem` 404."""
        try:
            return self._jobs[job_id]
        except KeyError:
            minutes = f"{self._limits.keep_s / 60:g}"
            raise Problem(
                404, "there is no such job", f"send the file again: an answer is kept for {minutes} minutes"
            ) from None

    def ahead(self, job: Job) -> int:
        """How many jobs are before a queued one."""
        queued = [other.id for other in self._jobs.values() if other.state == "queued"]
        return queued.index(job.id) if job.state == "queued" else 0

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place in the queue while a file is received; :class:`Problem` 503 where there is none."""
        pending = self._receiving + sum(job.state in ("queued", "running") for job in self._jobs.values())
        if pending >= self._limits.waiting + self._limits.workers:
            raise Problem(503, "too many files are waiting", "try again in a minute")
        self._receiving += 1
        try:
            yield
        finally:
            self._receiving -= 1

    def submit(self, upload: Upload, *, localise: bool = False) -> Job:
        """Queue a file; it is removed when the job ends, in whichever way. localise: as of ``verify``."""
        job = Job(upload.name)
        self._jobs[job.id] = job
        job.task = asyncio.create_task(self._run(job, upload, localise))
        # A task that is cancelled before its first step never reaches its own finally.
        job.task.add_done_callback(lambda _: self._ended(job, upload))
        return job

    async def close(self) -> None:
        """Stop all jobs and wait until their processes have gone."""
        tasks = [job.task for job in self._jobs.values() if job.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, job: Job, upload: Upload, localise: bool) -> None:
        try:
            async with self._slots:
                job.state = "running"
                async with asyncio.timeout(self._limits.wall_s):
                    answer = await self._examine(job, upload, localise)
            job.verdict, job.explanation = answer["verdict"], answer["explanation"]
            job.state = "done"
        except Problem as problem:
            job.problem = problem
        except TimeoutError:
            job.problem = Problem(*_OVER_TIME)
        except Exception:
            _log.exception("job failed")
            job.problem = Problem(*_INTERNAL)
        if job.problem is not None:
            job.state = "failed"

    def _ended(self, job: Job, upload: Upload) -> None:
        self._storage.release(upload)
        if job.task is not None and job.task.cancelled():
            job.state = "cancelled"
            job.problem = Problem(410, "the job was cancelled", "send the file again if you want its verdict")
        asyncio.get_running_loop().call_later(self._limits.keep_s, self._jobs.pop, job.id, None)

    async def _examine(self, job: Job, upload: Upload, localise: bool) -> dict[str, Any]:
        request = {
            "path": str(upload.path),
            "name": upload.name,
            "registry": self._registry,
            "trust": self._trust,
            "localise": localise,
            "memory_bytes": self._limits.memory_bytes,
            "cpu_s": self._limits.cpu_s,
            "file_bytes": self._limits.max_bytes + (64 << 20),  # c2pa spools what it reads
        }
        inherited = {name: value for name, value in os.environ.items() if name not in _SECRETS}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "tellmark.web.worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**inherited, **threads.ONE, "TMPDIR": str(upload.folder)},
            start_new_session=True,
            limit=_LINE_BYTES,
        )
        answer: dict[str, Any] = {}
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(request).encode())
            process.stdin.close()
            async for line in process.stdout:
                answer = _record(line)
                if "progress" in answer:
                    done, total = answer["progress"]
                    job.progress = done, total
            code = await process.wait()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        return _outcome(answer, code)


def _record(line: bytes) -> dict[str, Any]:
    """A line of the worker; empty for what a library may have printed in between."""
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _outcome(answer: dict[str, Any], code: int) -> dict[str, Any]:
    """The worker's last word, if it came to that; otherwise what its exit code says."""
    if "verdict" in answer:
        return answer
    if "problem" in answer:
        raise Problem(*answer["problem"])
    if code == -signal.SIGXCPU:
        raise Problem(*_OVER_TIME)
    if code < 0:
        raise Problem(422, *TOO_MUCH)
    _log.error("a verification failed with exit code %d\n%s", code, answer.get("traceback", ""))
    raise Problem(*_INTERNAL)
