"""A motion that is known, rendered, tracked and read back: what `retarget` gives of it."""

from __future__ import annotations

import numpy as np

from tellmark.benchmarks.motions.stage import Stage, show
from tellmark.generator.track import FPS
from tellmark.generator.types import EXPRESSIONS, Motion, Portrait
from tellmark.types import F64

_LENGTH = 25  # frames of each thing
_STEPS = ("yaw", "pitch", "roll", "distance", "gaze right", "gaze up", "blink", *EXPRESSIONS)
_SIZES = {"yaw": 8.0, "pitch": 6.0, "roll": 10.0, "distance": 0.2, "gaze right": 12.0, "gaze up": 8.0}
_BLINK = ((8, 11, 12, 18), (0, 1, 1, 0))


def known() -> Motion:
    """One thing after the other: a slow swing of each pose and gaze, a blink, a swell of each expression to 0.8."""
    motion = Motion.rest(FPS, _LENGTH * len(_STEPS))
    swing = np.sin(np.linspace(0, 2 * np.pi, _LENGTH))
    swell = 0.4 * (1 - np.cos(np.linspace(0, 2 * np.pi, _LENGTH)))
    for name in _STEPS:
        part = _part(name)
        if name in EXPRESSIONS:
            motion.expression[part, EXPRESSIONS.index(name)] = swell
        elif name == "blink":
            motion.blink[part] = np.interp(np.arange(_LENGTH), *_BLINK)[:, None]
        elif name == "distance":
            motion.distance[part] = 1 + _SIZES[name] * swing
        elif name.startswith("gaze"):
            motion.gaze_deg[part, int(name == "gaze up")] = _SIZES[name] * swing
        else:
            motion.rotation_deg[part, ("yaw", "pitch", "roll").index(name)] = _SIZES[name] * swing
    return motion


def errors(portrait: Portrait) -> dict[str, float]:
    """Largest error of pose and gaze (degrees), distance (share), blink (frames); the share read of each expression."""
    stage = show(portrait, known())
    found: dict[str, float] = {}
    for name in _STEPS:
        asked, seen = (_track(motion, name)[_part(name)] for motion in (stage.asked, stage.seen))
        if name in EXPRESSIONS:
            found[name] = float(np.polyfit(asked, seen, 1)[0])
        elif name == "blink":
            found[name] = _late(asked, seen)
        else:
            found[name] = float(np.abs(seen / asked - 1 if name == "distance" else seen - asked).max())
    found["pitch read of jaw"] = _nod(stage)
    return found


def _part(name: str) -> slice:
    start = _STEPS.index(name) * _LENGTH
    return slice(start, start + _LENGTH)


def _track(motion: Motion, name: str) -> F64:
    if name in EXPRESSIONS:
        track = motion.expression[:, EXPRESSIONS.index(name)]
    elif name == "blink":
        track = motion.blink.mean(1)
    elif name == "distance":
        track = motion.distance
    elif name.startswith("gaze"):
        track = motion.gaze_deg[:, int(name == "gaze up")]
    else:
        track = motion.rotation_deg[:, ("yaw", "pitch", "roll").index(name)]
    return np.asarray(track, np.float64)


def _late(asked: F64, seen: F64) -> float:
    """Frames between the onsets; infinite where the blink was not seen."""
    return abs(int(np.argmax(seen > 0.5)) - int(np.argmax(asked > 0.5))) if (seen > 0.5).any() else float("inf")


def _nod(stage: Stage) -> float:
    return float(np.abs(stage.seen.rotation_deg[_part("jaw"), 1]).max())
