"""Footage of both classes leaves through one door: cut to the face, one size, one rate, one encoder."""

from __future__ import annotations

import json
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tellmark.detector import footage
from tellmark.detector.metrics import auc
from tellmark.encoding import Encoding, VideoWriter
from tellmark.errors import InputError, MediaError
from tellmark.faces import Face
from tellmark.manifest import read_clips
from tellmark.media import VideoReader, probe, rgb_to_i420, sha256_of
from tellmark.types import Failure, Label


@pytest.fixture
def index(tmp_path: Path, painted: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A real clip at 30 frames per second and a fake at 25 with other settings; a third film shows no face."""
    scene = painted(12)

    class Tracker:
        def __enter__(self) -> Tracker:
            return self

        def __exit__(self, *_: object) -> None: ...

        def track(self, rgb: Any) -> list[Face]:
            return [Face(scene.points[0])] if rgb.mean() > 60 else []

    monkeypatch.setattr(footage, "MediapipeTracker", Tracker)
    dark = [np.full_like(scene.frames[0], 20)] * 12
    for name, frames, fps, crf in (("a", scene.frames, 30, 10), ("b", scene.frames, 25, 35), ("c", dark, 25, 23)):
        with VideoWriter(
            tmp_path / f"{name}.mp4", width=320, height=320, fps=fps, encoding=Encoding(crf=crf)
        ) as writer:
            for frame in frames:
                writer.write(rgb_to_i420(frame))
    path = tmp_path / "index.csv"
    path.write_text(
        "path,kind,system,person_id,licence\n"
        "a.mp4,real,,anna,CC0\nb.mp4,fake,swap,ben,CC0\nc.mp4,real,,cleo,CC0\nd.png,portrait,,dora,CC0\n"
    )
    return path


def test_a_file_that_cannot_be_read_costs_only_itself(index: Path, tmp_path: Path) -> None:
    whole = footage.build(index, tmp_path / "whole", variants=1)
    (tmp_path / "e.mp4").write_text("no video at all\n" * 50)
    with wave.open(str(tmp_path / "f.mp4"), "wb") as sound:  # can be opened, and shows nothing
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(32_000))
    index.write_text(index.read_text() + "e.mp4,real,,emil,CC0\nf.mp4,fake,swap,fred,CC0\n")
    told: list[Failure] = []
    clips = footage.build(index, tmp_path / "out", variants=1, failed=told.append)
    assert [Path(failure.file).name for failure in told] == ["e.mp4", "f.mp4"]
    assert [(clip.clip_id, clip.sha256) for clip in clips] == [(clip.clip_id, clip.sha256) for clip in whole]
    with pytest.raises(MediaError, match=r"e\.mp4"):
        footage.build(index, tmp_path / "other", variants=1)


def test_both_classes_leave_alike(index: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    seen: list[tuple[int, int | None]] = []
    clips = footage.build(index, out, variants=2, seed=3, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]
    assert read_clips(out) == sorted(clips, key=lambda clip: clip.clip_id)
    assert [(clip.label, clip.method, clip.identity) for clip in clips] == [
        (Label.REAL, "real", "anna"),
        (Label.REAL, "real", "anna"),
        (Label.FAKE, "swap", "ben"),
        (Label.FAKE, "swap", "ben"),
    ]
    for clip in clips:
        path = out / clip.path
        assert sha256_of(path) == clip.sha256
        info = probe(path)
        assert (info.width, info.height, info.fps) == (clip.width, clip.height, 25)
        assert not info.has_audio
    plain = [clip for clip in clips if json.loads(clip.params)["variant"] == 0]
    assert {(clip.width, clip.crf, clip.preset) for clip in plain} == {(512, 23, "veryfast")}
    assert next(iter(VideoReader(out / clips[0].path))).rgb().std() > 10


def test_the_same_seed_draws_the_same_looks(index: Path, tmp_path: Path) -> None:
    looks = [
        [(clip.width, clip.crf) for clip in footage.build(index, tmp_path / name, variants=4, seed=1)]
        for name in ("one", "two")
    ]
    assert looks[0] == looks[1]
    assert len(set(looks[0])) > 2


def test_clips_begin_where_a_draw_says(index: Path, tmp_path: Path) -> None:
    """A fake begins where its original does; nothing begins so late that it would be cut short."""
    (tmp_path / "d.mp4").write_bytes((tmp_path / "b.mp4").read_bytes())
    index.write_text(
        "path,kind,system,person_id,licence,original\nd.mp4,real,,anna,CC0,\nb.mp4,fake,swap,ben,CC0,d.mp4\n"
    )
    begins = set()
    for seed in range(4):
        clips = footage.build(index, tmp_path / f"out{seed}", variants=1, seconds=0.2, seed=seed)
        assert {clip.seconds for clip in clips} == {0.2}
        (start,) = {json.loads(clip.params)["start_s"] for clip in clips}
        begins.add(start)
    assert len(begins) > 1


def test_marks_arms_and_originals_are_kept(index: Path, tmp_path: Path) -> None:
    """Half of the variants of either class are marked, a fake like its original, what is marked already not again."""
    index.write_text(
        "path,kind,system,person_id,licence,original,marked\n"
        "a.mp4,real,,anna,CC0,,\nb.mp4,fake,swap,anna,CC0,a.mp4,\na.mp4,real,null,NA,CC0,a.mp4,1\n"
        "b.mp4,fake,other,ben,CC0,c.mp4,\nc.mp4,real,,cleo,CC0,,\n"
    )
    asked: list[tuple[int, int]] = []

    def mark(width: int, height: int) -> Callable[[Any], Any]:
        asked.append((width, height))
        return lambda i420: i420

    clips = footage.build(index, tmp_path / "out", variants=2, mark=mark)
    real, fake, null, lone = (clips[k : k + 2] for k in range(0, 8, 2))
    assert [clip.marked for clip in real] in ([True, False], [False, True])
    assert [(c.marked, c.width, c.crf) for c in fake] == [(c.marked, c.width, c.crf) for c in real]
    assert sum(clip.marked for clip in lone) == 1
    assert all(clip.marked for clip in null)
    assert [(clip.method, clip.identity) for clip in null] == [("null", "NA")] * 2, "no name is read as a missing value"
    assert len(asked) == 3
    assert [clip.original for clip in fake] == [clip.clip_id for clip in real]
    assert all(clip.original is None for clip in lone), "its original shows no face and is not there"


def test_an_index_without_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    path.write_text("path,kind\na.mp4,real\n")
    with pytest.raises(InputError, match="licence, person_id, system"):
        footage.build(path, tmp_path / "out")


def test_lengths_and_sizes_are_alike_in_both_classes() -> None:
    """Long real clips and short fakes: uncut, the length alone would tell nearly all of them."""
    rng = np.random.default_rng(0)
    fake = [False] * 400 + [True] * 400
    own = np.array([3.0] * 400 + [1.6] * 400) + 4 * rng.random(800)
    names = [f"{k:012x}" for k in range(800)]
    drawn = np.array(footage._alike(own.tolist(), fake, names, [0, 1]))
    assert auc(fake, -own) > 0.7
    assert auc(fake, -drawn) == pytest.approx(0.5, abs=0.05)
    assert (drawn <= own).all()
    assert footage._alike(own.tolist(), [True] * 800, names, [0, 1]) == own.tolist()


def test_a_face_is_reduced_to_the_size_of_another(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real clip of a large face against a fake of a small one: both leave with as little detail."""
    boxes = {"a.mp4": (0, 0, 300), "b.mp4": (20, 20, 100)}
    monkeypatch.setattr(
        footage, "_face_in", lambda path, start_s: (0.0, boxes[path.name]) if path.name in boxes else None
    )
    clips = footage.build(index, tmp_path / "out", variants=1)
    assert {json.loads(clip.params)["side"] for clip in clips} == {100}


def test_draws_follow_the_name_and_not_the_place(index: Path, tmp_path: Path) -> None:
    rows = [
        {"path": f"{place}/{name}", "name": name, "kind": kind}
        for place in ("here", "there") for name, kind in (("a.mp4", "real"), ("b.mp4", "fake"))
    ]  # fmt: skip
    for row in rows:
        (tmp_path / row["path"]).parent.mkdir(exist_ok=True)
        (tmp_path / row["path"]).write_bytes((tmp_path / row["name"]).read_bytes())
    here, there = (
        [(one.key, one.pair) for one in footage._sources(part, tmp_path, 1.6, 0, None)] for part in (rows[:2], rows[2:])
    )
    assert len(here) == 2
    assert here == there
