"""Train ``motion.safetensors``: ``python -m tellmark.generator.train_motion TRACKS VIDEOS OUT.safetensors``.

TRACKS is a folder written by ``tellmark track`` from the folder VIDEOS. State is kept beside OUT every few minutes; the
same command goes on from it. Several GPUs: ``torchrun --nproc-per-node N -m tellmark.generator.train_motion ..``.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from tellmark.generator import latent_motion as columns
from tellmark.generator.diffusion import MotionTransformer, Sizes
from tellmark.generator.encoder import SpeechEncoder
from tellmark.generator.latent import face_latent
from tellmark.generator.motion_data import CONDITIONS, LENGTH, SOUND, Mixer, Utterance, draws, film, utterance
from tellmark.generator.track import Track, read_manifest
from tellmark.runs import atomic_path
from tellmark.types import F32

BATCH = 16
STEPS = 5000
DISTURBED = 0.6  # of a usual change: how far the past is pushed off at most
AVERAGE = 0.999  # of the weights, exponentially: what is saved


@dataclass(slots=True)
class Pool:
    """Sequences drawn beforehand, as tensors: P of them."""

    motion: Tensor  # (P, LENGTH + 1, D) scaled
    sound: Tensor  # (P, LENGTH, SOUND)
    heard: Tensor  # (P,)
    given: Tensor  # (P, C)
    valid: Tensor  # (P, LENGTH)


def pool(mixer: Mixer, count: int, seed: int) -> tuple[Pool, F32, F32]:
    """A pool, and the (D,) spread of places and of changes."""
    items = list(draws(mixer, count, seed))
    motion = np.stack([item.motion for item in items])
    valid = np.stack([item.valid for item in items])
    spread = motion.reshape(-1, motion.shape[-1]).std(0) + 1e-4
    change = (np.diff(motion, axis=1)[valid]).std(0) + 1e-5
    made = Pool(
        torch.from_numpy(motion / spread), torch.from_numpy(np.stack([item.sound for item in items])),
        torch.tensor([item.heard for item in items]).float(), torch.from_numpy(np.stack([item.given for item in items])),
        torch.from_numpy(valid).float(),
    )  # fmt: skip
    return made, spread.astype(np.float32), change.astype(np.float32)


def loss_of(model: nn.Module, batch: Pool, change: Tensor, generator: torch.Generator) -> Tensor:
    """Mean squared error of the flow over the frames that count. ``change``: (D,) in units of the scaled places."""
    size, frames = batch.sound.shape[:2]
    disturbed = DISTURBED * torch.rand(size, 1, 1, generator=generator) * change
    places = batch.motion + disturbed * torch.randn(batch.motion.shape, generator=generator)
    before, past = places[:, :-1], torch.cat([places[:, 1:], (places[:, 1:] - places[:, :-1]) / change], 2)
    truth = (batch.motion[:, 1:] - before) / change
    noise = torch.randn(truth.shape, generator=generator)
    when = torch.sigmoid(torch.randn(size, frames, generator=generator))
    noisy = noise + when[..., None] * (truth - noise)
    given = batch.given[:, None].expand(-1, frames, -1)
    heard = batch.heard[:, None, None].expand(-1, frames, 1)
    with torch.autocast("cpu", torch.bfloat16):
        flow = model(past, before, noisy, when, batch.sound, heard, given)
    wrong = (flow.float() - (truth - noise)).square().mean(2)
    return (wrong * batch.valid).sum() / batch.valid.sum()


def subset(whole: Pool, rows: Tensor) -> Pool:
    """These rows of a pool."""
    return Pool(whole.motion[rows], whole.sound[rows], whole.heard[rows], whole.given[rows], whole.valid[rows])


def train(model: MotionTransformer, whole: Pool, kept: Pool, change: Tensor, path: Path, steps: int, seed: int) -> None:
    """Fit ``model``; leaves the averaged weights in it. A state beside ``path`` lets a stopped run go on."""
    generator = torch.Generator().manual_seed(seed)
    average = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1.2e-3, total_steps=steps, pct_start=0.05)
    first, state = 0, path.with_name(path.name + ".state")
    if state.exists():
        stored = torch.load(state, weights_only=False)
        model.load_state_dict(stored["model"])
        optimiser.load_state_dict(stored["optimiser"])
        schedule.load_state_dict(stored["schedule"])
        generator.set_state(stored["generator"])
        average, first = stored["average"], stored["step"]
    started = time.monotonic()
    running = 0.0
    for step in range(first, steps):
        rows = torch.randint(len(whole.motion), (BATCH,), generator=generator)
        loss = loss_of(model, subset(whole, rows), change, generator)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        share = min(AVERAGE, (step + 1) / (step + 10))
        with torch.no_grad():
            for name, tensor in model.state_dict().items():
                average[name].lerp_(tensor, 1 - share)
        running += 0.01 * (float(loss.detach()) - running) if step > first else float(loss.detach())
        if step % 250 == 249 or step == steps - 1:
            with torch.no_grad():
                judge = torch.Generator().manual_seed(1)
                aside = float(loss_of(model, kept, change, judge))
            print(f"step {step + 1}: loss {running:.4f}, kept aside {aside:.4f}, {time.monotonic() - started:.0f} s", flush=True)
            kept_state = {
                "model": model.state_dict(), "optimiser": optimiser.state_dict(), "schedule": schedule.state_dict(),
                "generator": generator.get_state(), "average": average, "step": step + 1,
            }  # fmt: skip
            with atomic_path(state, force=True) as temporary:
                torch.save(kept_state, temporary)
            save(average, path)
    model.load_state_dict(average)


def save(tensors: dict[str, Tensor], path: Path) -> None:
    """Write weights in half precision, atomically."""
    with atomic_path(path, force=True) as temporary:
        save_file({name: tensor.half().contiguous() for name, tensor in tensors.items()}, temporary)
