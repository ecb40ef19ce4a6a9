"""`tellmark demo`: the whole story on built-in inputs, with nobody's photo.

Two people who do not exist speak; their clips are verified as they are, after what the world does to them, and beside
a video that carries nothing; a small dataset is built and checked; a detector is trained on it and measured; the
report says what came out.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tellmark.benchmarks.channels import CHANNELS
from tellmark.console import Console
from tellmark.detector.detect import detect
from tellmark.detector.train import train
from tellmark.encoding import Encoding, VideoWriter
from tellmark.errors import UsageError
from tellmark.generator.actors import actor
from tellmark.generator.audio.voice import check_voices, synthesize
from tellmark.generator.clip import RenderedClip, render_clip
from tellmark.generator.factory.check import check
from tellmark.generator.factory.dataset import build
from tellmark.generator.factory.plan import load_plan
from tellmark.generator.speech import load_speech
from tellmark.generator.types import Controls
from tellmark.media import VideoReader, rgb_to_i420
from tellmark.pictures import write_image
from tellmark.reports.report import build_report
from tellmark.study import Settings, study
from tellmark.study_files import EVALUATION
from tellmark.types import U8, Verdict
from tellmark.watermark.explain import explain
from tellmark.watermark.verify import verify

_SPEAKERS: tuple[tuple[int, str, str, str, Controls], ...] = (
    (
        5024,
        "en-us",
        "f2",
        "I do not exist. Every frame of this clip carries a mark that you cannot see, and a signature you can check.",
        Controls(emotion={"happy": 0.4}),
    ),
    (
        17,
        "de",
        "m3",
        "Mich gibt es nicht. Dieser Film trägt ein unsichtbares Zeichen und eine Unterschrift, die jeder prüfen kann.",
        Controls(gaze_deg=(6.0, 2.0)),
    ),
)
_VERIFIED_CLIPS = 4  # of the dataset, through every channel


def run(out: Path, console: Console, *, force: bool = False) -> dict[str, Any]:
    """Do it all into ``out``; returns the ``tellmark.demo/1`` record: paths, verdicts, figures, seconds per step."""
    if out.exists() and any(out.iterdir()) and not force:
        raise UsageError(f"{out} is not empty; give --force to write into it")
    check_voices([speaker[1] for speaker in _SPEAKERS], [speaker[2] for speaker in _SPEAKERS])
    out.mkdir(parents=True, exist_ok=True)
    steps = _Steps(console)

    with steps("1/6  Two people who do not exist speak"):
        clips = [_speak(out, console, *speaker) for speaker in _SPEAKERS]
        write_image(out / "contact-sheet.jpg", _contact_sheet([clip.path for clip in clips]))
    with steps("2/6  What can be known of a file"):
        verdicts = _verdicts(out / "channels", clips[0].path, console)
    with steps("3/6  A small dataset: the same actors, filmed in 3D and faked from one still"):
        folder = _dataset(out / "dataset", console)
    with steps("4/6  A detector, trained on it and tested on actors it never saw"):
        with console.progress("training") as bar:
            train(folder, out / "detector.model", name="demo", force=True, progress=bar)
        # Sixteen people are few: every one of them is judged, by a model that never saw that person.
        study(folder, console.progress, Settings(verified=_VERIFIED_CLIPS))
        evaluation = json.loads((folder / EVALUATION).read_text())
    with steps("5/6  The detector that ships, on the first clip"):
        detection = detect(clips[0].path)
        told = "cannot say" if detection.p_synthetic is None else f"p(synthetic) = {detection.p_synthetic:.2f}"
        console.say(f"     {told}, by {detection.model}")
    with steps("6/6  The report"):
        page = build_report(folder, out / "report", commands=["tellmark demo"], force=True)
    auc, (low, high) = evaluation["overall"]["auc"], evaluation["overall"]["auc_ci"]
    console.say(f"\nThe detector tells fakes from references with AUC {auc:.2f} [{low:.2f}, {high:.2f}].")
    return {
        "schema": "tellmark.demo/1",
        "clips": [str(clip.path) for clip in clips],
        "verdicts": {name: verdict.verdict for name, verdict in verdicts.items()},
        "auc": auc,
        "auc_ci": [low, high],
        "report": str(page),
        "seconds": steps.seconds,
    }


class _Steps:
    """Says where the demo is, and how long each step took."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, title: str) -> Iterator[None]:
        self._console.say(title)
        start = time.perf_counter()
        yield
        self.seconds[title[:3]] = round(time.perf_counter() - start, 1)
        self._console.say(f"     done in {self.seconds[title[:3]]} s")


def _speak(
    out: Path, console: Console, seed: int, language: str, variant: str, text: str, controls: Controls
) -> RenderedClip:
    voice = out / f"voice-{seed}.wav"
    synthesize(text, voice, language=language, variant=variant)
    with console.progress(f"actor:{seed}") as bar:
        return render_clip(
            actor(seed),
            load_speech(voice),
            out / f"actor-{seed}.mp4",
            controls=controls,
            seed=seed,
            force=True,
            progress=bar,
        )


def _verdicts(folder: Path, clip: Path, console: Console) -> dict[str, Verdict]:
    folder.mkdir(exist_ok=True)
    files = {"as rendered": clip}
    for name, channel in CHANNELS.items():
        files[name] = folder / f"{name.lower().replace(' ', '-').replace('%', 'percent')}.mp4"
        channel(clip, files[name])
    files["a test pattern"] = folder / "test-pattern.mp4"
    _test_pattern(files["a test pattern"])
    verdicts = {}
    for name, path in files.items():
        verdicts[name] = verify(path)
        console.say(f"     {name:16} {verdicts[name].verdict:12} {explain(verdicts[name])}")
    return verdicts


def _dataset(folder: Path, console: Console) -> Path:
    with resources.as_file(resources.files("tellmark").joinpath("demo.toml")) as path:
        plan = load_plan(path)
    with console.progress("building") as bar:
        build(plan, folder, resume=True, workers=2, progress=bar)
    problems = check(folder)
    console.say("     dataset check: " + ("; ".join(problems) or "no problems"))
    return folder


def _test_pattern(path: Path) -> None:
    """Two seconds of moving colour bars: a video of no one, with no mark and no credentials."""
    bars = np.repeat(np.random.default_rng(3).integers(0, 255, (1, 8, 3), np.uint8), 32, axis=1).repeat(256, axis=0)
    with VideoWriter(path, width=256, height=256, fps=25, encoding=Encoding(crf=23)) as writer:
        for index in range(50):
            writer.write(rgb_to_i420(np.ascontiguousarray(np.roll(bars, 2 * index, axis=1))))


def _contact_sheet(clips: list[Path], columns: int = 6, size: int = 256) -> U8:
    rows = []
    for clip in clips:
        with VideoReader(clip) as reader:
            frames = [frame.rgb() for frame in reader]
        chosen = [frames[round(k * (len(frames) - 1) / (columns - 1))] for k in range(columns)]
        rows.append(np.hstack([cv2.resize(frame, (size, size), interpolation=cv2.INTER_AREA) for frame in chosen]))
    return np.vstack(rows).astype(np.uint8)
