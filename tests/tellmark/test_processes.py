import os
import signal

import pytest

from tellmark.processes import in_order


def job(name: str) -> str:
    if name.startswith("crash"):
        os.kill(os.getpid(), signal.SIGKILL)
    return name.upper()


def test_order_is_kept_and_a_crash_costs_one_item() -> None:
    items = ["a", "crash 1", *(f"b{number}" for number in range(30)), "crash 2", "c"]
    results = list(in_order(job, items, 2, lambda item: f"{item} lost"))
    assert results == [f"{item} lost" if item.startswith("crash") else item.upper() for item in items]


def test_one_process_is_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert list(in_order(str.upper, ["a", "b"], 1, str)) == ["A", "B"]
    assert list(in_order(str.upper, ["a", "b"], 2, str)) == ["A", "B"]
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert list(in_order(str.upper, [], 2, str)) == []


def test_errors_of_the_job_are_raised_here() -> None:
    with pytest.raises(ZeroDivisionError):
        list(in_order((1).__truediv__, [1, 0], 2, float))
