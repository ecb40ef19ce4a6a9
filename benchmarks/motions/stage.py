"""Performances to measure: a motion model speaks through an actor, and what it did is tracked like any video.

Frames stay in memory: nothing that is generated reaches a file unmarked.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tellmark.errors import UsageError
from tellmark.faces import MediapipeTracker
from tellmark.generator.audio.voice import Phoneme, synthesize
from tellmark.generator.render import MeshRenderer
from tellmark.generator.retarget import retarget
from tellmark.generator.speech import load_speech
from tellmark.generator.track import FPS, Track
from tellmark.generator.types import SIZE, Controls, Motion, MotionModel, Portrait
from tellmark.types import F32

MODELS = {"rules": "tellmark.generator.rules:RuleMotion", "diffusion": "tellmark.generator.motion:DiffusionMotion"}
_LEAD = 6  # frames at rest before the performance, so that rest is known as the tracker sees it


@dataclass(frozen=True, slots=True)
class Voice:
    """Speech whose phonemes are known."""

    path: Path
    language: str
    phonemes: tuple[Phoneme, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """A motion as asked for and as seen."""

    asked: Motion
    track: Track
    rest: F32  # (478, 3) px, the portrait as tracked
    seen: Motion  # read back from the track, not smoothed


def model_named(name: str) -> MotionModel:
    """A model of ``MODELS``, or any other as MODULE:CLASS. Raises :class:`UsageError` for what cannot be had."""
    module, _, attribute = MODELS.get(name, name).partition(":")
    try:
        model: MotionModel = getattr(importlib.import_module(module), attribute)()
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"there is no motion model {name}; choose one of {', '.join(MODELS)} ({error})") from error
    return model


def speak(folder: Path, language: str, texts: list[str], *, variant: str | None = None) -> Voice:
    """Texts spoken by espeak-ng, by the language's own voice or a variant of it."""
    path = folder / f"{language}-{len(list(folder.iterdir()))}.wav"
    return Voice(path, language, tuple(synthesize(" ".join(texts), path, language=language, variant=variant)))


def perform(
    model: MotionModel, portrait: Portrait, sound: Path, controls: Controls | None = None, *, seed: int = 0
) -> Stage:
    """The model's performance of a sound, rendered and tracked."""
    return show(portrait, model.generate(load_speech(sound, fps=FPS), controls or Controls(), seed))


def show(portrait: Portrait, motion: Motion) -> Stage:
    """A motion on a portrait, rendered and tracked."""
    still = Motion.rest(motion.fps, _LEAD)
    whole = Motion.from_array(motion.fps, np.concatenate([still.array(), motion.array()]))
    renderer = MeshRenderer(portrait)
    nobody = np.full((478, 3), np.nan, np.float32)
    rows = []
    with MediapipeTracker() as tracker:
        for index in range(len(whole)):
            faces = tracker.track(renderer.render(whole, index))
            rows.append(faces[0].landmarks if faces else nobody)
    landmarks = np.stack(rows)
    found = np.isfinite(landmarks[:, 0, 0])
    rest = landmarks[2:_LEAD][found[2:_LEAD]].mean(0)
    track = Track(landmarks[_LEAD:], found[_LEAD:], motion.fps, SIZE, SIZE, portrait.sha256, True)
    return Stage(motion, track, rest, retarget(track, rest, smooth=False))
