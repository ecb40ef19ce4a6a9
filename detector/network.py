"""A convolutional network on aligned face crops, behind the interface of the other models.

With the few hundred clips one makes on a CPU, frame networks trained from scratch stay near chance (measured), so
tellmark ships none; with thousands of clips they begin to pay. No pre-trained weights are used or downloaded.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import torch

from tellmark.detector.model import Rows, balanced_weights
from tellmark.detector.window import Window
from tellmark.types import F64, U8


def import_timm() -> ModuleType:
    """timm, also beside a torchvision that was built for another torch.

    The registry's torchvision is linked to CUDA; beside a CPU torch it fails at import because the operators of its
    library are not registered. timm needs none of them: it is enough to declare two. Where torchvision works, or
    is not installed, nothing is declared.
    """
    if importlib.util.find_spec("torchvision") is not None:
        try:
            importlib.import_module("torchvision")
        except (RuntimeError, OSError):
            library: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
            for name in ("nms", "qnms"):
                library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            _kept.append(library)  # what a library declares goes when the object does
    return importlib.import_module("timm")


_kept: list[Any] = []


@dataclass(frozen=True, slots=True)
class NetworkModel:
    """A trained network."""

    net: torch.nn.Module
    size: int

    def predict(self, x: U8) -> F64:
        """(N,) probability of each row of ``x`` (N, K, size, size, 3) to be fake: the mean of its K crops' log-odds."""
        self.net.eval()
        with torch.inference_mode():
            logits = [self.net(_tensor(crops)).mean().item() for crops in x]
        return np.asarray(1 / (1 + np.exp(-np.asarray(logits, np.float64))), np.float64)


@dataclass(frozen=True, slots=True)
class Network:
    """:class:`~tellmark.detector.model.Classifier` of a timm backbone; ``fit`` returns the :class:`NetworkModel`.

    backbone: a timm name; ``mobilenetv4_conv_small`` takes 23 ms a 128 px crop to train on one core, 5 ms to run.
    """

    backbone: str = "mobilenetv4_conv_small"
    size: int = 128
    epochs: int = 8
    batch: int = 16
    learning_rate: float = 1e-3

    def represent(self, window: Window, count: int = 4) -> U8:
        """(count, size, size, 3) crops spread over the window."""
        chosen = np.linspace(0, len(window) - 1, count).round().astype(int)
        crops = [cv2.resize(window.crops[i], (self.size, self.size), interpolation=cv2.INTER_AREA) for i in chosen]
        return np.asarray(crops, np.uint8)

    def fit(self, x: U8, rows: Rows, *, seed: int = 0) -> NetworkModel:
        """Train from scratch on ``x`` (N, K, size, size, 3): a random crop a row and epoch, half of them mirrored."""
        torch.set_num_threads(1)
        torch.manual_seed(seed)
        rng = np.random.default_rng(seed)
        goal = torch.from_numpy(rows.labels.astype(np.float32))
        weight = torch.from_numpy(balanced_weights(rows).astype(np.float32))
        net: torch.nn.Module = import_timm().create_model(self.backbone, pretrained=False, num_classes=1)
        optimiser = torch.optim.AdamW(net.parameters(), lr=self.learning_rate, weight_decay=0.05)
        net.train()
        for _ in range(self.epochs):
            order = rng.permutation(len(x))
            for batch in np.array_split(order, max(1, len(order) // self.batch)):
                crops = x[batch, rng.integers(0, x.shape[1], len(batch))]
                turned = rng.random(len(batch)) < 0.5
                crops[turned] = crops[turned][:, :, ::-1]
                logits = net(_tensor(crops))[:, 0]
                loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, goal[batch], weight[batch])
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
        return NetworkModel(net.eval(), self.size)


def _tensor(crops: U8) -> torch.Tensor:
    """(N, 3, size, size) in [-1, 1]."""
    return torch.from_numpy(crops.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1)
