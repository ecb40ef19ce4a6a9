"""`tellmark bench detector --with part=speed`: detection against decoding, and training with its evaluation.

CPU seconds of this process, which other programs change less than the clock. Detection is of a 512x512 clip of ten
seconds of a virtual actor; of 40 frames of it, decoded before, also what the tells cost alone, and with tracking and
aligning. Training has made-up features of 500 clips of 100 persons, so what is timed is what is left
once features are cached: the final model, cross-validation over persons and the methods left out in turn.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tellmark.detector.detect import detect
from tellmark.detector.features import NAMES, ClipFeatures, measure
from tellmark.detector.models.additive import Tells
from tellmark.detector.train import cross_validate, fit, leave_one_method_out
from tellmark.detector.windows.tracks import MAX_FACES, Part, read_frames
from tellmark.detector.windows.window import FRAMES
from tellmark.faces import MediapipeTracker
from tellmark.generator.actors import actor
from tellmark.generator.audio.voice import synthesize
from tellmark.generator.clip import render_clip
from tellmark.generator.rules import RuleMotion
from tellmark.generator.speech import load_speech
from tellmark.types import U8, Clip, Label

_TEXT = "This sentence is spoken by nobody, and what you see is nobody's face. "
_WINDOWS = 6  # a clip of ten seconds
_RUNS = 7  # of the detection, of which the median counts: a run differs from the next by a tenth
CLIP = Clip(
    clip_id="", path="", sha256="", label=Label.REAL, method="real", identity="", source_id="", voice_id="",
    split="train", seed=0, width=512, height=512, fps=25.0, seconds=10.0, codec="libx264", crf=23, preset="veryfast",
    marked=True, payload=None, generator_version="", licence="",
)  # fmt: skip


def run(*, quick: bool = False) -> list[dict[str, Any]]:
    """Rows of {measure, cpu_s, wall_s, target}."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        voice, clip = Path(name) / "voice.wav", Path(name) / "clip.mp4"
        synthesize(_TEXT * 4, voice)
        seconds = 4.0 if quick else 10.0
        speech = load_speech(voice, fps=25.0)
        registry = Path(name) / "registry.sqlite"
        render_clip(actor(1), speech, clip, motion_model=RuleMotion(), registry=registry, max_seconds=seconds)
        decoding = _timed(lambda: sum(1 for _ in read_frames(clip)))
        detect(clip)  # loads the trackers once
        tracking, measuring = _window(list(islice(read_frames(clip), FRAMES)))
        runs = [_timed(lambda: detect(clip)) for _ in range(1 if quick else _RUNS)]
        whole = _median(runs)
    rows.append(_row(f"decode {seconds:.0f} s", *decoding))
    rows.append(_row(f"detect {seconds:.0f} s", *whole, "10 s in <= 2 s on two cores"))
    rows.append(_row(f"tells of {FRAMES} frames", *measuring, "<= .15 s"))
    both = tracking[0] + measuring[0], tracking[1] + measuring[1]
    rows.append(_row(f"tracking, aligning and tells of {FRAMES} frames", *both))
    rows.append(_row("detect, times decoding", whole[0] / decoding[0], whole[1] / decoding[1]))
    pairs = _pairs(persons=20 if quick else 100)
    spent = _timed(
        lambda: (fit(pairs, Tells(), 0), cross_validate(pairs, Tells()), leave_one_method_out(pairs, Tells()))
    )
    rows.append(_row(f"train and evaluate {len(pairs)} clips, features cached", *spent, "500 in <= 600 s"))
    return rows


def _window(frames: list[tuple[float, U8]]) -> tuple[tuple[float, float], tuple[float, float]]:
    """What tracking and aligning the frames of a window cost, and what its tells do: CPU and clock, medians."""
    tracking: list[tuple[float, float]] = []
    measuring: list[tuple[float, float]] = []
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)  # threads that wait for each other would count
    with MediapipeTracker(max_faces=MAX_FACES) as tracker:
        tracker.track(frames[0][1])
        for _ in range(_RUNS):
            part = Part()
            tracking.append(_timed(partial(_follow, part, frames, tracker)))
            measuring.append(_timed(partial(measure, part.window())))
    cv2.setNumThreads(before)
    return _median(tracking), _median(measuring)


def _follow(part: Part, frames: list[tuple[float, U8]], tracker: MediapipeTracker) -> None:
    for time_s, rgb in frames:
        part.add(time_s, rgb, tracker.track(rgb)[0])


def _median(spent: list[tuple[float, float]]) -> tuple[float, float]:
    return statistics.median(cpu for cpu, _ in spent), statistics.median(wall for _, wall in spent)


def _pairs(persons: int) -> list[tuple[Clip, ClipFeatures]]:
    """Five clips a person: two real ones and a fake of each of three methods, which differ by a little."""
    rng = np.random.default_rng(0)
    pairs: list[tuple[Clip, ClipFeatures]] = []
    for person in range(persons):
        for method in ("real", "real", "talk", "swap", "edit"):
            x = rng.normal(0.0 if method == "real" else 0.2, 1.0, (_WINDOWS, len(NAMES)))
            name = f"{len(pairs):064x}"
            clip = replace(CLIP, clip_id=name, sha256=name, identity=f"person-{person}", method=method)
            clip = replace(clip, label=Label.REAL if method == "real" else Label.FAKE)
            pairs.append((clip, ClipFeatures(np.arange(_WINDOWS) * 1.6, x, 250, 1, 250, 200.0)))
    return pairs


def _timed(step: Callable[[], Any]) -> tuple[float, float]:
    """Seconds of CPU and of the clock."""
    cpu, wall = time.process_time(), time.perf_counter()
    step()
    return time.process_time() - cpu, time.perf_counter() - wall


def _row(what: str, cpu: float, wall: float, target: str = "") -> dict[str, Any]:
    return {"measure": what, "cpu_s": round(cpu, 3), "wall_s": round(wall, 3), "target": target}
