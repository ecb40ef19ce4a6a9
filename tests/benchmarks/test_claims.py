"""Every figure of the README comes from a result file that is in the repository."""

import csv
import re
from pathlib import Path

import pytest

from tellmark.benchmarks.claims import Claim, Run, claims, readme_rows, value
from tellmark.errors import InputError
from tellmark.reports import history

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
_BESIDE = {"dataset-cost"}  # of a machine that does nothing else
ROWS = readme_rows((ROOT / "README.md").read_text())


@pytest.mark.parametrize("claim", claims(), ids=lambda claim: claim.row)
def test_a_row_says_what_was_measured(claim: Claim) -> None:
    said = [cell for name, cell in ROWS.items() if name.startswith(claim.row)]
    assert said == [claim.text(RESULTS)]


def test_every_row_with_a_figure_is_claimed() -> None:
    known = [claim.row for claim in claims()]
    assert len(ROWS) > 10
    assert [name for name in ROWS if not any(name.startswith(row) for row in known)] == []


@pytest.mark.parametrize("claim", claims(), ids=lambda claim: claim.row)
def test_a_figure_has_a_peer_or_a_reason(claim: Claim) -> None:
    assert bool(claim.peer) != bool(claim.alone)


def test_what_the_rows_say_is_what_benchmarks_write() -> None:
    written = {run.results for claim in claims() for run in claim.runs}
    assert {where["results"] for claim in claims() for where in claim.values} == written | _BESIDE
    assert {name for claim in claims() for run in claim.runs for name in run.needs()} == {"data", "work"}


def test_the_gaps_are_those_of_the_published_reports() -> None:
    last = {row["topic"]: row for row in history.collect(ROOT / "reports" / "published")}
    (path,) = RESULTS.glob("gap-*.csv")
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            assert float(row["gap"]) == last[row["topic"]]["gap"]


def test_settings_name_the_folders_they_need() -> None:
    run = Run("b", "r", {"data": "{data}/real", "count": 3})
    assert run.needs() == {"data"}
    assert run.filled({"data": "films", "work": "w"}) == {"data": "films/real", "count": 3}


def test_no_other_number_with_a_unit_is_in_the_readme() -> None:
    """Outside the table, the README has no measured figure; versions, sizes and options are none."""
    text = (ROOT / "README.md").read_text()
    start = text.index("## What it measures")
    prose = re.sub(r"```.*?```", "", text[:start] + text[text.index("\n## ", start + 3) :], flags=re.S)
    assert re.findall(r"\d[\d.,]*\s?(?:frames/s|dB|ms|MB|clips/minute)\b|AUC \.?\d", prose) == []


def test_a_value_is_found_by_what_its_row_holds(tmp_path: Path) -> None:
    with (tmp_path / "x-some-cpu-2core.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["a", "b"], ["one", "1.5"], ["two", "2"]])
    assert value({"results": "x", "where": {"a": "one"}, "column": "b", "scale": 10}, tmp_path) == 15
    assert value({"results": "x", "where": {}, "column": "b", "reduce": "max"}, tmp_path) == 2
    with pytest.raises(InputError, match="2 values"):
        value({"results": "x", "where": {}, "column": "b"}, tmp_path)
    with pytest.raises(InputError, match="0 values"):
        value({"results": "x", "where": {"a": "three"}, "column": "b"}, tmp_path)
    with pytest.raises(InputError, match="no results of y"):
        value({"results": "y", "where": {}, "column": "b"}, tmp_path)


def test_a_result_is_not_taken_for_another_whose_name_goes_on(tmp_path: Path) -> None:
    (tmp_path / "stream-xeon-e5-2core.csv").write_text("what,value\nframes,70\n")
    (tmp_path / "stream-hour-amd-epyc-2core.csv").write_text("what,value\nframes,50\n")
    assert value({"results": "stream", "where": {"what": "frames"}, "column": "value"}, tmp_path) == 70
    assert value({"results": "stream-hour", "where": {"what": "frames"}, "column": "value"}, tmp_path) == 50
