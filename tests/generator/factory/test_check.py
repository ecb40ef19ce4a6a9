"""Each kind of damage is found and named, and a sound dataset has no problem."""

import dataclasses
import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tellmark.encoding import Encoding, VideoWriter
from tellmark.errors import InputError
from tellmark.generator.factory.check import check
from tellmark.manifest import from_row, read_rows, to_row, write_manifest
from tellmark.media import rgb_to_i420, sha256_of
from tellmark.types import Clip, Label

SIZE, FPS, FRAMES = 64, 10.0, 10


@dataclasses.dataclass
class Folder:
    """A dataset of stand-in clips: nothing but grey, yet of the right size, length and sound."""

    path: Path
    clips: list[Clip]

    def save(self) -> list[str]:
        """Write the manifest and its checksums, then check."""
        write_manifest(self.path, self.clips)
        (self.path / "dataset.json").write_text("{}")
        names = ["dataset.json", "manifest.jsonl", "manifest.parquet"]
        sums = "".join(f"{sha256_of(self.path / name)}  {name}\n" for name in names)
        (self.path / "SHA256SUMS").write_text(sums)
        return check(self.path)

    def change(self, index: int, **changes: Any) -> list[str]:
        """Check with one row changed."""
        kept = list(self.clips)
        self.clips[index] = dataclasses.replace(kept[index], **changes)
        problems = self.save()
        self.clips = kept
        return problems


def write_clip(path: Path, value: int, frames: int = FRAMES, size: int = SIZE, sound: Path | None = None) -> None:
    with VideoWriter(
        path, width=size, height=size, fps=FPS, audio=sound, encoding=Encoding(preset="ultrafast")
    ) as writer:
        for _ in range(frames):
            writer.write(rgb_to_i420(np.full((size, size, 3), value, np.uint8)))


