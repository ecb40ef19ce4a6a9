"""One job over many files in several processes, in order; a file that takes its process down costs only itself."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

import cv2

from tellmark.threads import one_thread_each

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 8  # items a process that are handed out before the first of them is done


def in_order(
    job: Callable[[Item], Result], items: Sequence[Item], jobs: int, crashed: Callable[[Item], Result]
) -> Iterator[Result]:
    """``job`` of every item, in the items' order, as the results come.

    jobs: processes; with one, everything happens in this one. crashed: what stands for an item whose process died.
    ``job`` and what it returns must pickle; what it raises is raised here.
    """
    if jobs <= 1:
        yield from map(job, items)
        return
    waiting = deque(items)
    with one_thread_each():
        while waiting:
            suspects: list[Item] = []
            with pool(min(jobs, len(waiting))) as processes:
                pending: deque[tuple[Item, Future[Result]]] = deque()
                try:
                    while waiting or pending:
                        while waiting and len(pending) < jobs * _AHEAD:
                            pending.append((waiting[0], processes.submit(job, waiting[0])))
                            waiting.popleft()
                        yield pending[0][1].result()
                        pending.popleft()
                except BrokenProcessPool:
                    suspects = [item for item, _ in pending] or [waiting.popleft()]
                finally:
                    processes.shutdown(wait=True, cancel_futures=True)
            for item in suspects:  # each in a process of its own, to find out which of those under way is to blame
                with pool(1) as alone:
                    try:
                        result = alone.submit(job, item).result()
                    except BrokenProcessPool:
                        result = crashed(item)
                yield result


def pool(jobs: int) -> ProcessPoolExecutor:
    """Processes that use one thread each, and end with this one however it ends."""
    # Spawned: neither the tracker's native threads nor c2pa's contexts survive a fork.
    return ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_begin)


def _begin() -> None:
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed would write into what a new run has begun, and then wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
