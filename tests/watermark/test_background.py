"""Whatever interrupts the caller, it does not wait for a thread that sleeps."""

from __future__ import annotations

import contextlib
import itertools
import signal
import threading
import time
from types import FrameType

import pytest

from tellmark.watermark.background import Background


def test_items_come_in_order_and_few_of_them_wait() -> None:
    used: list[int] = []
    gate = threading.Event()

    def use(item: int) -> None:
        gate.wait(10)
        used.append(item)

    work = Background(use, waiting=2, name="test")
    for item in range(3):  # one in use, two that wait
        work.put(item)
    late = threading.Thread(target=work.put, args=(3,))
    late.start()
    late.join(0.2)
    assert late.is_alive()
    gate.set()
    late.join(10)
    work.finish()
    assert used == [0, 1, 2, 3]


def test_an_error_is_raised_and_nobody_waits() -> None:
    def use(item: int) -> None:
        raise ValueError(item)

    work = Background(use, waiting=1, name="test")
    work.put(0)
    time.sleep(0.2)
    with pytest.raises(ValueError, match="0"):
        work.put(1)
    work.stop()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="timers that signal are of POSIX")
def test_a_signal_at_any_moment_leaves_nobody_asleep() -> None:
    class Told(Exception):
        """As the command line raises it."""

    def end(number: int, frame: FrameType | None) -> None:
        raise Told

    before = signal.signal(signal.SIGALRM, end)
    try:
        for turn in range(300):
            work = Background(lambda _: None, waiting=2, name="test")
            with contextlib.suppress(Told):  # entered first: a timer that fires before it is no test
                signal.setitimer(signal.ITIMER_REAL, 1e-4 + turn % 60 * 2e-5)
                for item in itertools.count():
                    work.put(item)
            last = threading.Thread(target=work.stop, daemon=True)
            last.start()
            last.join(10)
            assert not last.is_alive()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