def make_sound(path: Path, seconds: float) -> None:
    with wave.open(str(path), "wb") as handle:
        handle.setnchannels(1)
        handle.setsampwidth(2)
        handle.setframerate(16_000)
        handle.writeframes(np.zeros(round(16_000 * seconds), "<i2").tobytes())


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Three people in three splits, a reference and a fake each."""
    path = tmp_path / "data"
    (path / "clips").mkdir(parents=True)
    sound = tmp_path / "sound.wav"
    make_sound(sound, FRAMES / FPS)
    clips = []
    for k, split in enumerate(("train", "val", "test")):
        for label, method in ((Label.REFERENCE, "reference"), (Label.FAKE, "talk")):
            name = f"actor-{k}-{method}"
            file = path / "clips" / f"{name}.mp4"
            write_clip(file, 20 * len(clips), sound=sound)
            clips.append(
                Clip(
                    clip_id=name,
                    path=f"clips/{name}.mp4",
                    sha256=sha256_of(file),
                    label=label,
                    method=method,
                    identity=f"actor:{k}",
                    source_id=f"actor:{k}",
                    voice_id=f"voice:{k}",
                    split=split,
                    seed=k,
                    width=SIZE,
                    height=SIZE,
                    fps=FPS,
                    seconds=FRAMES / FPS,
                    codec="libx264",
                    crf=23,
                    preset="ultrafast",
                    marked=True,
                    payload=f"{len(clips):016x}",
                    generator_version="tellmark 0.1.0",
                    licence="CC-BY-4.0",
                    original=f"actor-{k}-reference" if label is Label.FAKE else None,
                    fake_segments="[[0.0, 1.0]]" if label is Label.FAKE else "[]",
                )
            )
    return Folder(path, clips)


def test_a_sound_dataset_has_no_problem(folder: Folder) -> None:
    assert folder.save() == []


def test_manifest_round_trip(folder: Folder) -> None:
    folder.save()
    rows = read_rows(folder.path)
    assert [from_row(row) for row in rows] == sorted(folder.clips, key=lambda clip: clip.clip_id)
    assert rows[0] == to_row(from_row(rows[0]))


@pytest.mark.parametrize(
    ("index", "changes", "message"),
    [
        (1, {"original": None}, "actor-0-talk: a fake without original"),
        (1, {"original": "nobody"}, "its original nobody is not in the manifest"),
        (1, {"original": "actor-1-reference"}, "is a fake, or of another person or split"),
        (1, {"split": "val"}, "is a fake, or of another person or split"),
        (1, {"original": "portrait:1"}, "its original portrait:1 is not in the manifest"),
        (0, {"marked": False}, "actor-0-reference: is not marked"),
        (0, {"payload": None}, "is not marked"),
        (0, {"split": "dev"}, "split 'dev' is unknown"),
        (2, {"split": "test"}, "identity actor:1 is in several splits: test, val"),
        (2, {"identity": "actor:0"}, "identity actor:0 is in several splits: train, val"),
        (2, {"source_id": "actor:0"}, "source_id actor:0 is in several splits"),
        (2, {"voice_id": "voice:0"}, "voice_id voice:0 is in several splits"),
        (0, {"label": Label.FAKE, "original": "actor-0-talk"}, "split train holds one class only"),
        (0, {"crf": 28}, "fakes and other clips are encoded differently"),
        (0, {"clip_id": "actor-1-reference"}, "the same clip_id"),
        (0, {"payload": f"{1:016x}"}, "the same payload as"),
        (0, {"sha256": "0" * 64}, "was changed: SHA-256 does not fit"),
        (0, {"width": 512}, "size is (64, 64), not (512, 64)"),
        (0, {"fps": 25.0}, "frame rate is 10.0, not 25.0"),
        (0, {"seconds": 2.0}, "lasts 1.0"),
        (0, {"codec": "libx265"}, "codec is h264, not libx265"),
        (0, {"path": "../x.mp4"}, "leads out of the dataset"),
        (1, {"fake_segments": "[]"}, "actor-0-talk: no fake_segments as a fake clip"),
        (0, {"fake_segments": "[[0.0, 0.5]]"}, "actor-0-reference: has fake_segments as a reference clip"),
        (1, {"fake_segments": "[[0.5, 3.0]]"}, "lie outside of its 1 s"),
        (1, {"fake_segments": "{}{}"}, "fake_segments is no list of [start_s, end_s]"),
        (1, {"params": '{"donor_identity": "actor:1"}'}, "identity actor:1 is in several splits: train, val"),
        (1, {"params": '{"words_voice_id": "voice:2"}'}, "voice_id voice:2 is in several splits: test, train"),
        (0, {"label": Label.REAL, "method": "plain"}, "actor-0-reference: is marked, though it is the plain arm"),
        (1, {"mask_path": "masks/none.mkv"}, "its mask masks/none.mkv cannot be read"),
        (1, {"track_path": "tracks/none.npz"}, "its track tracks/none.npz cannot be read"),
    ],
)
def test_rows_that_do_not_fit(folder: Folder, index: int, changes: dict[str, Any], message: str) -> None:
    assert message in "\n".join(folder.change(index, **changes))


def test_portrait_fakes_name_their_still(folder: Folder) -> None:
    portrait = {"identity": "portrait:a", "source_id": "portrait:a", "original": "portrait:a"}
    assert folder.change(1, **portrait) == []


def test_files_that_do_not_fit(folder: Folder) -> None:
    clips = folder.path / "clips"
    (clips / "actor-0-talk.mp4").unlink()
    (clips / "actor-1-talk.mp4").write_bytes(b"no video")
    write_clip(clips / "actor-2-talk.mp4", 99)
    (clips / "stray.mp4").write_bytes(b"")
    problems = "\n".join(folder.save())
    assert "actor-0-talk: clips/actor-0-talk.mp4 is missing" in problems
    assert "actor-1-talk: clips/actor-1-talk.mp4 cannot be read" in problems
    assert "actor-2-talk: clips/actor-2-talk.mp4 was changed" in problems
    assert "actor-2-talk: sound is False" in problems
    assert "clips/stray.mp4 is not in the manifest" in problems


def test_records_beside_the_manifest(folder: Folder) -> None:
    folder.save()
    jsonl = folder.path / "manifest.jsonl"
    rows = [json.loads(line) for line in jsonl.read_text().splitlines()]
    rows[0]["seed"] = 99
    jsonl.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder.path / "dataset.json").unlink()
    problems = check(folder.path)
    assert "dataset.json is missing" in problems
    assert "manifest.jsonl and manifest.parquet differ" in problems
    assert any(problem.startswith("manifest.jsonl is missing or was changed") for problem in problems)


def test_unknown_labels_are_named(folder: Folder) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.save()
    rows = [*read_rows(folder.path)]
    rows[0]["label"] = "genuine"
    pq.write_table(pa.Table.from_pylist(rows), folder.path / "manifest.parquet")
    assert "actor-0-reference: label 'genuine' is unknown; real, reference and fake are known" in check(folder.path)


def test_no_dataset_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no dataset"):
        check(tmp_path)
