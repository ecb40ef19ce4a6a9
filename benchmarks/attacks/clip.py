"""The clip that an attack takes and gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from tellmark.types import U8


@dataclass(frozen=True, slots=True)
class Frames:
    """A decoded clip: RGB frames (H, W, 3) uint8 of even size and their rate.

    seed: what chance decides for this clip (noise, lost frames, where a crop lies); an attack is a pure function of
    the clip, its seed included. keyframes: numbers of the frames that the last encoder coded on their own, as the file
    says; what is not encoded afterwards keeps them.
    """

    frames: list[U8]
    fps: float
    seed: int = 0
    keyframes: tuple[int, ...] = (0,)

    @property
    def duration_s(self) -> float:
        """How long it plays."""
        return len(self.frames) / self.fps

    def random(self) -> np.random.Generator:
        """The clip's own randomness, from the beginning."""
        return np.random.default_rng(self.seed)


Attack = Callable[[Frames], Frames]


def chain(*attacks: Attack) -> Attack:
    """One after the other."""
    return lambda clip: reduce(lambda state, attack: attack(state), attacks, clip)


def each(clip: Frames, change: Callable[[U8], U8]) -> Frames:
    """Change every frame alike."""
    return replace(clip, frames=[change(frame) for frame in clip.frames])
