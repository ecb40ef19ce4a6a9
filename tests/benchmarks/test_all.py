"""`bench all`: figures measured again, ratios to peers, and the gate."""

import csv
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from tellmark.benchmarks import all as everything
from tellmark.benchmarks.claims import Claim
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

    claim = Claim("speed", "{0:.0f}", (where("ours"),), {"bench": "made-up", "quick": True}, None, True)
    compared = Claim(claim.row, claim.says, claim.values, claim.run, {"name": "a peer", **where("peer")}, True)
    monkeypatch.setattr(everything, "claims", lambda: [compared])
    monkeypatch.setattr(everything, "RESULTS", tmp_path)
    monkeypatch.setitem(sys.modules, "tellmark.benchmarks.made-up", types.SimpleNamespace(run=run))
    return speeds


def gate(tmp_path: Path, ratio: float) -> str:
    path = tmp_path / "gate.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["figure", "value", "ratio"], ["speed", 1, ratio]])
    return str(path)


def test_a_figure_stands_beside_its_peer(bench: list[float], tmp_path: Path) -> None:
    bench += [50]
    (row,) = everything.run(quick=True)
    assert (row["value"], row["peer"], row["ratio"], row["regressed"]) == (50, "a peer", 0.5, "no")
    assert "0.50" in (tmp_path / f"all-quick-{machine_slug()}.svg").read_text()


def test_the_gate_looks_three_times_before_it_closes(bench: list[float], tmp_path: Path) -> None:
    bench += [40, 41, 42]
    (row,) = everything.run(quick=True, gate=gate(tmp_path, 0.5))
    assert (row["regressed"], row["behind"], row["value"]) == ("yes", 0.16, 42)
    assert bench == []


def test_a_busy_moment_is_no_regression(bench: list[float], tmp_path: Path) -> None:
    bench += [30, 47]
    (row,) = everything.run(quick=True, gate=gate(tmp_path, 0.5))
    assert (row["regressed"], row["behind"]) == ("no", 0.06)


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
