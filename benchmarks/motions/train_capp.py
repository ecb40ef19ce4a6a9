"""Train ``capp.safetensors``.

``python -m tellmark.benchmarks.motions.train_capp FOLDER TRACKS [FOLDER TRACKS ..] OUT``

FOLDER holds real talking faces with sound, TRACKS is what ``tellmark track`` made of it. The persons are dealt into
three parts by a hash of their names. Three networks are each judged on the part they were not trained on; the one that
was kept from ``train_sync.held_out`` persons is written.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tellmark.benchmarks.motions import capp
from tellmark.errors import TellmarkError
from tellmark.generator.track import Track, read_manifest
from tellmark.runs import atomic_path
from tellmark.types import F32, F64

STEPS, BATCH = 500, 24
_TEMPERATURE = 0.1
_OTHERS = (2, 3, 4, 6, 8, 12, 16)  # frames by which the sound is shifted to be wrong
_MARGIN = _OTHERS[-1]
_SPEAKING = -2  # column of the sound
_MIRROR = np.array([-1, 1, -1, -1, 1, 1] * 2, np.float32)


@dataclass(frozen=True, slots=True)
class Pair:
    """Pose and sound of one clip, T rows each."""

    person_id: str
    pose: F32  # (T, 12)
    sound: F32  # (T, 19)


def part_of(person_id: str) -> int:
    """Which third of the persons; 0 is ``train_sync.held_out``."""
    return hashlib.sha256(person_id.encode()).digest()[0] % 3


def pairs(folder: Path, tracks: Path) -> list[Pair]:
    """Every clip of a tracked folder in which somebody speaks for long enough."""
    found = []
    for row in read_manifest(tracks):
        if row["has_audio"] != "1":
            continue
        track = Track.load(tracks / row["track"])
        try:
            sound = capp.sound_rows(folder / row["path"])
        except TellmarkError:
            continue
        frames = min(len(track), len(sound))
        if frames < capp.WINDOW + 2 * _MARGIN or track.found.mean() < 0.9 or sound[:, _SPEAKING].mean() < 0.3:
            continue
        found.append(Pair(row["person_id"], capp.pose_rows(track)[:frames], sound[:frames]))
    return found


def train(data: list[Pair], *, steps: int = STEPS, seed: int = 0) -> Any:
    """A network taught on ``data``: the right sound among those of other clips and other moments, and the other way."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = capp.build()
    optimiser = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps, pct_start=0.1)
    share = np.array([len(pair.pose) for pair in data], np.float64)
    for _ in range(steps):
        crops = [_crop(data[k], rng) for k in rng.choice(len(data), BATCH, p=share / share.sum())]
        pose, sound = (torch.from_numpy(np.stack(part)) for part in zip(*crops, strict=True))
        reach = range(0, 2 * _MARGIN + 1)
        wrong = rng.choice([d for d in reach if abs(d - _MARGIN) in _OTHERS], 3, replace=False)
        places = [_MARGIN, *(int(d) for d in wrong)]
        seen = net["pose"](pose[:, :, _MARGIN : _MARGIN + capp.WINDOW])
        heard = [net["sound"](sound[:, :, d : d + capp.WINDOW]) for d in places]
        own = torch.stack([(seen * other).sum(1) for other in heard], 1) / _TEMPERATURE  # (B, moments)
        across = seen @ heard[0].T / _TEMPERATURE
        goal = torch.arange(len(seen))
        loss = torch.nn.functional.cross_entropy(own, torch.zeros_like(goal))
        loss = loss + (torch.nn.functional.cross_entropy(across, goal)
                       + torch.nn.functional.cross_entropy(across.T, goal)) / 2  # fmt: skip
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
    return net.eval()


def _crop(pair: Pair, rng: np.random.Generator) -> tuple[F32, F32]:
    """((12, n), (19, n)) of a random piece: other sizes of movement, mirrored, another microphone."""
    count = capp.WINDOW + 2 * _MARGIN
    first = int(rng.integers(len(pair.pose) - count + 1))
    pose = pair.pose[first : first + count] * (_MIRROR if rng.random() < 0.5 else 1)
    pose = pose * np.exp(rng.normal(0, 0.3)) + rng.normal(0, 0.1, pose.shape)
    sound = pair.sound[first : first + count].copy()
    bands = sound.shape[1] - 3
    sound[:, :bands] += rng.normal(0, 0.15, bands) + rng.normal(0, 0.08, (count, bands))
    return pose.T.astype(np.float32).copy(), sound.T.astype(np.float32).copy()


def shift_test(data: list[Pair], net: Any) -> F64:
    """(clips, 9) :func:`capp.scores` of every clip."""
    return np.stack([capp.scores(pair.pose, pair.sound, net) for pair in data])


def foreign(data: list[Pair], net: Any) -> F64:
    """(n,) score of every clip's head with the sound of every other person's."""
    found = []
    for pair in data:
        for other in data:
            frames = min(len(pair.pose), len(other.sound))
            if other.person_id != pair.person_id:
                found.append(capp.scores(pair.pose[:frames], other.sound[:frames], net)[len(capp.SHIFTS) // 2])
    return np.array(found)


def main(arguments: list[str]) -> None:
    """Train three times, print what each says of those it was not trained on, write the first."""
    from safetensors.torch import save_file
    from sklearn.metrics import roc_auc_score

    *places, out = map(Path, arguments)
    known = [pair for folder, tracks in zip(places[::2], places[1::2], strict=True) for pair in pairs(folder, tracks)]
    shifted, strange = [], []
    for part in range(3):
        net = train([pair for pair in known if part_of(pair.person_id) != part])
        aside = [pair for pair in known if part_of(pair.person_id) == part]
        shifted.append(shift_test(aside, net))
        strange.append(foreign(aside, net))
        if part == 0:
            with atomic_path(out, force=True) as temporary:
                tensors = {name: value.detach().half().contiguous() for name, value in net.state_dict().items()}
                save_file(tensors, temporary)
    own, other = np.concatenate(shifted), np.concatenate(strange)
    middle = own[:, len(capp.SHIFTS) // 2]
    persons = len({pair.person_id for pair in known})
    print(f"{len(known)} clips of {persons} persons, judged by nets that never saw them")
    for shift, value in zip(capp.SHIFTS, own.mean(0), strict=True):
        print(f"pose shifted by {shift:+d} frames  {value:.4f}")
    print(f"another person's sound      {other.mean():.4f}")
    truth = [1] * len(middle) + [0] * len(other)
    print(f"AUC own against another's   {roc_auc_score(truth, [*middle, *other]):.3f}")


if __name__ == "__main__":
    main(sys.argv[1:])
