"""Does a performance that goes on and on stay what it was? Memory, drift and seams of a streaming motion model.

Motion alone, a frame's sound at a time, without pictures: what `bench stream` makes of it in marked frames costs hours.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

import numpy as np

from tellmark.benchmarks.motions import stats as measures
from tellmark.benchmarks.motions.case import Case, Rows
from tellmark.benchmarks.motions.stage import speak
from tellmark.generator.audio.acoustics import SAMPLE_RATE_HZ
from tellmark.generator.audio.encoder import SpeechEncoder
from tellmark.generator.audio.sentences import sentences
from tellmark.generator.dynamics.diffusion import CONTEXT
from tellmark.generator.track import FPS
from tellmark.generator.types import Controls, Encoded, Motion, StreamingModel
from tellmark.media import load_audio
from tellmark.types import F32, F64

_PIECE = round(SAMPLE_RATE_HZ / FPS)


def long_run(rows: Rows, case: Case) -> None:
    """The same sentences for ``case.minutes``; models that cannot stream have no rows.

    Seams are those where the ring of the past begins anew, of ``case.performances`` by as many seeds; everything else
    is of the first.
    """
    if not hasattr(case.model, "stream"):
        return
    model = cast(StreamingModel, case.model)
    sound = load_audio(speak(case.folder, "en-us", list(sentences("en"))[:8]).path, SAMPLE_RATE_HZ)
    frames = round(60 * case.minutes * FPS)
    motion, held_mb = perform(model, sound, frames)
    heard = SpeechEncoder.load().encode(sound)
    others = [_round_and_round(model, heard, frames, seed) for seed in range(1, case.performances)]
    turns = motion.rotation_deg.astype(np.float64)
    first, last = turns[: len(turns) // 3], turns[-(len(turns) // 3) :]
    name = f"{case.minutes:g} minutes"
    rows.add(f"memory grown, MB, {name}", held_mb[1] - held_mb[0], "near 0", n=len(motion))
    rows.add(f"drift: mean pose of the last third off the first's, degrees, {name}", _largest(last, first), "near 0")
    rows.add(f"spread of the last third over the first's, {name}", float(last.std() / first.std()), "near 1")
    blinks = [measures.blinks(part.astype(np.float64), FPS).a_minute for part in np.array_split(motion.blink, 3)]
    rows.add(f"blinks a minute, last third over the first, {name}", blinks[2] / max(blinks[0], 1e-9), "near 1")
    made = [motion, *others]
    for measure, value in measures.seams(made, CONTEXT).items():
        target = "1" if "ratio" in measure else "> 0.05"
        rows.add(f"{measure}, every {CONTEXT} frames, {name}", value, target, n=sum(map(len, made)))
    if others:
        alone = measures.seams(made[:1], CONTEXT)["seam p"]
        rows.add(f"seam p, every {CONTEXT} frames, {name}, the first seed alone", alone, n=len(motion))


def perform(model: StreamingModel, sound: F32, frames: int) -> tuple[Motion, tuple[float, float]]:
    """(motion of the sound, again and again; MB held by the process after a tenth of it and at the end)."""
    stream, hearing = model.stream(Controls(), 0), SpeechEncoder.load().stream()
    whole = np.resize(sound, len(sound) // _PIECE * _PIECE)
    # Written to before the start: what the measure itself keeps is no growth.
    made, done, early = np.ones((frames, Motion.rest(FPS).array().shape[1]), np.float32), 0, 0.0
    for piece in range(frames):
        at = piece * _PIECE % len(whole)
        rows = stream.push(hearing.push(whole[at : at + _PIECE])).array()
        made[done : done + len(rows)] = rows
        done += len(rows)
        if piece == frames // 10:
            early = _held_mb()
    return Motion.from_array(FPS, made[:done]), (early, _held_mb())


def _round_and_round(model: StreamingModel, heard: Encoded, frames: int, seed: int) -> Motion:
    """The same by another seed, a whole round at once, which is cheaper: pieces change nothing."""
    stream = model.stream(Controls(), seed)
    rows = [stream.push(heard).array() for _ in range(frames // len(heard) + 1)]
    return Motion.from_array(FPS, np.concatenate(rows)[:frames])


def _largest(one: F64, other: F64) -> float:
    return float(np.abs(one.mean(0) - other.mean(0)).max())


def _held_mb() -> float:
    found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")
