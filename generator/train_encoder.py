"""Train ``encoder.safetensors``: ``python -m tellmark.generator.train_encoder OUT.safetensors [--speech FOLDER]``.

First on synthetic speech made on the spot, in many languages and voices, whose phonemes and with them the lips are
known, spoiled as recordings are (``train_inversion``). Then, given a folder of recordings, on both: for these a copy of
the network that hears the clean recording teaches the one that hears it spoiled (self-training). State is kept beside
OUT every few hundred steps; the same command goes on from it.
"""

from __future__ import annotations

import argparse
import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from tellmark.generator.acoustics import SAMPLE_RATE_HZ, analyse
from tellmark.generator.encoder import Network, Outputs, SpeechEncoder
from tellmark.generator.hearing import Hearing
from tellmark.generator.levels import normalise
from tellmark.generator.sentences import sentences
from tellmark.generator.train_inversion import invented, noise, spoil, spoken
from tellmark.generator.visemes import GESTURES, group, lip_tracks, segments
from tellmark.generator.voice import Phoneme
from tellmark.media import read_audio
from tellmark.runs import Progress, atomic_path
from tellmark.types import F32, F64

LANGUAGES = (
    *("en-us", "en", "de", "es", "fr", "it", "pl", "pt-br", "tr", "nl", "sv", "fi", "hu", "id", "ro", "cs", "sw"),
    *("cmn", "cmn", "ru", "hi", "ko", "ja", "vi", "en-us", "de", "es"),
)
VARIANTS = ("", "", "", "m1", "m2", "m4", "m5", "m6", "m8", "f1", "f2", "f3", "f5", "klatt", "klatt2", "whisper")
KEPT_ASIDE = (("da", "el", "hr", "ca"), ("m3", "m7", "f4", "klatt4"))  # languages and voices, for the benchmark

CROP = 400  # hops of a training example
WARM = 12  # rows at the start of a crop that are not judged, unless the sound starts there
BATCH = 16
RATE = 4e-3
SPOILT = 6  # ways in which every recording is heard
CLOSED = ("closure", "labiodental")  # may be shorter than a row


@dataclass(frozen=True, slots=True)
class Example:
    """A sound as heard, and what is true of it."""

    hops: NDArray[np.float16]  # (H, COLUMNS)
    gestures: NDArray[np.float16]  # (T, len(GESTURES))
    groups: NDArray[np.int64]  # (T,) index into ``PHONEME_GROUPS``; -1 is not known
    scalars: NDArray[np.float16]  # (T, 4) speaking, energy, voiced, pitch_st / 6
    clean: NDArray[np.float16] | None = None  # (H, COLUMNS) what the teacher hears; None where the truth is known


def synthetic(index: int, seed: int) -> Example:
    """Utterance number ``index``: one or two texts by one voice, spoiled."""
    rng = np.random.default_rng((seed, index))
    sound, phonemes = drawn_voice(rng, known=0.35)
    if rng.random() < 0.15:  # some sounds go on after the speech
        sound = np.pad(sound, (0, int(rng.uniform(1, 6) * SAMPLE_RATE_HZ)))
    if rng.random() < 0.04:  # and some hold none
        heard = noise(len(sound), rng)
        heard = heard / np.abs(heard).max() * 10 ** rng.uniform(-2.5, 0)
        return example(np.zeros_like(sound), [Phoneme(0.0, "")], heard.astype(np.float32))
    return example(sound, phonemes, spoil(sound, rng))


def drawn_voice(rng: np.random.Generator, known: float) -> tuple[F32, list[Phoneme]]:
    """One or two random texts by one voice, and their phonemes; a share ``known`` are sentences, not invented."""
    language, variant = str(rng.choice(LANGUAGES)), str(rng.choice(VARIANTS))
    there = sentences(language)
    texts = [
        str(rng.choice(there)) if there and (rng.random() < known or language == "cmn") else invented(rng)
        for _ in range(rng.integers(1, 3))
    ]
    return spoken("\n".join(texts), rng, language, variant or None)


