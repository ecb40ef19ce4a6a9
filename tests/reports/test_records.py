"""Records are read whole or refused with what to do."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tellmark.errors import InputError
from tellmark.reports.records import load


def test_reads_what_was_written(make_folder: Callable[..., Any]) -> None:
    folder = make_folder()
    records = load(folder.path)
    assert sorted(clip.clip_id for clip in folder.clips) == [clip.clip_id for clip in records.clips]
    assert records.evaluation.tells[0].family == "texture"  # strongest first
    assert records.evaluation.tells[0].auc_ci == (0.8, 0.95)
    assert len(records.checks) == 12
    assert records.dataset["name"] == "example"


def test_evaluation_may_be_given(make_folder: Callable[..., Any], tmp_path: Path) -> None:
    folder = make_folder()
    other = tmp_path / "other.json"
    other.write_text(json.dumps({**folder.evaluation, "model": "from a file"}))
    assert load(folder.path, other).evaluation.model == "from a file"
    assert load(folder.path, {**folder.evaluation, "model": "given"}).evaluation.model == "given"


def test_missing_records_name_the_command(make_folder: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="dataset build"):
        load(tmp_path)
    folder = make_folder()
    (folder.path / "evaluation.json").unlink()
    with pytest.raises(InputError, match=r"tellmark evaluate MODEL"):
        load(folder.path)
    folder.save()
    (folder.path / "manifest.parquet").unlink()
    with pytest.raises(InputError, match="holds no dataset"):
        load(folder.path)
    (folder.path / ".build").mkdir()  # as a build that was interrupted leaves it
    with pytest.raises(InputError, match=r"manifest\.parquet is missing.*--resume"):
        load(folder.path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"schema": "tellmark.evaluation/2"}, "tellmark.evaluation/2"),
        ({"overall": {"auc": 0.9}}, "'ap'"),
        ({"scores": []}, "one class only"),
    ],
)
def test_damaged_evaluation_is_refused(make_folder: Callable[..., Any], damage: dict[str, Any], message: str) -> None:
    folder = make_folder()
    folder.evaluation |= damage
    with pytest.raises(InputError, match=message):
        load(folder.save())


def test_scores_of_another_dataset_are_refused(make_folder: Callable[..., Any]) -> None:
    folder = make_folder()
    folder.evaluation["scores"][0]["clip_id"] = "actor-999-talk"
    with pytest.raises(InputError, match="actor-999-talk, which this dataset lacks"):
        load(folder.save())


def test_damaged_verification_line_is_named(make_folder: Callable[..., Any]) -> None:
    folder = make_folder()
    path = folder.path / "verification.jsonl"
    path.write_text(path.read_text() + '{"clip_id": "a", "channel": "b", "verdict": "fine"}\n')
    with pytest.raises(InputError, match="line 13"):
        load(folder.path)


def test_unknown_label_is_refused(make_folder: Callable[..., Any]) -> None:
    folder = make_folder()
    folder.clips[0] = dataclasses.replace(folder.clips[0], label="genuine")
    with pytest.raises(InputError, match="genuine"):
        load(folder.save())
