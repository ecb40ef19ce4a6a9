"""Scores of clips by models that saw neither them nor anybody in them: what a gap is computed from.

Persons are dealt to folds. The model of a fold learns from the clips of all other persons and judges the clips of its
own, among them those that nobody learns from, such as null renders. Scores of different models do not compare, so the
fold stays with each score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tellmark.detector.features import ClipFeatures
from tellmark.detector.models.additive import Tells
from tellmark.detector.models.model import Judgement
from tellmark.detector.models.rows import FOLDS, folds
from tellmark.detector.train import fit
from tellmark.errors import InputError
from tellmark.runs import Progress
from tellmark.types import Clip, Label

FEWEST = 3  # persons a class
Pairs = Sequence[tuple[Clip, ClipFeatures]]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What a model that had never seen this person said of one clip."""

    clip: Clip
    judgement: Judgement
    fold: int


def judge_held_out(
    taught: Pairs,
    others: Pairs = (),
    classifier: Tells | None = None,
    *,
    seed: int = 0,
    count: int = FOLDS,
    progress: Progress | None = None,
) -> list[HeldOut]:
    """Judge ``taught`` and ``others`` by models of ``taught``; a person's clips are all judged in one fold.

    Somebody who is in ``others`` alone is judged in the first fold: no model saw them. Raises
    :class:`~tellmark.errors.InputError` where a class has fewer than three persons: those left to learn from are split
    once more, for calibration.
    """
    labels = np.array([int(clip.label is Label.FAKE) for clip, _ in taught], np.int64)
    who = np.array([clip.identity for clip, _ in taught])
    persons = {label: len(set(who[labels == label].tolist())) for label in (1, 0)}
    if min(persons.values()) < FEWEST:
        raise InputError(
            f"fakes of {persons[1]} and other clips of {persons[0]} persons show a face for 1.6 s, and {FEWEST} of "
            "each are needed; add clips of others, or say who is in which (--persons)"
        )
    result: list[HeldOut] = []
    parts = list(folds(labels, who, count, seed))
    homes = {str(name): number for number, (_, judged) in enumerate(parts) for name in who[judged]}
    for number, (chosen, judged) in enumerate(parts):
        model = fit([taught[i] for i in chosen], classifier or Tells(), seed)
        known = set(who[chosen])
        mine = [taught[i] for i in judged]
        mine += [pair for pair in others if homes.get(pair[0].identity, 0) == number and pair[0].identity not in known]
        result += [HeldOut(clip, model.judge(features.x), number) for clip, features in mine]
        if progress:
            progress(number + 1, len(parts))
    return result
