"""Does an actor look like somebody who went into the mixtures? The maintainers' nearest-neighbour check.

    python -m tellmark.generator.actors.likeness ../shared/data 100

Actors are measured as people are: tracked in their finished picture, turned to the front, unwarped. The embedding is
the aligned shape and the low-resolution appearance of the face, each whitened by principal components of members
(people in the mixtures) and of as many others. What counts as near depends on metric and dimension, so no setting is
singled out: all are printed. Two questions are asked in each:

criterion: is every actor at least as far from its nearest member as the two most similar members are from each other?
control: are actors nearer to members than to others who had no part in them? The ratio of the two medians is below 1
if so. The same criterion is put to the others themselves, who are certainly no mixtures: real people fail it, too, as
more pairs hold smaller minima.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from tellmark.faces import MediapipeTracker
from tellmark.generator import actors
from tellmark.generator.actors import archetypes, facespace
from tellmark.generator.actors.archetypes import Source
from tellmark.landmarks import FACE_OVAL
from tellmark.types import F32, F64

_SIDE = 40  # px of the appearance
SETTINGS = tuple((components, cosine) for components in (8, 12, 16, 24) for cosine in (False, True))


@dataclass(frozen=True, slots=True)
class Likeness:
    """The outcome in one setting. Distances: standard deviations, or 1 - cosine."""

    components: int  # of shape, and as many of appearance
    cosine: bool
    members_apart: float  # the two most similar members
    actors_nearest: float  # the smallest distance of an actor to a member
    others_nearest: float  # the smallest distance of an uninvolved person to a member
    to_members: float  # median over actors of the distance to the nearest member
    to_others: float  # likewise to the nearest of as many others

    @property
    def criterion(self) -> bool:
        """No actor is nearer to a member than two members are to each other."""
        return self.actors_nearest >= self.members_apart

    @property
    def ratio(self) -> float:
        """Below 1: actors lean towards the people they were mixed from."""
        return self.to_members / self.to_others

    def report(self) -> str:
        """One line for a log."""
        return (
            f"{self.components:2} {'cosine   ' if self.cosine else 'euclidean'} "
            f"criterion {'holds' if self.criterion else 'FAILS'}: closest actor-member {self.actors_nearest:.2f}, "
            f"member-member {self.members_apart:.2f}, uninvolved-member {self.others_nearest:.2f}; "
            f"control ratio {self.ratio:.2f} ({self.to_members:.2f} / {self.to_others:.2f})"
        )


def measure(faces: list[Source]) -> tuple[F64, F64]:
    """(n, 1434) aligned shapes and (n, P) normalised appearances of the faces."""
    mean = facespace.load().mean
    shapes = np.stack([archetypes.align(face.landmarks.astype(np.float64), mean.astype(np.float64)) for face in faces])
    inside = cv2.resize(_inner_face(mean), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) > 0.9
    textures = np.stack([archetypes.unwarp(face, mean) for face in faces])
    textures = archetypes.normalise(textures, archetypes.skin_mask(mean))
    small = np.stack(
        [cv2.resize(texture, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)[inside] for texture in textures]
    )
    return shapes.reshape(len(faces), -1), small.reshape(len(faces), -1).astype(np.float64)


def _inner_face(mean: F32) -> F32:
    mask = np.zeros((facespace.TEXTURE, facespace.TEXTURE), np.float32)
    points = facespace.to_texture(mean)[list(FACE_OVAL)]
    centre = points.mean(axis=0)
    cv2.fillPoly(mask, [np.round(centre + (points - centre) * 0.88).astype(np.int32)], 1.0)
    return mask


def compare(features: tuple[F64, ...], members: int) -> list[Likeness]:
    """All settings. Rows of each of ``features``: the members, exactly as many others, the actors.

    Axes fit to a few people push these people outwards; with both groups in the fit, that favours neither.
    """
    people = 2 * members
    results = []
    for components, cosine in SETTINGS:
        embedding = np.concatenate([_whiten(values, people, components) for values in features], axis=1)
        if cosine:
            embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
            distance = 1 - embedding @ embedding.T
        else:
            distance = np.linalg.norm(embedding[:, None] - embedding[None], axis=2)
        np.fill_diagonal(distance, np.inf)
        to_members, to_others = (
            distance[people:, group].min(axis=1) for group in (slice(0, members), slice(members, people))
        )
        results.append(
            Likeness(
                components,
                cosine,
                float(distance[:members, :members].min()),
                float(to_members.min()),
                float(distance[members:people, :members].min()),
                float(np.median(to_members)),
                float(np.median(to_others)),
            )
        )
    return results


def _whiten(values: F64, count: int, components: int) -> F64:
    """Components of all rows, about the mean and by the principal axes of the first ``count``."""
    centred = values - values[:count].mean(axis=0)
    _, scale, axes = np.linalg.svd(centred[:count], full_matrices=False)
    return np.asarray(centred @ axes[:components].T / scale[:components] * np.sqrt(count))


def collect_others(shared: Path, members: list[Source], frames: int) -> list[Source]:
    """The people on real footage in ``shared`` who are no members, each in the best of the first clip's frames."""
    taken = {member.person for member in members}
    found: list[tuple[float, Source]] = []
    with (shared / "index.csv").open(encoding="utf-8") as table, MediapipeTracker(static=True) as tracker:
        for row in csv.DictReader(table):
            if row["kind"] != "real" or row["person_id"] in taken:
                continue
            seen = archetypes.frontal_views(shared / row["path"], still=False, count=frames, tracker=tracker)
            if seen:
                taken.add(row["person_id"])
                cost, rgb, landmarks = min(seen, key=lambda view: view[0])
                found.append((cost, Source(row["person_id"], False, True, rgb, landmarks)))
    found.sort(key=lambda entry: entry[0])
    return [source for _, source in found[: len(members)]]


def check(shared: Path, count: int = 100, frames: int = 8) -> list[Likeness]:
    """Compare actors 0 .. count - 1, at rest, with the people in ``shared``."""
    people = []
    for seed in range(count):
        portrait = actors.at_rest(seed)  # a smile or a turn is no likeness
        people.append(Source(portrait.name, True, False, portrait.image, portrait.landmarks))
    members = archetypes.collect(shared)
    others = collect_others(shared, members, frames)
    return compare(measure([*members, *others, *people]), len(members))


if __name__ == "__main__":
    for result in check(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 100):
        print(result.report())
