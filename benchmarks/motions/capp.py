"""How well a head's movement goes with the sound, by a small contrastive network of our own, after VASA-1's CAPP.

Contrastive audio and pose pre-training (Xu et al. 2024): three seconds of pose and three of sound are brought to one
place if they belong together. Values compare with each other and with no published ones; what the network can tell,
and that is little, is in ``docs/models/capp.md``.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from tellmark.benchmarks.motions import sync
from tellmark.errors import InputError
from tellmark.generator.geometry.headpose import fit_heads, rest_shape
from tellmark.generator.retarget import bridged
from tellmark.generator.track import Track
from tellmark.landmarks import face_width
from tellmark.types import F32, F64

WINDOW = 75  # frames
SHIFTS = range(-4, 5)  # frames by which the pose is taken to come late
POSE, SOUND, KEPT = 12, 19, 8  # rows of a frame, and what a tower makes of them
WEIGHTS = Path(__file__).with_name("capp.safetensors")

_HOP = 5  # frames from one window to the next
_TREMBLE = 1.0  # frames of smoothing against the tracker's
_PLACE = np.array([6, 6, 6, 0.1, 0.1, 0.05])  # a usual deviation: degrees, face widths, share of the distance
_SPEED = np.array([0.6, 0.6, 0.6, 0.006, 0.006, 0.004])  # a usual change a frame


def pose_rows(track: Track) -> F32:
    """(T, 12) yaw, pitch, roll, place and log size of a tracked head about their means, and their changes."""
    landmarks = bridged(track.landmarks, track.found)
    rest = rest_shape(track.landmarks[track.found])
    heads = fit_heads(landmarks, rest)
    width = float(face_width(rest.astype(np.float32)))
    pose = np.column_stack([heads.rotation_deg, heads.place / width, np.log(heads.scale)]).astype(np.float64)
    pose = ndimage.gaussian_filter1d(pose, _TREMBLE, axis=0, mode="nearest")
    change = np.diff(pose, axis=0, prepend=pose[:1])
    return np.column_stack([(pose - pose.mean(0)) / _PLACE, change / _SPEED]).clip(-4, 4).astype(np.float32)


def sound_rows(path: Path | str) -> F32:
    """(T, 19) what the sync net hears, a row a frame."""
    rows = sync.sound_of(path)
    frames = len(rows) // sync.HOPS_A_FRAME
    return np.asarray(rows[: frames * sync.HOPS_A_FRAME].reshape(frames, sync.HOPS_A_FRAME, -1).mean(1), np.float32)


def scores(pose: F32, sound: F32, net: Any = None) -> F64:
    """(9,) mean cosine of the windows of a clip with the pose taken to come 4 frames early .. 4 frames late.

    Raises :class:`InputError` for a clip shorter than a window and the shifts.
    """
    import torch

    frames, reach = min(len(pose), len(sound)), SHIFTS[-1]
    if frames < WINDOW + 2 * reach:
        raise InputError(f"{frames} frames are too short for audio-pose alignment; give {WINDOW + 2 * reach} or more")
    net = net or network()
    starts = range(reach, frames - WINDOW - reach + 1, _HOP)

    def embedded(part: str, rows: F32, shift: int) -> Any:
        windows = np.stack([rows[start + shift : start + shift + WINDOW].T for start in starts])
        return net[part](torch.from_numpy(windows))

    with torch.no_grad():
        heard = embedded("sound", sound, 0)
        found = [(embedded("pose", pose, shift) * heard).sum(1).mean() for shift in SHIFTS]
    return np.array([float(value) for value in found])


def build() -> Any:
    """The untrained network: ``pose`` and ``sound`` map (B, features, WINDOW) to (B, KEPT * WINDOW) unit vectors."""
    import torch
    from torch import nn

    class Course(nn.Module):
        """What was found, moment for moment: the cosine of two is then a correlation over time."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.normalize((x - x.mean(2, keepdim=True)).flatten(1), dim=1)

    def tower(features: int) -> nn.Sequential:
        width = 32
        layers: list[nn.Module] = [nn.Conv1d(features, width, 5, padding=2), nn.GELU(), nn.Dropout(0.2)]
        for dilation in (2, 4):
            layers += [nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation), nn.GELU(), nn.Dropout(0.2)]
        return nn.Sequential(*layers, nn.Conv1d(width, KEPT, 1), Course())

    return nn.ModuleDict({"pose": tower(POSE), "sound": tower(SOUND)})


@cache
def network() -> Any:
    """The trained network. Raises :class:`InputError` where its weights are missing."""
    import torch
    from safetensors.torch import load_file

    if not WEIGHTS.is_file():
        raise InputError(f"{WEIGHTS} is missing; train it with python -m tellmark.benchmarks.motions.train_capp")
    torch.set_num_threads(1)
    net = build()
    net.load_state_dict({name: value.float() for name, value in load_file(WEIGHTS).items()})
    return net.eval()
