"""Closures of the lips read again, once the row that follows is heard.

What tells a /p/ after a nasal vowel, or a stop in noise, is how it is released, which may come later than the speech
encoder looks ahead. Who can wait for one row more reads it from three rows of the encoder's: a small multilayer
perceptron on top of what the encoder says of the same moment. Trained by ``train_closures``; weights in
``closures.npz``. The encoder is left as it is, since the motion model has learnt to read its features.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

import numpy as np

from tellmark.generator.audio.visemes import GESTURES
from tellmark.generator.types import Encoded
from tellmark.types import F32

READ = ("closure", "labiodental")
_WHICH = [GESTURES.index(name) for name in READ]


def read_again(heard: Encoded) -> F32:
    """(T - 2, len(READ)) in [0, 1] of the rows between the first and the last of T >= 2."""
    weights = network()
    return np.asarray(1 / (1 + np.exp(-logits(rows_of(heard), weights))), np.float32)


def rows_of(heard: Encoded) -> tuple[F32, F32]:
    """What is read: three rows side by side (T - 2, 3 C), and what the encoder says of the middle one, as logits."""
    rows = np.column_stack([heard.features, heard.gestures, heard.speaking, heard.energy, heard.voiced])
    said = np.clip(heard.gestures[1:-1, _WHICH], 1e-3, 1 - 1e-3)
    beside = np.concatenate([rows[:-2], rows[1:-1], rows[2:]], axis=1)
    return beside.astype(np.float32), np.log(said / (1 - said)).astype(np.float32)


def logits(rows: tuple[F32, F32], weights: dict[str, F32]) -> F32:
    """(N, len(READ)): what the encoder says, and what the network adds to it."""
    beside, said = rows
    hidden = np.maximum(beside @ weights["weight_0"] + weights["bias_0"], 0)
    return np.asarray(said + hidden @ weights["weight_1"] + weights["bias_1"], np.float32)


@cache
def network() -> dict[str, F32]:
    """The trained network."""
    path = resources.files("tellmark.generator.audio").joinpath("closures.npz")
    with path.open("rb") as file, np.load(file) as stored:
        return {name: stored[name].astype(np.float32) for name in stored.files}
