import threading
from collections.abc import Iterator

import pytest

from tellmark.ahead import ahead


def test_items_come_in_order_and_from_another_thread() -> None:
    def source() -> Iterator[tuple[int, int]]:
        for i in range(50):
            yield i, threading.get_ident()

    found = list(ahead(source(), 3))
    assert [i for i, _ in found] == list(range(50))
    assert {thread for _, thread in found} != {threading.get_ident()}


def test_what_the_source_raises_comes_after_the_items_before_it() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    found = ahead(source(), 2)
    assert next(found) == 1
    with pytest.raises(ValueError, match="broken"):
        next(found)


def test_no_more_than_what_may_wait_is_made() -> None:
    made: list[int] = []
    full = threading.Event()

    def source() -> Iterator[int]:
        for i in range(100):
            made.append(i)
            if i == 3:
                full.set()
            yield i

    found = ahead(source(), 2)
    assert next(found) == 0
    assert full.wait(5)
    assert len(made) <= 4 + 1  # one given, two waiting, one in hand
    found.close()


def test_a_reader_that_stops_early_closes_the_source() -> None:
    closed = threading.Event()

    def source() -> Iterator[int]:
        try:
            yield from range(1_000_000)
        finally:
            closed.set()

    for item in ahead(source(), 2):
        if item == 5:
            break
    assert closed.wait(5)