def example(sound: F32, phonemes: Sequence[Phoneme], heard: F32) -> Example:
    """What is true of ``sound``, heard as ``heard``."""
    rows = round(len(sound) / SAMPLE_RATE_HZ * 25)
    duration_s = len(sound) / SAMPLE_RATE_HZ
    tracks = lip_tracks(phonemes, duration_s)
    soft, hard = ndimage.gaussian_filter1d(tracks, 1.5, axis=0), ndimage.maximum_filter1d(tracks, 3, axis=0)
    places = np.minimum(4 * np.arange(rows), len(tracks) - 1)
    gestures = soft[places]
    for name in CLOSED:
        gestures[:, GESTURES.index(name)] = hard[places, GESTURES.index(name)]
    groups, talking = np.zeros(rows, np.int64), np.zeros(len(tracks))
    for start_s, end_s, name in segments(phonemes, duration_s):
        found = group(name)
        groups[int(np.ceil(start_s * 25 - 1e-6)) : int(np.ceil(end_s * 25 - 1e-6))] = -1 if found is None else found
        if found != 0:
            talking[round(start_s * 100) : round(end_s * 100) + 1] = 1
    closed = ndimage.binary_closing(np.pad(talking, 30) > 0, np.ones(25, bool))[30:-30]  # short gaps are speech
    speaking = ndimage.gaussian_filter1d(closed.astype(np.float64), 3)[places]
    measured = _measured(sound, rows)
    measured[:, 0] = speaking
    return _pack(heard, gestures, groups, measured)


def _measured(sound: F32, rows: int) -> F64:
    """(rows, 4) speaking, energy, voiced and pitch / 6 of a clean sound, from the seconds around."""
    level = normalise(analyse([sound]))
    pitch = np.clip(level.pitch_st, -18, 18) / 6
    hops = np.column_stack([level.speaking, level.energy, level.voiced, pitch])
    return np.asarray(ndimage.gaussian_filter1d(hops, 1.4, axis=0)[np.minimum(4 * np.arange(rows), len(hops) - 1)])


def _pack(heard: F32, gestures: F64, groups: NDArray[np.int64], measured: F64, clean: F32 | None = None) -> Example:
    half = np.float16
    taught = None if clean is None else hops_of(clean).astype(half)
    return Example(hops_of(heard).astype(half), gestures.astype(half), groups, measured.astype(half), taught)


def hops_of(sound: F32) -> F32:
    """All hops that the rows of a sound need: it ends in as much silence as the encoder looks ahead."""
    return Hearing().push(np.pad(sound, (0, 1280)))


def recorded(paths: Sequence[Path], seed: int) -> Iterator[Example]:
    """Recordings, spoiled; without the truth about phonemes and lips, which the teacher has to give."""
    for index, path in enumerate(paths):
        rng = np.random.default_rng((seed, 1, index))
        sound = np.concatenate(list(read_audio(path, SAMPLE_RATE_HZ)))
        sound = sound / max(float(np.abs(sound).max()), 1e-3)
        rows = round(len(sound) / SAMPLE_RATE_HZ * 25)
        unknown = np.full(rows, -1)
        yield _pack(spoil(sound, rng), np.zeros((rows, len(GESTURES))), unknown, _measured(sound, rows), sound)


_TRUTHS = ("gestures", "groups", "scalars")
_PARTS = ("hops", "clean", *_TRUTHS, "weight")


def crops(examples: Sequence[Example], rng: np.random.Generator, size: int = BATCH) -> dict[str, Tensor]:
    """A batch of crops of CROP hops; ``weight`` says which rows count."""
    rows = CROP // 4 - 1  # the last needs hops beyond the crop
    batch: dict[str, list[F32]] = {name: [] for name in _PARTS}
    for index in rng.integers(len(examples), size=size):
        item = examples[index]
        last = max(0, len(item.groups) - rows)
        first = int(rng.integers(-WARM, last + 1))
        first = max(first, 0)
        weight = np.ones(rows, np.float32)
        weight[: WARM if first else 0] = 0
        weight[len(item.groups) - first :] = 0
        hops = _cut(item.hops, 4 * first, CROP)
        batch["hops"].append(_masked(hops, rng))
        batch["clean"].append(hops if item.clean is None else _cut(item.clean, 4 * first, CROP))
        for name in _TRUTHS:
            batch[name].append(_cut(getattr(item, name), first, rows))
        batch["weight"].append(weight if item.clean is None else -weight)  # negative: the teacher knows
    return {name: torch.from_numpy(np.stack(parts)) for name, parts in batch.items()}


def _cut(rows: NDArray[np.generic], first: int, count: int) -> F32:
    part = rows[first : first + count]
    return np.pad(part, [(0, count - len(part)), *[(0, 0)] * (rows.ndim - 1)]).astype(np.float32)


def _masked(hops: F32, rng: np.random.Generator) -> F32:
    """Now and then some neighbouring bands are missing (SpecAugment, Park et al. 2019)."""
    if rng.random() < 0.4:
        first, width = rng.integers(0, 30), rng.integers(2, 6)
        for base in (0, 32):
            hops[:, base + first : base + min(32, first + width)] = 0
    return hops


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
