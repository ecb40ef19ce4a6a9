"""Reading the lips from sound: a small network from a quarter second of normalised bands to lip gestures.

Acoustic-to-articulatory inversion in its simplest form: a multilayer perceptron that looks at ``CONTEXT`` hops around
the present one. Its weights (``inversion.npz``) were learnt by ``train_inversion`` from synthetic speech in many
languages and voices, whose phonemes, and so whose lips (``visemes.lip_tracks``), are known exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

from tellmark.generator.audio.visemes import GESTURES
from tellmark.types import F32, F64

CONTEXT = (-14, -10, -7, -5, -3, -1, 0, 1, 3, 5, 7, 10, 14)  # hops of 10 ms
_AT_ONCE = 4096  # rows


@dataclass(frozen=True, slots=True)
class Network:
    """Layers of a multilayer perceptron: rectified linear within, logistic at the end."""

    weights: tuple[F32, ...]  # each (inputs, outputs)
    biases: tuple[F32, ...]  # each (outputs,)

    def __call__(self, rows: F32) -> F32:
        """(N, inputs) to (N, outputs) in [0, 1]."""
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            rows = np.maximum(rows @ weight + bias, 0)
        return np.asarray(1 / (1 + np.exp(-(rows @ self.weights[-1] + self.biases[-1]))), np.float32)


@cache
def network() -> Network:
    """The trained network."""
    path = resources.files("tellmark.generator.audio").joinpath("inversion.npz")
    with path.open("rb") as file, np.load(file) as stored:
        layers = len(stored.files) // 2
        return Network(
            tuple(stored[f"weight_{i}"].astype(np.float32) for i in range(layers)),
            tuple(stored[f"bias_{i}"].astype(np.float32) for i in range(layers)),
        )


def in_context(hops: F32) -> F32:
    """(H, columns) to (H, columns * len(CONTEXT)): every hop beside its neighbours; the ends repeat."""
    places = np.arange(len(hops))[:, None] + np.array(CONTEXT)
    return np.asarray(hops[np.clip(places, 0, len(hops) - 1)].reshape(len(hops), -1), np.float32)


def gestures(hops: F32) -> F64:
    """(H, columns) normalised hops (``speech.heard``) to (H, len(GESTURES)) gestures in [0, 1]."""
    read, margin = network(), max(CONTEXT)
    found = np.empty((len(hops), len(GESTURES)))
    for start in range(0, len(hops), _AT_ONCE):
        first, last = max(0, start - margin), min(len(hops), start + _AT_ONCE + margin)
        rows = in_context(hops[first:last])[start - first : start - first + _AT_ONCE]
        found[start : start + len(rows)] = read(rows)
    return found
