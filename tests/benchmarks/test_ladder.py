"""The ladder judges what the issue asks, and the trial counts rightly: seen on a watermark that is read by eye."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from scipy.stats import binomtest

from tellmark.benchmarks.attacks import GROUPS, LADDER, Frames, Reading, Rung, climb, excerpts, wilson
from tellmark.benchmarks.attacks.timing import trim
from tellmark.types import U8

MESSAGE: U8 = np.array([1, 0, 1, 1], np.uint8)


@dataclass
class Corner:
    """Four grey squares in the corner; the detector's answers can be bent."""

    bend: Callable[[U8], U8 | None] = lambda bits: bits
    seen: list[Frames] = field(default_factory=list)
    name: str = "corner"

    def embed(self, clip: Frames) -> tuple[Frames, U8]:
        frames = [frame.copy() for frame in clip.frames]
        for frame in frames:
            frame[:8, :32] = np.repeat(200 * MESSAGE, 8)[:, None]
        return replace(clip, frames=frames), MESSAGE

    def detect(self, clip: Frames) -> Reading:
        self.seen.append(clip)
        bits = (clip.frames[0][4, 4:32:8, 0] > 100).astype(np.uint8)
        return Reading(self.bend(bits), bool(bits.any()), bits)


def _clip(seconds: float, seed: int = 0) -> Frames:
    """The frame's number is in its last pixel."""
    frames = []
    for index in range(round(seconds * 25)):
        frame = np.zeros((32, 64, 3), np.uint8)
        frame[-1, -1] = index % 256
        frames.append(frame)
    return Frames(frames, 25.0, seed)


def _same(clip: Frames) -> Frames:
    return clip


def test_lengths_and_targets_are_those_asked_for() -> None:
    assert set(GROUPS) == {"codec", "geometry", "time", "colour", "chains", "world", "field"}
    wanted = {
        "h264 crf 28": (2, 1),
        "h264 crf 33": (6, 0.95),
        "h264 crf 40, 2 s gop": (10, 0.9),
        "av1 crf 35": (6, 0.9),
    }
    wanted |= {"rotate 10 deg + crf 23": (6, 0.95), "messenger": (10, 0.9), "speed 1.25 + crf 23": (6, 0.95)}
    assert {name: (LADDER[name].seconds, LADDER[name].target) for name in wanted} == wanted
    for rung in LADDER.values():
        assert rung.needed_s <= 12.5


@pytest.mark.parametrize("name", [name for name, rung in LADDER.items() if rung.group == "time"])
def test_what_goes_in_is_enough_for_what_is_judged(name: str) -> None:
    rung = LADDER[name]
    (judged,) = excerpts(rung, _clip(rung.needed_s), 1)
    assert judged.duration_s == pytest.approx(rung.seconds, abs=0.25)


@pytest.mark.parametrize("after", [False, True])
def test_excerpts_start_anywhere_but_on_our_grid(after: bool) -> None:
    rung = Rung("same", "codec", _same, 2.0, after=after)
    starts = [
        int(made.frames[0][-1, -1, 0]) / 25
        for seed in range(8)
        for made in excerpts(rung, _clip(10, seed), 3)
        if len(made.frames) == 50
    ]
    assert len(starts) == 24
    assert len(set(starts)) > 15
    assert all(0.1 < start % 2 < 1.9 for start in starts)
    assert [len(list(excerpts(rung, _clip(seconds), 3))) for seconds in (1.9, 2.0, 2.4, 10)] == [0, 1, 1, 3]


def test_an_excerpt_is_taken_before_the_attack_or_after_it() -> None:
    lengths: list[int] = []

    def noted(clip: Frames) -> Frames:
        lengths.append(len(clip.frames))
        return clip

    for after in (False, True):
        assert len(list(excerpts(Rung("x", "codec", noted, 2.0, after=after), _clip(10), 2))) == 2
    assert lengths == [50, 50, 250]


def test_rows_count_right_wrong_and_absent() -> None:
    rungs = [
        Rung("same", "codec", _same, 2.0, 1.0),
        Rung("lost", "codec", lambda clip: replace(clip, frames=[frame * 0 for frame in clip.frames]), 2.0, 0.9),
        Rung("long", "chains", _same, 60.0, 0.9),
        Rung("free", "chains", lambda clip: trim(clip, 0, 1), 2.0, None),
    ]
    clips = [_clip(10, 0), _clip(10, 1)]
    same, lost, long, free = climb(Corner(), clips, rungs, starts=2)
    assert (same["clips"], same["excerpts"], same["payload"], same["wrong"], same["present"]) == (2, 4, 4, 0, 4)
    assert (same["share"], same["met"], same["bit accuracy"]) == (1, "yes", 1)
    assert (lost["payload"], lost["wrong"], lost["present"], lost["met"]) == (0, 4, 0, "no")
    assert lost["bit accuracy"] == 0.25
    assert (long["clips"], long["met"]) == (0, "no clip is long enough")
    assert free["met"] is None
    unsure = Corner(bend=lambda bits: None)
    (row,) = climb(unsure, clips, rungs[:1], starts=1)
    assert (row["payload"], row["wrong"], row["share"], row["met"], row["bit accuracy"]) == (0, 0, 0, "no", 1)


def test_everything_comes_after_publication() -> None:
    mark = Corner()
    climb(mark, [_clip(6)], [Rung("same", "codec", _same, 2.0)], published=lambda c: replace(c, fps=50.0))
    assert [clip.fps for clip in mark.seen] == [50.0, 50.0]


@pytest.mark.parametrize(("hits", "count"), [(0, 8), (3, 8), (8, 8), (95, 100)])
def test_the_interval_is_wilsons(hits: int, count: int) -> None:
    reference = binomtest(hits, count).proportion_ci(0.95, method="wilson")
    assert wilson(hits, count) == pytest.approx((reference.low, reference.high), abs=1e-6)
