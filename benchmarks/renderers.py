"""`tellmark bench renderers`: how the two renderers differ, and what the shipped detector makes of each.

Actors speak the same sentence with the same seed by either renderer, and once more in 3D (``reference``), all through
the same encoder and mark. ``--with actors=N`` says how many, ``--with portraits=DIR`` also measures rest frames of
pictures. Figures, each with what it would be if the renderers were one:

- the detector's score and its AUC against the reference performances (the same for both);
- renderer told from the other by the detector's own tells, by a linear discriminant that never saw the person (.5);
- the largest differences of single tells, in standard deviations (Cohen's d) over clips (0);
- the face's sharpness in motion over that of the portrait, the correlation of fine grain from frame to frame, and the
  PSNR between both renderers' frames.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from tellmark.detector.detect import default_model
from tellmark.detector.features import NAMES, clip_features
from tellmark.detector.metrics import auc
from tellmark.encoding import Encoding
from tellmark.errors import FaceError
from tellmark.generator.actors import actor
from tellmark.generator.actors.reference import ReferenceRenderer
from tellmark.generator.audio.voice import synthesize
from tellmark.generator.clip import render_clip
from tellmark.generator.portrait import load_portrait
from tellmark.generator.renderers import RENDERERS
from tellmark.generator.renderers import renderer as renderer_of
from tellmark.generator.rules import RuleMotion
from tellmark.generator.speech import load_speech
from tellmark.generator.types import Controls, Motion, Portrait, Renderer, Speech
from tellmark.landmarks import FACE_OVAL
from tellmark.types import F32, F64, U8

_TEXT = "Whoever renders a face in one way leaves marks of one kind, and whoever looks for those may miss the others."
_FIRST = 500  # seeds of actors that no other benchmark uses
_STEP = 5  # frames between those that are looked at

Row = dict[str, Any]


def run(*, quick: bool = False, actors: str = "", portraits: str = "") -> list[Row]:
    """Rows of {measure, renderer, value, unit}."""
    count = int(actors) if actors else (2 if quick else 10)
    features: dict[str, list[F64]] = {name: [] for name in (*RENDERERS, "reference")}
    pixels: dict[str, list[tuple[float, ...]]] = {name: [] for name in RENDERERS}
    between: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        synthesize(_TEXT, folder / "voice.wav")
        speech = load_speech(folder / "voice.wav", fps=25.0)
        for seed in range(_FIRST, _FIRST + count):
            sys.stderr.write(f"actor {seed}\n")
            portrait = actor(seed)
            shown = {}
            for kind in features:
                made: Renderer = ReferenceRenderer(seed) if kind == "reference" else renderer_of(kind, portrait)
                features[kind].append(_tells(portrait, made, speech, folder, seed))
                if kind in pixels:
                    shown[kind], figures = _pixels(portrait, made, speech, seed)
                    pixels[kind].append(figures)
            between += [cv2.PSNR(one, other) for one, other in zip(*shown.values(), strict=True)]
    rows = [*_scores(features), *_differences(features)]
    rows.append(_row("frames of both, PSNR", "both", float(np.mean(between)), "dB"))
    for kind, figures_of in pixels.items():
        names = ("rest frame to portrait, least", "sharpness in motion over portrait", "grain kept to the next frame",
                 "render, CPU")  # fmt: skip
        table = np.array(figures_of)
        values = [float(table[:, 0].min()), *np.median(table[:, 1:], axis=0).tolist()]
        units = ("dB", "ratio", "correlation", "ms/frame")
        rows += [_row(*entry) for entry in zip(names, [kind] * 4, values, units, strict=True)]
    return rows + (_rest(Path(portraits), quick) if portraits else [])


def _tells(portrait: Portrait, renderer: Renderer, speech: Speech, folder: Path, seed: int) -> F64:
    """(N, tells) of a clip, window by window."""
    clip = folder / "clip.mp4"
    render_clip(
        portrait, speech, clip, motion_model=RuleMotion(), renderer=renderer, seed=seed,
        encoding=Encoding(crf=23), force=True, registry=folder / "registry.sqlite",
    )  # fmt: skip
    return clip_features(clip).x


def _pixels(portrait: Portrait, renderer: Renderer, speech: Speech, seed: int) -> tuple[list[U8], tuple[float, ...]]:
    """Frames, and (dB of the rest frame, sharpness, grain, ms) of what was rendered before marking and encoding."""
    motion = RuleMotion().generate(speech, Controls(), seed)
    inside = np.zeros(portrait.matte.shape, np.uint8)
    oval = portrait.landmarks[list(FACE_OVAL), :2]
    cv2.fillConvexPoly(inside, np.rint(oval.mean(0) + 0.85 * (oval - oval.mean(0))).astype(np.int32), 1)
    face = inside > 0
    rest = cv2.PSNR(renderer.render(Motion.rest(25.0), 0), portrait.image)
    own = _fine(portrait.image)[face].std()
    frames, times, sharp, kept = [], [], [], []
    before: F32 | None = None
    for index in range(len(motion)):
        start = time.thread_time()
        frame = renderer.render(motion, index)
        times.append(1e3 * (time.thread_time() - start))
        fine = _fine(frame)
        if index % _STEP == 0:
            frames.append(frame.copy())
            sharp.append(float(fine[face].std() / own))
        elif index % _STEP == 1 and before is not None:
            kept.append(float(np.corrcoef(before[face], fine[face])[0, 1]))
        before = fine
    return frames, (rest, float(np.median(sharp)), float(np.median(kept)), float(np.median(times)))


def _fine(frame: U8) -> F32:
    """(H, W) what a blur of one pixel takes away."""
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(grey - cv2.GaussianBlur(grey, (0, 0), 1.0), np.float32)


def _scores(features: dict[str, list[F64]]) -> list[Row]:
    model = default_model()
    scores = {kind: [model.judge(x).p_synthetic for x in clips if len(x)] for kind, clips in features.items()}
    rows = []
    for kind, values in scores.items():
        rows.append(_row("detector's score, mean over clips", kind, float(np.mean(values)), "probability"))
        if kind != "reference":
            truth = np.array([1] * len(values) + [0] * len(scores["reference"]))
            rows.append(
                _row("detector against reference", kind, auc(truth, np.array(values + scores["reference"])), "AUC")
            )
    return rows


def _differences(features: dict[str, list[F64]]) -> list[Row]:
    """How well the tells say which renderer it was, and which of them do."""
    one, other = (np.stack([np.nanmean(x, axis=0) for x in features[name]]) for name in RENDERERS)
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = (other.mean(0) - one.mean(0)) / np.sqrt((one.var(0, ddof=1) + other.var(0, ddof=1)) / 2)
    apart = np.where(np.isfinite(apart), apart, 0)
    rows = [_row("tells that differ by d > .8", "both", float(np.mean(np.abs(apart) > 0.8)), "share")]
    rows += [
        _row(f"tell {NAMES[k]}", "splat - mesh", float(apart[k]), "d") for k in np.argsort(-np.abs(apart))[:8].tolist()
    ]
    rows.append(_row("which renderer it was, person unseen", "both", _told_apart(features), "AUC"))
    return rows


def _told_apart(features: dict[str, list[F64]]) -> float:
    """AUC over windows; each person's are judged by a discriminant that learned from the others."""
    x = [clip for name in RENDERERS for clip in features[name]]
    person = np.concatenate([[k % len(features[RENDERERS[0]])] * len(clip) for k, clip in enumerate(x)])
    truth = np.concatenate([[k // len(features[RENDERERS[0]])] * len(clip) for k, clip in enumerate(x)])
    values = np.concatenate(x)
    values = np.where(np.isfinite(values), values, np.nanmedian(values, axis=0))
    scores = np.zeros(len(values))
    for one in np.unique(person):
        learn = person != one
        middle, spread = values[learn].mean(0), values[learn].std(0) + 1e-9
        made = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        made.fit((values[learn] - middle) / spread, truth[learn])
        scores[~learn] = made.decision_function((values[~learn] - middle) / spread)
    return auc(truth, scores)


def _rest(folder: Path, quick: bool) -> list[Row]:
    paths: Sequence[Path] = sorted(folder.iterdir())[:: 8 if quick else 1]
    least: dict[str, list[float]] = {name: [] for name in RENDERERS}
    for path in paths:
        try:
            portrait = load_portrait(path, consent="a measurement that keeps no frame")
        except FaceError:
            continue
        for name in RENDERERS:
            frame = renderer_of(name, portrait).render(Motion.rest(25.0), 0)
            least[name].append(cv2.PSNR(frame, portrait.image))
    return [
        _row(f"rest frame of {len(values)} pictures, {word}", name, value, "dB")
        for name, values in least.items()
        for word, value in (("least", min(values)), ("median", float(np.median(values))))
    ]


def _row(measure: str, renderer: str, value: float, unit: str) -> Row:
    return {"measure": measure, "renderer": renderer, "value": round(value, 3), "unit": unit}
