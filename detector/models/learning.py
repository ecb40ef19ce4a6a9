"""Gradient descent for the networks: one core, one GPU, or several processes of ``torchrun``; goes on where it stopped.

Under ``torchrun`` every process sees its share of each epoch, gradients are averaged, and only the first one writes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tellmark.runs import atomic_path
from tellmark.types import F64

Batch = Callable[[NDArray[np.intp], np.random.Generator], tuple[torch.Tensor, NDArray[np.int64]]]
"""(rows, rng) -> the network's input, and the labels of the rows as they are shown: augmentation may change them."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast; AdamW with a cosine that falls to nothing."""

    epochs: int = 8
    batch: int = 16
    learning_rate: float = 1e-3
    weight_decay: float = 0.05


def device() -> torch.device:
    """This process's GPU, else the CPU."""
    return (
        torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        if torch.cuda.is_available()
        else torch.device("cpu")
    )


def rank_and_world() -> tuple[int, int]:
    """Which process of how many this is; joins the others on the first call under ``torchrun``."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1 and not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return (torch.distributed.get_rank() if world > 1 else 0), world


def descend(
    net: torch.nn.Module,
    batch: Batch,
    weights: F64,
    schedule: Schedule,
    *,
    seed: int = 0,
    checkpoint: Path | None = None,
) -> torch.nn.Module:
    """Train ``net`` on ``len(weights)`` rows and return it on the CPU, in evaluation mode.

    The loss is the cross-entropy of one log-odds a row, weighted. ``checkpoint`` is written after every epoch, read
    where it exists and removed at the end.
    """
    torch.set_num_threads(1)
    rank, world = rank_and_world()
    place = device()
    net = net.to(place)
    optimiser = torch.optim.AdamW(net.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay)
    first = _resume(checkpoint, net, optimiser, seed)
    shared: torch.nn.Module = torch.nn.parallel.DistributedDataParallel(net) if world > 1 else net
    net.train()
    for epoch in range(first, schedule.epochs):
        rng = np.random.default_rng([seed, epoch])
        torch.manual_seed(seed * 1000 + epoch)
        order = rng.permutation(len(weights))
        order = order[: max(world, len(order) // world * world)][rank::world]  # as many steps in every process
        rng = np.random.default_rng([seed, epoch, rank])
        for group in optimiser.param_groups:
            group["lr"] = schedule.learning_rate * (1 + math.cos(math.pi * epoch / schedule.epochs)) / 2
        for rows in np.array_split(order, max(1, len(order) // schedule.batch)):
            x, labels = batch(rows, rng)
            goal = torch.from_numpy(labels.astype(np.float32)).to(place)
            weight = torch.from_numpy(weights[rows].astype(np.float32)).to(place)
            logits = shared(x.to(place))[:, 0]
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, goal, weight)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        if checkpoint is not None and rank == 0:
            _keep(checkpoint, net, optimiser, epoch + 1, seed)
    if checkpoint is not None and rank == 0:
        checkpoint.unlink(missing_ok=True)
    return net.cpu().eval()


def _keep(path: Path, net: torch.nn.Module, optimiser: torch.optim.Optimizer, epoch: int, seed: int) -> None:
    state = {"net": net.state_dict(), "optimiser": optimiser.state_dict(), "epoch": epoch, "seed": seed}
    with atomic_path(path, force=True) as temporary:
        torch.save(state, temporary)


def _resume(path: Path | None, net: torch.nn.Module, optimiser: torch.optim.Optimizer, seed: int) -> int:
    """The epoch to go on with; 0 without a checkpoint, or with one of another network or seed."""
    if path is None or not path.exists():
        return 0
    state: dict[str, Any] = torch.load(path, map_location=device(), weights_only=True)
    if state["seed"] != seed or {k: v.shape for k, v in state["net"].items()} != {
        k: v.shape for k, v in net.state_dict().items()
    }:
        return 0
    net.load_state_dict(state["net"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["epoch"])
