"""Datasets of others become clips: label, person, original, split and group as their folders say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tellmark.cli import run
from tellmark.detector.groups import groups_of
from tellmark.detector.layouts import read_dataset, two_folders
from tellmark.errors import InputError, MediaError, UsageError
from tellmark.folders import index_rows
from tellmark.types import Failure, Label


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def test_faceforensics(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "original_sequences/youtube/c23/videos/071.mp4",
        "original_sequences/youtube/c40/videos/071.mp4",
        "original_sequences/youtube/c23/videos/054.mp4",
        "manipulated_sequences/Deepfakes/c23/videos/071_054.mp4",
        "manipulated_sequences/Deepfakes/masks/videos/071_054.mp4",
    )
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits/test.json").write_text('[["071", "054"]]')
    clips = read_dataset(tmp_path)
    assert len(clips) == 4  # the mask is none
    fake = next(clip for clip in clips if clip.label is Label.FAKE)
    assert (fake.method, fake.identity, fake.split, fake.compression) == ("Deepfakes", "071", "test", "c23")
    original = next(clip for clip in clips if clip.clip_id == fake.original)
    assert original.path == "original_sequences/youtube/c23/videos/071.mp4"
    assert len(read_dataset(tmp_path, quality="c40")) == 1


def test_celebdf(tmp_path: Path) -> None:
    touch(tmp_path, "Celeb-real/id0_0001.mp4", "Celeb-synthesis/id0_id16_0001.mp4", "YouTube-real/00170.mp4")
    (tmp_path / "List_of_testing_videos.txt").write_text(
        "1 YouTube-real/00170.mp4\n0 Celeb-synthesis/id0_id16_0001.mp4\n"
    )
    clips = {clip.path: clip for clip in read_dataset(tmp_path)}
    fake = clips["Celeb-synthesis/id0_id16_0001.mp4"]
    assert (fake.label, fake.identity, fake.split) == (Label.FAKE, "id0", "test")
    assert fake.original == clips["Celeb-real/id0_0001.mp4"].clip_id
    assert clips["YouTube-real/00170.mp4"].split == "test"
    assert clips["Celeb-real/id0_0001.mp4"].split == "train"


def test_dfdc(tmp_path: Path) -> None:
    part = "dfdc_train_part_00"
    touch(tmp_path, f"{part}/a.mp4", f"{part}/b.mp4")
    rows = {
        "a.mp4": {"label": "FAKE", "split": "train", "original": "b.mp4"},
        "b.mp4": {"label": "REAL", "split": "train"},
        "gone.mp4": {"label": "REAL", "split": "train"},
    }
    (tmp_path / part / "metadata.json").write_text(json.dumps(rows))
    fake, real = sorted(read_dataset(tmp_path), key=lambda clip: clip.label)
    assert fake.identity == real.identity  # the same film, so the same person
    assert fake.original == real.clip_id
    (tmp_path / part / "metadata.json").write_text('["a.mp4"]')
    with pytest.raises(InputError, match="metadata of DFDC"):
        read_dataset(tmp_path)


def test_fakeavceleb_keeps_groups_and_leaves_out_what_only_sounds_fake(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "RealVideo-RealAudio/African/women/id00001/00001.mp4",
        "RealVideo-FakeAudio/African/women/id00001/00002.mp4",
        "FakeVideo-FakeAudio/African/women/id00001/00003.mp4",
    )
    fake, real = sorted(read_dataset(tmp_path), key=lambda clip: clip.label)
    assert (fake.label, real.label) == (Label.FAKE, Label.REAL)
    assert fake.original == real.clip_id
    assert groups_of(real) == {"skin": "African", "sex": "women"}


def test_two_folders_and_none(tmp_path: Path) -> None:
    touch(tmp_path, "real/anna/1.mp4", "real/ben_2.mp4", "other/x/anna_9.avi", "other/notes.txt", "other/.bin/a.mp4")
    (tmp_path / "real" / "cuts.mp4").mkdir()  # a folder is no video, whatever it is called
    real, fakes = tmp_path / "real", tmp_path / "other"
    clips = two_folders(real, fakes)
    assert [(real / clip.path).exists() for clip in clips] == [True] * 3
    assert {clip.identity for clip in clips if clip.label is Label.REAL} == {"anna", "ben"}
    assert [(clip.identity, clip.method) for clip in clips if clip.label is Label.FAKE] == [("anna", "x")]
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "link").symlink_to(real)
    through = two_folders(tmp_path / "elsewhere" / "link", fakes)
    assert [(tmp_path / "elsewhere" / "link" / clip.path).exists() for clip in through] == [True] * 3
    with pytest.raises(InputError, match="is no folder"):
        two_folders(real, tmp_path / "missing")
    with pytest.raises(InputError, match=r"is no dataset.*tellmark report --real"):
        read_dataset(tmp_path)
    (real / "ghost.mp4").symlink_to("/proc/self/mem")  # is there, and cannot be read
    told: list[Failure] = []
    assert two_folders(real, fakes, failed=told.append) == clips
    assert ["ghost.mp4 cannot be read (Input/output error)" in failure.error for failure in told] == [True]
    with pytest.raises(MediaError, match=r"ghost\.mp4 cannot be read"):
        two_folders(real, fakes)


def test_an_audit_and_a_report_read_two_folders_alike(tmp_path: Path) -> None:
    touch(
        tmp_path, "real/anna/1.mp4", "real/ben_02.mp4", "fake/sys/anna_3.mp4", "fake/sys/ben.mov", "fake/cleo_1.mp4",
        "fake/other/deep/anna_4.ts",
    )  # fmt: skip
    table = tmp_path / "persons.csv"
    table.write_text("path,person_id,system\nfake/cleo_1.mp4,ben,\nfake/sys/ben.mov,,renamed\nshort\n")
    for persons in (None, table):
        audited = {
            ((tmp_path / "real" / clip.path).resolve(), clip.label, clip.method, clip.identity)
            for clip in two_folders(tmp_path / "real", tmp_path / "fake", persons)
        }
        reported = {
            (Path(row["path"]), Label(row["kind"]), row["system"] or row["kind"], row["person_id"])
            for row in index_rows(tmp_path / "real", tmp_path / "fake", persons)
        }
        assert audited == reported
        assert {who for _, label, _, who in audited if label is Label.REAL} == {"anna", "ben"}
        made = {path.name: (system, who) for path, label, system, who in audited if label is Label.FAKE}
        assert made["anna_4.ts"] == ("other", "anna")
        assert made["cleo_1.mp4"] == ("unnamed system", "ben" if persons else "cleo")
        assert made["ben.mov"] == ("renamed" if persons else "sys", "ben")


def test_a_video_cannot_be_real_and_fake(tmp_path: Path) -> None:
    touch(tmp_path, "all/real/1.mp4", "all/fake/2.mp4")
    with pytest.raises(UsageError, match=r"2\.mp4 is in the folder of real videos and in that of fakes"):
        two_folders(tmp_path / "all", tmp_path / "all" / "fake")


def test_a_table_of_persons_is_of_two_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", str(tmp_path), "--persons", str(tmp_path / "p.csv")]) == 2
    assert "--persons" in capsys.readouterr().err
