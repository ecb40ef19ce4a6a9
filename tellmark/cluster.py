"""One job over many items on a Ray cluster."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import cv2

from tellmark.errors import UsageError
from tellmark.threads import ONE

Item = TypeVar("Item")
Result = TypeVar("Result")

_TRIES = 3  # of an item whose process dies, after the first


def on_ray(
    job: Callable[[Item], Result],
    items: Sequence[Item],
    address: str,
    *,
    crashed: Callable[[Item], Result] | None = None,
) -> Iterator[tuple[int, Result]]:
    """(place of the item, ``job`` of it) as they are finished, on the cluster at ``address``.

    ``local`` starts one on this machine. Nodes need tellmark, and what the job reads and writes, under the same paths;
    ``job`` and what it returns must pickle, and what it raises is raised here. crashed: what stands for an item whose
    process dies again and again; where it is None, that raises. Raises :class:`UsageError` where Ray is not installed
    or does not answer.
    """
    try:
        import ray
    except ImportError as error:
        raise UsageError("--ray needs Ray: pip install 'tellmark[ray]'; or use processes of this machine") from error
    home = {name: os.environ[name] for name in ("TELLMARK_HOME",) if name in os.environ}
    try:
        ray.init(
            address,
            runtime_env={"env_vars": {**ONE, **home}},
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, ValueError, RuntimeError, AssertionError) as error:
        raise UsageError(
            f"--ray {address}: no cluster answers there ({error}); start one, or leave --ray out"
        ) from error
    try:
        alone = ray.remote(_alone).options(num_cpus=1, max_retries=_TRIES)
        shared = ray.put(job)
        places = {alone.remote(shared, item): place for place, item in enumerate(items)}
        waiting = list(places)
        while waiting:
            finished, waiting = ray.wait(waiting)
            for one in finished:
                try:
                    result = ray.get(one)
                except ray.exceptions.WorkerCrashedError:
                    if crashed is None:
                        raise
                    result = crashed(items[places[one]])
                yield places[one], result
    finally:
        ray.shutdown()


def _alone(job: Callable[[Item], Result], item: Item) -> Result:
    cv2.setNumThreads(1)
    return job(item)
