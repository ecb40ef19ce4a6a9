"""What a face does beside speaking: the head, the eyes and the brows, drawn from chance and led by the voice.

Every process draws from a random stream of its own and looks only a bounded time ahead, so the first seconds of a
performance do not depend on how long it lasts. Sources: blink intervals are log-normal, about 26 a minute in
conversation (Bentivoglio et al. 1997); lids close twice as fast as they open (VanderWerf et al. 2003); the duration of
a saccade is 2.2 ms per degree + 21 ms (Carpenter 1988); nods and brow raises fall on stressed syllables.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage, signal

from tellmark.types import F64

BLINKS_PER_MINUTE = 25.0
_BLINK_SPREAD = 0.55  # sigma of the logarithm of the intervals
SHORTEST_INTERVAL_S = 0.5
_OPENING_S, LID_EASE = 0.36, 3.0  # lids open fast at first and slowly at last (197 blinks in 54 films)
HEAD_SHARE = 0.35  # of a gaze away from the camera is done by turning the head


def wander(rng: np.random.Generator, frames: int, fps: float, tau_s: float) -> F64:
    """(frames,) smooth stationary noise of unit variance around 0: white noise through two equal low-pass poles.

    It never drifts; its velocity has standard deviation 1 / tau_s. Drawn from a child of ``rng``, so that what follows
    does not depend on the number of frames.
    """
    pole = np.exp(-1 / (tau_s * fps))
    settle = int(8 * tau_s * fps)
    noise = signal.lfilter([1.0], [1.0, -2 * pole, pole**2], rng.spawn(1)[0].standard_normal(settle + frames))
    return np.asarray(noise[settle:] / np.sqrt((1 + pole**2) / (1 - pole**2) ** 3), np.float64)


def bump(times_s: F64, start_s: float, rise_s: float, hold_s: float, fall_s: float, *, ease: float = 1) -> F64:
    """A stroke sampled at ``times_s``: 0 to 1 along a half cosine, held, back to 0 along another.

    ``ease``: of the way back, most comes early; how many times as fast as a half cosine it starts.
    """
    up = np.clip((times_s - start_s) / rise_s, 0, 1)
    down = np.clip((times_s - start_s - rise_s - hold_s) / fall_s, 0, 1)
    down = 1 - (1 - down) ** ease
    return np.asarray(0.5 * (np.cos(np.pi * down) - np.cos(np.pi * up)), np.float64)


def add_bump(
    track: F64, fps: float, start_s: float, size: float, rise_s: float, hold_s: float, fall_s: float, *, ease: float = 1
) -> None:
    """Add ``size`` times a :func:`bump` to the frames it touches."""
    first = max(0, int(start_s * fps))
    last = min(len(track), int((start_s + rise_s + hold_s + fall_s) * fps) + 2)
    track[first:last] += size * bump(np.arange(first, last) / fps, start_s, rise_s, hold_s, fall_s, ease=ease)


def accents(energy: F64, pitch_st: F64, fps: float) -> list[tuple[float, float]]:
    """(time_s, strength 0..1) of stressed syllables: peaks of loudness, stronger where the pitch is high."""
    loud = energy * (0.7 + 0.3 * np.tanh(pitch_st / 3))
    smooth = _smooth(loud, fps, 0.08)
    context = _smooth(loud, fps, 0.6)
    near = 2 * int(1.5 * fps) + 1
    peaks, _ = signal.find_peaks(smooth, distance=max(1, int(0.25 * fps)), prominence=0.12, wlen=near)
    strength = np.clip(2.5 * (smooth[peaks] - context[peaks]), 0, 1)
    return [(peak / fps, float(s)) for peak, s in zip(peaks, strength, strict=True) if s > 0.15]


def head(
    rng: np.random.Generator, speaking: F64, stress: list[tuple[float, float]], fps: float
) -> tuple[F64, F64, F64]:
    """Rotation (T, 3) degrees, translation (T, 2) face widths, relative distance (T,), all around 0.

    Slow wandering, livelier fast movement while speaking, a nod on some stressed syllables and the breath.
    """
    frames = len(speaking)
    life = 0.45 + 0.55 * _smooth(speaking, fps, 0.5)
    slow = np.column_stack([size * wander(rng, frames, fps, 0.65) for size in (3.4, 2.6, 1.8)])
    fast = np.column_stack([size * wander(rng, frames, fps, 0.16) for size in (0.75, 0.85, 0.50)])
    rotation = (slow + fast) * life[:, None]
    rotation[:, 2] += 0.2 * rotation[:, 0]
    breath = np.sin(2 * np.pi * (0.26 * np.arange(frames) / fps + rng.random()))
    shift = np.column_stack([size * wander(rng, frames, fps, 0.9) for size in (0.032, 0.022)]) * life[:, None]
    for time_s, strength in stress:
        chance, size = rng.random(), rng.normal(1.0, 0.3)
        if chance < 0.6:
            add_bump(rotation[:, 1], fps, time_s - 0.16, -2.6 * strength * size, 0.18, 0.03, 0.32)
    rotation[:, 1] += 0.12 * breath
    shift[:, 0] += 0.002 * rotation[:, 0]
    shift[:, 1] -= 0.003 * breath + 0.0015 * rotation[:, 1]
    return rotation, shift, 0.012 * wander(rng, frames, fps, 1.2)


def blinks(rng: np.random.Generator, pauses_s: F64, frames: int, fps: float) -> F64:
    """(T, 2) lids of the right and left eye, 0 open to 1 closed. A blink that is due near a pause waits for it."""
    lids = np.zeros((frames, 2))
    time_s, last_s = rng.uniform(0.3, 3.0), -1.0
    while time_s < frames / fps:
        at_s = time_s
        near = pauses_s[np.abs(pauses_s + 0.08 - time_s) < 0.5]
        if near.size:
            at_s = float(near[np.argmin(np.abs(near - time_s))]) + 0.08
        blink = draw_blink(rng)
        if at_s - last_s >= SHORTEST_INTERVAL_S:
            for start_s in blink.starts_s(at_s):
                for eye, depth in enumerate(blink.depths):
                    add_bump(lids[:, eye], fps, start_s, depth, *blink.strokes_s, ease=LID_EASE)
            last_s = blink.starts_s(at_s)[-1]
        time_s += blink_interval_s(rng)
    return np.clip(lids, 0, 1)


class Blink(NamedTuple):
    """A blink, sometimes doubled."""

    fold: int
    depths: tuple[float, float]  # of the right and the left eye, 1 = closed
    strokes_s: tuple[float, float, float]  # closing, closed, opening

    def starts_s(self, time_s: float) -> list[float]:
        """When each of its strokes starts."""
        return [time_s + 0.36 * repeat for repeat in range(self.fold)]


def draw_blink(rng: np.random.Generator) -> Blink:
    """A blink as they come."""
    fold, kind = (2 if rng.random() < 0.07 else 1), rng.random()
    depth = rng.uniform(0.45, 0.75) if kind < 0.08 else rng.uniform(0.92, 1.0)
    open_s, skew = np.clip(_OPENING_S * rng.lognormal(0, 0.3), 0.28, 0.6), rng.normal(0, 0.02)
    return Blink(fold, (depth - max(skew, 0), depth + min(skew, 0)), (0.09, 0.045, float(open_s)))


def blink_interval_s(rng: np.random.Generator) -> float:
    """Seconds from one blink to the next."""
    mean_s = 60 / BLINKS_PER_MINUTE - 0.15  # some blinks are doubled
    median_s = mean_s * np.exp(-(_BLINK_SPREAD**2) / 2)
    return max(SHORTEST_INTERVAL_S, float(rng.lognormal(np.log(median_s), _BLINK_SPREAD)))


def gaze(rng: np.random.Generator, towards_deg: tuple[float, float], frames: int, fps: float) -> F64:
    """(T, 2) direction looked at, degrees in the portrait's frame: fixations joined by saccades.

    Seven fixations in ten rest on ``towards_deg`` (eyes, mouth of the viewer); the others avert by some degrees.
    """
    track = np.empty((frames, 2))
    times_s = np.arange(frames) / fps
    place = np.asarray(towards_deg, np.float64) + rng.normal(0, 0.7, 2)
    done = 0
    while done < frames:
        step, stay_s = draw_fixation(rng)
        start_s = times_s[done] + stay_s
        target = np.asarray(towards_deg, np.float64) + step
        length_s = saccade_s(target - place)
        end = min(frames, int(np.ceil((start_s + length_s) * fps)) + 1)
        part = bump(times_s[done:end], start_s, length_s, 1e6, 1.0)[:, None]
        track[done:end] = place + (target - place) * part
        place, done = target, end
    return track + 0.12 * np.column_stack([wander(rng, frames, fps, 0.25) for _ in range(2)])


def draw_fixation(rng: np.random.Generator) -> tuple[F64, float]:
    """The next place to look at, degrees (2,) from the main direction, and the seconds until the eyes go there."""
    stay_s = rng.lognormal(np.log(0.9), 0.6)
    away = rng.random() < 0.3
    step = rng.normal(0, (7.0, 4.0)) if away else rng.normal(0, (1.0, 0.8))
    return np.asarray(step, np.float64), float(max(0.2, 0.7 * stay_s) if away else max(0.25, stay_s))


def saccade_s(step_deg: F64) -> float:
    """Duration of a saccade over (2,) degrees."""
    return 0.021 + 0.0022 * float(np.hypot(*step_deg))


def look(target_deg: F64, rotation_deg: F64) -> F64:
    """(T, 2) eyes in the head that keep looking at ``target_deg`` while the head turns (vestibulo-ocular reflex)."""
    return np.clip(target_deg - 0.95 * rotation_deg[:, :2], -28, 28)


def head_towards(gaze_deg: tuple[float, float]) -> F64:
    """(3,) rotation of the head, degrees, that goes with a lasting gaze."""
    return HEAD_SHARE * np.array([gaze_deg[0], gaze_deg[1], 0.0])


def brows(rng: np.random.Generator, stress: list[tuple[float, float]], frames: int, fps: float) -> F64:
    """(T,) raise of the brows, 0 to 1: on some stressed syllables, and a little at random."""
    track = 0.05 * np.clip(wander(rng, frames, fps, 0.8), 0, None)
    for time_s, strength in stress:
        chance, size, fall_s = rng.random(), rng.uniform(0.5, 1.0), rng.uniform(0.25, 0.6)
        if chance < 0.4:
            add_bump(track, fps, time_s - 0.2, 0.45 * strength * size, 0.2, 0.1, fall_s)
    return np.clip(track, 0, 1)


def pauses(speaking: F64, fps: float) -> F64:
    """Times in seconds at which speech stops."""
    falls = np.flatnonzero((speaking[:-1] >= 0.5) & (speaking[1:] < 0.5))
    return (falls + 1) / fps


def _smooth(track: F64, fps: float, sigma_s: float) -> F64:
    return np.asarray(ndimage.gaussian_filter1d(track, sigma_s * fps, mode="nearest"), np.float64)
