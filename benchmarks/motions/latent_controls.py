"""What a probe names people by: their faces, or what they happen to do? Two controls of `bench latent`.

Whoever is filmed for ten seconds smiles throughout, or does not, and a probe that is taught by the first half of a film
knows that of the second. So it is asked to name pieces of one film of one person as well, which differ in nothing but
what the person does; and actors who all do the same, who differ in nothing but their faces.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tellmark.benchmarks.motions.stage import show
from tellmark.generator.actors import actor
from tellmark.generator.dynamics.behaviour import wander
from tellmark.generator.dynamics.habits import apart
from tellmark.generator.latent import FaceLatent, rest_mesh
from tellmark.generator.track import FPS, Track
from tellmark.generator.training.train_latent import random_expressions
from tellmark.generator.types import Motion
from tellmark.types import F32

PIECE = 75  # frames
WAYS = 4  # pieces, or people, that are told apart
ACTORS = tuple(range(7010, 7016))
_FRAMES = 120  # of the actors' performance
_HELD = 3  # frames of smoothing of what they wear
_DEALS = 20  # of people


def named(values: F32, labels: NDArray[Any], late: NDArray[np.bool_]) -> float:
    """Share of the later rows whose label is found by a small network that was taught the earlier ones."""
    probe = make_pipeline(StandardScaler(), MLPClassifier((64,), max_iter=60, random_state=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sixty rounds are what it gets
        probe.fit(values[~late], labels[~late])
    return float((probe.predict(values[late]) == labels[late]).mean())


def pieces(films: Sequence[F32]) -> tuple[float, float, int]:
    """(share named of ``WAYS`` pieces of one film, of as many people by a piece each, films that were long enough)."""
    cut = [[film[k : k + PIECE] for k in range(0, len(film) - PIECE + 1, PIECE)] for film in films]
    long = [found for found in cut if len(found) >= WAYS]
    some = [found for found in cut if found]
    rng = np.random.default_rng(0)
    own = [_told(found[:WAYS]) for found in long]
    others = [_told([some[k][0] for k in rng.choice(len(some), WAYS, replace=False)]) for _ in range(_DEALS)]
    return float(np.mean(own)), float(np.mean(others)), len(long)


def _told(parts: Sequence[F32]) -> float:
    labels = np.repeat(np.arange(len(parts)), PIECE)
    return named(np.concatenate(parts), labels, np.tile(np.arange(PIECE) >= PIECE / 2, len(parts)))


def same_performance(model: FaceLatent, usual: F32) -> tuple[float, float, float]:
    """Share of frames of which the actor is named where all of them do the same.

    Of codes, of codes apart from their habit, ``usual`` as in :func:`apart`, and of displacements. Rendered and
    tracked; the second half of the performance is asked about.
    """
    motion = performance()
    codes, moves = zip(*(coded(model, show(actor(seed), motion).track) for seed in ACTORS), strict=True)
    labels = np.concatenate([np.full(len(code), k) for k, code in enumerate(codes)])
    late = np.concatenate([np.arange(len(code)) >= len(code) / 2 for code in codes])
    ways = codes, [apart(code, usual)[0] for code in codes], moves
    of_codes, of_rest, of_moves = (named(np.concatenate(way), labels, late) for way in ways)
    return of_codes, of_rest, of_moves


def performance() -> Motion:
    """Expressions and turns of the head by chance, the same every time."""
    rng = np.random.default_rng(3)
    motion = Motion.rest(FPS, _FRAMES)
    worn = np.repeat(random_expressions(rng, _FRAMES // 6 + 1), 6, axis=0)[:_FRAMES]
    motion.expression[:] = ndimage.gaussian_filter1d(worn, _HELD, axis=0)
    motion.rotation_deg[:] = np.column_stack([4 * wander(rng, _FRAMES, FPS, 0.5) for _ in range(3)])
    return motion


def coded(model: FaceLatent, track: Track) -> tuple[F32, F32]:
    """(T, DYNAMICS) codes of a track, and (T, P) some of the displacements that were coded."""
    landmarks = track.landmarks[track.found]
    points, _ = model.upright(landmarks)
    rest = rest_mesh(points, landmarks)
    moved = torch.from_numpy(points - rest)
    identity = model.encode_identity(torch.from_numpy(rest)[None]).expand(len(moved), -1)
    return model.encode(moved, identity).numpy(), moved[:, ::6].flatten(1).numpy()
