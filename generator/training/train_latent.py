"""Train ``latent.safetensors``: ``python -m tellmark.generator.training.train_latent TRACKS OUT.safetensors``.

TRACKS is a folder written by ``tellmark track``. Beside its faces, virtual actors wear expressions of the renderer's
basis: there the same expression is known on any two faces, so that transfer between people is trained on truth.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from tellmark.generator.actors import actor
from tellmark.generator.geometry.basis import expression_basis
from tellmark.generator.geometry.canonical import POINTS, mean_face, pose_free
from tellmark.generator.latent import DYNAMICS, FaceLatent, mirror_index, point_weights, pose_terms, rest_mesh
from tellmark.generator.mesh.mesh import expression_weights
from tellmark.generator.track import Track, read_manifest
from tellmark.generator.types import EXPRESSIONS
from tellmark.landmarks import head_rotation_deg
from tellmark.runs import Progress, atomic_path
from tellmark.types import F32

STEPS, BATCH = 3000, 96
ACCUSED = 0.03  # weight of what the adversary must not know
FRONTAL_DEG = 10.0  # what the mean face is made of
_FIRST_ACTOR = 5000


@dataclass(frozen=True, slots=True)
class Faces:
    """What the latent space is trained on. Real frames first; then faces that wear the basis."""

    mean: F32  # (468, 3) mm
    pattern: F32  # (terms, 468, 3) mm
    rest: F32  # (R, 468, 3) mm rest shape of every clip
    moved: F32  # (N, 468, 3) mm displacement from it
    clip: NDArray[np.int64]  # (N,) row of ``rest``
    pose: F32  # (N, 3) degrees
    people: NDArray[np.int64]  # (R,) which person a clip shows
    worn: F32  # (A, 468, 3) mm rest shapes that can wear expressions
    basis: F32  # (A, E, 468, 3) mm


def train(faces: Faces, model: FaceLatent, steps: int = STEPS, seed: int = 0, progress: Progress | None = None) -> None:
    """Fit ``model`` in place."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model.mean.copy_(torch.from_numpy(faces.mean))
    model.wearer.copy_(torch.from_numpy(faces.worn.mean(0)))
    model.pattern.copy_(torch.from_numpy(faces.pattern))
    count = int(faces.people.max()) + 1
    dynamics = model.move_linear.in_features
    accuser = nn.Sequential(nn.Linear(dynamics, 64), nn.GELU(), nn.Linear(64, count + 3))  # who is it, and how turned?
    optimiser = torch.optim.AdamW([*model.parameters()], lr=1e-3, weight_decay=1e-4)
    against = torch.optim.AdamW(accuser.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)
    weights = torch.from_numpy(point_weights())[None, :, None]
    weights = weights / weights.mean()
    across = mirror_index(faces.mean)
    by_clip = [np.flatnonzero(faces.clip == clip) for clip in range(len(faces.rest))]

    def off(a: Tensor, b: Tensor) -> Tensor:
        return (weights * (a - b).square()).mean()

    for step in range(steps):
        # Every person as often as any other, however long the films are.
        people = rng.integers(count, size=BATCH)
        clips = np.array([rng.choice(np.flatnonzero(faces.people == person)) for person in people])
        rows = np.array([rng.choice(by_clip[clip]) for clip in clips])
        mirrored = rng.random(BATCH) < 0.5
        grown = rng.uniform(0.6, 1.3, (BATCH, 1, 1))
        moved = torch.from_numpy(_mirror(faces.moved[rows] * grown, mirrored, across))
        rest = torch.from_numpy(_mirror(faces.rest[clips], mirrored, across))
        one, other = _wear(faces, rng)
        identity, mine, theirs = (model.encode_identity(shape) for shape in (rest, one[0], other[0]))
        code, worn = model.encode(moved, identity), model.encode(one[1], mine)
        noisy = code + 0.1 * torch.randn_like(code)
        swapped = torch.roll(identity, 1, 0)
        carried = model.decode(code, swapped)
        loss = off(model.decode(noisy, identity), moved)
        loss = loss + off(model.decode(worn + 0.1 * torch.randn_like(worn), theirs), other[1])  # transfer, with truth
        loss = loss + 0.3 * (model.encode(carried, swapped) - code).square().mean()  # transfer, there and back
        loss = loss + 0.3 * (model.encode(other[1], theirs) - worn).square().mean()  # the same on every face
        loss = loss + 0.3 * off(model.decode_identity(identity), rest) + 0.3 * off(model.decode_identity(mine), one[0])
        loss = loss + 0.01 * code.square().mean()
        # Nobody shall tell from the code who moves, or which way the head is turned.
        pose = torch.from_numpy(faces.pose[rows] * np.where(mirrored, -1, 1)[:, None] * (1, 0, 1)
                                + faces.pose[rows] * (0, 1, 0)).float() / 10  # fmt: skip
        heard = accuser(code)
        who = nn.functional.cross_entropy(heard[:, :count], torch.from_numpy(people))
        turned = (heard[:, count:] - pose).square().mean()
        total = loss - ACCUSED * min(1.0, 2 * step / steps) * (
            who.clamp(max=float(np.log(count))) + turned.clamp(max=1.0)
        )
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        schedule.step()
        heard = accuser(code.detach())
        accused = nn.functional.cross_entropy(heard[:, :count], torch.from_numpy(people))
        accused = accused + (heard[:, count:] - pose).square().mean()
        against.zero_grad()
        accused.backward()
        against.step()
        if progress is not None:
            progress(step + 1, steps)


