"""Where takes are made: in this process, in several of this machine, or on a Ray cluster.

A take is made by one function of (plan, take, folder) that leaves finished files, so all three give the same dataset.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import cv2

from tellmark.errors import InternalError, UsageError
from tellmark.generator.factory.plan import Plan
from tellmark.generator.factory.roles import Take
from tellmark.generator.factory.takes import make_take
from tellmark.processes import pool
from tellmark.threads import ONE, one_thread_each


def run_here(plan: Plan, todo: Sequence[Take], out: Path, workers: int) -> Iterator[str]:
    """Make the takes in ``workers`` processes; yields their ids as they are finished."""
    if workers == 1 or len(todo) < 2:
        before = cv2.getNumThreads()
        cv2.setNumThreads(1)  # as in a worker: sums in other stripes may round otherwise
        try:
            for take in todo:
                yield make_take(plan, take, out)
        finally:
            cv2.setNumThreads(before)
        return
    with (
        one_thread_each(),
        pool(workers) as processes,
    ):
        futures = [processes.submit(make_take, plan, take, out) for take in todo]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool as error:
            raise InternalError(
                "a worker died, perhaps for lack of memory; run again with --resume and fewer --workers"
            ) from error
        finally:
            processes.shutdown(wait=True, cancel_futures=True)


def run_on_ray(plan: Plan, todo: Sequence[Take], out: Path, address: str) -> Iterator[str]:
    """Make the takes on the Ray cluster at ``address``; ``local`` starts one on this machine.

    Its nodes need tellmark, the plan's files and ``out`` under the same paths. Raises :class:`UsageError` where Ray is
    not installed or does not answer.
    """
    try:
        import ray
    except ImportError as error:
        raise UsageError("--ray needs Ray: pip install 'tellmark[ray]'; or use --workers") from error
    home = {name: os.environ[name] for name in ("TELLMARK_HOME",) if name in os.environ}
    environment = {"env_vars": {**ONE, **home}}
    try:
        ray.init(
            None if address == "local" else address,
            runtime_env=environment,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, ValueError, RuntimeError, AssertionError) as error:
        raise UsageError(f"--ray {address}: no cluster answers there ({error}); start one, or use --workers") from error
    try:
        make = ray.remote(_make_alone).options(num_cpus=1, max_retries=3)
        shared = ray.put(plan)
        waiting = [make.remote(shared, take, str(out.resolve())) for take in todo]
        while waiting:
            finished, waiting = ray.wait(waiting)
            for one in finished:
                yield ray.get(one)
    finally:
        ray.shutdown()


def _make_alone(plan: Plan, take: Take, out: str) -> str:
    cv2.setNumThreads(1)
    return make_take(plan, take, Path(out))


def full_disk(error: BaseException | None) -> bool:
    """Whether an error comes from a disk without room, in whatever words its library says so."""
    while error is not None:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            return True
        if any(words in str(error) for words in ("No space left", "disk is full", "Disk quota")):
            return True
        error = error.__cause__ or error.__context__
    return False
