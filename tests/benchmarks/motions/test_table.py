"""The table of `bench motion`."""

import pytest

from tellmark.benchmarks.motions.table import better, missed, table


def test_models_stand_beside_each_other_and_real_video() -> None:
    def row(measure: str, model: str, value: float, real: float | str, target: str) -> dict[str, object]:
        return {"measure": measure, "model": model, "value": value, "real": real, "target": target, "n": 3}

    rows = [
        row("turns", "a", 0.5, 0.8, "within 20 % of real"),
        row("apart", "a", 0.1, "", "control"),
        row("turns", "b", 0.7, 0.8, "within 20 % of real"),
    ]
    turns, apart = table(rows, ["a", "b"])
    assert list(turns) == ["measure", "real", "a", "b", "target", "better", "n"]
    assert (turns["real"], turns["a"], turns["b"], turns["better"]) == (0.8, 0.5, 0.7, "b")
    assert (apart["a"], apart["b"], apart["better"]) == (0.1, "", "")


def test_who_is_better_depends_on_the_target() -> None:
    both = {"a": 0.96, "b": 0.99}
    assert better(both, "", ">= 0.95") == "all"
    assert better(both, "", ">= 0.97") == "b"
    assert better(both, "", "<= 0.9") == "a"
    assert better(both, 1.2, ">= 0.9 of real") == "b"
    assert better(both, "", ">= 0.9 of real") == ""  # no real video to compare with
    assert better(both, 0.95, "") == "a"
    assert better(both, "", "near 0") == "a"
    assert better(both, "", "1") == "b"
    assert better(both, "", "control") == ""
    assert better({"a": float("nan"), "b": 1.0}, 1.0, "") == ""


def test_a_target_is_missed_by_what_lies_beyond_it() -> None:
    assert missed(0.7, 1.0, "within 20 % of real") == pytest.approx(0.1)
    assert missed(0.9, 1.0, "within 20 % of real") == 0
    assert missed(3.5, "", "<= 3") == 0.5
    assert missed(0.04, "", "> 0.05") == pytest.approx(0.01)
