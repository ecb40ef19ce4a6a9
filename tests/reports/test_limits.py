"""Each limit appears when it applies and only then."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

from tellmark.reports.limits import limits, overlaps
from tellmark.reports.records import load
from tellmark.types import Label


def said(folder: Any) -> str:
    return "\n".join(limits(load(folder.save())))


def test_a_sound_dataset_has_only_the_limits_of_its_kind(make_folder: Callable[..., Any]) -> None:
    text = said(make_folder())
    assert "reference performances" in text
    assert "Only 8 identities" in text
    assert "poorly calibrated (ECE 0.08)" in text
    assert "A note of the evaluation." in text
    for absent in ("share", "carry the watermark", "not encoded alike", "no original", "do not describe the same"):
        assert absent not in text.replace("families share", "")


def test_files_that_could_not_be_read_are_counted(make_folder: Callable[..., Any]) -> None:
    folder = make_folder()
    assert "could not be read" not in said(folder)
    record = json.loads((folder.path / "dataset.json").read_text())
    lost = [{"file": "real/Jane Doe.mp4", "error": "damaged"}] * 2
    (folder.path / "dataset.json").write_text(json.dumps(record | {"unreadable": lost}))
    assert "2 of the files could not be read" in said(folder)
    assert "Jane" not in said(folder)


def test_overlap_of_splits(make_folder: Callable[..., Any]) -> None:
    folder = make_folder()
    assert overlaps(load(folder.path).clips) == {"identities": 0, "sources": 0, "voices": 0}
    folder.clips[0] = dataclasses.replace(folder.clips[0], identity="actor:100")
    assert "Training and test clips share 1 identities" in said(folder)


def test_confounds(make_folder: Callable[..., Any]) -> None:
    folder = make_folder()
    kept = list(folder.clips)

    def change(label: Label, **changes: Any) -> str:
        folder.clips = [dataclasses.replace(c, **changes) if c.label is label else c for c in kept]
        return said(folder)

    assert "22% of the other clips carry the watermark" in change(Label.REFERENCE, marked=False)
    assert "not encoded alike" in change(Label.FAKE, crf=28)
    assert "9 of 9 fakes have no original" in change(Label.FAKE, original=None)


def test_scores_that_contradict_the_auc(make_folder: Callable[..., Any]) -> None:
    folder = make_folder()
    folder.evaluation["overall"]["auc"] -= 0.05
    assert "do not describe the same" in said(folder)


def test_well_calibrated_scores_of_many_people_raise_no_alarm(make_folder: Callable[..., Any]) -> None:
    folder = make_folder()
    folder.evaluation["overall"]["ece"] = 0.02
    folder.evaluation["n_identities"] = 100
    text = said(folder)
    assert "poorly calibrated" not in text
    assert "identities were scored" not in text


def test_a_detector_that_learned_nothing_is_called_so(make_folder: Callable[..., Any]) -> None:
    folder = make_folder()
    for row in folder.evaluation["scores"]:
        row["p"] = 0.5
    folder.evaluation["overall"]["auc"] = 0.5
    assert said(folder).startswith("The detector gives every clip the same score")
