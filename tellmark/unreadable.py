"""Of many files, those that cannot be read: each is named and left out, and the others go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tellmark.errors import MediaError
from tellmark.types import Failure

Failed = Callable[[Failure], None]
"""Told of each file that is left out because it cannot be read."""


@contextmanager
def left_out(path: Path | str, failed: Failed | None) -> Iterator[None]:
    """What is done with one of many files: where it cannot be read, ``failed`` is told instead; None raises."""
    try:
        yield
    except MediaError as error:
        if failed is None:
            raise
        failed(Failure(str(path), str(error)))