def _wear(faces: Faces, rng: np.random.Generator) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """The same random expressions on two faces: (rest, displacement) each."""
    weights = np.stack([expression_weights(row) for row in random_expressions(rng, BATCH)])
    sides = []
    for _ in range(2):
        chosen = rng.integers(len(faces.worn), size=BATCH)
        moved = np.einsum("ne,nepc->npc", weights, faces.basis[chosen])
        sides.append((torch.from_numpy(faces.worn[chosen]), torch.from_numpy(moved.astype(np.float32))))
    return sides[0], sides[1]


def random_expressions(rng: np.random.Generator, count: int) -> F32:
    """(count, len(EXPRESSIONS)) in [0, 1]: mostly few at a time."""
    size = (count, len(EXPRESSIONS))
    return (rng.random(size) * (rng.random(size) < rng.uniform(0.1, 0.5, (count, 1)))).astype(np.float32)


def gather(tracks: Sequence[tuple[str, Track]], shapes: F32) -> Faces:
    """Training data of (person, track) pairs and of the actors' landmarks (A, 478, 3)."""
    clear = [(person, track.landmarks[track.found]) for person, track in tracks]
    frontal = [lm[np.abs(head_rotation_deg(lm)[0]) < FRONTAL_DEG][::5] for _, lm in clear]
    mean = mean_face(np.concatenate([*frontal, shapes]))
    free = [pose_free(lm, mean) for _, lm in clear]
    pattern = _pose_pattern([(part.points[:, :POINTS], part.rotation_deg) for part in free])
    rests, moves, clips, poses = [], [], [], []
    for index, ((_, landmarks), part) in enumerate(zip(clear, free, strict=True)):
        points = part.points[:, :POINTS] - np.tensordot(pose_terms(part.rotation_deg), pattern, axes=1)
        rest = rest_mesh(points, landmarks)
        rests.append(rest)
        moves.append(points - rest)
        clips.append(np.full(len(points), index))
        poses.append(part.rotation_deg)
    names = sorted({person for person, _ in clear})
    worn = pose_free(shapes, mean).points
    basis = np.stack([expression_basis(face)[:, :POINTS] for face in worn])
    return Faces(
        mean, pattern, np.stack(rests).astype(np.float32), np.concatenate(moves).astype(np.float32),
        np.concatenate(clips), np.concatenate(poses), np.array([names.index(person) for person, _ in clear]),
        worn[:, :POINTS], basis,
    )  # fmt: skip


def _pose_pattern(tracks: Sequence[tuple[F32, F32]]) -> F32:
    """(terms, 468, 3) by ridge regression of the mesh on the pose within clips."""
    terms = np.concatenate([pose_terms(angles) - pose_terms(angles).mean(0) for _, angles in tracks])
    moved = np.concatenate([(points - points.mean(0)).reshape(len(points), -1) for points, _ in tracks])
    gram = terms.T @ terms + 0.01 * len(terms) * np.eye(terms.shape[1]) * terms.var()
    return np.linalg.solve(gram, terms.T @ moved).reshape(-1, POINTS, 3).astype(np.float32)


def _mirror(shapes: NDArray[Any], which: NDArray[np.bool_], index: NDArray[np.int64]) -> F32:
    """Shapes (N, 468, 3) or displacements, those of ``which`` seen in a mirror."""
    out = shapes.astype(np.float32)
    out[which] = out[which][:, index] * np.array([-1, 1, 1], np.float32)
    return out


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m tellmark.generator.training.train_latent", description=__doc__)
    parser.add_argument("tracks", type=Path, help="folder written by tellmark track")
    parser.add_argument("out", type=Path)
    parser.add_argument("--actors", type=int, default=120, help="virtual actors that wear the basis")
    parser.add_argument("--dynamics", type=int, default=DYNAMICS)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    rows = read_manifest(options.tracks)
    tracks = [(row["person_id"], Track.load(options.tracks / row["track"])) for row in rows]
    shapes = np.stack([actor(_FIRST_ACTOR + number).landmarks for number in range(options.actors)])
    model = FaceLatent(options.dynamics)
    train(gather(tracks, shapes), model, options.steps, options.seed)
    save(model, options.out)


def save(model: FaceLatent, path: Path) -> None:
    """Write the weights in half precision, atomically."""
    with atomic_path(path, force=True) as temporary:
        save_file({name: tensor.half().contiguous() for name, tensor in model.state_dict().items()}, temporary)


if __name__ == "__main__":
    main()
