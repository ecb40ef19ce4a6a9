"""How far each part of a motion that was read is believed: as far as the frames bear it out.

Head, shoulders and scenery are drawn at rest, half of the way and all of the way to where they were read. The
error of each over its own region is a parabola in that share, whose lowest point is what the frame says. Errors are
smoothed over time first, so that a part does not jump between two places.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import ndimage

from tellmark.generator.mesh.mesh import Mesh
from tellmark.generator.performance.regions import Regions, moved
from tellmark.generator.render import MeshRenderer
from tellmark.generator.types import SIZE, Motion
from tellmark.landmarks import LIPS_OUTER
from tellmark.types import F32, F64, U8

_SHARES = (0.0, 0.5, 1.0)
_PARTS = 3  # head, torso, scene
_SPARED = 0.15  # of its least error
_SMOOTH = 2.0  # frames, sigma
_SPEAKS, _KEEPS = 0.25, 0.5  # face widths from the middle of the mouth: up to there all moves as read, from there none


class Belief:
    """Gathers what the frames say of the parts, frame by frame."""

    def __init__(self, mesh: Mesh, renderer: MeshRenderer, regions: Regions) -> None:
        self._mesh, self._renderer, self._regions = mesh, renderer, regions
        around = mesh.rest[478:, :2]
        at = np.rint(around.clip(0, SIZE - 1)).astype(int)
        self._hair = regions.hair[at[:, 1], at[:, 0]] + np.float32(1e-6)
        mouth = mesh.rest[list(LIPS_OUTER), :2].mean(0)
        away = np.linalg.norm(mesh.rest[:478, :2] - mouth, axis=1) / mesh.face_width
        self._speaks = np.clip((_KEEPS - away) / (_KEEPS - _SPEAKS), 0, 1)
        self._errors: list[F64] = []

    def add(self, row: Motion, frame: U8) -> None:
        """A frame (512, 512, 3) and the motion, one row of it, that was read from it."""
        squared = []
        for share in _SHARES:
            made = self._renderer.render(self.scaled(row, np.full((1, _PARTS), share)), 0)
            off = made.astype(np.int16) - frame
            squared.append(np.einsum("ijk,ijk->ij", off, off, dtype=np.float32).ravel())
        # The last one has gone all of the way.
        errors = np.stack([part.ravel() for part in self._where()]) @ np.stack(squared, 1)
        self._errors.append(errors.astype(np.float64))

    def shares(self) -> F64:
        """(T, 3) in [0, 1] of the way that head, torso and scene have gone."""
        errors = ndimage.gaussian_filter1d(np.stack(self._errors), _SMOOTH, axis=0, mode="nearest")
        lowest, bend = _lowest(errors)
        # Hair may be read wrongly where the face is not: for its sake the face's error grows by no more than this.
        face = np.einsum("tk,tk->t", _weights(lowest[:, 0]), errors[:, 0])
        spared = lowest[:, 0] - np.sqrt(_SPARED * np.maximum(face, 0) / np.maximum(bend[:, 0], 1e-6))
        return np.column_stack([np.maximum(lowest[:, 1], spared), lowest[:, 2:]])

    def _where(self) -> tuple[F32, F32, F32, F32]:
        """(512, 512) each: where the face, the head with it, torso and scene are or were, and nothing else."""
        regions, rest, made = self._regions, self._mesh.rest, self._renderer
        face = moved(regions.face, rest[:468, :2], made.points[:468, :2], np.ones(468, np.float32))
        hair = moved(regions.hair, rest[478:, :2], made.around, self._hair)
        head = np.minimum(np.maximum(face + hair, regions.face + regions.hair), 1)
        return np.maximum(face, regions.face), head, regions.torso * (1 - head), regions.scene * (1 - head)

    def scaled(self, motion: Motion, shares: F64) -> Motion:
        """The motion with its parts gone ``shares`` (T, 3) of their way. What speaks, blinks and looks, does so."""
        assert motion.seen is not None
        head, torso, scene = shares.astype(np.float32).T[..., None]
        still = (1 - self._speaks).astype(np.float32)
        seen = dataclasses.replace(
            motion.seen,
            shape=motion.seen.shape * (1 + (head - 1) * still)[..., None],
            crown=motion.seen.crown * head,
            torso=motion.seen.torso * torso,
            scene=motion.seen.scene * scene,
        )
        return dataclasses.replace(
            motion,
            rotation_deg=motion.rotation_deg * head,
            translation=motion.translation * head,
            distance=motion.distance ** head[:, 0],
            seen=seen,
        )


def _lowest(errors: F64) -> tuple[F64, F64]:
    """The share in [0, 1] at which a parabola through errors (.., 3) at ``_SHARES`` is lowest, and its square term."""
    rest, half, full = np.moveaxis(errors, -1, 0)
    bend, slope = 2 * (rest + full - 2 * half), 4 * half - 3 * rest - full
    lowest = np.where(bend > 1e-6, -slope / np.maximum(2 * bend, 1e-6), (full < rest).astype(np.float64))
    return np.clip(lowest, 0, 1), bend


def _weights(share: F64) -> F64:
    """(.., 3) weights of the errors at ``_SHARES`` in the parabola's value at a share."""
    return np.stack([(1 - share) * (1 - 2 * share), 4 * share * (1 - share), share * (2 * share - 1)], axis=-1)
