"""When the frames are shown: rates, speed, lost and repeated frames, cuts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tellmark.benchmarks.attacks.clip import Frames


def trim(clip: Frames, start_s: float, duration_s: float) -> Frames:
    """A stretch of the clip."""
    first = round(start_s * clip.fps)
    frames = clip.frames[first : first + round(duration_s * clip.fps)]
    keyframes = tuple(number - first for number in clip.keyframes if 0 <= number - first < len(frames))
    return replace(clip, frames=frames, keyframes=keyframes)


def change_rate(clip: Frames, fps: float) -> Frames:
    """Another frame rate by dropping and repeating frames."""
    count = round(len(clip.frames) * fps / clip.fps)
    source = [min(int(index * clip.fps / fps + 1e-6), len(clip.frames) - 1) for index in range(count)]
    return replace(clip, frames=[clip.frames[index] for index in source], fps=fps)


def speed(clip: Frames, factor: float) -> Frames:
    """Played ``factor`` times as fast at the same frame rate, by dropping and repeating frames."""
    return replace(change_rate(replace(clip, fps=clip.fps * factor), clip.fps), fps=clip.fps)


def drop(clip: Frames, share: float) -> Frames:
    """Lose frames at random; those that are left move together."""
    kept = np.flatnonzero(clip.random().random(len(clip.frames)) >= share)
    return replace(clip, frames=[clip.frames[index] for index in kept])


def duplicate(clip: Frames, share: float) -> Frames:
    """Show random frames twice."""
    times = 1 + (clip.random().random(len(clip.frames)) < share)
    return replace(clip, frames=[clip.frames[index] for index in np.repeat(np.arange(len(clip.frames)), times)])


def frozen(clip: Frames) -> Frames:
    """The first frame for as long as the clip lasts."""
    return replace(clip, frames=clip.frames[:1] * len(clip.frames))


def smeared(clip: Frames, count: int) -> Frames:
    """Each frame the mean of ``count`` in a row: long exposure, or frames blended for another rate."""
    means = [np.mean(clip.frames[max(0, at - count + 1) : at + 1], axis=0) for at in range(len(clip.frames))]
    return replace(clip, frames=[np.rint(mean).astype(np.uint8) for mean in means])


def cut(clip: Frames, start_s: float, duration_s: float) -> Frames:
    """Take a stretch out of the middle and join the ends."""
    first = round(start_s * clip.fps)
    return replace(clip, frames=clip.frames[:first] + clip.frames[first + round(duration_s * clip.fps) :])


def cut_at_random(clip: Frames, times: int, duration_s: float) -> Frames:
    """Take ``times`` stretches out, one from each of as many equal parts of the clip."""
    part = clip.duration_s / times
    offsets = clip.random().uniform(0, max(0.0, part - duration_s), times)
    made = clip
    for number in range(times - 1, -1, -1):
        made = cut(made, number * part + float(offsets[number]), duration_s)
    return made
