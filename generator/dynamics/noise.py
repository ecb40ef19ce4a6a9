"""What each frame of the learned motion starts from: noise that remembers, and is larger for some channels.

Drawn anew for every frame, as in training, noise makes velocities that cancel out, and a model of few films settles
down. Noise with a memory moves on (after Ge et al. 2023, "Preserve your own correlation", who draw the frames of a
video with common noise), and a temperature makes rare movements, such as blinks, as frequent as they are in people.
Both were set by comparing motion left alone with the films, see ``docs/log.md``.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from tellmark.generator.dynamics import latent_motion as columns
from tellmark.types import F32

Sizes = Mapping[str, float | tuple[float, ...]]

MEMORY: Sizes = {"head": 0.6}  # correlation from frame to frame; 0 for the others
TEMPERATURE: Sizes = {"head": 1.88, "lids": 2.05, "gaze": (1.5, 2.05)}  # standard deviation; 1 for the dynamics
_PARTS = {"head": slice(0, 6), "lids": columns.LIDS, "gaze": columns.GAZE}


class Noise:
    """A stream of noise, the same for a seed."""

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator().manual_seed(seed % 2**63)
        self._memory, self._temperature = _columns(MEMORY, 0.0), _columns(TEMPERATURE, 1.0)
        self._state = self._fresh()

    def draw(self) -> F32:
        """(CHANNELS,) for the next frame."""
        self._state = self._memory * self._state + np.sqrt(1 - self._memory**2) * self._fresh()
        return self._temperature * self._state

    def _fresh(self) -> F32:
        return np.asarray(torch.randn(columns.CHANNELS, generator=self._generator).numpy())


def _columns(values: Sizes, others: float) -> F32:
    """(CHANNELS,) a value for each channel."""
    out = np.full(columns.CHANNELS, others, np.float32)
    for name, part in _PARTS.items():
        out[part] = values.get(name, others)
    return out
