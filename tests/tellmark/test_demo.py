"""Parts of the demo that no other test runs; `make demo` runs the whole."""

import sys
from importlib import resources
from pathlib import Path

import pytest

from tellmark import demo, doctor
from tellmark.cli import run
from tellmark.console import Console
from tellmark.errors import UsageError
from tellmark.generator.factory.estimate import dry_run
from tellmark.generator.factory.plan import load_plan
from tellmark.media import VideoReader
from tellmark.types import VerdictKind
from tellmark.watermark.verify import verify


def test_its_plan_pairs_reference_and_fake() -> None:
    with resources.as_file(resources.files("tellmark").joinpath("demo.toml")) as path:
        facts = dry_run(load_plan(path))
    assert facts["clips_by_method"] == dict.fromkeys(("null", "reference", "talk"), facts["identities"])


def test_the_test_pattern_carries_nothing(tmp_path: Path) -> None:
    path = tmp_path / "pattern.mp4"
    demo._test_pattern(path)
    assert verify(path).verdict is VerdictKind.NONE


def test_contact_sheet_has_a_row_a_clip(tmp_path: Path) -> None:
    path = tmp_path / "pattern.mp4"
    demo._test_pattern(path)
    sheet = demo._contact_sheet([path, path], columns=3, size=64)
    assert sheet.shape == (128, 192, 3)
    with VideoReader(path) as reader:
        first = next(iter(reader)).rgb()
    assert abs(float(sheet[:64, :64].mean()) - float(first.mean())) < 2


def test_without_a_voice_nothing_is_begun_and_doctor_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(UsageError, match=r"needs espeak-ng: pip install 'tellmark\[voice\]'"):
        demo.run(tmp_path / "out", Console())
    assert not (tmp_path / "out").exists()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tellmark.doctor._CHECKS", [check for check in doctor._CHECKS if "optional" in check[0]])
        assert run(["doctor"]) == 0  # most can do without
        assert "FAIL  voices (optional): speech from text needs espeak-ng" in capsys.readouterr().out
        patch.setattr("tellmark.doctor._CHECKS", [("anything else", doctor._voice, "Mend it.")])
        assert run(["doctor"]) == 1


def test_a_folder_in_use_needs_force(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    with pytest.raises(UsageError, match="--force"):
        demo.run(tmp_path, Console())
