"""The face latent space that ships: what its codes keep apart."""

import numpy as np
import pytest
import torch

from tellmark.generator.actors import actor
from tellmark.generator.dynamics.latent_motion import expressions
from tellmark.generator.geometry.basis import expression_basis
from tellmark.generator.geometry.canonical import POINTS, pose_free
from tellmark.generator.latent import DYNAMICS, IDENTITY, FaceLatent, face_latent, mirror_index
from tellmark.generator.mesh.mesh import expression_weights
from tellmark.generator.training.train_latent import random_expressions
from tellmark.generator.types import EXPRESSIONS


@pytest.fixture(scope="module")
def model() -> FaceLatent:
    return face_latent()


def worn(model: FaceLatent, seed: int, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Displacements of an actor's face that wears the expressions, and its identity."""
    free = pose_free(actor(seed).landmarks[None], model.mean.numpy()).points
    basis = expression_basis(free[0])[:, :POINTS]
    moved = np.tensordot(np.stack([expression_weights(row) for row in rows]), basis, axes=1)
    identity = model.encode_identity(torch.from_numpy(free[:, :POINTS].copy()))
    return torch.from_numpy(moved.astype(np.float32)), identity.expand(len(rows), -1)


def test_no_movement_has_no_code_and_no_code_no_movement(model: FaceLatent) -> None:
    identity = torch.randn(3, IDENTITY)
    assert model.encode(torch.zeros(3, POINTS, 3), identity).abs().max() < 1e-5
    assert model.decode(torch.zeros(3, DYNAMICS), identity).abs().max() < 1e-5


def test_expressions_survive_the_code(model: FaceLatent) -> None:
    rows = random_expressions(np.random.default_rng(0), 60)
    moved, identity = worn(model, 31, rows)
    again = model.decode(model.encode(moved, identity), identity)
    assert (again - moved).square().mean() < 0.25 * moved.square().mean()


def test_the_same_expression_codes_alike_on_other_people(model: FaceLatent) -> None:
    rows = random_expressions(np.random.default_rng(1), 60)
    one, other = (model.encode(*worn(model, seed, rows)) for seed in (31, 32))
    same = (one - other).square().mean()
    mixed = (one - other.roll(7, 0)).square().mean()
    assert same < 0.15 * mixed


def test_codes_read_back_as_the_renderers_expressions(model: FaceLatent) -> None:
    rows = np.zeros((3, len(EXPRESSIONS)), np.float32)
    rows[0, EXPRESSIONS.index("jaw")] = 0.8
    rows[1, EXPRESSIONS.index("press")] = 0.9
    rows[2, EXPRESSIONS.index("brow_up")] = 0.8
    codes = model.encode(*worn(model, 33, rows)).numpy()
    read = expressions(codes)
    assert read.argmax(1).tolist() == rows.argmax(1).tolist()
    assert read[rows > 0].min() > 0.35  # pressed lips hardly move a mesh whose lips meet already
    assert np.abs(expressions(np.zeros((1, DYNAMICS), np.float32))).max() < 1e-4


def test_mirroring_twice_changes_nothing(model: FaceLatent) -> None:
    index = mirror_index(model.mean.numpy())
    assert (index[index] == np.arange(POINTS)).all()
    assert index[[61, 1]].tolist() == [291, 1]


def test_the_side_a_face_moves_to_is_not_in_the_code(model: FaceLatent) -> None:
    """What grows with the yaw of the head is the antisymmetric half of the tracker's mesh."""
    moved, identity = worn(model, 34, random_expressions(np.random.default_rng(2), 8))
    aside = moved + torch.randn(8, 1, 1) * torch.tensor([3.0, 0.0, 0.0])  # all to one side, as lips in a turn
    assert (model.encode(aside, identity) - model.encode(moved, identity)).abs().max() < 1e-4
