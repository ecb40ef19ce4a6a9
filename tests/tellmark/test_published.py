"""The published reports' command: its plans, what it keeps of the reports it replaces, whose sound it leaves out."""

import json
import tomllib
from pathlib import Path

import pytest

from tellmark import published
from tellmark.errors import UsageError
from tellmark.generator.factory.plan import load_plan
from tellmark.manifest import write_manifest
from tellmark.reports import history
from tellmark.types import Clip, Label

ROOT = Path(__file__).resolve().parents[2] / "reports" / "published"
PLANS = sorted((ROOT / published.PLANS).glob("*.toml"))


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_a_plan_can_be_built(path: Path, tmp_path: Path) -> None:
    told = tomllib.loads(path.read_text())
    if "folders" in told:
        assert set(told["folders"]) == {"real", "seconds", "most", "variants"}
        return
    if "footage" in told:
        (tmp_path / told["footage"]["folder"]).mkdir()
        (tmp_path / told["footage"]["persons"]).touch()
    copy = tmp_path / path.name
    copy.write_text(path.read_text())
    plan = load_plan(copy)
    assert "null" in plan.arms  # a gap is corrected
    assert plan.seconds >= 1.6  # a window of the tells


def test_a_topic_without_a_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the topics are dials, methods, other-systems, talk"):
        published.publish("nothing", tmp_path, tmp_path, lambda _: None, ROOT)


def results(gap: float) -> str:
    index = {"value": gap, "ci": [0, 1], "detectability": gap, "null": 0, "fakes": 4, "identities": 4}
    return json.dumps({"gap": index, "made_with": {"generator": ["x"], "tells": "t"}})


def test_the_numbers_of_a_replaced_report_stay_in_the_history(tmp_path: Path) -> None:
    for gap in (0.9, 0.8):
        report = tmp_path / "2026-11-25-talk"
        report.mkdir()
        (report / "results.json").write_text(results(gap))
        (report / "index.html").touch()
        published._retire("talk", tmp_path)
        assert not report.exists()
    other = tmp_path / "2026-11-26-small-talk"
    other.mkdir()
    (other / "results.json").write_text(results(0.1))
    published._retire("talk", tmp_path)
    rows = history.collect(tmp_path)
    assert [(row["topic"], row["gap"]) for row in rows] == [("small-talk", 0.1), ("talk", 0.9), ("talk", 0.8)]


def clip(method: str, person: str) -> Clip:
    fake = method not in ("real", "null")
    return Clip(
        clip_id=f"{person}-{method}", path="x.mp4", sha256="0" * 64, label=Label.FAKE if fake else Label.REAL,
        method=method, identity=f"person:{person}", source_id=person, voice_id="", split="train", seed=0, width=64,
        height=64, fps=25, seconds=2, codec="libx264", crf=23, preset="fast", marked=True, payload=None,
        generator_version="x", licence="none",
    )  # fmt: skip


def test_lips_are_not_held_against_sound_that_was_lent(tmp_path: Path) -> None:
    clips = [clip(method, person) for person in ("own", "lent") for method in ("real", "talk", "swap")]
    write_manifest(tmp_path, clips)
    rows = [{"clip_id": c.clip_id, "delta P": 1.0, "sync distance": 1.0, "audio-pose alignment": 0.1} for c in clips]
    (tmp_path / "motion.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "groups.csv").write_text("identity,sound\nperson:own,its own\nperson:lent,lent\n")
    published._forget_lent_sound(tmp_path)
    kept = {row["clip_id"]: row for row in map(json.loads, (tmp_path / "motion.jsonl").read_text().splitlines())}
    deaf = {name for name, row in kept.items() if "sync distance" not in row}
    assert deaf == {"lent-real", "lent-swap"}
    assert all(("audio-pose alignment" in row) == ("sync distance" in row) for row in kept.values())
    assert all(row["delta P"] == 1.0 for row in kept.values())
