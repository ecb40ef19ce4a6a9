"""Train ``motion.safetensors``: ``python -m tellmark.generator.training.train_motion TRACKS VIDEOS OUT.safetensors``.

TRACKS is a folder written by ``tellmark track`` from the folder VIDEOS. State is kept beside OUT every few minutes; the
same command goes on from it. A GPU is used where there is one, several with ``torchrun --nproc-per-node N -m
tellmark.generator.training.train_motion ..``.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from tellmark.generator.audio.encoder import SpeechEncoder
from tellmark.generator.dynamics import latent_motion as columns
from tellmark.generator.dynamics.conditioning import CONDITIONS, SOUND
from tellmark.generator.dynamics.diffusion import MotionTransformer, Sizes
from tellmark.generator.latent import face_latent
from tellmark.generator.track import Track, read_manifest
from tellmark.generator.training.motion_data import Mixer, draws, film, utterance
from tellmark.runs import atomic_path
from tellmark.types import F32

STEPS, BATCH = 3300, 16
POOL, UTTERANCES = 5000, 700
# The films are few and are soon known by heart. Against that the past is disturbed, by at most this much of a usual
# change (more makes velocities tremble), now and then missing, and movements are made smaller or larger.
DISTURBED, FORGOTTEN, SIZED = 0.25, 0.2, (0.6, 1.6)
AVERAGE = 0.999  # of the weights, exponentially: what is saved
_EVERY = 250  # steps between checkpoints


@dataclass(slots=True)
class Pool:
    """Sequences drawn beforehand: P of them, in tensors."""

    motion: Tensor  # (P, LENGTH + 1, D) in units of ``Units.spread``
    sound: Tensor  # (P, LENGTH, SOUND)
    heard: Tensor  # (P,) 0 where the sound is not to be heard
    given: Tensor  # (P, C)
    valid: Tensor  # (P, LENGTH) 0 where the film had ended

    def rows(self, which: Tensor, device: torch.device) -> Pool:
        """These sequences, on a device."""
        return Pool(*(getattr(self, field.name)[which].to(device) for field in fields(self)))


@dataclass(frozen=True, slots=True)
class Units:
    """What the network sees as 1."""

    spread: F32  # (D,) of places
    change: F32  # (D,) from frame to frame, in those


def pool(mixer: Mixer, count: int, seed: int, units: Units | None = None) -> tuple[Pool, Units]:
    """``count`` sequences, in units that are measured on them where none are given."""
    items = list(draws(mixer, count, seed))
    motion, valid = np.stack([item.motion for item in items]), np.stack([item.valid for item in items])
    if units is None:
        spread = motion.reshape(-1, motion.shape[-1]).std(0) + 1e-4
        change = np.diff(motion, axis=1)[valid].std(0) + 1e-5
        units = Units(spread.astype(np.float32), (change / spread).astype(np.float32))
    sound, given = np.stack([item.sound for item in items]), np.stack([item.given for item in items])
    heard = torch.tensor([float(item.heard) for item in items])
    parts = [torch.from_numpy(part) for part in (motion / units.spread, sound, given, valid.astype(np.float32))]
    return Pool(parts[0], parts[1], heard, parts[2], parts[3]), units


def loss_of(model: nn.Module, batch: Pool, change: Tensor, generator: torch.Generator) -> Tensor:
    """Mean squared error of the flow over the frames that count; ``change`` as in :class:`Units`."""
    size, frames = batch.sound.shape[:2]
    device = batch.sound.device

    def noise_like(shape: Sequence[int]) -> Tensor:
        return torch.randn(tuple(shape), generator=generator).to(device)

    motion = _resized(batch.motion, generator)
    disturbed = DISTURBED * torch.rand(size, 1, 1, generator=generator).to(device) * change
    places = motion + disturbed * noise_like(motion.shape)
    before, past = places[:, :-1], torch.cat([places[:, 1:], (places[:, 1:] - places[:, :-1]) / change], 2)
    truth = (motion[:, 1:] - before) / change
    past = past * (torch.rand(size, frames, 1, generator=generator) >= FORGOTTEN).to(device)
    noise, when = noise_like(truth.shape), torch.sigmoid(noise_like((size, frames)))
    noisy = noise + when[..., None] * (truth - noise)
    given = batch.given[:, None].expand(-1, frames, -1)
    heard = batch.heard[:, None, None].expand(-1, frames, 1)
    with torch.autocast(device.type, torch.bfloat16):
        flow = model(past, before, noisy, when, batch.sound, heard, given)
    wrong = (flow.float() - (truth - noise)).square().mean(2)
    return torch.as_tensor((wrong * batch.valid).sum() / batch.valid.sum())


def _resized(motion: Tensor, generator: torch.Generator) -> Tensor:
    """Head and gaze each moved less or more about their mean, which the controls have set."""
    sized = motion.clone()
    low, high = np.log(SIZED)
    for part in (slice(0, 5), columns.GAZE):
        factor = torch.exp(low + (high - low) * torch.rand(len(motion), 1, 1, generator=generator)).to(motion.device)
        middle = motion[:, :, part].mean(1, keepdim=True)
        sized[:, :, part] = middle + factor * (motion[:, :, part] - middle)
    return sized


class Course:
    """A training under way; everything in it is in the checkpoint."""

    def __init__(self, model: MotionTransformer, steps: int, seed: int) -> None:
        self.model = model
        self.average = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        self.optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, betas=(0.9, 0.98))
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimiser, 1.2e-3, total_steps=steps, pct_start=0.05)
        self.generator = torch.Generator().manual_seed(seed)
        self.step = 0

    def save(self, path: Path) -> None:
        """Write a checkpoint, atomically."""
        state = {name: getattr(self, name).state_dict() for name in ("model", "optimiser", "schedule")}
        state |= {"average": self.average, "generator": self.generator.get_state(), "step": self.step}
        with atomic_path(path, force=True) as temporary:
            torch.save(state, temporary)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint."""
        state = torch.load(path, weights_only=True, map_location=next(self.model.parameters()).device)
        for name in ("model", "optimiser", "schedule"):
            getattr(self, name).load_state_dict(state[name])
        self.average, self.step = state["average"], state["step"]
        self.generator.set_state(state["generator"].cpu())

    @torch.no_grad()
    def remember(self) -> None:
        """Let the averaged weights follow."""
        share = min(AVERAGE, (self.step + 1) / (self.step + 10))
        for name, tensor in self.model.state_dict().items():
            self.average[name].lerp_(tensor, 1 - share)


