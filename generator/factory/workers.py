"""Where takes are made: in this process, in several of this machine, or on a Ray cluster.

A take is made by one function of (plan, take, folder) that leaves finished files, so all three give the same dataset.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

import cv2

from tellmark.cluster import on_ray
from tellmark.errors import InternalError
from tellmark.generator.factory.plan import Plan
from tellmark.generator.factory.roles import Take
from tellmark.generator.factory.takes import make_take
from tellmark.processes import pool
from tellmark.threads import one_thread_each


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
    """Make the takes on a Ray cluster (:func:`tellmark.cluster.on_ray`); yields their ids as they are finished."""
    for _, take_id in on_ray(partial(_make, plan, out.resolve()), todo, address):
        yield take_id


def _make(plan: Plan, out: Path, take: Take) -> str:
    return make_take(plan, take, out)


def full_disk(error: BaseException | None) -> bool:
    """Whether an error comes from a disk without room, in whatever words its library says so."""
    while error is not None:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            return True
        if any(words in str(error) for words in ("No space left", "disk is full", "Disk quota")):
            return True
        error = error.__cause__ or error.__context__
    return False
