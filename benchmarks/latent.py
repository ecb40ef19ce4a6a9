"""What the face latent space keeps apart: ``tellmark bench latent --with tracks=TRACKS``.

TRACKS is a folder written by ``tellmark track`` from films of people who were not trained on. Probes are small networks
that try to read from the codes what should not be in them: who moves (trained on the first half of every film, asked
about the second) and how the head is turned (trained on half of the people, asked about the others). The same probes
read the displacements that were coded, for comparison. What the first kind of probe finds that is not the face is in
``latent_controls``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import r2_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tellmark.benchmarks.motions import latent_controls
from tellmark.errors import UsageError
from tellmark.generator.actors import actor
from tellmark.generator.dynamics.habits import apart
from tellmark.generator.dynamics.latent_motion import DYNAMIC
from tellmark.generator.geometry.basis import expression_basis
from tellmark.generator.geometry.canonical import POINTS, pose_free
from tellmark.generator.latent import DYNAMICS, face_latent, point_weights, rest_mesh
from tellmark.generator.mesh.mesh import expression_weights
from tellmark.generator.motion import motion_weights
from tellmark.generator.track import Track, read_manifest
from tellmark.generator.training.train_latent import random_expressions
from tellmark.runs import Progress
from tellmark.types import F32, F64

_EVERY = 3  # frames between those that a probe reads
_PX_PER_MM = 1.45  # of a framed portrait whose face is 200 px wide


def run(*, quick: bool = False, tracks: str = "", progress: Progress | None = None) -> list[dict[str, Any]]:
    """Rows of {measure, value, apart, displacement, target}.

    value: of the codes; apart: of what is left of them once each person's habit is told apart from what happens
    (``habits``); displacement: of what was coded.
    """
    if not tracks:
        raise UsageError("give the tracks of people that were not trained on: --with tracks=FOLDER (tellmark track)")
    rows = read_manifest(Path(tracks))[: 12 if quick else None]
    model, lips = face_latent(), point_weights() == 4
    codes, moves, poses, who, wrong, wrong_lips, aside = ([] for _ in range(7))
    for done, row in enumerate(rows, 1):
        track = Track.load(Path(tracks) / row["track"])
        landmarks = track.landmarks[track.found]
        points, angles = model.upright(landmarks)
        rest = rest_mesh(points, landmarks)
        moved = torch.from_numpy(points - rest)
        identity = model.encode_identity(torch.from_numpy(rest)[None]).expand(len(moved), -1)
        code = model.encode(moved, identity)
        symmetric = model.symmetric(moved)
        off = (model.decode(code, identity) - symmetric).square().sum(-1)
        aside.append((moved - symmetric).square().sum(-1).mean(1).numpy())
        wrong.append(off.mean(1).numpy())
        wrong_lips.append(off[:, lips].mean(1).numpy())
        codes.append(code.numpy())
        moves.append(moved[:, ::6].flatten(1).numpy())
        poses.append(angles)
        who.append(np.full(len(moved), row["person_id"]))
        if progress is not None:
            progress(done, len(rows))
    people, pose = np.concatenate(who), np.concatenate(poses)
    error, lip_error, left = (float(np.sqrt(np.concatenate(part).mean())) for part in (wrong, wrong_lips, aside))
    size = float(np.sqrt((np.concatenate(moves).reshape(-1, moves[0].shape[1] // 3, 3) ** 2).sum(2).mean()))
    usual = motion_weights().spread[DYNAMIC]
    ways = codes, [apart(film, usual)[0] for film in codes], moves
    count, chance = latent_controls.WAYS, f"chance {1 / len(set(people)):.3f}"
    named = [identity_probe(np.concatenate(way), people, _later(way)) for way in ways]
    settled = [_settled(way, people) for way in ways]
    turned = [pose_probe(np.concatenate(way), pose, people) for way in ways]
    own, others, long = zip(*(latent_controls.pieces(way) for way in ways[:2]), strict=True)
    alike = latent_controls.same_performance(model, usual)
    same, carried = transfer()
    return [
        _row("codes a frame", DYNAMICS),
        _row("people, films", f"{len(set(people))}, {len(rows)}"),
        _row("reconstruction error, mm (and the displacement itself)", error, "", size),
        _row("reconstruction error of the lips, mm", lip_error),
        _row("left out: the half that is not symmetric, mm", left),
        _row("reconstruction error, px of a 512 px portrait", error * _PX_PER_MM),
        _row("person named from one frame", *named, target=chance),
        _row("the same, taught a film's third quarter and asked about the last", *settled, target=chance),
        _row(f"one of {count} people named, by 3 s each", *others, target="as one person's pieces"),
        _row(f"one of {count} pieces of 3 s of one film named ({long[0]} films)", *own, target="control: one person"),
        _row("an actor named where all do the same", *alike, target=f"chance {1 / len(latent_controls.ACTORS):.2f}"),
        *(
            _row(f"R2 of {angle}", *(float(way[axis]) for way in turned), target="<= 0.1")
            for axis, angle in enumerate(("yaw", "pitch", "roll"))
        ),
        _row("the same expression on two actors, distance over that of others", same),
        _row("an expression carried to another actor, share of it that is wrong", carried),
    ]


def _row(measure: str, *values: float | str, target: str = "") -> dict[str, Any]:
    """``values``: of the codes, apart, and of the displacement, as far as there are any."""
    shown = [value if isinstance(value, str) else round(value, 3) for value in (*values, "", "")]
    return {"measure": measure, "value": shown[0], "apart": shown[1], "displacement": shown[2], "target": target}


def _later(films: Sequence[F32]) -> NDArray[np.bool_]:
    """Which frames of all films are in the second half of theirs."""
    return np.concatenate([np.arange(len(film)) >= len(film) / 2 for film in films])


def _settled(films: Sequence[F32], people: NDArray[Any]) -> float:
    """As :func:`identity_probe`, within the second halves: what is usual for a face is known by then."""
    halves = [film[len(film) // 2 :] for film in films]
    kept = np.concatenate([np.arange(len(film)) >= len(film) // 2 for film in films])
    return identity_probe(np.concatenate(halves), people[kept], _later(halves))


def identity_probe(values: F32, people: NDArray[Any], late: NDArray[np.bool_]) -> float:
    """Share of the later frames whose person is named, by a network trained on the earlier ones."""
    values, people, late = values[::_EVERY], people[::_EVERY], late[::_EVERY]
    probe = make_pipeline(StandardScaler(), MLPClassifier((64,), max_iter=60, random_state=0))
    probe.fit(values[~late], people[~late])
    return float((probe.predict(values[late]) == people[late]).mean())


def pose_probe(values: F32, pose: F32, people: NDArray[Any]) -> F64:
    """(3,) R2 of yaw, pitch and roll on one half of the people, by a network trained on the other."""
    names = np.unique(people)
    chosen = np.random.default_rng(0).permutation(names)[: len(names) // 2]
    known = np.isin(people, chosen)
    network = MLPRegressor(hidden_layer_sizes=(64,), max_iter=60, random_state=0, early_stopping=True)
    probe = make_pipeline(StandardScaler(), network).fit(values[known][::2], pose[known][::2] / 10)
    return np.asarray(r2_score(pose[~known] / 10, probe.predict(values[~known]), multioutput="raw_values"), np.float64)


def transfer(count: int = 200) -> tuple[float, float]:
    """Known expressions on two actors: (same over other distance of codes, share of a carried expression's power)."""
    model, rows = face_latent(), random_expressions(np.random.default_rng(5), count)
    weights = np.stack([expression_weights(row) for row in rows])
    faces = [pose_free(actor(seed).landmarks[None], model.mean.numpy()).points for seed in (7001, 7002)]
    moved = [
        torch.from_numpy(np.tensordot(weights, expression_basis(face[0])[:, :POINTS], axes=1).astype(np.float32))
        for face in faces
    ]
    identity = [model.encode_identity(torch.from_numpy(face[:, :POINTS].copy())).expand(count, -1) for face in faces]
    one, other = (model.encode(*pair) for pair in zip(moved, identity, strict=True))
    same = float((one - other).square().mean() / (one - other.roll(17, 0)).square().mean()) ** 0.5
    carried = model.decode(one, identity[1])
    return same, float((carried - moved[1]).square().mean() / moved[1].square().mean())
