"""Stages of work side by side: an iterator that works in a thread of its own, a few items ahead.

Decoding, tracking and measuring, or moving a face and drawing it, spend their time in native code that lets other
threads run, so that one video keeps two cores busy. Order, items and errors are those of the iterator itself; so is
constant memory.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from queue import SimpleQueue
from threading import Event, Thread
from typing import TypeVar

Item = TypeVar("Item")


def ahead(source: Iterable[Item], waiting: int) -> Generator[Item, None, None]:
    """The items of ``source``, at most ``waiting`` of them ready before they are asked for.

    ``source`` is used, and closed, in one other thread alone; what it raises is raised here, after the items before.
    Whoever may stop early closes the generator, which waits for that thread.
    """
    # Not a bounded queue: a signal that interrupts its `get` may leave the thread asleep although there is room.
    done: SimpleQueue[tuple[Item] | BaseException | None] = SimpleQueue()
    room: SimpleQueue[None] = SimpleQueue()
    for _ in range(waiting):
        room.put(None)
    stop = Event()
    thread = Thread(target=_work, args=(source, done, room, stop), name="ahead", daemon=True)
    thread.start()
    try:
        while (found := done.get()) is not None:
            room.put(None)
            if isinstance(found, BaseException):
                raise found
            yield found[0]
    finally:
        stop.set()
        while thread.is_alive():  # it may wait for room; what it still has is not wanted
            room.put(None)
            thread.join(0.01)


def _work(
    source: Iterable[Item], done: SimpleQueue[tuple[Item] | BaseException | None], room: SimpleQueue[None], stop: Event
) -> None:
    last: BaseException | None = None
    items = iter(source)
    try:
        for item in items:
            if stop.is_set():
                break
            room.get()
            done.put((item,))
    except BaseException as error:
        last = error
    finally:
        if close := getattr(items, "close", None):
            close()
    done.put(last)
