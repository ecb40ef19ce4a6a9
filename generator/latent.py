"""The face latent space: identity, facial dynamics and pose of a tracked face as separate codes, learned from videos.

Pose is taken out by ``canonical``; gaze and lids are measured, not learned. What is left, the displacement of the mesh
from the person's own rest, is coded as facial dynamics, and the rest shape itself as identity. Codes of one person's
dynamics, decoded with another's identity, move that other face: the pairwise transfer that VASA-1 (Xu et al. 2024) and
its like train on images is trained here on meshes (``train_latent``).

Dynamics are the symmetric half of the displacement. The other half is mostly the tracker's mesh bending as the head
turns: it grows with the turn, and yaw could be read from it.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from torch import Tensor, nn

from tellmark.generator.geometry.canonical import POINTS, pose_free
from tellmark.landmarks import LEFT_EYE, RIGHT_EYE, mouth_opening
from tellmark.types import F32

DYNAMICS = 24  # numbers that code a facial expression
IDENTITY = 16  # numbers that code a rest shape
_HIDDEN = 192
_MM = 3.0  # a usual displacement; what the networks see as 1
_POSE_TERMS = 5


class FaceLatent(nn.Module):
    """Encoders and decoder. Shapes in mm on the mean face, (N, 468, 3)."""

    mean: Tensor  # (468, 3) the mean face of all that was trained on
    wearer: Tensor  # (468, 3) the mean of virtual actors at rest: who wears codes that nobody else does
    pattern: Tensor  # (_POSE_TERMS, 468, 3) mm by which the tracker's mesh bends with the pose

    def __init__(self, dynamics: int = DYNAMICS, identity: int = IDENTITY, hidden: int = _HIDDEN) -> None:
        super().__init__()
        size = POINTS * 3
        self.register_buffer("mean", torch.zeros(POINTS, 3))
        self.register_buffer("wearer", torch.zeros(POINTS, 3))
        self.register_buffer("pattern", torch.zeros(_POSE_TERMS, POINTS, 3))
        self._across: Tensor | None = None  # the other side of each point, once the mean face is known
        self.identity = nn.Linear(size, identity)
        self.shape = nn.Linear(identity, size)
        self.code = nn.Sequential(nn.Linear(size + identity, hidden), nn.GELU(), nn.Linear(hidden, dynamics))
        self.code_linear = nn.Linear(size, dynamics, bias=False)
        self.move = nn.Sequential(nn.Linear(dynamics + identity, hidden), nn.GELU(), nn.Linear(hidden, size))
        self.move_linear = nn.Linear(dynamics, size, bias=False)

    def encode_identity(self, rest: Tensor) -> Tensor:
        """(N, IDENTITY) of rest shapes (N, 468, 3) mm."""
        return torch.as_tensor(self.identity(((rest - self.mean) / _MM).flatten(1)))

    def decode_identity(self, identity: Tensor) -> Tensor:
        """(N, 468, 3) mm: the rest shape."""
        return torch.as_tensor(self.mean + _MM * self.shape(identity).unflatten(1, (POINTS, 3)))

    def encode(self, displacement: Tensor, identity: Tensor) -> Tensor:
        """(N, DYNAMICS) of displacements (N, 468, 3) mm from the rest of the same face; no displacement codes as 0.

        A displacement and its mirror image have one code.
        """
        flat = (self.symmetric(displacement) / _MM).flatten(1)
        rest = self.code(torch.cat([torch.zeros_like(flat), identity], 1))
        return torch.as_tensor(self.code_linear(flat) + self.code(torch.cat([flat, identity], 1)) - rest)

    def decode(self, dynamics: Tensor, identity: Tensor) -> Tensor:
        """(N, 468, 3) mm displacement of a face with this identity; code 0 gives none."""
        rest = self.move(torch.cat([torch.zeros_like(dynamics), identity], 1))
        moved = self.move_linear(dynamics) + self.move(torch.cat([dynamics, identity], 1)) - rest
        return torch.as_tensor(_MM * moved.unflatten(1, (POINTS, 3)))

    def symmetric(self, displacement: Tensor) -> Tensor:
        """(N, 468, 3) the mean of displacements and their mirror images."""
        if self._across is None:
            self._across = torch.from_numpy(mirror_index(self.mean.numpy()))
        mirrored = displacement[:, self._across] * displacement.new_tensor([-1, 1, 1])
        return (displacement + mirrored) / 2

    def upright(self, landmarks: F32) -> tuple[F32, F32]:
        """Landmarks (T, 478, 3) px to meshes (T, 468, 3) mm without pose, and angles (T, 3) in degrees."""
        free = pose_free(landmarks, self.mean.numpy())
        bend = np.tensordot(pose_terms(free.rotation_deg), self.pattern.numpy(), axes=1)
        return (free.points[:, :POINTS] - bend).astype(np.float32), free.rotation_deg


def mirror_index(mean: F32) -> NDArray[np.int64]:
    """(468,) for each point of the mean face the one on its other side."""
    return np.asarray(linear_sum_assignment(cdist(mean * (-1, 1, 1), mean))[1], np.int64)


def pose_terms(rotation_deg: F32) -> F32:
    """(T, _POSE_TERMS) of angles (T, 3) degrees: what the tracker's mesh may depend on."""
    yaw, pitch, roll = (rotation_deg / 20).T
    return np.asarray(np.stack([yaw, pitch, roll, yaw**2, pitch**2], axis=1), np.float32)


def rest_mesh(points: F32, landmarks: F32) -> F32:
    """(468, 3) the face at rest: the mean of the frames with the mouth most nearly closed."""
    opening = mouth_opening(landmarks)
    return np.asarray(points[opening <= np.quantile(opening, 0.15)].mean(0), np.float32)


def point_weights() -> F32:
    """(468,) how much a point counts: lips most; lids not, which are coded apart."""
    from tellmark.generator.geometry.basis import LOWER_LIP, UPPER_LIP

    weights = np.ones(POINTS, np.float32)
    weights[[point for ring in (*UPPER_LIP, *LOWER_LIP) for point in ring]] = 4.0
    weights[[*RIGHT_EYE, *LEFT_EYE]] = 0.1
    return weights


@cache
def face_latent() -> FaceLatent:
    """The trained latent space."""
    path = resources.files("tellmark.generator").joinpath("latent.safetensors")
    tensors = {name: tensor.float() for name, tensor in load(path.read_bytes()).items()}
    dynamics, identity = tensors["move_linear.weight"].shape[1], tensors["identity.weight"].shape[0]
    model = FaceLatent(dynamics, identity, tensors["code.0.weight"].shape[0])
    model.load_state_dict(tensors)
    return model.eval().requires_grad_(False)
