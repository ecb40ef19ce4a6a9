"""Building for real, small: pairs on equal terms, refusals, and a build that is killed and goes on."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tellmark.benchmarks.dataset import essence
from tellmark.encoding import Encoding, VideoWriter
from tellmark.errors import InputError, UsageError
from tellmark.faces import find_face
from tellmark.generator.actors import actor
from tellmark.generator.factory.check import check
from tellmark.generator.factory.dataset import build, say_in_datasheet
from tellmark.generator.factory.plan import load_plan
from tellmark.manifest import from_row, read_rows
from tellmark.media import VideoReader, load_audio, rgb_to_i420, sha256_of
from tellmark.types import Clip, Label
from tellmark.watermark.registry import Registry
from tellmark.watermark.verify import verify

PLAN = """
name = "two"
seed = 2
seconds = 1
fps = 10
actors = [11, 12]
[splits]
train = 0.5
test = 0.5
[voices]
languages = ["en-us"]
variants = ["m1", "f2"]
"""


@dataclasses.dataclass
class Built:
    """A finished dataset."""

    folder: Path
    plan: Path
    summary: dict[str, Any]
    steps: list[tuple[int, int | None]]

    @property
    def clips(self) -> list[Clip]:
        return [from_row(row) for row in read_rows(self.folder)]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("dataset")
    plan = folder / "plan.toml"
    plan.write_text(PLAN)
    steps: list[tuple[int, int | None]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TELLMARK_HOME", str(tmp_path_factory.getbasetemp() / "home"))
        summary = build(load_plan(plan), folder / "out", progress=lambda *step: steps.append(step))
    return Built(folder / "out", plan, summary, steps)


def test_a_section_of_the_datasheet_can_be_added(built: Built, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(built.folder, folder)
    say_in_datasheet(folder, "Audit", "No control fails.")
    assert (folder / "README.md").read_text().endswith("\n## Audit\n\nNo control fails.\n")
    assert check(folder) == []


def test_what_is_made(built: Built) -> None:
    assert check(built.folder) == []
    assert built.summary["clips"] == 4
    assert built.summary["labels"] == {"fake": 2, "reference": 2}
    assert built.summary["splits"] == {"train": 2, "test": 2}
    assert built.steps == [(0, 4), (2, 4), (4, 4)]
    facts = json.loads((built.folder / "dataset.json").read_text())
    assert facts["schema"] == "tellmark.dataset/1"
    assert facts["plan_text"] == PLAN
    assert facts["versions"]["numpy"] == np.__version__
    assert "4 clips of 1 s" in (built.folder / "README.md").read_text()
    sums = dict(line.split("  ")[::-1] for line in (built.folder / "SHA256SUMS").read_text().splitlines())
    assert len(sums) == 8 + 2 + 4  # records and clips; a mask of each fake, a track of each clip
    assert all(sha256_of(built.folder / name) == digest for name, digest in sums.items())


def test_pairs_meet_on_equal_terms(built: Built) -> None:
    """Sound to the sample, encoder, size, length; only the picture differs."""
    clips = {clip.clip_id: clip for clip in built.clips}
    for fake in (clip for clip in clips.values() if clip.label is Label.FAKE):
        original = clips[fake.original or ""]
        for name in ("identity", "source_id", "voice_id", "split", "fps", "seconds", "crf", "preset", "licence"):
            assert getattr(fake, name) == getattr(original, name)
        heard = [load_audio(built.folder / clip.path, 16_000) for clip in (fake, original)]
        assert np.array_equal(*heard)
        assert np.abs(heard[0]).max() > 0.05
        assert json.loads(fake.fake_segments) == [[0.0, 1.0]]
        assert json.loads(original.fake_segments) == []
        frames = []
        for clip in (fake, original):
            with VideoReader(built.folder / clip.path) as reader:
                frames.append([frame.rgb() for frame in reader])
        assert len(frames[0]) == len(frames[1]) == 10
        means = [np.mean(video, axis=(0, 1, 2)) for video in frames]
        assert means[0] == pytest.approx(means[1], abs=6)  # the fake's still is a frame of the original's camera
        assert find_face(frames[0][5]).size == pytest.approx(find_face(frames[1][5]).size, rel=0.15)


def test_both_classes_are_marked_and_signed(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    for clip in built.clips[:2]:
        verdict = verify(built.folder / clip.path, thorough=False)
        assert verdict.verdict == "intact"
        assert verdict.watermark.payload == clip.payload


def test_a_folder_in_use_is_refused(built: Built, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--resume"):
        build(load_plan(built.plan), built.folder)
    other = tmp_path / "other.toml"
    other.write_text(PLAN + "# changed\n")
    with pytest.raises(UsageError, match="begun with another plan"):
        build(load_plan(other), built.folder, resume=True)
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "photo.jpg").touch()
    with pytest.raises(UsageError, match="holds no unfinished dataset"):
        build(load_plan(other), tmp_path / "holiday", resume=True)
    with pytest.raises(UsageError, match="is a file"):
        build(load_plan(other), other)


def unsigned(clips: list[Clip]) -> list[Clip]:
    """Signatures are made anew for every file that is written, and its checksum with them."""
    return [dataclasses.replace(clip, sha256="") for clip in clips]


def test_a_killed_build_goes_on(built: Built, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = (
        "import sys\nfrom pathlib import Path\nfrom tellmark.generator.factory.dataset import build\n"
        "from tellmark.generator.factory.plan import load_plan\nbuild(load_plan(sys.argv[1]), Path(sys.argv[2]))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(built.plan), str(out)], stderr=subprocess.DEVNULL)
    records = out / ".build" / "records"
    deadline = time.monotonic() + 600
    while not list(records.glob("[!.]*.json")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    finished = {path.name: path.read_bytes() for path in records.glob("[!.]*.json")}
    assert finished, "killed too early to test anything"
    assert not (out / "manifest.parquet").exists()

    build(load_plan(built.plan), out, resume=True, workers=2)
    assert check(out) == []
    clips = [from_row(row) for row in read_rows(out)]
    assert unsigned(clips) == unsigned(built.clips)
    for clip in clips:
        assert essence(out / clip.path) == essence(built.folder / clip.path)
        for name in (clip.mask_path, clip.track_path):
            assert name is None or sha256_of(out / name) == sha256_of(built.folder / name)
    for name, before in finished.items():
        assert (records / name).read_bytes() == before, "a finished clip was made again"
    assert sorted(path.name for path in (out / "clips").iterdir()) == [f"{clip.clip_id}.mp4" for clip in clips]


def test_resume_replaces_a_damaged_clip_and_keeps_the_rest(built: Built) -> None:
    before = {clip.clip_id: clip for clip in built.clips}
    victim = built.folder / built.clips[0].path
    pictures = essence(victim)
    victim.write_bytes(victim.read_bytes()[:-1000])
    assert check(built.folder) != []
    build(load_plan(built.plan), built.folder, resume=True)
    assert check(built.folder) == []
    assert essence(victim) == pictures
    after = {clip.clip_id: clip for clip in built.clips}
    changed = [name for name in after if after[name] != before[name]]
    assert changed == [victim.stem]


def test_clips_that_a_killed_build_signed_and_did_not_note_leave_the_registry(
    built: Built, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """One was renamed and not noted, one signed and not renamed; both are made again."""
    monkeypatch.setenv("TELLMARK_HOME", str(tmp_path_factory.getbasetemp() / "home"))
    first, second, *rest = built.clips
    before = {clip.payload: clip.sha256 for clip in built.clips}
    for clip in (first, second):
        (built.folder / ".build" / "records" / f"{clip.clip_id}.json").unlink()
    path = built.folder / second.path
    path.rename(path.with_name(f".{path.stem}.0badf00d-1-00000000.part.mp4"))
    build(load_plan(built.plan), built.folder, resume=True)
    assert check(built.folder) == []
    after = {clip.payload: clip.sha256 for clip in built.clips}
    with Registry() as registry:
        for clip in (first, second):
            assert before[clip.payload] != after[clip.payload]
            known = [row.sha256 for row in registry.find(clip.payload or "")]
            assert before[clip.payload] not in known
            assert after[clip.payload] in known
        for clip in rest:
            assert before[clip.payload] in [row.sha256 for row in registry.find(clip.payload or "")]


def write_film(path: Path, seed: int, sound: Path, *, faces: bool = True) -> None:
    picture = actor(seed).image if faces else np.full((512, 512, 3), 99, np.uint8)
    with VideoWriter(path, width=512, height=512, fps=10, audio=sound, encoding=Encoding(crf=12)) as writer:
        for k in range(11):
            writer.write(rgb_to_i420(np.ascontiguousarray(np.roll(picture, k, axis=1))))


def test_footage_becomes_marked_controls_and_bad_footage_is_left_out(built: Built, tmp_path: Path) -> None:
    """Films of moving stills of actors stand in for footage."""
    folder = tmp_path / "films"
    folder.mkdir()
    sound = built.folder / built.clips[0].path
    write_film(folder / "Jane Doe.mp4", 21, sound)
    write_film(folder / "John Doe.mp4", 0, sound, faces=False)
    plan = tmp_path / "plan.toml"
    plan.write_text(
        "seconds = 1\nfps = 10\n[splits]\ntest = 1.0\n"
        '[footage]\nfolder = "films"\nlicence = "own"\nconsent = "Jane agreed"\n'
    )
    summary = build(load_plan(plan), tmp_path / "out")
    assert summary["labels"] == {"fake": 1, "real": 1}
    assert list(summary["skipped"]) == ["no face in 10 of 10 frames"]
    assert check(tmp_path / "out") == []
    real, fake = sorted((from_row(row) for row in read_rows(tmp_path / "out")), key=lambda clip: clip.method)
    assert fake.original == real.clip_id
    verdict = verify(tmp_path / "out" / real.path, thorough=False)
    assert (verdict.verdict, verdict.watermark.kind) == ("intact", "control")
    for path in (tmp_path / "out").rglob("*"):
        if path.is_file() and ".build" not in path.parts:
            assert b"Jane" not in path.read_bytes(), path

    (folder / "Jane Doe.mp4").unlink()
    with pytest.raises(InputError, match=r"split test has 0 fakes and 0 other clips \(no face"):
        build(load_plan(plan), tmp_path / "none")


def test_arms_and_imported_clips_beside_footage(built: Built, tmp_path: Path) -> None:
    """Films of moving stills of actors stand in for footage, and for what another system made."""
    sound = built.folder / built.clips[0].path
    for name, seed in (("films/one.mp4", 21), ("films/two.mp4", 22), ("others/Some System/clip.mp4", 24)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write_film(tmp_path / name, seed, sound)
    marked = tmp_path / "others" / "Some System" / "marked.mp4"
    marked.write_bytes((built.folder / built.clips[1].path).read_bytes())
    terms = 'licence = "own"\nconsent = "they agreed"\n'
    plan = tmp_path / "plan.toml"
    plan.write_text(
        'seconds = 1\nfps = 10\nmethods = ["real", "swap", "selfblend", "import"]\narms = ["null", "plain"]\n'
        f'[splits]\ntest = 1.0\n[footage]\nfolder = "films"\n{terms}[import]\nfolder = "others"\n{terms}'
    )
    summary = build(load_plan(plan), tmp_path / "out")
    assert summary["methods"] == {"Some System": 1, "null": 2, "plain": 2, "real": 2, "selfblend": 2, "swap": 2}
    assert list(summary["skipped"]) == ["it carries tellmark's mark already, and two marks would destroy each other"]
    assert check(tmp_path / "out") == []
    clips = {clip.method: clip for clip in (from_row(row) for row in read_rows(tmp_path / "out"))}
    assert {clips[name].label for name in ("real", "null", "plain")} == {Label.REAL}
    verdicts = {name: verify(tmp_path / "out" / clip.path, thorough=False) for name, clip in clips.items()}
    assert verdicts["plain"].verdict == "none"
    assert (clips["plain"].marked, clips["plain"].payload) == (False, None)
    kinds = {name: verdict.watermark.kind for name, verdict in verdicts.items() if name != "plain"}
    assert kinds == {
        "real": "control", "null": "control", "swap": "synthetic", "selfblend": "synthetic", "Some System": "synthetic"
    }  # fmt: skip
    pictures = {}
    for name in ("real", "plain", "null"):
        with VideoReader(tmp_path / "out" / clips[name].path) as reader:
            pictures[name] = next(iter(reader)).rgb().astype(float)
    assert np.abs(pictures["plain"] - pictures["real"]).mean() < 2
    assert np.abs(pictures["null"] - pictures["real"]).mean() < 2
    imported = clips["Some System"]
    assert (imported.label, imported.original, imported.mask_path) == (Label.FAKE, imported.source_id, None)
