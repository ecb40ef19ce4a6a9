"""`tellmark bench render`: the whole pipeline against encoding the same frames alone, in one run on one machine.

The pipeline renders, marks, encodes H.264 + AAC, signs and registers. The floor is the same frames, already rendered,
through the same encoder with the same sound and nothing else. Both run in turn, so that a machine whose speed drifts
treats them alike; the medians are given. Stages are also timed alone, on one core. `--with renderer=splat` and
`--with motion=rules` measure the second renderer and the second motion model.
"""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tellmark.encoding import Encoding, VideoWriter
from tellmark.generator.actors import actor
from tellmark.generator.audio.voice import synthesize
from tellmark.generator.clip import render_clip
from tellmark.generator.motions import motion_model
from tellmark.generator.renderers import renderer as renderer_of
from tellmark.generator.speech import load_speech
from tellmark.generator.types import SIZE, Controls, Motion, Renderer, Speech
from tellmark.media import rgb_to_i420
from tellmark.types import U8, Kind
from tellmark.watermark.embed import Embedder
from tellmark.watermark.signal.payload import Payload

_TEXT = (
    "Every clip that this tool makes carries a mark that the eye does not see, and a signature that anyone can check. "
    "Move the picture, shrink it, send it through a messenger: most of the time the mark is still there. "
)


def run(*, quick: bool = False, renderer: str = "mesh", motion: str = "diffusion") -> list[dict[str, Any]]:
    """Rows of {measure, value, unit}: frames per second of both, their ratio, stages in ms, memory in MB."""
    with tempfile.TemporaryDirectory() as name:
        return _run(Path(name), renderer, motion, rounds=1 if quick else 3, seconds=6 if quick else 20)


def _run(folder: Path, name: str, mover: str, rounds: int, seconds: float) -> list[dict[str, Any]]:
    synthesize(_TEXT * max(1, round(seconds / 12)), folder / "voice.wav")
    speech = load_speech(folder / "voice.wav", fps=25.0)
    portrait = actor(1)
    renderer = renderer_of(name, portrait)
    model = motion_model(mover)
    begun = time.thread_time()
    motion = model.generate(speech, Controls(), 0)
    moved_ms = (time.thread_time() - begun) * 1e3 / len(motion)
    frames = [renderer.render(motion, index).copy() for index in range(min(len(motion), 250))]
    registry = folder / "registry.sqlite"
    whole, alone = [], []
    for turn in range(rounds):
        start = time.perf_counter()
        render_clip(
            portrait, speech, folder / f"{turn}.mp4", motion_model=model, renderer=renderer, seed=0, registry=registry
        )
        whole.append(speech.frames / (time.perf_counter() - start))
        alone.append(_encode_alone(frames, speech, folder / f"alone-{turn}.mp4"))
    ratios = [a / b for a, b in zip(whole, alone, strict=True)]
    rows = [
        _row("pipeline", statistics.median(whole), "frames/s"),
        _row("encoding alone", statistics.median(alone), "frames/s"),
        _row("ratio", statistics.median(ratios), "pipeline / encoding alone"),
    ]
    rest = renderer.render(Motion.rest(25.0), 0)
    rows.append(_row("rest frame to portrait", cv2.PSNR(rest, portrait.image), "dB"))
    rows.append(_row("motion", moved_ms, "ms/frame, CPU of one core"))
    rows += [
        _row(stage, value, "ms/frame, CPU of one core") for stage, value in _stages(renderer, motion, frames).items()
    ]
    rows.append(_row("peak memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB"))
    return rows


def _encode_alone(frames: list[U8], speech: Speech, path: Path) -> float:
    planes = [rgb_to_i420(frame) for frame in frames]
    start = time.perf_counter()
    with VideoWriter(path, width=SIZE, height=SIZE, fps=speech.fps, audio=speech.path, encoding=Encoding()) as writer:
        for index in range(speech.frames):
            writer.write(planes[index % len(planes)])
    return speech.frames / (time.perf_counter() - start)


def _stages(renderer: Renderer, motion: Motion, frames: list[U8]) -> dict[str, float]:
    embedder = Embedder(Payload.new(Kind.SYNTHETIC), width=SIZE, height=SIZE)
    planes = [rgb_to_i420(frame) for frame in frames]
    return {
        "render": _median_ms(lambda index: renderer.render(motion, index), len(frames)),
        "RGB to I420": _median_ms(lambda index: rgb_to_i420(frames[index]), len(frames)),
        "mark": _median_ms(lambda index: embedder.embed(planes[index]), len(frames)),
    }


def _median_ms(step: Callable[[int], Any], count: int) -> float:
    times = []
    for index in range(count):
        start = time.thread_time()
        step(index)
        times.append((time.thread_time() - start) * 1e3)
    return float(np.median(times))


def _row(measure: str, value: float, unit: str) -> dict[str, Any]:
    return {"measure": measure, "value": round(value, 3), "unit": unit}
