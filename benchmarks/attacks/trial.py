"""Puts a watermark on the ladder: marks clips, attacks excerpts of them, and counts what can still be read."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from statistics import median
from typing import Any, Protocol

import numpy as np

from tellmark.benchmarks.attacks.clip import Attack, Frames
from tellmark.benchmarks.attacks.rung import Rung
from tellmark.benchmarks.attacks.timing import trim
from tellmark.types import U8

_GOP_S = 2.0  # no excerpt starts within a tenth of a second of a multiple of this, where the clip leaves a choice
_APART_S = 0.5  # between the starts of two excerpts
_NORMAL_95 = 1.959964

Row = dict[str, Any]
Progress = Callable[[str], None]  # told what is being measured


@dataclass(frozen=True, slots=True)
class Reading:
    """What a detector says of a clip.

    message: the bits it vouches for, 0 and 1; None where it vouches for none. present: whether it says that there is a
    mark; None where it has no such test. guess: its best guess of the bits, where it does not vouch for them.
    """

    message: U8 | None
    present: bool | None = None
    guess: U8 | None = None


class Watermark(Protocol):
    """What the ladder asks of a watermark."""

    @property
    def name(self) -> str:
        """Shown in tables."""

    def embed(self, clip: Frames) -> tuple[Frames, U8]:
        """The clip with a mark, and the message in it: bits, 0 and 1. ``clip.seed`` chooses the message."""

    def detect(self, clip: Frames) -> Reading:
        """Read a clip, of which nothing else is known."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One excerpt, attacked and read."""

    right: bool
    wrong: bool
    present: bool | None
    accuracy: float
    seconds: float


def climb(
    watermark: Watermark,
    clips: Iterable[Frames],
    rungs: Sequence[Rung],
    *,
    starts: int = 2,
    published: Attack | None = None,
    progress: Progress | None = None,
) -> list[Row]:
    """A row a rung: how many excerpts of how many clips were read, with a 95 % interval, and whether that is enough.

    starts: excerpts of each clip, at random places, where it is long enough. published: what happens to every marked
    clip first, such as being written to a file. Clips too short for a rung are left out of it; ``clips`` says so.
    """
    trials: dict[str, list[list[Trial]]] = {rung.name: [] for rung in rungs}
    for number, clip in enumerate(clips):
        marked, message = watermark.embed(clip)
        if published is not None:
            marked = published(marked)
        for rung in rungs:
            if progress is not None:
                progress(f"{watermark.name}, clip {number}, {rung.name}")
            made = [_tried(watermark, excerpt, message) for excerpt in excerpts(rung, marked, starts)]
            if made:
                trials[rung.name].append(made)
    return [_row(watermark.name, rung, trials[rung.name]) for rung in rungs]


def excerpts(rung: Rung, marked: Frames, starts: int) -> Iterator[Frames]:
    """Up to ``starts`` attacked excerpts of a clip; none where the clip is too short."""
    seed = zlib.crc32(f"{marked.seed} {rung.name}".encode())
    places = _starts(marked, rung.needed_s, starts, np.random.default_rng(seed))
    whole = rung.attack(replace(marked, seed=seed)) if rung.after and places else marked
    for number, start_s in enumerate(places):
        if rung.after:
            yield trim(whole, start_s, rung.seconds)
            continue
        attacked = rung.attack(replace(trim(marked, start_s, rung.needed_s), seed=seed + number))
        yield trim(attacked, 0.0, rung.seconds)


def _starts(clip: Frames, needed_s: float, count: int, random: np.random.Generator) -> list[float]:
    """Where excerpts begin: at random, apart from one another, and aligned with nothing if that can be helped."""
    last = len(clip.frames) - round(needed_s * clip.fps)
    if last < 0:
        return []
    frames = random.permutation(last + 1)
    phase = frames / clip.fps % _GOP_S
    unaligned = frames[(phase > 0.1) & (phase < _GOP_S - 0.1)]
    chosen: list[float] = []
    for frame in unaligned if len(unaligned) else frames:
        start_s = float(frame / clip.fps)
        if all(abs(start_s - other) >= _APART_S for other in chosen):
            chosen.append(start_s)
        if len(chosen) == count:
            break
    return chosen


def _tried(watermark: Watermark, excerpt: Frames, message: U8) -> Trial:
    begin = time.perf_counter()
    reading = watermark.detect(excerpt)
    seconds = time.perf_counter() - begin
    right = reading.message is not None and np.array_equal(reading.message, message)
    best = reading.message if reading.message is not None else reading.guess
    accuracy = 0.5 if best is None else float(np.mean(best == message))
    return Trial(right, reading.message is not None and not right, reading.present, accuracy, seconds)


def _row(name: str, rung: Rung, by_clip: list[list[Trial]]) -> Row:
    trials = [trial for clip in by_clip for trial in clip]
    row: Row = {"measure": rung.group, "condition": rung.name, "watermark": name, "judged on, s": rung.seconds}
    row |= {"clips": len(by_clip), "excerpts": len(trials), "target": rung.target}
    if not trials:
        return row | {"met": "no clip is long enough"}
    right = sum(trial.right for trial in trials)
    low, high = wilson(right, len(trials))
    tested = [trial.present for trial in trials if trial.present is not None]
    return row | {
        "payload": right,
        "wrong": sum(trial.wrong for trial in trials),
        "present": sum(tested) if tested else None,
        "share": round(right / len(trials), 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "met": None if rung.target is None else "yes" if right / len(trials) >= rung.target else "no",
        "bit accuracy": round(float(np.mean([trial.accuracy for trial in trials])), 4),
        "seconds": round(median(trial.seconds for trial in trials), 2),
    }


def wilson(hits: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927); excerpts of one clip are counted as if independent."""
    z2 = _NORMAL_95**2
    share = hits / count
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = _NORMAL_95 * sqrt(share * (1 - share) / count + z2 / (4 * count**2)) / (1 + z2 / count)
    return max(0.0, middle - half), min(1.0, middle + half)
