"""`bench all`: figures measured again, ratios to peers, and the gate."""

import csv
import dataclasses
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from tellmark import cli
from tellmark.benchmarks import all as everything
from tellmark.benchmarks.claims import Claim, Run
from tellmark.errors import InputError
from tellmark.runs import machine_slug


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[float]:
    """A benchmark whose speeds are taken from a list, one a run; its peer always reaches 100."""
    speeds: list[float] = []

    def run(*, quick: bool) -> list[dict[str, Any]]:
        return [{"what": "ours", "speed": speeds.pop(0)}, {"what": "peer", "speed": 100}]

    def where(what: str) -> dict[str, Any]:
        return {"results": "made-up", "where": {"what": what}, "column": "speed"}

    runs = (Run("made-up", "made-up"),)
    compared = Claim("speed", "{0:.0f}", (where("ours"),), runs, {"name": "a peer", **where("peer")}, True, quick=True)
    monkeypatch.setattr(everything, "claims", lambda: [compared])
    monkeypatch.setattr(everything, "RESULTS", tmp_path)
    monkeypatch.setitem(sys.modules, "tellmark.benchmarks.made-up", types.SimpleNamespace(run=run))
    return speeds


def gate(tmp_path: Path, ratio: float) -> str:
    path = tmp_path / "gate.csv"
    with path.open("w", newline="") as file:
        rows = [["figure", "value", "ratio", "worst round"], ["speed", 1, ratio + 0.01, ratio]]
        csv.writer(file).writerows(rows)
    return str(path)


def test_a_figure_stands_beside_its_peer(bench: list[float], tmp_path: Path) -> None:
    bench += [50]
    (row,) = everything.run(quick=True)
    assert (row["value"], row["peer"], row["ratio"], row["regressed"]) == (50, "a peer", 0.5, "no")
    assert "0.50" in (tmp_path / f"all-quick-{machine_slug()}.svg").read_text()


def test_the_gate_looks_five_times_before_it_closes(bench: list[float], tmp_path: Path) -> None:
    bench += [40, 42, 41, 43, 60]
    (row,) = everything.run(quick=True, gate=gate(tmp_path, 0.5))
    assert (row["regressed"], row["behind"], row["value"], row["rounds"]) == ("yes", 0.16, 42, 5)
    assert bench == []


def test_a_busy_moment_is_no_regression(bench: list[float], tmp_path: Path) -> None:
    bench += [30, 47, 48]
    (row,) = everything.run(quick=True, gate=gate(tmp_path, 0.5))
    assert (row["regressed"], row["behind"], row["rounds"]) == ("no", 0.06, 3)
    bench += [30, 47, 30, 47, 48]  # a longer one
    (row,) = everything.run(quick=True, gate=gate(tmp_path, 0.5))
    assert (row["regressed"], row["behind"], row["rounds"]) == ("no", 0.06, 5)


def test_a_baseline_is_the_median_of_its_rounds_with_the_worst_beside_it(bench: list[float]) -> None:
    bench += [50, 44, 52, 53, 51]
    (row,) = everything.run(quick=True, rounds="5")
    assert (row["ratio"], row["worst round"], row["rounds"], bench) == (0.51, 0.44, 5, [])


def test_what_takes_long_is_short_unless_asked_for(
    bench: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    def run(**settings: Any) -> list[dict[str, Any]]:
        asked.append(settings)
        return [{"what": "ours", "speed": 50}, {"what": "peer", "speed": 100}]

    monkeypatch.setitem(sys.modules, "tellmark.benchmarks.made-up", types.SimpleNamespace(run=run))
    (claim,) = everything.claims()
    lengthy = dataclasses.replace(claim, runs=(Run("made-up", "made-up", {"clips": 9}),), long=True)
    monkeypatch.setattr(everything, "claims", lambda: [lengthy])
    (row,) = everything.run()
    assert (row["form"], asked.pop()) == ("short form", {"quick": True, "clips": 9})
    assert not list(tmp_path.glob("made-up-*.csv"))  # a short form is no result
    (row,) = everything.run(long="yes", only="made-up")
    assert (row["form"], row["says"], asked.pop()) == ("full", "50", {"quick": False, "clips": 9})
    with pytest.raises(InputError, match="only=nothing"):
        everything.run(only="nothing")


def test_what_cannot_be_run_is_told_from_its_results(
    bench: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "made-up-some-cpu-2core.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["what", "speed"], ["ours", 30], ["peer", 100]])
    (claim,) = everything.claims()
    runs = (Run("made-up", "made-up", {"data": "{data}/real", "work": "{work}"}),)
    form = "results; measured again with work=DIR"
    monkeypatch.setattr(everything, "claims", lambda: [dataclasses.replace(claim, runs=runs)])
    (row,) = everything.run(data="somewhere")
    assert (row["form"], row["says"], row["ratio"], row["regressed"]) == (form, "30", 0.3, "no")


def test_a_row_is_measured_by_all_its_benchmarks_in_the_folders_that_are_named(
    bench: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def run(*, quick: bool, data: str) -> list[dict[str, Any]]:
        asked.append(data)
        return [{"what": "ours", "speed": 10 * len(asked)}, {"what": "peer", "speed": 100}]

    monkeypatch.setitem(sys.modules, "tellmark.benchmarks.made-up", types.SimpleNamespace(run=run))
    (claim,) = everything.claims()
    runs = (Run("made-up", "made-up", {"data": "{data}/real"}), Run("made-up", "other", {"data": "{data}"}))
    second = dataclasses.replace(claim, runs=runs, says="{0:.0f} and {1:.0f}")
    second = dataclasses.replace(second, values=(*claim.values, {**claim.values[0], "results": "other"}))
    monkeypatch.setattr(everything, "claims", lambda: [second])
    (row,) = everything.run(data="films")
    assert (row["form"], row["says"], asked) == ("full", "10 and 20", ["films/real", "films"])


def test_a_gate_that_is_none_is_refused(bench: list[float], tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="bench all"):
        everything.run(quick=True, gate=str(tmp_path / "other.csv"))


def test_a_benchmark_that_fails_loses_no_other(
    bench: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*, quick: bool) -> list[dict[str, Any]]:
        raise InputError("no camera here")

    monkeypatch.setitem(sys.modules, "tellmark.benchmarks.made-up", types.SimpleNamespace(run=run))
    (row,) = everything.run(quick=True)
    assert (row["says"], row["regressed"]) == ("not measured: no camera here", "no")
    (row,) = everything.run(quick=True, gate=gate(tmp_path, 0.5))
    assert row["regressed"] == "yes"


@pytest.mark.parametrize(("only", "name"), [([], "all-quick"), (["--with", "only=made-up"], "all-quick-part")])
def test_some_of_the_rows_do_not_replace_all_of_them(
    only: list[str], name: str, bench: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bench += [50]
    assert cli.run(["bench", "all", "--quick", *only]) == 0
    assert [path.name for path in (tmp_path / "benchmarks" / "results").glob("*.csv")] == [
        f"{name}-{machine_slug()}.csv"
    ]