def train(whole: Pool, kept: Pool, units: Units, path: Path, *, steps: int = STEPS, seed: int = 0, width: int = 192,
          layers: int = 4) -> float:  # fmt: skip
    """Train a model and write it to ``path``; returns its loss on the sequences kept aside."""
    rank, several = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")) > 1
    gpu = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if gpu else torch.device("cpu")
    if several and not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if gpu else "gloo")
    torch.manual_seed(seed)
    model = MotionTransformer(Sizes(whole.motion.shape[2], SOUND, len(CONDITIONS), width, layers)).to(device)
    course, state = Course(model, steps, seed + rank), path.with_name(path.name + ".state")
    if state.exists():
        course.load(state)
    trained = nn.parallel.DistributedDataParallel(model) if several else model
    change, aside = torch.from_numpy(units.change).to(device), float("nan")
    while course.step < steps:
        rows = torch.randint(len(whole.motion), (BATCH,), generator=course.generator)
        loss = loss_of(trained, whole.rows(rows, device), change, course.generator)
        course.optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        course.optimiser.step()
        course.schedule.step()
        course.remember()
        course.step += 1
        if course.step % _EVERY == 0 or course.step == steps:
            with torch.no_grad():
                every = torch.arange(len(kept.motion))
                aside = float(loss_of(model, kept.rows(every, device), change, torch.Generator().manual_seed(1)))
            if rank == 0:
                print(f"step {course.step}: loss {float(loss.detach()):.4f}, kept aside {aside:.4f}", flush=True)
                course.save(state)
                save(course.average, units, path)
    return aside


def save(tensors: dict[str, Tensor], units: Units, path: Path) -> None:
    """Write the weights in half precision and the units beside them, atomically."""
    stored = {name: tensor.half().cpu().contiguous() for name, tensor in tensors.items()}
    stored |= {"spread": torch.from_numpy(units.spread), "change": torch.from_numpy(units.change)}
    with atomic_path(path, force=True) as temporary:
        save_file(stored, temporary)


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m tellmark.generator.training.train_motion", description=__doc__)
    parser.add_argument("tracks", type=Path, help="folder written by tellmark track")
    parser.add_argument("videos", type=Path, help="folder that was tracked")
    parser.add_argument("out", type=Path)
    parser.add_argument("--aside", nargs="*", default=(), help="persons that are kept out of the training")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--pool", type=int, default=POOL, help="sequences")
    parser.add_argument("--utterances", type=int, default=UTTERANCES)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    latent, encoder = face_latent(), SpeechEncoder.load()
    rows = read_manifest(options.tracks)
    films = [
        (
            row["person_id"],
            film(Track.load(options.tracks / row["track"]), options.videos / row["path"], latent, encoder),
        )
        for row in rows
    ]
    spoken = [utterance(np.random.default_rng((options.seed, 7, n)), encoder) for n in range(options.utterances)]
    few = max(1, len(spoken) // 12)
    own = [made for person, made in films if person not in options.aside]
    others = [made for person, made in films if person in options.aside] or own
    whole, units = pool(Mixer(own, spoken[few:]), options.pool, options.seed)
    kept, _ = pool(Mixer(others, spoken[:few]), min(200, options.pool), options.seed + 1, units)
    train(whole, kept, units, options.out, steps=options.steps, seed=options.seed)


if __name__ == "__main__":
    main()
