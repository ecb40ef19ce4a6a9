import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest

from tellmark.cli import run
from tellmark.encoding import VideoWriter
from tellmark.errors import FaceError, InputError, UsageError
from tellmark.generator.track import COLUMNS, Track, read_manifest, track_folder, track_video
from tellmark.generator.types import Portrait
from tellmark.media import rgb_to_i420
from tellmark.video_folders import find_videos


def film(path: Path, pictures: list[np.ndarray], fps: float = 25.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, width=512, height=512, fps=fps) as writer:
        for picture in pictures:
            writer.write(rgb_to_i420(picture))


@pytest.fixture(scope="module")
def corpus(someone: Portrait, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two persons in the layout of VoxCeleb2, one flat file, a wall, rubbish, and what is no video."""
    folder = tmp_path_factory.mktemp("corpus")
    face, wall = someone.image, np.full_like(someone.image, 90)
    film(folder / "id1" / "video" / "00001.mp4", [face] * 6, fps=12.5)
    film(folder / "id2" / "video" / "00001.mp4", [wall, face, face, face])
    film(folder / "Speaker_007.mp4", [face] * 3)
    film(folder / "wall.mp4", [wall] * 3)
    (folder / "broken.mp4").write_bytes(b"rubbish")
    (folder / "notes.txt").write_text("not a video")
    (folder / ".hidden.mp4").write_bytes(b"rubbish")
    return folder


def test_frames_are_taken_by_time(corpus: Path, someone: Portrait) -> None:
    track = track_video(corpus / "id1" / "video" / "00001.mp4")
    assert (len(track), track.fps, track.width, track.height, track.has_audio) == (12, 25.0, 512, 512, False)
    assert track.found.all()
    assert np.abs(track.landmarks[0, :, :2] - someone.landmarks[:, :2]).mean() < 2


def test_frames_without_a_face_are_told_apart(corpus: Path, tmp_path: Path) -> None:
    track = track_video(corpus / "id2" / "video" / "00001.mp4")
    assert track.found.tolist() == [False, True, True, True]
    assert np.isnan(track.landmarks[0]).all()
    track.save(tmp_path / "track.npz")
    read = Track.load(tmp_path / "track.npz")
    np.testing.assert_allclose(read.landmarks, track.landmarks, atol=1 / 128)
    assert (read.found == track.found).all()
    assert (read.sha256, read.has_audio, read.landmarks.dtype) == (track.sha256, False, np.float32)
    with pytest.raises(FaceError, match="0 of 3"):
        track_video(corpus / "wall.mp4")
    (tmp_path / "track.npz").write_bytes(b"PK cut short")
    with pytest.raises(InputError, match="tellmark track"):
        Track.load(tmp_path / "track.npz")


@pytest.mark.parametrize(("jobs", "ray"), [(1, None), (2, None), (1, "local")])
def test_a_folder_is_tracked_and_its_table_says_what_failed(
    corpus: Path, tmp_path: Path, jobs: int, ray: str | None
) -> None:
    calls = []
    summary = track_folder(corpus, tmp_path, jobs=jobs, ray=ray, progress=lambda *call: calls.append(call))
    assert summary == {"videos": 5, "tracked": 3, "failed": 2, "persons": 5, "seconds": 0.76}
    assert calls == [(done, 5) for done in range(1, 6)]
    with (tmp_path / "tracks.csv").open(newline="") as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}
    assert tuple(rows["wall.mp4"]) == COLUMNS
    assert "0 of 3" in rows["wall.mp4"]["error"]
    assert "not a video" in rows["broken.mp4"]["error"]
    assert [row["person_id"] for row in read_manifest(tmp_path)] == ["Speaker", "id1", "id2"]
    for row in read_manifest(tmp_path):
        assert len(Track.load(tmp_path / row["track"])) == int(row["frames"])


def test_finished_tracks_are_left_alone_and_damaged_ones_made_again(corpus: Path, tmp_path: Path) -> None:
    track_folder(corpus, tmp_path)
    whole, damaged = tmp_path / "id1/video/00001.mp4.npz", tmp_path / "Speaker_007.mp4.npz"
    before = whole.stat().st_mtime_ns
    damaged.write_bytes(damaged.read_bytes()[:1000])
    assert track_folder(corpus, tmp_path)["tracked"] == 3
    assert whole.stat().st_mtime_ns == before
    assert len(Track.load(damaged)) == 3
    assert not list(tmp_path.rglob("*.part*"))


def test_a_table_knows_better_who_is_who(corpus: Path, tmp_path: Path) -> None:
    table = corpus / "persons.csv"
    table.write_text("path,person_id\nid1/video/00001.mp4,ada\nSpeaker_007.mp4,ada\nwall.mp4,\n")
    people = {source.name: source.person_id for source in find_videos(corpus, table)}
    assert people["id1/video/00001.mp4"] == people["Speaker_007.mp4"] == "ada"
    assert (people["id2/video/00001.mp4"], people["wall.mp4"]) == ("id2", "wall")
    table.write_text("file,who\n")
    with pytest.raises(UsageError, match="person_id"):
        find_videos(corpus, table)
    table.unlink()
    with pytest.raises(InputError, match="no videos"):
        find_videos(tmp_path)


def test_the_command(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["track", str(corpus / "id1"), "-o", str(tmp_path / "t"), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["schema"], record["tracked"]) == ("tellmark.tracks/1", 1)
    assert run(["track", str(corpus), "-o", str(tmp_path / "all")]) == 0
    assert f"2 of 5 videos have no track; {tmp_path / 'all' / 'tracks.csv'} says why" in capsys.readouterr().err
    assert run(["track", str(corpus), "-o", str(tmp_path / "t"), "--jobs", "2", "--ray", "local"]) == 2
    assert run(["track", str(tmp_path / "nowhere"), "-o", str(tmp_path / "t")]) == 3
    assert "is no folder" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="names are bytes there")
def test_a_name_that_is_no_utf_8_is_a_row_like_others(corpus: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"odd-\xff.mp4")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).symlink_to(corpus / "Speaker_007.mp4")
    assert track_folder(tmp_path / "in", tmp_path / "out")["tracked"] == 1
    (row,) = read_manifest(tmp_path / "out")
    assert row["path"] == name
    assert (tmp_path / "out" / row["track"]).exists()
