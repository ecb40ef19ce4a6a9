"""What a face's motion is like, in numbers: one ruler for real video and for every motion model.

All take a :class:`~tellmark.generator.types.Motion` at 25 frames a second as ``retarget`` reads it from a track (not
smoothed), so that the tracker's own tremble is in every column alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tellmark.generator.audio.visemes import segments
from tellmark.generator.audio.voice import Phoneme
from tellmark.generator.types import Motion
from tellmark.types import F64

SHUT, OPEN = 0.5, 0.25  # of a blink: begins above the first, is over below the second
LONGEST_BLINK_S = 0.6  # eyes that stay shut longer are closed, not blinking
SACCADE_DEG_S = 60.0
BILABIALS = ("m", "b", "p")


@dataclass(frozen=True, slots=True)
class Blinks:
    """Blinks of one clip."""

    a_minute: float
    duration_s: float  # median, at half height; NaN without blinks


def delta_p(rotation_deg: F64) -> float:
    """Mean turn of the head from frame to frame, degrees: the norm of the difference of yaw, pitch and roll.

    After VASA-1's "delta P" (Xu et al. 2024); it grows with the frame rate's inverse, so only 25 fps compare.
    """
    return float(np.linalg.norm(np.diff(rotation_deg.astype(np.float64), axis=0), axis=1).mean())


def blinks(blink: F64, fps: float) -> Blinks:
    """Blinks in the mean of both eyes' tracks (T, 2)."""
    lids = blink.astype(np.float64).mean(1)
    durations, start = [], None
    for k, closed in enumerate(lids):
        if start is None and closed > SHUT:
            start = k
        elif start is not None and closed < OPEN:
            span = lids[start:k]
            length = (span > span.max() / 2).sum() / fps
            if length <= LONGEST_BLINK_S:
                durations.append(length)
            start = None
    median = float(np.median(durations)) if durations else float("nan")
    return Blinks(60 * len(durations) * fps / len(lids), median)


def gaze_spread(motion: Motion) -> dict[str, float]:
    """Spread of the eyes in the head (degrees), saccades a minute, share of frames in which they rest."""
    gaze = motion.gaze_deg.astype(np.float64)
    speed = np.linalg.norm(np.diff(gaze, axis=0), axis=1) * motion.fps
    fast = speed > SACCADE_DEG_S
    starts = int(fast[:1].sum() + (fast[1:] & ~fast[:-1]).sum())
    return {
        "gaze spread sideways": float(gaze[:, 0].std()),
        "gaze spread up and down": float(gaze[:, 1].std()),
        "saccades a minute": 60 * motion.fps * starts / len(gaze),
        "share of frames in fixation": float((speed < SACCADE_DEG_S / 2).mean()),
    }


def diversity(performances: Sequence[Motion]) -> float:
    """Mean spread of the head's angles over seeds at the same moment, over their spread in time.

    About 1 where seeds have nothing to do with each other, 0 where the seed changes nothing.
    """
    turns = np.stack([motion.rotation_deg for motion in performances]).astype(np.float64)
    return float(turns.std(0, ddof=1).mean() / turns.std(1).mean())


def closure_times(phonemes: Sequence[Phoneme], duration_s: float) -> F64:
    """Middles of the closures of /m b p/, seconds."""
    found = [(a + min(b, a + 0.12)) / 2 for a, b, name in segments(phonemes, duration_s) if name[:1] in BILABIALS]
    return np.array(found, np.float64)


def closed_at(gap: F64, times_s: F64, fps: float, limit: float) -> F64:
    """Whether ``gap`` (T,) falls below ``limit`` within 40 ms of each time."""
    reach = round(0.040 * fps)
    frames = np.round(times_s * fps).astype(int)
    spans = [gap[max(0, k - reach) : k + reach + 1] for k in frames]
    return np.array([float(span.min() < limit) if len(span) else np.nan for span in spans], np.float64)


def moments_without_closure(phonemes: Sequence[Phoneme], duration_s: float, count: int, seed: int = 0) -> F64:
    """Times in speech at least 0.12 s from every closure: how often lips happen to be shut there is the control."""
    closures = closure_times(phonemes, duration_s)
    spoken = [(a, b) for a, b, name in segments(phonemes, duration_s) if name.strip("ˈˌː")]
    rng = np.random.default_rng(seed)
    times: list[float] = []
    for _ in range(50 * count):
        a, b = spoken[rng.integers(len(spoken))]
        at = float(rng.uniform(a, b))
        if len(times) < count and (not len(closures) or np.abs(closures - at).min() > 0.12):
            times.append(at)
    return np.array(times, np.float64)


def seams(performances: Sequence[Motion], window: int) -> dict[str, float]:
    """Jumps where windows of ``window`` frames meet, against elsewhere: ratio of medians, and a p-value.

    A jump is the norm of the second difference of all channels, each in units of its own usual one; the ratio is the
    geometric mean over performances. The p-value is its rank among those of windows that begin at any other frame:
    jumps of neighbouring frames go together (a blink, a saccade), so that a test which takes them for independent
    finds seams anywhere. Where there are no seams, one run in twenty still reads below .05.
    """
    if not all(2 < window < len(motion) - 3 for motion in performances):
        return {"seam jump ratio": float("nan"), "seam p": float("nan")}
    ratios = np.mean([np.log(_jump_ratios(motion, window)) for motion in performances], axis=0)
    return {"seam jump ratio": float(np.exp(ratios[0])), "seam p": float(np.mean(ratios >= ratios[0]))}


def _jump_ratios(motion: Motion, window: int) -> F64:
    """(window,) median jump where windows meet that begin at frame 0, 1, .. over the median of all others."""
    rows = np.diff(motion.array().astype(np.float64), 2, axis=0)
    jumps = np.linalg.norm(rows / (np.abs(rows).mean(0) + 1e-9), axis=1)
    # Both second differences that straddle a border.
    meet = [np.isin((np.arange(len(jumps)) - phase) % window, (window - 2, window - 1)) for phase in range(window)]
    return np.array([np.median(jumps[at]) / np.median(jumps[~at]) for at in meet], np.float64)
