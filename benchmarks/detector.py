"""`tellmark bench detector`: what detection costs, stage by stage, and what the shipped model is worth.

Costs are medians over the windows of a clip of a virtual actor, on one core. `--with data=DIR` also evaluates the
shipped model on all clips of a dataset, with the notes of the evaluation: the model must not have been trained on it.
`--with part=compare`, `part=own`, `part=unseen` and `part=speed` are described in their modules: ``compare``,
``own_fakes``, ``unseen`` and ``detector_speed``; `part=shipped` teaches the model that ships once more. Those of own,
unseen and shipped are made in DIR2 by `--with work=DIR2`, where `data` is footage with its index (``footage``).
`part=audit` gives the table that `tellmark audit DIR`, or `make weights`, left in DIR.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tellmark import shipped as recipe
from tellmark.benchmarks import footage
from tellmark.benchmarks.claims import said_by
from tellmark.benchmarks.detection import compare, own_fakes
from tellmark.benchmarks.detection import speed as detector_speed
from tellmark.benchmarks.detection import unseen as unseen_systems
from tellmark.detector import tells
from tellmark.detector.audit_record import FILE, found_in
from tellmark.detector.detect import default_model, detect
from tellmark.detector.evaluate import evaluate
from tellmark.detector.features import measure
from tellmark.detector.train import train
from tellmark.detector.windows.sound import Sound
from tellmark.detector.windows.tracks import WindowReader, read_frames
from tellmark.detector.windows.window import FRAMES, Window
from tellmark.errors import UsageError
from tellmark.generator.actors import actor
from tellmark.generator.audio.voice import synthesize
from tellmark.generator.clip import render_clip
from tellmark.generator.rules import RuleMotion
from tellmark.generator.speech import load_speech
from tellmark.types import U8

_TEXT = (
    "This sentence is spoken by nobody, and what you see is nobody's face; the detector takes its time all the same. "
)


def run(
    *, quick: bool = False, part: str = "cost", data: str | None = None, unseen: str | None = None, work: str = ""
) -> list[dict[str, Any]]:
    """Rows of {measure, value, unit}; those of the other parts say what they are."""
    if part not in ("cost", "compare", "own", "unseen", "shipped", "speed", "audit"):
        raise UsageError(f"--with part={part}: choose cost, compare, own, unseen, shipped, speed or audit")
    if part == "speed":
        return detector_speed.run(quick=quick)
    if part != "cost":
        if data is None:
            raise UsageError(f"part={part} needs --with data=DIR, a dataset")
        if part == "compare":
            return compare.run(Path(data), epochs=2 if quick else 6)
        if part == "audit":
            return _audit(Path(data))
        if part in ("unseen", "shipped"):
            folder = footage.shipped(Path(data), Path(work)) if work else Path(data)
            return unseen_systems.run(folder, quick=quick) if part == "unseen" else _taught_again(folder)
        if not work:
            return own_fakes.run(Path(data), Path(unseen) if unseen else None)
        return own_fakes.run(footage.ours(Path(data), Path(work)), footage.other_renderer(Path(data), Path(work)))
    with tempfile.TemporaryDirectory() as name:
        rows = _costs(Path(name), seconds=7 if quick else 20)
    if data is not None:
        rows += _worth(Path(data))
    return rows


def _costs(folder: Path, seconds: float) -> list[dict[str, Any]]:
    synthesize(_TEXT * max(1, round(seconds / 6)), folder / "voice.wav")
    speech = load_speech(folder / "voice.wav", fps=25.0)
    clip = folder / "clip.mp4"
    registry = folder / "registry.sqlite"
    render_clip(actor(1), speech, clip, motion_model=RuleMotion(), registry=registry, max_seconds=seconds)
    decoding, tracking, windows = _windows(clip)
    alone = {family: [_ms(tell.compute, _copy(part)) for part in windows] for family, tell in tells.FAMILIES.items()}
    together = [_ms(measure, _copy(part)) for part in windows]
    start = time.perf_counter()
    found = detect(clip)
    whole = time.perf_counter() - start
    rows = [
        _row("decode", decoding / FRAMES, "ms/frame"),
        _row("track, align", tracking / FRAMES, "ms/frame"),
        _row("all tells", float(np.median(together)), f"ms/window of {FRAMES} frames"),
    ]
    rows += [_row(f"tell: {family}, alone", float(np.median(times)), "ms/window") for family, times in alone.items()]
    rows.append(_row("detect, of the clip's duration", whole / seconds, "s/s"))
    rows.append(_row("windows judged", len(found.timeline), f"in {seconds:.0f} s"))
    return rows


def _windows(clip: Path) -> tuple[float, float, list[Window]]:
    """ms to decode, and to track and align, the frames of a window; the windows."""
    spent = 0.0

    def timed() -> Iterator[tuple[float, U8]]:
        nonlocal spent
        frames = read_frames(clip)
        while True:
            start = time.perf_counter()
            frame = next(frames, None)
            spent += time.perf_counter() - start
            if frame is None:
                return
            yield frame

    start = time.perf_counter()
    windows = list(WindowReader(timed(), sound=Sound(clip)))
    whole = time.perf_counter() - start
    return spent / len(windows) * 1e3, (whole - spent) / len(windows) * 1e3, windows


def _copy(part: Window) -> Window:
    """The window without the measurements that an earlier tell left in it."""
    return Window(
        part.start_s,
        part.crops,
        part.landmarks,
        part.source_landmarks,
        part.context,
        part.context_landmarks,
        part.sound,
    )


def _ms(step: Any, part: Window) -> float:
    start = time.perf_counter()
    step(part)
    return (time.perf_counter() - start) * 1e3


def _worth(folder: Path) -> list[dict[str, Any]]:
    found = evaluate(default_model(), folder, split=None)
    overall = found["overall"]
    rows = [
        _row(f"{found['dataset']}: {key}", overall[key], f"{found['n_clips']} clips, {found['n_identities']} persons")
        for key in ("auc", "ap", "eer", "tpr_at_1pct_fpr", "brier", "ece")
    ]
    rows += [
        _row(f"{found['dataset']}: auc of {name}", one["auc"], f"{one['n']} fakes")
        for name, one in found["methods"].items()
    ]
    return rows


def _audit(folder: Path) -> list[dict[str, Any]]:
    record = found_in(folder / FILE)
    if record is None:
        raise UsageError(f"{folder} has no {FILE}; run `tellmark audit {folder}` first")
    return [
        {key: row[key] for key in ("number", "name", "value")}
        | {"low": (row["interval"] or ("", ""))[0], "high": (row["interval"] or ("", ""))[1]}
        | {key: row[key] for key in ("pass_mark", "verdict", "note")}
        for row in record["controls"]
    ]


def _taught_again(folder: Path) -> list[dict[str, Any]]:
    """What the card of a model says that has learnt from the same clips as the one that ships."""
    with tempfile.TemporaryDirectory() as name:
        model = train(recipe.taught(folder), Path(name) / "model.npz", classifier=recipe.LEARNER)
    rows = [_row(measure, value, "persons held out") for measure, value in said_by(model.card).items()]
    rows.append(_row("threshold", model.card["operating_point"]["threshold"], "of p_synthetic"))
    return rows + [_row(f"{name} above it", share, "persons held out") for name, share in model.card["above"].items()]


def _row(measure_: str, value: float | None, unit: str) -> dict[str, Any]:
    return {"measure": measure_, "value": None if value is None else round(value, 3), "unit": unit}
