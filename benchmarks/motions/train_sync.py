"""Train ``sync.safetensors``.

``python -m tellmark.benchmarks.motions.train_sync FOLDER TRACKS [FOLDER TRACKS ..] OUT``

Ten minutes on one core. FOLDER holds talking faces with sound, TRACKS is what ``tellmark track`` made of it. A third
of the persons, by a hash of their names, is never trained on: offset accuracy and AUC are theirs. The loss picks the
right offset among those of a clip, and the right clip among those of a batch (InfoNCE, van den Oord et al. 2018).
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tellmark.benchmarks.motions import sync
from tellmark.benchmarks.motions.sync_synthetic import synthetic_pair
from tellmark.errors import TellmarkError
from tellmark.generator.actors import actor
from tellmark.generator.track import Track, read_manifest
from tellmark.runs import atomic_path
from tellmark.types import F32, F64

STEPS, UTTERANCES = (1000, 800), 500
BATCH, CROP = 24, 75
_TEMPERATURE = 0.1
_SPEAKING = -2  # column of the sound


@dataclass(frozen=True, slots=True)
class Pair:
    """Lips and sound of one clip."""

    person_id: str
    lips: F32  # (T, 12)
    sound: F32  # (>= 4 T, 19)


def held_out(person_id: str) -> bool:
    """Whether a person is kept from training, here and wherever the metric is compared with real video."""
    return hashlib.sha256(person_id.encode()).digest()[0] % 3 == 0


def pairs(folder: Path, tracks: Path) -> list[Pair]:
    """Every clip of a tracked folder that has sound, and lips that move."""
    found: list[Pair] = []
    for row in read_manifest(tracks):
        if row["has_audio"] != "1":
            continue
        try:
            sound = sync.sound_of(folder / row["path"])
        except TellmarkError:
            continue
        track = Track.load(tracks / row["track"])
        if track.found.mean() > 0.9 and len(track) >= 2 * sync.REACH + sync.WINDOW:
            lips = sync.lip_shape(track)
            frames = min(len(lips), len(sound) // sync.HOPS_A_FRAME)
            if sound[:, _SPEAKING].mean() < 0.3 or lips[:, 1].std() < 0.12:
                continue
            found.append(Pair(row["person_id"], lips[:frames], sound[: frames * sync.HOPS_A_FRAME]))
    return found


def train(data: list[Pair], out: Path, *, steps: int, seed: int = 0, start: Path | None = None) -> None:
    """Train on ``data`` and write the weights; ``start`` are weights to go on from."""
    import torch
    from safetensors.torch import load_file, save_file

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = sync.build()
    if start is not None:
        net.load_state_dict({name: value.float() for name, value in load_file(start).items()})
    optimiser = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps, pct_start=0.1)
    long = [pair for pair in data if len(pair.lips) >= 60]
    share = np.array([min(len(pair.lips), 250) for pair in long], np.float64)
    for step in range(steps):
        chosen = rng.choice(len(long), BATCH, p=share / share.sum())
        crops = [_crop(long[k], rng) for k in chosen]
        lips, sound = (torch.from_numpy(np.stack(part)) for part in zip(*crops, strict=True))
        a, b = net["lips"](lips), net["sound"](sound)
        loss = _loss(a, b, torch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 250 == 0:
            print(f"step {step}: {loss.item():.3f}", file=sys.stderr, flush=True)
    with atomic_path(out, force=True) as temporary:
        save_file({name: value.detach().half().contiguous() for name, value in net.state_dict().items()}, temporary)


def _loss(a: Any, b: Any, torch: Any) -> Any:
    """Cross-entropy of the right moment among those of the clip, both ways, and of the right clip."""
    count = a.shape[2]
    logits = torch.einsum("bet,bes->bts", a, b) / _TEMPERATURE
    times = torch.arange(count)
    # Neighbours by one frame look alike and are neither right nor wrong.
    near = (times[:, None] - times).abs() == 1
    logits = logits.masked_fill(near, -1e4)
    goal = times.repeat(len(a))
    ways = (logits.reshape(-1, count), logits.transpose(1, 2).reshape(-1, count))
    within = sum(torch.nn.functional.cross_entropy(way, goal) for way in ways) / 2
    # Evidence adds up over a clip: the whole of it against the whole of the others.
    whole = torch.einsum("bet,cet->bc", a, b) / count / _TEMPERATURE * 4
    return within + 0.5 * torch.nn.functional.cross_entropy(whole, torch.arange(len(a)))


def _crop(pair: Pair, rng: np.random.Generator) -> tuple[F32, F32]:
    """((12, CROP), (19, 4 * CROP)) of a random piece: played faster or slower, other lips, another microphone."""
    hops = sync.HOPS_A_FRAME
    speed = min(float(np.exp(rng.uniform(-0.15, 0.15))), (len(pair.lips) - 1) / CROP)
    first = rng.uniform(0, len(pair.lips) - 1 - speed * (CROP - 1))
    lips = _resample(pair.lips, first + speed * np.arange(CROP))
    sound = _resample(pair.sound, hops * first + speed * np.arange(hops * CROP))
    lips = lips * np.exp(rng.normal(0, 0.25) + rng.normal(0, 0.12, lips.shape[1])) + rng.normal(0, 0.15, lips.shape[1])
    lips += rng.normal(0, 0.04, lips.shape)
    bands = sound.shape[1] - 3
    sound[:, :bands] += rng.normal(0, 0.15, bands) + rng.normal(0, 0.08, (len(sound), bands))
    if rng.random() < 0.5:  # a hole in the spectrum
        low = rng.integers(bands - 3)
        sound[:, low : low + rng.integers(1, 4)] = 0
    return lips.T.astype(np.float32).copy(), sound.T.astype(np.float32).copy()


def _resample(rows: F32, position: F64) -> F64:
    low = np.clip(np.floor(position).astype(int), 0, len(rows) - 1)
    part = (position - low)[:, None]
    return np.asarray(rows[low] * (1 - part) + rows[np.minimum(low + 1, len(rows) - 1)] * part, np.float64)


def accuracy(data: list[Pair], seconds: float = 3.0) -> dict[str, float]:
    """Offset accuracy (within one frame) on pieces and on whole clips, and AUC of matched against shifted pieces."""
    from sklearn.metrics import roc_auc_score

    span = round(seconds * 25)
    right_pieces, right_clips, matched, shifted = [], [], [], []
    for pair in data:
        a, b = sync.embed(pair.lips, pair.sound)
        right_clips.append(abs(sync.judge(a, b).offset) <= 1)
        for start in range(0, len(a) - span + 1, span // 2):
            distances = sync.offset_distances(a[start : start + span], b[start : start + span])
            right_pieces.append(abs(int(distances.argmin()) - sync.REACH) <= 1)
            matched.append(distances[sync.REACH])
            shifted += [*distances[: sync.REACH - 4], *distances[sync.REACH + 5 :]]
    truth = [1] * len(matched) + [0] * len(shifted)
    return {
        "clips": len(data),
        "persons": len({pair.person_id for pair in data}),
        "offset accuracy of clips": float(np.mean(right_clips)),
        "offset accuracy of 3 s": float(np.mean(right_pieces)),
        "AUC of 3 s": float(roc_auc_score(truth, [-d for d in (*matched, *shifted)])),
    }


def main(arguments: list[str]) -> None:
    """Synthetic pairs first, then real ones with some of them; prints what the weights are worth on persons aside."""
    *places, out = map(Path, arguments)
    known = [pair for folder, tracks in zip(places[::2], places[1::2], strict=True) for pair in pairs(folder, tracks)]
    taught = [pair for pair in known if not held_out(pair.person_id)]
    faces = [actor(seed).landmarks for seed in range(30, 42)]
    made = [Pair(f"synthetic {k}", *synthetic_pair(faces, k, 0)) for k in range(UTTERANCES)]
    sync.WEIGHTS = out
    train(made, out, steps=STEPS[0])
    train(taught + made[: UTTERANCES // 4], out, steps=STEPS[1], start=out)
    for name, value in accuracy([pair for pair in known if held_out(pair.person_id)]).items():
        print(f"{name:26} {value:.3f}")


if __name__ == "__main__":
    main(sys.argv[1:])
