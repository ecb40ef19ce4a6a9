"""How far each part of a motion that was read is believed: as far as the frames bear it out.

Head, shoulders and scenery are drawn at rest, half of the way and all of the way to where they were read. The
error of each over its own region is a parabola in that share, whose lowest point is what the frame says; what the head
does, must suit the face as well. Errors are smoothed over time first, so that a part does not jump between two places.
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
_STEPS = np.linspace(0, 1, 101)  # shares that are chosen from
_PARTS = 3  # head, torso, scene
# Hair may be read wrongly where the face is not. For its sake the face's error grows by the first of these, of its
# least error, and by more where the picture would be worse than a still copy otherwise.
_SPARED = (*np.geomspace(0.15, 3, 24), 1e6)
_NOISE = 1.0  # code values: of a face this well drawn, a share says nothing
_BETTER = 0.95  # of the error of a still copy
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
        face, head, torso, scene = np.moveaxis(errors @ _curves().T, 1, 0)
        face = np.maximum(face, 0)  # a parabola may dip lower
        others = [part.argmin(1) for part in (torso, scene)]
        # What everything would be at rest, as in a still copy: the picture must be better than that.
        room = _BETTER * errors[:, 1:, 0].sum() - torso.min(1).sum() - scene.min(1).sum()
        noise = 3 * _NOISE**2 * float(self._regions.face.sum())
        for spared in _SPARED:
            kept = np.where(face <= (1 + spared) * (face.min(1, keepdims=True) + noise), head, np.inf)
            if kept.min(1).sum() <= room:
                break
        return np.stack([_STEPS[part] for part in (kept.argmin(1), *others)], axis=1)

    def _where(self) -> tuple[F32, F32, F32, F32]:
        """(512, 512) each: where the face is; then head, torso and scene. A neck goes with the head."""
        regions, rest, made = self._regions, self._mesh.rest, self._renderer
        face = moved(regions.face, rest[:468, :2], made.points[:468, :2], np.ones(468, np.float32))
        hair = moved(regions.hair, rest[478:, :2], made.around, self._hair)
        head: F32 = np.maximum(face + hair, regions.face + regions.hair).clip(0, 1)
        torso: F32 = regions.torso * (1 - head)
        scene: F32 = regions.scene * (1 - head)
        return face, np.float32(1) - torso - scene, torso, scene

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


def _curves() -> F64:
    """(k, 3) weights of the errors at ``_SHARES`` in their parabola's value at each of ``_STEPS``."""
    return np.stack([(1 - _STEPS) * (1 - 2 * _STEPS), 4 * _STEPS * (1 - _STEPS), _STEPS * (2 * _STEPS - 1)], axis=1)
