"""Datasets of an index of footage: what is listed, what is made once."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from tellmark.benchmarks import detector, footage, gap, talk
from tellmark.errors import UsageError
from tellmark.generator.factory.plan import Plan
from tellmark.generator.factory.soundtrack import write_sound
from tellmark.manifest import PARQUET
from tellmark.media import load_audio

ROOT = Path(__file__).resolve().parents[2]


def index(folder: Path, *rows: str) -> Path:
    (folder / footage.INDEX).write_text("\n".join(["path,kind,person_id", *rows]) + "\n")
    return folder


def test_files_of_a_kind_are_found_in_the_order_of_the_index(tmp_path: Path) -> None:
    data = index(tmp_path, "b.wav,speech,", "real/x.mp4,real,p", "a.wav,speech,")
    assert footage.indexed(data, "speech") == [tmp_path / "b.wav", tmp_path / "a.wav"]
    with pytest.raises(UsageError, match="kind singing"):
        footage.indexed(data, "singing")
    with pytest.raises(UsageError, match=r"docs/benchmarks\.md"):
        footage.indexed(tmp_path / "nothing", "speech")


def test_recordings_are_joined_to_a_length(tmp_path: Path) -> None:
    for name, level in (("a", 0.25), ("b", -0.5)):
        write_sound(tmp_path / f"{name}.wav", np.full(16_000, level, np.float32), 16_000)
    talk._joined([tmp_path / "a.wav", tmp_path / "b.wav", tmp_path / "missing.wav"], 1.5, tmp_path / "all.wav")
    joined = load_audio(tmp_path / "all.wav")
    assert len(joined) == 24_000
    assert joined[[1_000, 20_000]] == pytest.approx([0.25, -0.5], abs=1e-3)


def test_a_dataset_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    (tmp_path / "shipped").mkdir()
    (tmp_path / "shipped" / PARQUET).touch()
    assert footage.shipped(tmp_path / "no footage at all", tmp_path) == tmp_path / "shipped"


def test_fakes_of_the_other_renderer_are_of_the_same_people_by_the_other_renderer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but the renderer differs from the clips of :func:`footage.ours`, whose models judge them."""
    plans: list[Plan] = []
    monkeypatch.setattr(footage.dataset, "build", lambda plan, folder, **settings: plans.append(plan))
    talk = tomllib.loads((ROOT / "reports" / "published" / "plans" / "talk.toml").read_text())
    data = tmp_path / "data"
    (data / "real").mkdir(parents=True)
    header = "path,kind,person_id,seconds,has_audio,notes"
    (data / footage.INDEX).write_text(f"{header}\nreal/a.mp4,real,anna,9,1,\nreal/b.mp4,real,ben,9,1,\n")
    assert footage.other_renderer(data, tmp_path) == tmp_path / "splat"
    (plan,) = plans
    assert plan.renderers == ("splat",)
    assert talk.get("renderer", "mesh") == "mesh"
    assert (plan.seconds, list(plan.motions), plan.seed) == (talk["seconds"], talk["motion"], talk["seed"])
    assert set(plan.compression) < set(talk["compression"])
    with (tmp_path / "films-splat" / "persons.csv").open() as file:
        assert len(file.readlines()) == 3


def test_what_is_missing_is_said() -> None:
    with pytest.raises(UsageError, match="work=DIR"):
        gap.run(data="somewhere")
    with pytest.raises(UsageError, match="data=DIR"):
        detector.run(part="own", work="somewhere")
