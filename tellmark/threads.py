"""How many threads the numerical libraries start: one, since on their small matrices a second one mostly spins.

OpenBLAS, OpenMP, MKL and numba read these variables once, when they are loaded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

ONE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


def default_to_one() -> None:
    """For a command that has not loaded them yet; what the user has set stays."""
    for name, value in ONE.items():
        os.environ.setdefault(name, value)


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Processes are the parallelism: those started in here get one thread, whatever the user has set for this one."""
    before = {name: os.environ.get(name) for name in ONE}
    os.environ.update(ONE)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
