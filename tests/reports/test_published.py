"""The published reports: whole, in order, and without a trace of a real person."""

import csv
import json
import re
from pathlib import Path

import pytest

from tellmark.reports.history import TABLE, collect

PUBLISHED = Path(__file__).resolve().parents[2] / "reports" / "published"
REPORTS = sorted(path.parent for path in PUBLISHED.glob("*/results.json"))


def results(report: Path) -> dict:
    return json.loads((report / "results.json").read_text())


def test_ours_and_other_systems_are_there() -> None:
    topics = {report.name[11:] for report in REPORTS}
    assert {"talk", "other-systems", "dials"} <= topics


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
def test_a_report_is_whole(report: Path) -> None:
    found = results(report)
    assert found["schema"] == "tellmark.report/1"
    assert found["gap"]["corrected"]
    assert found["tells"]
    assert found["motion"]
    for table in ("tells", "scores", "motion", "distances"):
        assert (report / f"{table}.csv").exists(), table
    assert (report / "tables" / "tells.tex").exists()
    assert (report / "figures" / "tells.svg").exists()


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
def test_footage_that_only_passed_the_pipeline_has_no_gap(report: Path) -> None:
    found = results(report)
    if found["gap"]["identities"] < 16:
        assert found["zero"] is None  # too few to say
    else:
        assert found["zero"]["gap_low"] <= 0 <= found["zero"]["gap_high"]


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
def test_only_actors_are_named_and_shown(report: Path) -> None:
    scores = results(report)["scores"]
    assert all(re.fullmatch(r"actor:\d+|person-[0-9a-f]{8}", row["identity"]) for row in scores)
    real = {row["identity"] for row in scores if not row["identity"].startswith("actor:")}
    shown = re.findall(r'<img [^>]*alt="([^"]*)"', (report / "index.html").read_text())
    assert all(name.startswith("actor:") for name in shown)
    assert not (real and shown)


@pytest.mark.shared
def test_no_name_of_the_test_material_is_in_any_file(shared_data: Path) -> None:
    with (shared_data / "index.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    systems = {row["system"].lower() for row in rows} | {"talk", "real", "fake", ""}
    words = {Path(row["path"]).stem for row in rows} | {row["person_id"] for row in rows}
    words = {word for word in words if len(word) > 4 and word.lower() not in systems}
    for path in PUBLISHED.rglob("*"):
        if path.is_file():
            text = re.sub(r"data:image/jpeg;base64,[A-Za-z0-9+/=]+", "", path.read_text())
            assert [word for word in words if word in text] == [], path


def test_no_larger_dose_is_seen_less() -> None:
    """Monotone in every dial: nowhere lies the whole interval of a larger dose below that of a smaller one."""
    (report,) = (report for report in REPORTS if report.name.endswith("-dials"))
    doses = results(report)["doses"]
    assert len(doses) >= 12
    for row in doses:
        pairs = zip(row["auc_low"][:-1], row["auc_high"][1:], strict=True)
        assert all(high >= low for low, high in pairs), row["dial"]
    seen = [row for row in doses if row["dose"] is not None]
    assert len(seen) >= 6
    assert all(row["auc"][-1] >= row["auc"][0] for row in seen)


def test_the_history_is_that_of_the_reports() -> None:
    with (PUBLISHED / TABLE).open(newline="") as file:
        known = list(csv.DictReader(file))
    fresh = [{key: "" if value is None else str(value) for key, value in row.items()} for row in collect(PUBLISHED)]
    assert known == fresh
