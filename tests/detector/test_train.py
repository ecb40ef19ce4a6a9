"""Training, evaluation and detection on datasets whose features are known."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tellmark.cli import run
from tellmark.commands.learning import train as train_command
from tellmark.detector import tells
from tellmark.detector.audit.run import audit
from tellmark.detector.clips import identity_leaks
from tellmark.detector.evaluate import CACHE, evaluate
from tellmark.detector.features import NAMES, ClipFeatures, cached_features
from tellmark.detector.models import fusion
from tellmark.detector.models.additive import Tells
from tellmark.detector.models.model import TellModel
from tellmark.detector.models.temporal import Temporal
from tellmark.detector.train import leave_one_method_out, train
from tellmark.detector.views import ClipViews
from tellmark.errors import InputError, MediaError, UsageError
from tellmark.manifest import read_clips, write_manifest
from tellmark.types import Clip, Label
from tests.detector.columns import normal

CLIP = Clip(
    clip_id="", path="", sha256="", label=Label.REAL, method="real", identity="", source_id="", voice_id="",
    split="train", seed=0, width=512, height=512, fps=25.0, seconds=4.8, codec="libx264", crf=23, preset="veryfast",
    marked=False, payload=None, generator_version="", licence="CC0",
)  # fmt: skip


def make(folder: Path, *, persons: int = 48, marked: bool = True, leak: bool = False, windows: int = 3) -> list[Clip]:
    """A dataset whose cache already holds the features: fakes shift one tell by method, and a common one."""
    rng = np.random.default_rng(0)
    clips = []
    for number in range(2 * persons):
        person, fake = number // 2, number % 2 == 1
        method = ("warp", "swap", "sync")[person % 3] if fake else "real"
        sha = hashlib.sha256(str(number).encode()).hexdigest()
        x = normal(rng, windows)
        if fake:
            x[:, NAMES.index({"warp": "noise.level_kb", "swap": "boundary.edge", "sync": "mouth.red"}[method])] += 2
            x[:, NAMES.index("flicker.luma")] += 2.5
        clips.append(
            dataclasses.replace(
                CLIP,
                clip_id=f"c{number}",
                path=f"clips/c{number}.mp4",
                sha256=sha,
                label=Label.FAKE if fake else Label.REAL,
                method=method,
                identity=f"p{person % 5 if leak else person}",
                split="test" if person % 4 == 0 else "train",
                marked=marked and person % 8 < 4,
            )
        )
        times = np.arange(windows) * 1.6 + 0.8
        stored = ClipFeatures(times, x, windows * 40, 1, windows * 40, 200.0)
        cached_features(folder / clips[-1].path, sha, folder / CACHE, lambda _, stored=stored: stored)
    write_manifest(folder, clips)
    return clips


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    make(folder)
    return folder


@pytest.fixture(scope="module")
def model(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> TellModel:
    return train(dataset, tmp_path_factory.mktemp("model") / "model.npz")


def test_manifest_round_trip(dataset: Path) -> None:
    clips = read_clips(dataset)
    write_manifest(dataset, clips)
    assert read_clips(dataset) == clips
    assert clips[1].label is Label.FAKE
    assert clips[0].payload is None
    rows = [json.loads(line) for line in (dataset / "manifest.jsonl").read_text().splitlines()]
    assert [row["clip_id"] for row in rows] == [clip.clip_id for clip in clips]
    assert identity_leaks(clips) == []


def test_clips_that_cannot_be_read_are_named_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, model = tmp_path / "data", tmp_path / "m.model"
    lost = [clip for clip in make(data) if clip.clip_id in ("c0", "c3")]  # one of the split test, one of train
    for clip in lost:
        (kept,) = (data / CACHE).glob(f"{clip.sha256}-*")
        kept.unlink()
    assert run(["train", str(data), "-o", str(model), "--json"]) == 3
    out, err = capsys.readouterr()
    assert json.loads(out)["clips"] == {"real": 36, "fake": 35}
    assert {Path(row["file"]).name for row in json.loads(out)["unreadable"]} == {"c0.mp4", "c3.mp4"}
    assert "c3.mp4 does not exist" in err
    assert run(["evaluate", str(model), str(data)]) == 3
    out, err = capsys.readouterr()
    assert "on 23 clips" in out
    assert "c0 was left out: it cannot be read" in out
    assert "1 of the files could not be read" in err
    assert [Path(row["file"]).name for row in json.loads((data / "evaluation.json").read_text())["unreadable"]] == [
        "c0.mp4"
    ]
    for stage in ("confounds.encoder", "confounds.elsewhere", "confounds.pairs", "protocol.strip"):  # they decode
        monkeypatch.setattr(f"tellmark.detector.audit.run.{stage}", lambda _: [])
    found = audit(data, most=0, bootstraps=20)
    assert {Path(failure.file).name for failure in found.unreadable} == {"c0.mp4", "c3.mp4"}
    assert "left out of 96 clips: 2" in found.table()


def test_more_tells_are_learnt_from_where_they_are_asked_for(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "m.model"
    assert run(["train", str(dataset), "-o", str(out), "--also", "sync", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["families"] == [*tells.USUAL, "sync"]
    assert "sync" in TellModel.load(out).judge(np.zeros((2, len(NAMES)))).tells
    assert run(["train", str(dataset), "-o", str(out), "--kind", "temporal", "--also", "sync"]) == 2
    offered = next(option for option in train_command.params if option.name == "also")
    assert tuple(offered.type.choices) == tells.EXTRA  # type: ignore[attr-defined]


def test_sound_of_one_class_alone_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = tmp_path / "data", tmp_path / "m.model"
    sync = [k for k, name in enumerate(NAMES) if name.startswith("sync.")]
    for clip in make(data):
        if clip.label is Label.REAL:
            (kept,) = (data / CACHE).glob(f"{clip.sha256}-*")
            with np.load(kept) as saved:
                fields = dict(saved)
            fields["x"][:, sync] = np.nan
            np.savez(kept, **fields)
    assert run(["train", str(data), "-o", str(out), "--also", "sync"]) == 3
    assert "say anything of sync" in capsys.readouterr().err
    assert not out.exists()


def test_a_network_is_trained_on_the_clips_that_can_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    make(data)

    def views(path: Path, sha256: str, folder: Path, names: tuple[str, ...]) -> ClipViews:
        if path.name in ("c2.mp4", "c5.mp4", "c17.mp4"):  # the last one is of the split test
            raise MediaError(f"{path} is not a video")
        steps = np.random.default_rng(int(sha256[:8], 16)).normal(size=(3, 40, 8)).astype(np.float32)
        return ClipViews(np.arange(3.0), {"motion": steps}, 120, 1)

    monkeypatch.setattr("tellmark.detector.train_kinds.cached_views", views)
    monkeypatch.setattr("tellmark.detector.evaluate.cached_views", views)
    monkeypatch.setitem(fusion.PARTS, "temporal", Temporal(width=4, epochs=1))
    model = tmp_path / "m.model"
    assert run(["train", str(data), "-o", str(model), "--kind", "temporal", "--json"]) == 3
    out, err = capsys.readouterr()
    assert sum(json.loads(out)["clips"].values()) == 70
    assert [Path(row["file"]).name for row in json.loads(out)["unreadable"]] == ["c2.mp4", "c5.mp4"]
    assert "c5.mp4 is not a video" in err
    assert run(["evaluate", str(model), str(data), "--json"]) == 3  # its tells are in the cache, its motion is not
    found = json.loads(capsys.readouterr().out)
    assert found["n_clips"] == 23
    assert "c17 was left out: it cannot be read" in found["notes"]
    assert [Path(row["file"]).name for row in found["unreadable"]] == ["c17.mp4"]


def test_files_that_cannot_be_read_are_named_where_nothing_else_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path, persons=2)
    for kept in (tmp_path / CACHE).iterdir():
        kept.unlink()
    for kind in ("tells", "temporal"):
        assert run(["train", str(tmp_path), "-o", str(tmp_path / "m.model"), "--kind", kind]) == 3
        err = capsys.readouterr().err
        assert "c3.mp4 does not exist" in err
        assert not (tmp_path / "m.model").exists()
    with pytest.raises(InputError, match=r"4 files cannot be read: .*c0\.mp4 does not exist"):
        audit(tmp_path, most=0, bootstraps=20)


def test_the_card_says_what_the_model_is(model: TellModel) -> None:
    card = model.card
    assert card["clips"] == {"real": 36, "fake": 36}
    assert set(card["unseen_methods"]) == {"warp", "swap", "sync"}
    assert card["cross_validation"]["overall"]["auc"] > 0.85
    assert card["cross_validation"]["tells"]["flicker"]["auc"] > 0.8
    assert card["cross_validation"]["tells"]["pose"]["auc"] < 0.75
    assert set(card["above"]) == {"real", "warp", "swap", "sync"}
    assert card["above"]["real"] == card["operating_point"]["false_alarms"]
    (test,) = card["test"].values()
    assert test["n_identities"] == 12
    assert card["licence"] == "research use"
    json.dumps(card, allow_nan=False)


def test_the_record_is_right(dataset: Path, model: TellModel) -> None:
    record = evaluate(model, dataset, bootstraps=200)
    json.dumps(record, allow_nan=False)
    scores = record["scores"]
    assert len(scores) == record["n_clips"] == 24
    labels = [row["label"] == "fake" for row in scores]
    p = [row["p"] for row in scores]
    assert record["overall"]["auc"] == pytest.approx(roc_auc_score(labels, p))
    low, high = record["overall"]["auc_ci"]
    assert low <= record["overall"]["auc"] <= high
    assert record["overall"]["roc"][0] == [0, 0]
    assert record["overall"]["roc"][-1] == [1, 1]
    assert record["tells"]["flicker"]["top_feature"] == "flicker.luma"
    assert record["tells"]["flicker"]["cohens_d"] > 1
    assert record["negative_class"] == "real"
    assert set(record["watermark"]) == {
        f"fake_{a}_vs_negative_{b}" for a in ("marked", "clean") for b in ("marked", "clean")
    }
    assert record["notes"] == []


def test_without_both_arms_the_record_says_so(tmp_path: Path, model: TellModel) -> None:
    make(tmp_path, persons=12, marked=False)
    record = evaluate(model, tmp_path, split=None, bootstraps=50)
    assert record["watermark"] is None
    assert any("watermark" in note for note in record["notes"])
    assert any("too good" in note for note in record["notes"]), "these persons were trained on"


def test_several_datasets_count_together(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    make(one, persons=8)
    clips = make(other, persons=8)
    write_manifest(other, [dataclasses.replace(clip, sha256=clip.sha256[::-1], split="train") for clip in clips])
    for path in (other / CACHE).iterdir():
        sha, version = path.stem.split("-")
        path.rename(path.with_name(f"{sha[::-1]}-{version}.npz"))
    both = train([one, other], tmp_path / "both.npz")
    assert both.card["clips"] == {"real": 14, "fake": 14}
    assert both.card["cross_validation"]["n_clips"] == 28
    assert list(both.card["test"]) == ["one"]


def test_a_method_is_left_out_where_every_person_has_every_method() -> None:
    rng = np.random.default_rng(0)
    pairs = []
    for person in range(12):
        for method in ("real", "warp", "swap", "sync"):
            x = normal(rng, 2)
            x[:, NAMES.index("flicker.luma")] += 4.0 * (method in ("warp", "swap"))  # sync looks like the real ones
            label = Label.REAL if method == "real" else Label.FAKE
            sha = f"{person}{method}"
            clip = dataclasses.replace(CLIP, clip_id=sha, sha256=sha, label=label, method=method, identity=f"p{person}")
            pairs.append((clip, ClipFeatures(np.array([0.8, 2.4]), x, 80, 1, 80, 200.0)))
    found = leave_one_method_out(pairs, Tells())
    assert {method: one["n"] for method, one in found.items()} == {"warp": 12, "swap": 12, "sync": 12}
    assert min(found["warp"]["auc"], found["swap"]["auc"]) > 0.75
    assert 0.2 < found["sync"]["auc"] < 0.8


def test_leaking_identities_are_refused(tmp_path: Path) -> None:
    make(tmp_path, persons=12, leak=True)
    with pytest.raises(InputError, match="several splits"):
        train(tmp_path, tmp_path / "model.npz")


def test_one_class_is_refused(tmp_path: Path) -> None:
    clips = make(tmp_path, persons=6)
    write_manifest(tmp_path, [clip for clip in clips if clip.label is Label.FAKE])
    with pytest.raises(InputError, match="missing class"):
        train(tmp_path, tmp_path / "model.npz")


def test_an_existing_model_is_kept(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "model.npz").write_text("mine")
    with pytest.raises(UsageError, match="--force"):
        train(dataset, tmp_path / "model.npz")
    assert (tmp_path / "model.npz").read_text() == "mine"


def test_a_folder_without_manifest_is_refused(tmp_path: Path, model: TellModel) -> None:
    with pytest.raises(InputError, match="dataset build"):
        evaluate(model, tmp_path)
    (tmp_path / "manifest.parquet").write_bytes(b"nonsense")
    with pytest.raises(InputError, match="cannot be read"):
        evaluate(model, tmp_path)


def test_an_empty_split_is_refused(dataset: Path, model: TellModel) -> None:
    with pytest.raises(InputError, match="no clips of the split"):
        evaluate(model, dataset, split="val")


def test_clips_without_a_face_are_noted(tmp_path: Path, model: TellModel) -> None:
    clips = make(tmp_path, persons=12)
    empty: Any = ClipFeatures(np.zeros(0), np.zeros((0, len(NAMES))), 100, 0, 0, 0.0)
    sha = hashlib.sha256(b"empty").hexdigest()
    cached_features(tmp_path / "x.mp4", sha, tmp_path / CACHE, lambda _: empty)
    clips.append(dataclasses.replace(clips[0], clip_id="faceless", sha256=sha))
    write_manifest(tmp_path, clips)
    record = evaluate(model, tmp_path, split=None, bootstraps=50)
    assert record["n_clips"] == 24
    assert any(note.startswith("faceless was left out") for note in record["notes"])
