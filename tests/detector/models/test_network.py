"""The network learns what it is shown, and timm imports beside any torchvision."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from tellmark.detector.models.network import Network
from tellmark.detector.models.rows import Rows


def test_timm_imports_without_touching_a_working_torchvision() -> None:
    code = """
import importlib.util, sys, types
sys.modules["torchvision"] = types.ModuleType("torchvision")  # one that works
sys.modules["torchvision"].__spec__ = importlib.util.spec_from_loader("torchvision", None)
import torch
from tellmark.detector.models import network
class No(Exception): ...
def refuse(*a, **k): raise No
torch.library.Library = refuse
importlib.import_module = lambda name: name
print(network.import_timm(), len(network._kept))
"""
    found = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert found.stdout.split() == ["timm", "0"], found.stderr


def test_network_learns_a_texture(painted: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    smooth = rng.integers(100, 140, (24, 1, 8, 8, 3)).repeat(4, axis=2).repeat(4, axis=3)
    rough = rng.integers(60, 180, (24, 1, 32, 32, 3))
    x = np.concatenate([smooth, rough]).astype(np.uint8)
    labels = np.repeat([0, 1], 24)
    names = np.array([str(i) for i in range(48)])
    network = Network("resnet10t", size=32, epochs=4, batch=8)
    train = np.arange(48) % 4 != 0
    model = network.fit(x[train], Rows(labels, names, names, labels.astype(str))[train], seed=1)
    p = model.predict(x[~train])
    assert p.shape == (12,)
    assert p[labels[~train] == 1].min() > p[labels[~train] == 0].max()
    crops = network.represent(painted(40).window)
    assert crops.shape == (4, 32, 32, 3)
    assert 0 <= model.predict(crops[None])[0] <= 1
