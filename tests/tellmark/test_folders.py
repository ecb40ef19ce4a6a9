"""Two folders of videos: who is in them, what made them, and what is refused."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tellmark.cli import run
from tellmark.encoding import VideoWriter
from tellmark.errors import InputError, UsageError
from tellmark.folders import gather, index_rows, null_rendered
from tellmark.generator.actors import actor
from tellmark.manifest import PARQUET
from tellmark.media import rgb_to_i420


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Empty files: nothing here opens them."""
    for name in ("real/anna/1.mp4", "real/ben_02.mp4", "fake/sys/anna_3.mp4", "fake/sys/ben.mp4", "fake/cleo_1.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path / "real", tmp_path / "fake"


def test_folders_and_names_say_who_and_what(folders: tuple[Path, Path]) -> None:
    rows = index_rows(*folders)
    found = {(Path(row["path"]).name, row["kind"], row["system"], row["person_id"]) for row in rows}
    assert found == {
        ("1.mp4", "real", "", "anna"),
        ("ben_02.mp4", "real", "", "ben"),
        ("anna_3.mp4", "fake", "sys", "anna"),
        ("ben.mp4", "fake", "sys", "ben"),
        ("cleo_1.mp4", "fake", "unnamed system", "cleo"),
    }


def test_a_table_knows_better(folders: tuple[Path, Path], tmp_path: Path) -> None:
    table = tmp_path / "persons.csv"
    table.write_text("\ufeffpath,person_id,system\nfake/cleo_1.mp4,ben,other\nreal/anna/1.mp4,dora,\n")
    rows = {Path(row["path"]).name: row for row in index_rows(*folders, table)}
    assert (rows["cleo_1.mp4"]["person_id"], rows["cleo_1.mp4"]["system"]) == ("ben", "other")
    assert rows["1.mp4"]["person_id"] == "dora"
    assert (rows["ben.mp4"]["person_id"], rows["ben.mp4"]["system"]) == ("ben", "sys")  # not in the table


def test_clips_are_cut_again_where_a_file_was_replaced(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuts = []

    def build(_: Path, out: Path, **__: object) -> list[SimpleNamespace]:
        cuts.append(out)
        (out / PARQUET).touch()
        return [SimpleNamespace(label="real"), SimpleNamespace(label="fake")]

    monkeypatch.setattr("tellmark.folders.footage.build", build)
    for expected in (1, 1):  # kept the second time
        gather(*folders, tmp_path / "out")
        assert len(cuts) == expected
    (tmp_path / "fake/sys/ben.mp4").write_bytes(b"another video under the same name")
    gather(*folders, tmp_path / "out")
    assert len(cuts) == 2


def test_a_null_render_changes_the_face_alone_and_little() -> None:
    frames = [np.ascontiguousarray(actor(5).image[::2, ::2])] * 3
    made = null_rendered(frames)
    assert len(made) == 3
    assert made[0].shape == (512, 512, 3)
    assert null_rendered([np.full((200, 200, 3), 90, np.uint8)] * 3) == []


def test_folders_without_videos_or_without_faces_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no videos"):
        gather(tmp_path / "empty", tmp_path / "empty", tmp_path / "out")
    for seconds in (0.0, -1.0, float("nan")):
        with pytest.raises(UsageError, match=r"1\.6 s at once"):
            gather(tmp_path / "empty", tmp_path / "empty", tmp_path / "out", seconds=seconds)
    for kind in ("real", "fake"):
        (tmp_path / kind).mkdir()
        with VideoWriter(tmp_path / kind / "wall.mp4", width=128, height=128, fps=25) as writer:
            for _ in range(5):
                writer.write(rgb_to_i420(np.full((128, 128, 3), 90, np.uint8)))
    with pytest.raises(InputError, match="shows a face of 64 px"):
        gather(tmp_path / "real", tmp_path / "fake", tmp_path / "out")


@pytest.mark.parametrize("arguments", [[], ["data", "--real", "a", "--fake", "b"], ["--real", "a"]])
def test_a_report_is_of_a_dataset_or_of_two_folders(arguments: list[str], tmp_path: Path) -> None:
    assert run(["report", *arguments, "-o", str(tmp_path / "out")]) == 2
    assert run(["report", str(tmp_path / "none"), "-o", str(tmp_path / "out")]) == 3
