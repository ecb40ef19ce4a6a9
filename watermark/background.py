"""Work in a thread, item after item, so that what makes the items and what uses them overlap."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Background(Generic[T]):
    """Calls ``use`` with every item, in order, in a thread; at most ``waiting`` items wait.

    After an error it goes on taking items without using them, so that the caller never waits forever. Nor does it where
    a signal interrupts ``put``: that may take a bounded queue's notice to the thread with it, which then sleeps on.
    """

    def __init__(self, use: Callable[[T], None], *, waiting: int, name: str) -> None:
        self._use = use
        self._items: queue.SimpleQueue[tuple[T] | None] = queue.SimpleQueue()
        self._room: queue.SimpleQueue[None] = queue.SimpleQueue()  # a place each; signals cannot break its lock
        for _ in range(waiting):
            self._room.put(None)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def put(self, item: T) -> None:
        """Hand over an item. Raises the error of an earlier one."""
        self._raise()
        self._room.get()
        self._items.put((item,))

    def finish(self) -> None:
        """Wait until all is done. Raises the error, if there was one."""
        self.stop()
        self._raise()

    def stop(self) -> None:
        """Wait until all is done, whatever came of it."""
        if self._thread.is_alive():
            self._items.put(None)
            self._thread.join()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (item := self._items.get()) is not None:
            self._room.put(None)
            if self._error is None:
                try:
                    self._use(item[0])
                except BaseException as error:
                    self._error = error
