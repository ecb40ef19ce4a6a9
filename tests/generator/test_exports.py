"""Each export is read by the loader its users use; where that cannot be installed here, as its source reads files."""

import csv
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tellmark.errors import InputError, UsageError
from tellmark.generator.exports import FORMATS, export
from tellmark.generator.exports.deepfakebench import FRAMES
from tellmark.manifest import read_clips
from tellmark.media import probe, sha256_of
from tellmark.types import Label

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # what the loaders themselves warn of is not ours to mend
]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.mark.parametrize("name", FORMATS)
def test_every_export_brings_licences_datasheet_and_checksums(everything: Path, out: Path, name: str) -> None:
    facts = export(everything, name, out)
    sums = dict(line.split("  ")[::-1] for line in (out / "SHA256SUMS").read_text().splitlines())
    assert set(sums) == {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} - {"SHA256SUMS"}
    assert all(sha256_of(out / file) == digest for file, digest in sums.items())
    assert facts["files"] == len(sums) + 1
    licences = list(csv.DictReader((out / "LICENCES.csv").read_text().splitlines()))
    assert {row["clip_id"] for row in licences} == {clip.clip_id for clip in read_clips(everything)}
    assert "Made by tellmark" in (out / "README.md").read_text()
    assert not list(out.parent.glob(".*.part"))
    with pytest.raises(UsageError, match="is not empty; name a new folder"):
        export(everything, name, out)


