"""The manifest survives its files, also as other readers see them."""

import dataclasses
import json
from pathlib import Path

import pandas as pd
import pytest

from tellmark.errors import InputError
from tellmark.manifest import read_clips, write_manifest
from tellmark.types import Clip, Label


def clip(name: str, **changes: object) -> Clip:
    values: dict[str, object] = {
        "clip_id": name, "path": f"clips/{name}.mp4", "sha256": "0" * 64, "label": Label.FAKE, "method": "talk",
        "identity": "actor:1", "source_id": "s", "voice_id": "v", "split": "test", "seed": 1,
        "width": 512, "height": 512,
        "fps": 25.0, "seconds": 3.0, "codec": "h264", "crf": 23, "preset": "veryfast",
        "marked": True, "payload": "0f" * 8, "generator_version": "0.1.0", "licence": "CC-BY-4.0",
    }  # fmt: skip
    return Clip(**{**values, **changes})  # type: ignore[arg-type]


def test_round_trip_in_order_of_ids(tmp_path: Path) -> None:
    clips = [clip("b", original="a"), clip("a", label=Label.REFERENCE)]
    write_manifest(tmp_path, clips)
    assert read_clips(tmp_path) == [clips[1], clips[0]]


def test_other_readers_see_the_same(tmp_path: Path) -> None:
    write_manifest(tmp_path, [clip("a")])
    table = pd.read_parquet(tmp_path / "manifest.parquet")
    assert list(table.columns) == [field.name for field in dataclasses.fields(Clip)]
    assert json.loads((tmp_path / "manifest.jsonl").read_text()) == json.loads(table.iloc[0].to_json())


def test_columns_of_others_are_left_out(tmp_path: Path) -> None:
    write_manifest(tmp_path, [clip("a")])
    table = pd.read_parquet(tmp_path / "manifest.parquet").assign(theirs=1)
    table.to_parquet(tmp_path / "manifest.parquet")
    assert read_clips(tmp_path) == [clip("a")]


def test_what_is_no_manifest_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "manifest.parquet").write_text("no")
    with pytest.raises(InputError, match="cannot be read"):
        read_clips(tmp_path)
    write_manifest(tmp_path, [])
    with pytest.raises(InputError, match="no clips"):
        read_clips(tmp_path)
    write_manifest(tmp_path, [clip("a")])
    pd.read_parquet(tmp_path / "manifest.parquet").assign(label="nonsense").to_parquet(tmp_path / "manifest.parquet")
    with pytest.raises(InputError, match="not the manifest"):
        read_clips(tmp_path)


def test_a_folder_without_a_manifest_is_told_by_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere is no folder; give the folder"):
        read_clips(tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds no dataset; give the folder"):
        read_clips(tmp_path)
    (tmp_path / ".build").mkdir()
    with pytest.raises(InputError, match=r"is missing; finish the dataset with .*--resume"):
        read_clips(tmp_path)
