"""How well lips and sound agree, by a small network of our own: sync confidence and distance after SyncNet.

After Chung & Zisserman 2016 ("Out of time"): two towers bring half a second of lip motion and half a second of sound
to one place if they belong together. Here the lips are twelve distances in millimetres on the face with its pose
undone, not pixels: little data goes further, and a rendered face is judged by its motion, not by its looks. The values
compare with each other and with no published ones. What the network can tell is in its model card.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tellmark.errors import InputError
from tellmark.generator.audio.acoustics import HOPS_PER_S, SAMPLE_RATE_HZ, analyse
from tellmark.generator.audio.levels import normalise
from tellmark.generator.geometry.basis import LOWER_LIP, UPPER_LIP, face_frame
from tellmark.generator.geometry.headpose import fit_heads, rest_shape
from tellmark.generator.retarget import bridged
from tellmark.generator.track import FPS, Track
from tellmark.media import load_audio
from tellmark.types import F32, F64

REACH = 15  # frames to either side over which offsets are tried
WINDOW = 13  # frames that one embedding sees
HOPS_A_FRAME = int(HOPS_PER_S / FPS)
LIP_FEATURES, SOUND_FEATURES, SIZE = 12, 19, 64
WEIGHTS = Path(__file__).with_name("sync.safetensors")

_UNIT_MM = 4.0


@dataclass(frozen=True, slots=True)
class Sync:
    """How lips and sound of one clip agree."""

    confidence: float  # median over offsets of the mean distance, minus its minimum
    distance: float  # that minimum, 0 to 2
    offset: int  # frames at which it lies; positive: the lips come late


def lip_shape(track: Track) -> F32:
    """(T, 12) lips of a track: gaps, widths and heights in 4 mm, against the clip's median; pose undone."""
    landmarks = bridged(track.landmarks, track.found)
    rest = rest_shape(track.landmarks[track.found])
    return lip_distances(fit_heads(landmarks, rest).shape, rest)


def lip_distances(shape: F64, rest: F64) -> F32:
    """(T, 12) from faces (T, 478, 3) px in the pose of ``rest`` (478, 3) px: see :func:`lip_shape`."""
    frame = face_frame(rest.astype(np.float32))
    local = shape @ np.linalg.inv(frame.axes.astype(np.float64))
    across, down = local[..., 0], local[..., 1]
    gaps = [down[:, LOWER_LIP[3][k]] - down[:, UPPER_LIP[3][k]] for k in (3, 5, 7)]
    heights = [down[:, point] - down[:, 168] for point in (0, 13, 14, 17, 152)]
    corners = (down[:, 61] + down[:, 291]) / 2 - down[:, 168]
    widths = [across[:, 291] - across[:, 61], across[:, 308] - across[:, 78]]
    columns = np.stack([*gaps, down[:, 17] - down[:, 0], *heights, corners, *widths], axis=1) / _UNIT_MM
    return np.asarray(columns - np.median(columns, axis=0), np.float32)


def sound_shape(samples: F32) -> F32:
    """(H, 19) of mono sound at 16 kHz every 10 ms: bands, energy, speaking, voiced, against their surroundings."""
    return normalise(analyse([samples])).columns()


def embed(lips: F32, sound: F32) -> tuple[F32, F32]:
    """(N, 64), (N, 64) unit vectors of every window of a clip: lips (T, 12), sound (>= 4 T, 19); N = T - 12.

    Raises :class:`InputError` for a clip shorter than a window.
    """
    import torch

    frames = min(len(lips), len(sound) // HOPS_A_FRAME)
    if frames < WINDOW:
        raise InputError(f"{frames} frames are too short to judge sync; give at least {WINDOW}")
    net = network()
    with torch.no_grad():
        a = net.lips(torch.from_numpy(lips[:frames].T[None].copy()))
        b = net.sound(torch.from_numpy(sound[: frames * HOPS_A_FRAME].T[None].copy()))
    return a[0].T.numpy(), b[0].T.numpy()


def score(lips: F32, sound: F32) -> Sync:
    """Sync of a clip; for both arguments see :func:`embed`."""
    return judge(*embed(lips, sound))


def judge(lips: F32, sound: F32) -> Sync:
    """Sync from embeddings (N, 64) of both. Raises :class:`InputError` where they are too few to be shifted."""
    distances = offset_distances(lips, sound)
    best = int(np.argmin(distances))
    return Sync(float(np.median(distances) - distances[best]), float(distances[best]), best - REACH)


def offset_distances(lips: F32, sound: F32) -> F64:
    """(31,) mean distance when the lips are taken to come 15 frames early .. 15 frames late."""
    count = len(lips)
    if count <= 2 * REACH:
        raise InputError(f"{count + WINDOW - 1} frames are too short to try offsets; give {2 * REACH + WINDOW} or more")
    # The same windows of sound for every offset, so that none is judged on easier ones.
    middle = sound[REACH : count - REACH]
    shifted = [lips[REACH + d : count - REACH + d] for d in range(-REACH, REACH + 1)]
    return np.array([np.linalg.norm(part - middle, axis=1).mean() for part in shifted], np.float64)


def sound_of(path: Path | str) -> F32:
    """:func:`sound_shape` of a file."""
    return sound_shape(load_audio(path, SAMPLE_RATE_HZ))


def build() -> Any:
    """The untrained network: ``lips`` and ``sound`` map (B, features, time) to (B, 64, T - 12) unit vectors."""
    import torch
    from torch import nn

    class Unit(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.normalize(x, dim=1)

    def tower(first: nn.Module, width: int) -> nn.Sequential:
        layers: list[nn.Module] = [first]
        for _ in range(5):
            layers += [nn.GELU(), nn.Dropout(0.15), nn.Conv1d(width, width, 3)]
        return nn.Sequential(*layers, nn.GELU(), nn.Conv1d(width, SIZE, 1), Unit())

    return nn.ModuleDict(
        {
            "lips": tower(nn.Conv1d(LIP_FEATURES, 48, 3), 48),
            # Three frames of hops into one, then a hop of one frame: the windows of both towers coincide.
            "sound": tower(nn.Conv1d(SOUND_FEATURES, 64, 3 * HOPS_A_FRAME, stride=HOPS_A_FRAME), 64),
        }
    )


@cache
def network() -> Any:
    """The trained network, on one thread. Raises :class:`InputError` where its weights are missing."""
    import torch
    from safetensors.torch import load_file

    if not WEIGHTS.is_file():
        raise InputError(f"{WEIGHTS} is missing; train it with python -m tellmark.benchmarks.motions.train_sync")
    torch.set_num_threads(1)
    net = build()
    net.load_state_dict({name: value.float() for name, value in load_file(WEIGHTS).items()})
    net.eval()
    return _Towers(net["lips"], net["sound"])


@dataclass(frozen=True, slots=True)
class _Towers:
    lips: Any
    sound: Any
