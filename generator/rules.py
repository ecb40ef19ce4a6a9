"""Motion from rules: lips from what is heard, everything else from ``behaviour``.

Deterministic in (speech, controls, seed), linear in time, and no row depends on speech more than
``speech.REACH_S`` + 3 s away.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from tellmark.generator import behaviour
from tellmark.generator.speech import FEATURES
from tellmark.generator.types import EMOTIONS, EXPRESSIONS, Controls, Motion, Speech
from tellmark.types import F32, F64

MOUTH = ("jaw", "wide", "pucker", "press", "upper_raise", "lower_tuck")
_STREAMS = {"head": 1, "blink": 2, "gaze": 3, "brow": 4}


class RuleMotion:
    """The rule-based :class:`~tellmark.generator.types.MotionModel`."""

    name = "rules"

    def generate(self, speech: Speech, controls: Controls, seed: int) -> Motion:
        """Motion with ``speech.frames`` rows at ``speech.fps``."""
        fps, frames = speech.fps, speech.frames
        heard = {name: speech.features[:, i].astype(np.float64) for i, name in enumerate(FEATURES)}
        streams = {name: np.random.default_rng((seed, number)) for name, number in _STREAMS.items()}
        gain = {name: controls.gains.get(name, 1.0) for name in ("head", "blink", "brow", "mouth")}

        stress = behaviour.accents(heard["energy"], heard["pitch_st"], fps)
        rotation, shift, nearer = behaviour.head(streams["head"], heard["speaking"], stress, fps)
        rotation = gain["head"] * rotation + behaviour.head_towards(controls.gaze_deg)
        target = behaviour.gaze(streams["gaze"], controls.gaze_deg, frames, fps)
        eyes = behaviour.look(target, rotation)
        lids = behaviour.blinks(streams["blink"], behaviour.pauses(heard["speaking"], fps), frames, fps)
        # The upper lid follows the eye down.
        lids = np.maximum(gain["blink"] * lids, np.clip(-0.012 * eyes[:, 1:], 0, 0.25))

        tracks = {name: np.zeros(frames) for name in EXPRESSIONS}
        for name, track in lips(heard, fps).items():
            tracks[name] = gain["mouth"] * track
        tracks["brow_up"] = gain["brow"] * behaviour.brows(streams["brow"], stress, frames, fps)
        for emotion, weight in controls.emotion.items():
            for name, offset in EMOTIONS[emotion].items():
                tracks[name] = tracks[name] + weight * offset
        expression = np.clip(np.column_stack([tracks[name] for name in EXPRESSIONS]), 0, 1)
        return Motion(
            fps=fps,
            rotation_deg=_f32(rotation),
            translation=_f32(gain["head"] * shift),
            distance=_f32(controls.distance * (1 + gain["head"] * nearer)),
            expression=_f32(expression),
            blink=_f32(np.clip(lids, 0, 1)),
            gaze_deg=_f32(eyes),
        )


def lips(heard: dict[str, F64], fps: float) -> dict[str, F64]:
    """Tracks in [0, 1] of the ``MOUTH`` expressions; all are 0 in silence.

    Vowels overlap (they are smoothed towards their neighbours), closures cut through: the lips must meet for "m b p"
    whatever surrounds them.
    """
    energy, closure, hiss = heard["energy"], heard["closure"], heard["fricative"]
    sound = np.clip(1.25 * energy, 0, 1) * heard["speaking"]
    vowel = _smooth(sound * (0.25 + 0.75 * heard["open"]) * (1 - 0.65 * hiss), fps, 0.025)
    shut = _smooth(closure * heard["speaking"], fps, 0.012)
    jaw = vowel * (1 - 0.95 * shut)
    front = _smooth(sound * heard["front"] * (1 - heard["round"]), fps, 0.04)
    rounded = _smooth(sound * heard["round"] * (1 - heard["open"]), fps, 0.04)
    hissing = _smooth(sound * hiss, fps, 0.03)
    return {
        "jaw": np.clip(0.85 * jaw, 0, 1),
        "wide": np.clip(0.55 * front + 0.25 * hissing, 0, 1),
        "pucker": np.clip(0.8 * rounded, 0, 1),
        "press": np.clip(0.75 * shut * (1 - vowel * 0.5), 0, 1),
        "upper_raise": np.clip(0.35 * jaw * (0.4 + 0.6 * front) + 0.2 * hissing, 0, 1),
        "lower_tuck": np.clip(0.3 * hissing * (1 - front), 0, 1),
    }


def _smooth(track: F64, fps: float, sigma_s: float) -> F64:
    return np.asarray(ndimage.gaussian_filter1d(track, sigma_s * fps, mode="nearest"), np.float64)


def _f32(array: F64) -> F32:
    return array.astype(np.float32)
