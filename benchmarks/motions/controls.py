"""Do controls do what they say? What was asked for against what a tracker sees in the frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from tellmark.benchmarks.motions import sync
from tellmark.benchmarks.motions.stage import Stage, perform, show
from tellmark.generator.borrow import BorrowedMotion, Performance
from tellmark.generator.dynamics.behaviour import HEAD_SHARE
from tellmark.generator.speech import load_speech
from tellmark.generator.track import FPS
from tellmark.generator.types import EMOTIONS, Controls, Motion, MotionModel, Portrait
from tellmark.types import F64

GAZES = ((12.0, 0.0), (-12.0, 0.0), (0.0, 8.0), (0.0, -8.0))
DISTANCES = (0.85, 1.2)
_PIECE = 25  # frames of one sample of the emotion probe
_HELD = 12  # frames for which a still gaze is looked at


def gaze_and_distance(model: MotionModel, portrait: Portrait, sound: Path) -> dict[str, list[float]]:
    """Errors of lasting gaze (degrees, head and eyes together) and of head distance (share), one a request.

    Against the same performance without the request, so that what the model does of itself cancels as far as
    the two go on alike: eyes of the learned motion may jump at other moments. Beside the gaze
    that a tracker sees: "gaze in the motion", what the model made of the request, and "gaze held still", what the
    tracker sees of a head and eyes that do nothing but look there. Whatever the second lacks is no model's error.
    """
    neutral = perform(model, portrait, sound)
    errors: dict[str, list[float]] = {"gaze": [], "gaze in the motion": [], "distance": []}
    for asked in GAZES:
        stage = perform(model, portrait, sound, Controls(gaze_deg=asked))
        errors["gaze"].append(_off(stage.seen, neutral.seen, asked))
        errors["gaze in the motion"].append(_off(stage.asked, neutral.asked, asked))
    errors["gaze held still"] = _held_still(portrait)
    for factor in DISTANCES:
        seen = perform(model, portrait, sound, Controls(distance=factor))
        ratio = np.median(seen.seen.distance) / np.median(neutral.seen.distance)
        errors["distance"].append(float(abs(ratio / factor - 1)))
    return errors


def pose(model: MotionModel, portrait: Portrait, sound: Path) -> F64:
    """(T, 3) degrees of yaw, pitch and roll between the pose that ``--pose-from`` asks for and the one seen."""
    frames = load_speech(sound, fps=FPS).frames
    asked = Motion.rest(FPS, frames)
    for axis, (size, period_s) in enumerate(((8.0, 2.9), (6.0, 2.3), (8.0, 3.7))):
        asked.rotation_deg[:, axis] = size * np.sin(2 * np.pi * np.arange(frames) / FPS / period_s)
    borrowed = BorrowedMotion(model, pose=Performance(asked, "0" * 64))
    stage = show(portrait, borrowed.generate(load_speech(sound, fps=FPS), Controls(), 0))
    return np.asarray(np.abs(stage.seen.rotation_deg - stage.asked.rotation_deg), np.float64)


@dataclass(frozen=True, slots=True)
class Shown:
    """How an emotion shows, and what it costs."""

    auc: float  # of a probe against neutral
    sync: float  # mean confidence over neutral's
    error: float  # standard error of that, over actors
    worst: float  # the least of all actors


def emotions(model: MotionModel, portraits: list[Portrait], sounds: list[Path]) -> dict[str, Shown]:
    """What of every emotion is seen and heard.

    The probe is a logistic regression on the tracked expression's mean over a second, judged on an actor that it was
    not fitted on. Scores of one actor are compared with each other alone: every actor has a probe of its own.
    """
    shown = {
        name: [
            perform(model, p, s, Controls(emotion={name: 1.0}), seed=k) for k, p in enumerate(portraits) for s in sounds
        ]
        for name in EMOTIONS
    }
    confidence = {
        name: _confidence(stages, sounds).reshape(len(portraits), -1).mean(1) for name, stages in shown.items()
    }
    groups = [k for k in range(len(portraits)) for _ in sounds]
    neutral = confidence["neutral"]
    return {
        name: Shown(
            _probe(shown["neutral"], stages, groups),
            float(confidence[name].mean() / neutral.mean()),
            float(stats.sem(confidence[name] - neutral) / neutral.mean()),
            float((confidence[name] / neutral).min()),
        )
        for name, stages in shown.items()
        if name != "neutral"
    }


def _held_still(portrait: Portrait) -> list[float]:
    """Errors of the tracked gaze, degrees, of ``GAZES`` that are held without anything else moving."""
    wanted = np.repeat(np.array([(0.0, 0.0), *GAZES], np.float32), _HELD, axis=0)
    motion = Motion.rest(FPS, len(wanted))
    motion.rotation_deg[:, :2], motion.gaze_deg[:] = HEAD_SHARE * wanted, (1 - HEAD_SHARE) * wanted
    seen = show(portrait, motion).seen
    parts = [seen[start + _HELD // 2 : start + _HELD] for start in range(0, len(wanted), _HELD)]
    return [_off(part, parts[0], asked) for part, asked in zip(parts[1:], GAZES, strict=True)]


def _off(one: Motion, neutral: Motion, asked: tuple[float, float]) -> float:
    """Degrees between the gaze that was asked for and that of a performance over a neutral one."""
    return float(np.linalg.norm(_looks(one) - _looks(neutral) - asked))


def _looks(motion: Motion) -> F64:
    """(2,) degrees: where head and eyes together mostly point."""
    return np.asarray(np.median(motion.gaze_deg + motion.rotation_deg[:, :2], axis=0), np.float64)


def _confidence(stages: list[Stage], sounds: list[Path]) -> F64:
    """One for every stage."""
    sound = [sync.sound_of(path) for path in sounds]
    lips = [sync.lip_shape(stage.track) for stage in stages]
    return np.array([sync.score(shape, sound[k % len(sound)]).confidence for k, shape in enumerate(lips)])


def _probe(neutral: list[Stage], emotional: list[Stage], groups: list[int]) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import LeaveOneGroupOut
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows: list[Any] = []
    labels, actors = [], []
    for label, stages in enumerate((neutral, emotional)):
        for stage, actor in zip(stages, groups, strict=True):
            face = np.column_stack([stage.seen.expression, stage.seen.blink])
            for start in range(0, len(face) - _PIECE + 1, _PIECE):
                rows.append(face[start : start + _PIECE].mean(0))
                labels.append(label)
                actors.append(actor)
    features, truth = np.stack(rows), np.array(labels)
    found = []
    for known, asked in LeaveOneGroupOut().split(features, truth, actors):
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=1000))
        probe.fit(features[known], truth[known])
        found.append(roc_auc_score(truth[asked], probe.decision_function(features[asked])))
    return float(np.mean(found))
