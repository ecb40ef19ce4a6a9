"""The report's benchmark: the same numbers twice, and a made-up dataset that is told apart."""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from tellmark.benchmarks.report import invent, run
from tellmark.detector.models import additive
from tellmark.errors import InputError
from tellmark.reports.report import build_report
from tellmark.study import Settings, study
from tellmark.study_files import EVALUATION, GAP

SETTINGS = Settings(motion=False, verified=0)


@pytest.fixture(autouse=True, scope="module")
def few_trees() -> Iterator[None]:
    """Few trees, calibrated on halves: nothing here is about how good the models are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(additive._BOOSTING, "max_iter", 20)
        patch.setattr(additive, "FOLDS", 2)
        yield


def bar(_: str) -> nullcontext[None]:
    return nullcontext(None)


def test_two_runs_write_the_same_bytes() -> None:
    rows = {(row["measure"], row["unit"]): row["value"] for row in run(clips="25")}
    assert rows["clips", "of 3 windows"] == 25
    (differing,) = (value for (measure, _), value in rows.items() if measure.startswith("files that differ"))
    assert differing == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("study") / "data"
    invent(place, 80, shift=1.5)
    study(place, bar, SETTINGS)
    return place


def test_a_study_is_not_repeated_until_something_changed(folder: Path) -> None:
    before = (folder / GAP).stat().st_mtime_ns
    study(folder, bar, SETTINGS)
    assert (folder / GAP).stat().st_mtime_ns == before
    record = json.loads((folder / GAP).read_text())
    (folder / GAP).write_text(json.dumps(record | {"ruler": "older"}))
    study(folder, bar, SETTINGS)
    assert json.loads((folder / GAP).read_text()) == record


def test_null_renders_are_judged_and_taken_off(folder: Path, tmp_path: Path) -> None:
    build_report(folder, tmp_path / "out")
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    gap = results["gap"]
    assert gap["corrected"]
    assert (gap["fakes"], gap["negatives"], gap["nulls"]) == (48, 16, 16)
    assert gap["value"] > 0.5 > abs(gap["null"]) - 0.2
    zero = results["zero"]
    assert zero["clips"] == 8
    assert zero["gap_low"] <= 0 <= zero["gap_high"]  # null renders in the place of forgeries
    assert {row["method"] for row in results["methods"]} == {"talk", "swap", "lipsync"}
    assert results["detector"]["model"] == "persons held out"
    assert r"\toprule" in (tmp_path / "out" / "tables" / "tells.tex").read_text()


def test_somebody_elses_evaluation_is_kept(folder: Path) -> None:
    mine = json.loads((folder / EVALUATION).read_text())
    (folder / EVALUATION).write_text(json.dumps(mine | {"model": "theirs"}))
    (folder / GAP).unlink()
    study(folder, bar, SETTINGS)
    assert json.loads((folder / EVALUATION).read_text())["model"] == "theirs"
    (folder / EVALUATION).write_text(json.dumps(mine))


def test_scores_of_another_detector_give_its_gap(folder: Path, tmp_path: Path) -> None:
    clips = [row["clip_id"] for row in json.loads((folder / GAP).read_text())["rows"]]
    table = tmp_path / "scores.csv"
    scores = "".join(f"{c},{0.1 if c[:4] in ('real', 'null') else 0.9}\n" for c in clips)
    table.write_text("\ufeffclip_id,score\n" + scores)
    study(folder, bar, Settings(motion=False, verified=0, scores=table))
    build_report(folder, tmp_path / "out")
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["gap"]["value"] == 1  # and the mark that spreadsheets put in front was passed over
    assert results["tells"] == []
    assert results["detector"]["model"] == "scores as given"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b\n1,2\n", "needs the columns clip_id and score"),
        ("clip_id,score\nreal-000\n", "needs the columns clip_id and score"),
        ("clip_id,score\nreal-000,7\n", "outside 0 to 1"),
        ("clip_id,score\nreal-000,0.5\n", "one class"),
    ],
)
def test_a_table_of_scores_that_is_none_is_refused(folder: Path, tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "scores.csv").write_text(text)
    with pytest.raises(InputError, match=says):
        study(folder, bar, Settings(motion=False, verified=0, scores=tmp_path / "scores.csv"))