def test_what_is_refused(everything: Path, out: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--to zip: unknown; choose one of deepfakebench"):
        export(everything, "zip", out)
    with pytest.raises(InputError, match="holds no dataset; give the folder"):
        export(tmp_path, "dfdc", out)
    assert not out.exists()


def test_videofolder_by_datasets(everything: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    export(everything, "videofolder", out)
    loaded = datasets.load_dataset("videofolder", data_dir=str(out), cache_dir=str(tmp_path / "cache"))
    clips = {clip.clip_id: clip for clip in read_clips(everything)}
    rows = loaded["test"].cast_column("video", datasets.Video(decode=False))
    assert {row["clip_id"] for row in rows} == set(clips)
    for row in rows:
        clip = clips[row["clip_id"]]
        assert row["label"] == clip.label.value
        assert row["original"] == clip.original
        assert sha256_of(row["video"]["path"]) == clip.sha256


def test_webdataset_by_webdataset(everything: Path, out: Path, tmp_path: Path) -> None:
    wds = pytest.importorskip("webdataset")
    export(everything, "webdataset", out)
    samples = list(wds.WebDataset(str(out / "test-000000.tar"), shardshuffle=False).decode())
    clips = {clip.clip_id: clip for clip in read_clips(everything)}
    assert {sample["json"]["clip_id"] for sample in samples} == set(clips)
    for sample in samples:
        clip = clips[sample["json"]["clip_id"]]
        assert sample["mp4"] == (everything / clip.path).read_bytes()
        assert ("mask.mkv" in sample) == (clip.mask_path is not None)
        assert set(sample["track.npz"]) == {"landmarks", "pose_deg"}
    export(everything, "webdataset", tmp_path / "again")
    assert (out / "test-000000.tar").read_bytes() == (tmp_path / "again" / "test-000000.tar").read_bytes()
    with tarfile.open(out / "test-000000.tar") as shard:
        assert all(member.name.count(".") <= 2 for member in shard)


def test_croissant_by_mlcroissant(everything: Path, out: Path) -> None:
    mlc = pytest.importorskip("mlcroissant")
    export(everything, "croissant", out)
    dataset = mlc.Dataset(jsonld=str(out / "croissant.json"))
    assert dataset.metadata.ctx.issues.errors == set()
    rows = list(dataset.records("clips"))
    text = {row["clips/clip_id"].decode(): row for row in rows}
    clips = {clip.clip_id: clip for clip in read_clips(everything)}
    assert set(text) == set(clips)
    for name, row in text.items():
        assert row["clips/label"].decode() == clips[name].label.value
        assert row["clips/seconds"] == clips[name].seconds
    assert all((out / str(path)).is_file() for clip in clips.values() for path in (clip.path, clip.track_path))


def test_deepfakebench_as_its_reader_reads(everything: Path, out: Path) -> None:
    """After ``DeepfakeAbstractBaseDataset``: folders by replacing a word in the path, videos by the parent's name."""
    export(everything, "deepfakebench", out)
    listed = json.loads((out / "dataset_json" / "everything.json").read_text())["everything"]
    videos: dict[str, str] = {}
    for kind, splits in listed.items():
        assert set(splits) == {"train", "val", "test"}
        for name, video in splits["test"].items():
            assert video["label"] == f"everything_{'Real' if kind in ('reference', 'null') else 'Fake'}"
            assert len(video["frames"]) == len(video["masks"]) == min(FRAMES, 10)
            for path in video["frames"]:
                assert path.startswith("./datasets/rgb/everything/")
                assert path.count("frames") == 1
                file = out / path.removeprefix("./datasets/")
                assert videos.setdefault(file.parent.name, kind + name) == kind + name
                image = cv2.imread(str(file))
                mask = cv2.imread(str(file).replace("frames", "masks"), 0)
                points = np.load(str(file).replace("frames", "landmarks").replace(".png", ".npy"))
                assert image.shape == (256, 256, 3)
                assert mask.shape == (256, 256)
                assert points.shape == (81, 2)
                assert -40 < points.min() < points.max() < 296
                assert abs(points[36:48].mean(0)[0] - 128) < 25  # the eyes: level, and in the middle
                assert int(file.stem) >= 0
    faces = cv2.imread(str(next(out.glob("rgb/everything/swap/masks/*/004.png"))), 0)
    assert 0.2 < (faces > 128).mean() < 0.8
    assert "everything_Fake: 1" in (out / "README.md").read_text()


def test_faceforensics_as_its_users_put_paths_together(everything: Path, out: Path) -> None:
    export(everything, "faceforensics", out)
    pairs: list[list[str]] = json.loads((out / "splits" / "test.json").read_text())
    assert pairs == [["000", "001"]]
    for quality in ("c23", "messenger"):
        for target, source in (*pairs, *(pair[::-1] for pair in pairs)):
            assert (out / "original_sequences" / "youtube" / quality / "videos" / f"{target}.mp4").is_file()
            for method in ("talk", "reenact", "lipsync", "swap", "selfblend", "splice", "talk-mouth_blur-0.5"):
                folder = out / "manipulated_sequences" / method
                assert probe(folder / quality / "videos" / f"{target}_{source}.mp4").has_audio
                assert (folder / "masks" / "videos" / f"{target}_{source}.mkv").is_file()
    rows = list(csv.DictReader((out / "metadata.csv").read_text().splitlines()))
    assert len(rows) == len(read_clips(everything))
    assert all((out / row["file"]).is_file() and sha256_of(out / row["file"]) == row["sha256"] for row in rows)


def test_dfdc_as_its_metadata_is_read(everything: Path, out: Path) -> None:
    export(everything, "dfdc", out)
    part = out / "dfdc_test_part_00"
    metadata: dict[str, Any] = json.loads((part / "metadata.json").read_text())
    assert set(metadata) == {path.name for path in part.glob("*.mp4")}
    for row in metadata.values():
        assert row["label"] in ("FAKE", "REAL")
        if row["label"] == "FAKE":
            assert metadata[row["original"]]["label"] == "REAL"


def test_avdeepfake1m_as_its_package_reads(everything: Path, out: Path) -> None:
    """After ``avdeepfake1m.loader``, whose package needs pandas 2."""
    export(everything, "avdeepfake1m", out)
    rows = json.loads((out / "test_metadata.json").read_text())
    assert len(rows) == len(read_clips(everything))
    for row in rows:
        assert row["file"].count(".") == 1  # labels are cached under what is before the first dot
        assert json.loads((out / "test_metadata" / row["file"].replace(".mp4", ".json")).read_text()) == row
        info = probe(out / "test" / row["file"])
        assert row["video_frames"] / info.fps == pytest.approx(info.duration_s, abs=0.1)
        assert (row["modify_type"] == "real") == (row["fake_segments"] == [])
        assert (row["modify_type"] == "both_modified") == (row["tellmark_method"] == "splice")
        assert all(0 <= start < end <= 1.0 for start, end in row["fake_segments"])


def test_the_sample_shows_every_method(everything: Path, out: Path) -> None:
    export(everything, "sample", out)
    with zipfile.ZipFile(out / "sample.zip") as archive:
        rows = [json.loads(line) for line in archive.read("manifest.jsonl").splitlines()]
        assert {row["method"] for row in rows} == {clip.method for clip in read_clips(everything)}
        assert {row["label"] for row in rows} == {Label.FAKE.value, Label.REFERENCE.value}
        assert all(row["path"] in archive.namelist() for row in rows)
