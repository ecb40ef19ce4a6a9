"""A convolutional network on aligned face crops, behind the interface of the other models.

With the few hundred clips one makes on a CPU, frame networks trained from scratch stay near chance (measured), so
tellmark ships none; with thousands of clips they begin to pay. No pre-trained weights are used or downloaded.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from tellmark.detector.models.learning import Schedule, descend
from tellmark.detector.models.meso import meso4, meso_inception
from tellmark.detector.models.rows import Rows, balanced_weights
from tellmark.detector.models.selfblend import degrade, self_blend
from tellmark.detector.views import Views
from tellmark.detector.windows.window import Window
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

    def margin(self, views: Views) -> F64:
        """(N,) log-odds of each window: the mean of its crops'."""
        self.net.eval()
        with torch.inference_mode():
            logits = [self.net(_tensor(_sized(crops, self.size))).mean().item() for crops in views["crops"]]
        return np.asarray(logits, np.float64)

    def predict(self, x: U8) -> F64:
        """(N,) probability of each row of ``x`` (N, K, s, s, 3) to be fake."""
        return np.asarray(1 / (1 + np.exp(-self.margin({"crops": x}))), np.float64)

    def state(self) -> dict[str, NDArray[Any]]:
        """The weights by name."""
        return {name: value.numpy() for name, value in self.net.state_dict().items()}


@dataclass(frozen=True, slots=True)
class Network:
    """A network on aligned crops; ``fit`` returns the :class:`NetworkModel`.

    backbone: a timm name (``mobilenetv4_conv_small`` takes 23 ms a 128 px crop to train on one core, 5 ms to run),
    ``meso4`` or ``meso_inception``. size: px. blended: share of the real crops that are shown as self-blended fakes.
    """

    backbone: str = "mobilenetv4_conv_small"
    size: int = 128
    epochs: int = 8
    batch: int = 16
    learning_rate: float = 1e-3
    blended: float = 0.0

    @property
    def needs(self) -> tuple[str, ...]:
        """The views that it reads."""
        return ("crops",)

    def represent(self, window: Window, count: int = 4) -> U8:
        """(count, size, size, 3) crops spread over the window."""
        chosen = np.linspace(0, len(window) - 1, count).round().astype(int)
        return _sized(np.asarray([window.crops[i] for i in chosen], np.uint8), self.size)

    def fit(self, x: U8 | Views, rows: Rows, *, seed: int = 0, checkpoint: Path | None = None) -> NetworkModel:
        """Train from scratch on crops (N, K, s, s, 3): a random one a row and epoch, half of them mirrored."""
        crops = x if isinstance(x, np.ndarray) else x["crops"]

        def batch(chosen: NDArray[np.intp], rng: np.random.Generator) -> tuple[torch.Tensor, NDArray[np.int64]]:
            shown = crops[chosen, rng.integers(0, crops.shape[1], len(chosen))].copy()
            labels = rows.labels[chosen].copy()
            for k in range(len(shown)):
                if self.blended and labels[k] == 0 and rng.random() < self.blended:
                    shown[k], labels[k] = self_blend(shown[k], rng), 1
                if self.blended:
                    shown[k] = degrade(shown[k], rng)
            turned = rng.random(len(shown)) < 0.5
            shown[turned] = shown[turned][:, :, ::-1]
            return _tensor(_sized(shown, self.size)), labels

        torch.manual_seed(seed)
        schedule = Schedule(self.epochs, self.batch, self.learning_rate)
        net = descend(self.build(), batch, balanced_weights(rows), schedule, seed=seed, checkpoint=checkpoint)
        return NetworkModel(net, self.size)

    def build(self) -> torch.nn.Module:
        """The network, untrained."""
        if self.backbone in _OURS:
            return _OURS[self.backbone]()
        net: torch.nn.Module = import_timm().create_model(self.backbone, pretrained=False, num_classes=1)
        return net

    def restore(self, state: dict[str, NDArray[Any]]) -> NetworkModel:
        """The inverse of :meth:`NetworkModel.state`. Raises KeyError or RuntimeError for weights of another network."""
        net = self.build()
        net.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in state.items()})
        return NetworkModel(net.eval(), self.size)


_OURS: dict[str, Callable[[], torch.nn.Module]] = {"meso4": meso4, "meso_inception": meso_inception}


def _sized(crops: U8, size: int) -> U8:
    if crops.shape[1] == size:
        return crops
    return np.asarray([cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA) for crop in crops], np.uint8)


def _tensor(crops: U8) -> torch.Tensor:
    """(N, 3, size, size) in [-1, 1]."""
    return torch.from_numpy(crops.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1)
