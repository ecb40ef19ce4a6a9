"""Synthetic pairs of lips and sound for the sync net: espeak-ng's phonemes tell what the lips did.

Invented words in many languages, voices and rooms; lips from the true gestures on the meshes of virtual actors, each
articulating in a way of its own (strength of every gesture, sluggishness), so that no single model's lips are learnt.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from tellmark.benchmarks.motions import sync
from tellmark.generator.audio.acoustics import SAMPLE_RATE_HZ
from tellmark.generator.audio.visemes import lip_tracks
from tellmark.generator.geometry.basis import expression_basis
from tellmark.generator.mesh.mesh import expression_weights
from tellmark.generator.training.train_inversion import LANGUAGES, VARIANTS, invented, spoil, spoken
from tellmark.generator.types import EXPRESSIONS
from tellmark.types import F32, F64

_SHARES = {"jaw": "open", "wide": "front", "pucker": "round", "press": "closure", "lower_tuck": "labiodental"}
_COLUMNS = ("open", "front", "round", "closure", "labiodental", "sibilant")
_STRENGTH = {"jaw": 0.8, "wide": 0.8, "pucker": 0.8, "press": 0.9, "lower_tuck": 0.8, "upper_raise": 0.3}


def synthetic_pair(faces: list[F32], index: int, seed: int) -> tuple[F32, F32]:
    """((T, 12) lips, (4 T, 19) sound) of one utterance; ``faces`` are landmarks (478, 3) px to speak with."""
    rng = np.random.default_rng((seed, index))
    sound, phonemes = spoken(invented(rng), rng, str(rng.choice(LANGUAGES)), str(rng.choice(VARIANTS)))
    rows = sync.sound_shape(spoil(sound, rng))
    duration_s = len(sound) / SAMPLE_RATE_HZ
    tracks = lip_tracks(phonemes, duration_s)[:: sync.HOPS_A_FRAME]
    lips = _lips(faces[rng.integers(len(faces))], _weights(tracks, rng))
    frames = min(len(lips), len(rows) // sync.HOPS_A_FRAME)
    return lips[:frames], rows[: frames * sync.HOPS_A_FRAME]


def _weights(tracks: F64, rng: np.random.Generator) -> F32:
    """(T, len(EXPRESSIONS)) as one speaker of many would do it."""
    weights = np.zeros((len(tracks), len(EXPRESSIONS)), np.float32)
    heard = {name: tracks[:, k] for k, name in enumerate(_COLUMNS)}
    heard["sibilant"] = heard["sibilant"] + heard["open"]
    for name, source in {**_SHARES, "upper_raise": "sibilant"}.items():
        sigma = rng.uniform(0.0, 1.2)
        track = ndimage.gaussian_filter1d(heard[source], sigma) if sigma > 0.3 else heard[source]
        weights[:, EXPRESSIONS.index(name)] = _STRENGTH[name] * np.exp(rng.normal(0, 0.4)) * track
    smile = np.cumsum(rng.normal(0, 0.02, len(tracks)))
    weights[:, EXPRESSIONS.index("smile")] = np.clip(smile - smile.mean(), 0, 0.5)
    return np.clip(weights, 0, 1)


def _lips(face: F32, weights: F32) -> F32:
    basis = expression_basis(face)
    full = np.stack([expression_weights(row) for row in weights])
    moved = face[None] + np.tensordot(full, basis, axes=1)
    return sync.lip_distances(moved.astype(np.float64), face.astype(np.float64))
