"""Motion from rules: lips from what is heard, everything else from ``behaviour``.

Deterministic in (speech, controls, seed), linear in time, and no row depends on speech more than
``speech.REACH_S`` + 3 s away.
"""

from __future__ import annotations

from functools import partial
from typing import Protocol

import numpy as np
from scipy import ndimage

from tellmark.generator.audio.levels import smoothstep
from tellmark.generator.dynamics import behaviour, posture
from tellmark.generator.speech import FEATURES
from tellmark.generator.types import EMOTIONS, EXPRESSIONS, MOODS, Controls, Motion, Speech
from tellmark.types import F32, F64

MOUTH = ("jaw", "wide", "pucker", "press", "upper_raise", "lower_tuck")
PRESSED, SHUT_JAW = 0.9, 0.95  # press of closed lips, and share of the jaw that they take back
_PARTED = ("jaw", "upper_raise")  # what parts the lips
_STREAMS = {"head": 1, "blink": 2, "gaze": 3, "brow": 4}


class Smoother(Protocol):
    """Blurs a track over time."""

    def __call__(self, track: F64, *, sigma_s: float) -> F64: ...


class RuleMotion:
    """The rule-based :class:`~tellmark.generator.types.MotionModel`."""

    name = "rules"

    def generate(self, speech: Speech, controls: Controls, seed: int) -> Motion:
        """Motion with ``speech.frames`` rows at ``speech.fps``."""
        fps, frames = speech.fps, speech.frames
        heard = {name: speech.features[:, i].astype(np.float64) for i, name in enumerate(FEATURES)}
        streams = {name: np.random.default_rng((seed % 2**64, number)) for name, number in _STREAMS.items()}
        gain = {name: controls.gains.get(name, 1.0) for name in ("head", "blink", "brow", "mouth")}
        gain["head"] *= posture.livelier(controls.emotion)

        stress = behaviour.accents(heard["energy"], heard["pitch_st"], fps)
        rotation, shift, nearer = behaviour.head(streams["head"], heard["speaking"], stress, fps)
        rotation = gain["head"] * rotation + behaviour.head_towards(controls.gaze_deg)
        target = behaviour.gaze(streams["gaze"], controls.gaze_deg, frames, fps)
        eyes = behaviour.look(target, rotation)
        lids = behaviour.blinks(streams["blink"], behaviour.pauses(heard["speaking"], fps), frames, fps)
        # The upper lid follows the eye down.
        lids = np.maximum(gain["blink"] * lids, np.clip(-0.012 * eyes[:, 1:], 0, 0.25))

        tracks = {name: gain["mouth"] * track for name, track in lips(heard, partial(centred, fps=fps)).items()}
        tracks["brow_up"] = gain["brow"] * behaviour.brows(streams["brow"], stress, frames, fps)
        motion = Motion(
            fps=fps,
            rotation_deg=_f32(rotation),
            translation=_f32(gain["head"] * shift),
            distance=_f32(controls.distance * (1 + gain["head"] * nearer)),
            expression=expressions(tracks, controls, frames),
            blink=_f32(np.clip(lids, 0, 1)),
            gaze_deg=_f32(eyes),
            mood=moods(controls, frames),
        )
        return posture.carried(motion, controls.emotion)


def expressions(tracks: dict[str, F64], controls: Controls, frames: int) -> F32:
    """(frames, len(EXPRESSIONS)) of the tracks there are, with the emotions on top."""
    rows = np.column_stack([tracks.get(name, np.zeros(frames)) for name in EXPRESSIONS])
    return in_mood(_f32(rows), controls.emotion)


def moods(controls: Controls, frames: int) -> F32:
    """(frames, len(MOODS)) what is worn of each mood beyond its expressions."""
    return np.tile(np.array([controls.emotion.get(name, 0.0) for name in MOODS], np.float32), (frames, 1))


def in_mood(rows: F32, emotion: dict[str, float]) -> F32:
    """Expressions (T, len(EXPRESSIONS)) with emotions on top, in [0, 1]; weights as in :class:`Controls`.

    A jaw that hangs is where a mouth rests. Speech starts from there instead of adding to it, which would say every
    syllable wider open, and lips that must meet do, in any mood: neither jaw nor upper lip holds them apart.
    """
    rows, room = rows.copy(), 1 - rows[:, EXPRESSIONS.index("press")]
    for name, weight in emotion.items():
        for part, offset in EMOTIONS[name].items():
            track, wanted = rows[:, EXPRESSIONS.index(part)], weight * offset * (room if part in _PARTED else 1)
            track[:] = np.maximum(track, wanted) if part == "jaw" else track + wanted
    return np.clip(rows, 0, 1)


def closing(closure: F64, speaking: F64) -> F64:
    """How far the lips meet, 0 to 1, where a closure is read; what the network doubts is rarely the lips."""
    return np.asarray(speaking * smoothstep((closure - 0.25) / 0.35), np.float64)


def closed(tracks: dict[str, F64], shut: F64) -> dict[str, F64]:
    """Tracks of a mouth that speaks already, with lips that meet where they must."""
    press = np.maximum(tracks["press"], PRESSED * shut)
    return {**tracks, "press": press, "jaw": tracks["jaw"] * (1 - SHUT_JAW * shut)}


def lips(heard: dict[str, F64], smooth: Smoother) -> dict[str, F64]:
    """Tracks in [0, 1] of the ``MOUTH`` expressions; all are 0 in silence.

    The jaw is slower than the sound: it hangs a little open through a phrase and syllables ride on that. Closures cut
    through: the lips meet for "m b p" whatever surrounds them. ``smooth`` takes a track and a sigma in seconds.
    """
    speaking = heard["speaking"]
    shut = closing(heard["closure"], speaking)
    syllables = smooth(heard["open"], sigma_s=0.030)
    phrase = smooth(heard["open"], sigma_s=0.220)
    jaw = speaking * (1.1 * syllables + 0.5 * phrase) * (1 - SHUT_JAW * shut)
    hiss = smooth(heard["sibilant"], sigma_s=0.030)
    tracks = {
        "jaw": jaw,
        "wide": speaking * 1.5 * smooth(heard["front"], sigma_s=0.040),
        "pucker": speaking * 1.15 * smooth(heard["round"], sigma_s=0.040),
        "press": PRESSED * shut,
        "upper_raise": speaking * (0.3 * jaw + 0.25 * hiss),
        "lower_tuck": speaking * smoothstep((heard["labiodental"] - 0.15) / 0.6),
    }
    return {name: np.clip(track, 0, 1) for name, track in tracks.items()}


def centred(track: F64, *, fps: float, sigma_s: float) -> F64:
    return np.asarray(ndimage.gaussian_filter1d(track, sigma_s * fps, mode="nearest"), np.float64)


def _f32(array: F64) -> F32:
    return array.astype(np.float32)
