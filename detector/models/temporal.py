"""A small temporal network on how lips, eyes and head move, and on what is heard meanwhile: no pixel of the face."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tellmark.detector.models.learning import Schedule, descend
from tellmark.detector.models.rows import Rows, balanced_weights
from tellmark.detector.views import Views
from tellmark.types import F32, F64


@dataclass(frozen=True, slots=True)
class TemporalModel:
    """A trained network."""

    net: nn.Module

    def margin(self, views: Views) -> F64:
        """(N,) log-odds of each window."""
        with torch.inference_mode():
            return np.asarray(self.net(_tensor(views["motion"]))[:, 0].numpy(), np.float64)

    def state(self) -> dict[str, NDArray[Any]]:
        """The weights by name."""
        return {name: value.numpy() for name, value in self.net.state_dict().items()}


@dataclass(frozen=True, slots=True)
class Temporal:
    """Dilated convolutions over time on the view ``motion``; ``fit`` returns the :class:`TemporalModel`."""

    width: int = 32
    epochs: int = 30
    learning_rate: float = 2e-3

    @property
    def needs(self) -> tuple[str, ...]:
        """The views that it reads."""
        return ("motion",)

    def fit(self, views: Views, rows: Rows, *, seed: int = 0, checkpoint: Path | None = None) -> TemporalModel:
        """Train from scratch; windows are mirrored in time's order only, shifted and scaled a little."""
        x: F32 = views["motion"]

        def batch(chosen: NDArray[np.intp], rng: np.random.Generator) -> tuple[torch.Tensor, NDArray[np.int64]]:
            shown = x[chosen] * rng.uniform(0.8, 1.25, (len(chosen), 1, 1)).astype(np.float32)
            shown = np.roll(shown, int(rng.integers(0, 4)), axis=1)
            return _tensor(shown), rows.labels[chosen]

        torch.manual_seed(seed)
        schedule = Schedule(self.epochs, 32, self.learning_rate)
        net = self.build(x.shape[2])
        return TemporalModel(descend(net, batch, balanced_weights(rows), schedule, seed=seed, checkpoint=checkpoint))

    def build(self, columns: int) -> nn.Module:
        """The network for windows of so many columns, untrained."""
        layers: list[nn.Module] = [nn.Conv1d(2 * columns, self.width, 1)]
        for dilation in (1, 2, 4):
            convolution = nn.Conv1d(self.width, self.width, 3, padding=dilation, dilation=dilation)
            layers += [nn.ReLU(), nn.BatchNorm1d(self.width), convolution]
        return nn.Sequential(
            *layers, nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Dropout(0.4), nn.Linear(self.width, 1)
        )

    def restore(self, state: dict[str, NDArray[Any]]) -> TemporalModel:
        """The inverse of :meth:`TemporalModel.state`. Raises KeyError or RuntimeError for other weights."""
        net = self.build(state["0.weight"].shape[1] // 2)
        net.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in state.items()})
        return TemporalModel(net.eval())


def _tensor(motion: F32) -> torch.Tensor:
    """(N, 2 columns, T): values and their steps in time."""
    steps = np.diff(motion, axis=1, prepend=motion[:, :1]) * 4
    return torch.from_numpy(np.concatenate([motion, steps], axis=2).transpose(0, 2, 1).astype(np.float32))
