"""Train ``encoder.safetensors``: ``python -m tellmark.generator.training.train_encoder OUT [--recordings FILES..]``.

First on synthetic speech, whose truth is known (``encoder_data``). Then, given recordings, on both: for these a copy of
the network that hears the clean recording teaches the one that hears it spoiled (self-training). State is kept beside
OUT every few hundred steps; the same command goes on from it.
"""

from __future__ import annotations

import argparse
import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from tellmark.generator.audio.encoder import Network, Outputs, SpeechEncoder
from tellmark.generator.audio.visemes import GESTURES
from tellmark.generator.training.encoder_data import BATCH, CLOSED, Example, crops, recorded, synthetic
from tellmark.runs import Progress, atomic_path

RATE = 4e-3
SPOILT = 6  # ways in which every recording is heard


def loss_of(outputs: Outputs, batch: dict[str, Tensor], taught: Outputs | None) -> Tensor:
    """Sum of the losses of all heads over the rows that count."""
    gestures, scalars, groups = batch["gestures"], batch["scalars"], batch["groups"].long()
    known, count = (batch["weight"] > 0).float(), (batch["weight"] != 0).float()
    spoken_as = functional.cross_entropy(
        outputs.phonemes.transpose(1, 2), groups, ignore_index=-1, reduction="none", label_smoothing=0.05
    )
    phonemes = (spoken_as * known * (groups >= 0)).sum()
    if taught is not None:
        by_teacher = (1 - known)[:, :, None]
        gestures = gestures * (1 - by_teacher) + torch.sigmoid(taught.gestures) * by_teacher
        told = torch.softmax(taught.phonemes, dim=2)
        phonemes = (
            phonemes - ((told * torch.log_softmax(outputs.phonemes, 2)).sum(2) * count * by_teacher[:, :, 0]).sum()
        )
    lips = functional.binary_cross_entropy_with_logits(outputs.gestures, gestures, reduction="none") * _WEIGHTS
    chances = functional.binary_cross_entropy_with_logits(
        outputs.scalars[:, :, :3], scalars[:, :, :3].clip(0, 1), reduction="none"
    )
    pitch = functional.smooth_l1_loss(
        outputs.scalars[:, :, 3] * scalars[:, :, 2], scalars[:, :, 3] * scalars[:, :, 2], reduction="none"
    )
    each = lips.sum(2) + 0.5 * chances.sum(2) + pitch
    return ((each * count).sum() + 0.4 * phonemes) / count.sum()


_WEIGHTS = torch.tensor([2.0 if name in CLOSED else 1.0 for name in GESTURES])  # brief, rare and seen at once


@dataclass(slots=True)
class Course:
    """A training under way: everything that a checkpoint holds."""

    network: Network
    average: Network  # exponential mean of the weights: what is saved, and the teacher
    optimiser: torch.optim.Optimizer
    step: int = 0

    @classmethod
    def new(cls, seed: int) -> Course:
        torch.manual_seed(seed)
        network = Network()
        optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-2)
        return cls(network, copy.deepcopy(network).requires_grad_(False), optimiser)

    def save(self, path: Path) -> None:
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
        }
        with atomic_path(path, force=True) as temporary:
            torch.save(state, temporary)

    def resume(self, path: Path) -> None:
        state = torch.load(path, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = int(state["step"])

    def learn(self, batch: dict[str, Tensor], rate: float) -> float:
        """One step at the learning rate ``rate``; returns the loss."""
        for parameters in self.optimiser.param_groups:
            parameters["lr"] = rate
        taught = None
        if (batch["weight"] < 0).any():
            with torch.no_grad():
                taught = self.average(batch["clean"], self.average.start(len(batch["clean"])))
        outputs = self.network(batch["hops"], self.network.start(len(batch["hops"])))
        loss = loss_of(_first(outputs, batch), batch, None if taught is None else _first(taught, batch))
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self.step += 1
        forget = min(0.995, 1 - 1 / (self.step + 1))
        with torch.no_grad():
            for mean, value in zip(self.average.parameters(), self.network.parameters(), strict=True):
                mean.lerp_(value, 1 - forget)
        return float(loss.detach())


def _first(outputs: Outputs, batch: dict[str, Tensor]) -> Outputs:
    """The rows that the batch has targets for."""
    rows = batch["weight"].shape[1]
    return Outputs(*(getattr(outputs, field.name)[:, :rows] for field in fields(Outputs)))


def write_weights(network: Network, path: Path) -> None:
    """In half precision: twice as small, and no gesture changes by 0.01."""
    with atomic_path(path, force=True) as temporary:
        save_file({name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}, temporary)


def train(
    path: Path,
    *,
    utterances: int = 2200,
    steps: int = 6500,
    recordings: Sequence[Path] = (),
    start: Path | None = None,
    rate: float = RATE,
    seed: int = 0,
    progress: Progress | None = None,
) -> SpeechEncoder:
    """Write the weights to ``path``.

    ``start``: weights to go on from. Their heads stay as they are, so that what has learned to read the features, the
    motion model, still understands them. ``rate``: the highest learning rate. ``recordings`` join after two thirds of
    the steps, a third as many crops again.
    """
    torch.set_num_threads(1)
    course, checkpoint = Course.new(seed), path.with_suffix(".state")
    if checkpoint.exists():
        course.resume(checkpoint)
    elif start is not None:
        for network in (course.network, course.average):
            network.load_state_dict({name: tensor.float() for name, tensor in load_file(start).items()}, strict=False)
    if start is not None:
        for head in (course.network.gestures, course.network.phonemes, course.network.scalars):
            head.requires_grad_(False)
    pool: list[Example] = []
    real: list[Example] = []
    alone = steps * 2 // 3 if recordings else steps
    losses = []
    while course.step < steps:
        while len(pool) < min(utterances, BATCH + course.step):  # the stock grows with the training
            pool.append(synthetic(len(pool), seed))
        rng = np.random.default_rng((seed, 2, course.step))
        batch = crops(pool, rng, BATCH)
        if course.step >= alone:
            real = real or [item for turn in range(SPOILT) for item in recorded(recordings, seed + turn)]
            more = crops(real, rng, BATCH // 3)
            batch = {name: torch.cat([part, more[name]]) for name, part in batch.items()}
        losses.append(course.learn(batch, rate * _rate(course.step / steps)))
        if course.step % 100 == 0 or course.step == steps:
            print(f"step {course.step}: loss {np.mean(losses):.3f}", flush=True)
            losses.clear()
        if course.step % 250 == 0 or course.step == steps:
            course.save(checkpoint)
            write_weights(course.average, path)
        if progress is not None:
            progress(course.step, steps)
    return SpeechEncoder(course.average)


def _rate(part: float) -> float:
    """Share of the highest learning rate: up for a tenth of the time, then down along a cosine."""
    return min(part / 0.1 + 0.02, 0.5 * (1 + math.cos(math.pi * part)) + 0.003)


def main() -> None:
    parser = argparse.ArgumentParser(description="train the speech encoder")
    parser.add_argument("out", type=Path)
    parser.add_argument("--utterances", type=int, default=2200)
    parser.add_argument("--steps", type=int, default=6500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="weights to go on from")
    parser.add_argument("--rate", type=float, default=RATE, help="the highest learning rate")
    parser.add_argument("--recordings", type=Path, nargs="*", default=[], help="sound files of speech")
    given = parser.parse_args()
    train(
        given.out,
        utterances=given.utterances,
        steps=given.steps,
        recordings=given.recordings,
        start=given.start,
        rate=given.rate,
        seed=given.seed,
    )


if __name__ == "__main__":
    main()
