"""Who is who, and what was made of what, in the index of the shipped detector's training set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tellmark import shipped
from tellmark.benchmarks.detection.speed import CLIP
from tellmark.console import Console
from tellmark.generator.factory.plan import Plan
from tellmark.manifest import read_clips, write_manifest
from tellmark.reports.measured import csv_rows
from tellmark.runs import Progress
from tellmark.types import Clip, Label


@pytest.fixture
def sources(tmp_path: Path) -> tuple[Path, Path, Path]:
    data, talk, actors = (tmp_path / name for name in ("data", "talk", "actors"))
    for folder in (data, talk, actors):
        folder.mkdir()
    (data / "index.csv").write_text(
        "path,kind,system,person_id,licence\n"
        "real/Swap__x_L.mp4,real,,anna,CC0\nfake/Swap__x_R.mp4,fake,Swap,anna,CC0\n"
        "real/b2.mp4,real,,ben,CC0\nreal/b1.mp4,real,,ben,CC0\nfake/demo.mp4,fake,StyleTalk,ben,CC0\n"
        "fake/lone.mp4,fake,Other,cleo,CC0\nspeech/s.wav,speech,,anna,CC0\n"
    )
    made = [
        replace(
            CLIP, clip_id=f"{person}-{method}", path=f"{person}-{method}.mp4", method=method, compression="c23",
            identity=shipped._pseudonym(person), label=Label.FAKE if method == "talk" else Label.REAL,
        )
        for person in ("ben", "somebody else") for method in ("real", "null", "talk")
    ]  # fmt: skip
    write_manifest(talk, made)
    drawn = replace(CLIP, clip_id="a", path="drawn.mp4", method="talk", identity="actor-1", label=Label.FAKE)
    write_manifest(
        actors, [drawn, replace(drawn, clip_id="b", path="b.mp4", method="reference", label=Label.REFERENCE)]
    )
    return data, talk, actors


def test_persons_and_originals_are_joined(sources: tuple[Path, Path, Path]) -> None:
    rows = {Path(row["path"]).name: row for row in shipped.index_rows(*sources)}
    assert set(rows) == {
        "Swap__x_L.mp4", "Swap__x_R.mp4", "b1.mp4", "b2.mp4", "demo.mp4", "lone.mp4",
        "ben-real.mp4", "ben-null.mp4", "ben-talk.mp4", "drawn.mp4",
    }  # fmt: skip
    assert {name: Path(row["original"]).name for name, row in rows.items() if row["original"]} == {
        "Swap__x_R.mp4": "Swap__x_L.mp4", "demo.mp4": "b1.mp4",
        "ben-null.mp4": "ben-real.mp4", "ben-talk.mp4": "ben-real.mp4",
    }  # fmt: skip
    assert {row["person_id"] for name, row in rows.items() if name.startswith("ben-")} == {"ben"}
    assert {name for name, row in rows.items() if row["marked"]} == {
        "ben-real.mp4", "ben-null.mp4", "ben-talk.mp4", "drawn.mp4",
    }  # fmt: skip
    assert rows["ben-null.mp4"]["kind"] == "real"
    assert rows["ben-null.mp4"]["system"] == "null"


def test_actors_are_a_dataset_of_their_own(
    sources: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drawn scenery would tell the classes of the set that is audited."""

    def cut(index: Path, out: Path, **settings: object) -> list[Clip]:
        rows = [row for row in csv_rows(index) if row["kind"] in ("real", "fake")]
        return [
            replace(
                CLIP, clip_id=f"c{k}", path=f"clips/{k}.mp4", identity=row["person_id"], method=row["system"] or "real",
                label=Label.FAKE if row["kind"] == "fake" else Label.REAL,
            )
            for k, row in enumerate(rows)
        ]  # fmt: skip

    monkeypatch.setattr(shipped.footage, "build", cut)
    monkeypatch.setattr(shipped, "like_the_fakes", lambda folder, clips: clips)
    out = tmp_path / "out"
    shipped.build(*sources, out)
    whole, apart = shipped.taught(out)
    assert [clip.identity for clip in read_clips(apart)] == ["actors/actor-1"]
    assert (apart / read_clips(apart)[0].path).resolve().parent == (out / "clips").resolve()
    assert not any("actor" in clip.identity for clip in read_clips(whole))


def test_what_is_like_nothing_goes_and_our_own_clips_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty fakes and forty real sources in one scene, twenty elsewhere, and a clip of ours farther off."""
    rng = np.random.default_rng(0)
    kinds = ["fake"] * 20 + ["same"] * 40 + ["other"] * 20 + ["ours"]
    clips = [
        replace(
            CLIP, clip_id=f"{kind}{k}", path=f"{kind}{k}.mp4", identity=f"p{k}", source_id=f"s{k}",
            method="null" if kind == "ours" else kind, label=Label.FAKE if kind == "fake" else Label.REAL,
        )
        for k, kind in enumerate(kinds)
    ]  # fmt: skip
    places = {"fake": 0.0, "same": 0.0, "other": 5.0, "ours": 50.0}
    monkeypatch.setattr(shipped, "first_window", lambda path: path.stem)
    monkeypatch.setattr(shipped, "background", lambda name: places[name.rstrip("0123456789")] + rng.normal(size=3))
    monkeypatch.setattr(shipped, "framing", lambda name: np.zeros(2))
    alone = [{"s3"}, {"s5"}, set()]  # each time one is left out, another may have lost what stood for it
    monkeypatch.setattr(shipped, "unpaired", lambda clips, x: alone.pop(0))
    kept = [clip.clip_id.rstrip("0123456789") for clip in shipped.like_the_fakes(Path(), clips)]
    assert kept.count("ours") == 1
    assert kept.count("fake") == 18
    assert not alone
    assert kept.count("same") > 35
    assert kept.count("same") + kept.count("other") == 40


def test_actors_are_moved_by_both_motions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `render` does unasked, and what datasets do."""
    plans: list[Plan] = []
    monkeypatch.setattr(shipped.dataset, "build", lambda plan, folder, **settings: plans.append(plan))
    shipped.drawn(tmp_path / "work" / "actors")
    assert plans[0].motions == ("diffusion", "rules")


def test_what_is_missing_is_made_and_what_is_there_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[tuple[Path, ...]] = []

    def build(data: Path, talk: Path, actors: Path, out: Path, progress: Progress | None) -> None:
        built.append((data, talk, actors, out))
        out.mkdir()
        write_manifest(out, [CLIP])

    monkeypatch.setattr(shipped.published, "dataset", lambda topic, data, work, bar: work / topic)
    monkeypatch.setattr(shipped, "drawn", lambda folder, progress: folder)
    monkeypatch.setattr(shipped, "build", build)
    folders = [shipped.made(Path("data"), tmp_path, Console(quiet=True).progress) for _ in range(2)]
    assert folders == [tmp_path / "shipped"] * 2
    assert built == [(Path("data"), tmp_path / "talk", tmp_path / "actors", tmp_path / "shipped")]
