"""Does an actor look like somebody who went into the mixtures? The maintainers' nearest-neighbour check.

    python -m tellmark.generator.likeness ../shared/data 100

Actors are measured as the sources are: tracked in their finished picture, turned to the front, unwarped. The embedding
is the aligned shape and the low-resolution appearance of the face, each whitened by principal components of the
sources to unit variance; distances are Euclidean.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark.generator import actors, archetypes, facespace
from tellmark.generator.archetypes import Source
from tellmark.types import F32, F64

_SIDE = 40  # px of the appearance
_COMPONENTS = 16  # of shape, and as many of appearance


@dataclass(frozen=True, slots=True)
class Likeness:
    """The outcome: distances in standard deviations of the sources."""

    between_sources: F64  # (n,) each source's distance to the nearest other person among the sources
    to_sources: F64  # (m,) each actor's distance to the nearest source
    between_actors: F64  # (m,) each actor's distance to the nearest other actor

    @property
    def holds(self) -> bool:
        """No actor is nearer to a source than two different sources are to each other."""
        return bool(self.to_sources.min() >= self.between_sources.min())

    def report(self) -> str:
        """One line for a log."""
        rows = (
            f"{name} min {values.min():.2f} median {np.median(values):.2f}"
            for name, values in (
                ("source to nearest source", self.between_sources),
                ("actor to nearest source", self.to_sources),
                ("actor to nearest actor", self.between_actors),
            )
        )
        return f"{'holds' if self.holds else 'FAILS'}: {'; '.join(rows)} ({len(self.to_sources)} actors)"


def measure(faces: list[Source]) -> tuple[F64, F64]:
    """(n, 1434) aligned shapes and (n, P) normalised appearances of the faces."""
    mean = facespace.load().mean
    shapes = np.stack([archetypes.align(face.landmarks.astype(np.float64), mean.astype(np.float64)) for face in faces])
    skin = archetypes.skin_mask(mean)
    inside = cv2.resize(_oval(mean), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) > 0.9
    textures = archetypes.normalise(np.stack([archetypes.unwarp(face, mean) for face in faces]), skin)
    small = np.stack(
        [cv2.resize(texture, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)[inside] for texture in textures]
    )
    return shapes.reshape(len(faces), -1), small.reshape(len(faces), -1).astype(np.float64)


def _oval(mean: F32) -> F32:
    mask = np.zeros((facespace.TEXTURE, facespace.TEXTURE), np.float32)
    points = facespace.to_texture(mean)[list(archetypes.FACE_OVAL)]
    centre = points.mean(axis=0)
    cv2.fillPoly(mask, [np.round(centre + (points - centre) * 0.88).astype(np.int32)], 1.0)
    return mask


def compare(sources: list[Source], people: list[Source]) -> Likeness:
    """Distances among the sources, and from the people to them."""
    count = len(sources)
    shape, appearance = measure([*sources, *people])
    embedding = np.concatenate([_whiten(values, count) for values in (shape, appearance)], axis=1)
    distance = np.linalg.norm(embedding[:, None] - embedding[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    return Likeness(
        distance[:count, :count].min(axis=1), distance[count:, :count].min(axis=1), distance[count:, count:].min(axis=1)
    )


def _whiten(values: F64, count: int) -> NDArray[np.float64]:
    """Components of all rows, about the mean and by the principal axes of the first ``count`` ones."""
    centred = values - values[:count].mean(axis=0)
    _, scale, axes = np.linalg.svd(centred[:count], full_matrices=False)
    return np.asarray(centred @ axes[:_COMPONENTS].T / scale[:_COMPONENTS] * np.sqrt(count))


def check(shared: Path, count: int = 100, frames: int = archetypes.FRAMES) -> Likeness:
    """Compare actors 0 .. count - 1 with every source."""
    people = []
    for seed in range(count):
        portrait = actors.actor(seed)
        people.append(Source(portrait.name, True, False, portrait.image, portrait.landmarks))
    return compare(archetypes.collect(shared, frames), people)


if __name__ == "__main__":
    print(check(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 100).report())
