"""What a classifier is worth on systems and on persons that it never met: one system left out, one fold of persons.

Each system of the fakes is left out in turn, and with it one fold after the other of the persons of the negatives: a
model of all the rest tells the one from the other. A fake's own person, where footage of it is known, is left out too.
Every fold has a model of its own, whose scores are compared within the fold alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tellmark.detector import metrics
from tellmark.detector.features import ClipFeatures
from tellmark.detector.heldout import HeldOut
from tellmark.detector.models.additive import Tells
from tellmark.detector.models.rows import FOLDS, Rows
from tellmark.detector.train import rows_of
from tellmark.runs import Progress
from tellmark.types import F64, Clip, Label

Pairs = Sequence[tuple[Clip, ClipFeatures]]
Learner = Callable[[F64, Rows], Callable[[F64], F64]]
"""Windows and what is known of them in; a function from windows (N, features) to scores (N,) out."""

_OURS = ("talk", "null")  # methods of our generator in the set of the detector that ships


@dataclass(frozen=True, slots=True)
class Unseen:
    """How each system fares that was left out."""

    auc: dict[str, float]  # system -> mean over the folds of persons
    interval: dict[str, tuple[float, float]]  # 95 %, bootstrap over persons
    sources: dict[str, int]  # fakes of the system, variants of one counted once
    mean_interval: tuple[float, float]  # of :meth:`mean`; systems without a fake in a draw are left out of it

    def mean(self, fewest: int = 1) -> float:
        """Over the systems with ``fewest`` fakes or more, systems alike."""
        return float(np.mean([self.auc[name] for name, count in self.sources.items() if count >= fewest]))

    def weighted(self) -> float:
        """Over all systems, weighed by their fakes."""
        return float(np.average(list(self.auc.values()), weights=[self.sources[name] for name in self.auc]))


def tells_learner(classifier: Tells | None = None, seed: int = 0) -> Learner:
    """That of ``classifier``, or of tells as they are."""
    chosen = classifier or Tells()

    def learn(x: F64, rows: Rows) -> Callable[[F64], F64]:
        return chosen.learn(x, rows, seed=seed).margin

    return learn


def shuffled(learner: Learner, seed: int) -> Learner:
    """The control: the same on labels dealt to the clips at random. Its AUC must be a half."""

    def learn(x: F64, rows: Rows) -> Callable[[F64], F64]:
        _, first, member = np.unique(rows.clips, return_index=True, return_inverse=True)
        order = np.random.default_rng(seed).permutation(first)[member]
        return learner(x, Rows(rows.labels[order], rows.clips, rows.identities, rows.methods[order]))

    return learn


def leave_one_system_out(
    pairs: Pairs,
    learner: Learner,
    *,
    also: Pairs = (),
    count: int = FOLDS,
    seed: int = 0,
    bootstraps: int = metrics.BOOTSTRAPS,
    progress: Progress | None = None,
) -> Unseen:
    """``Unseen`` of every method of the fakes; the persons of the negatives in ``count`` folds.

    also: clips that are learnt from as well, but for those of persons who are judged, and never judged themselves.
    """
    labels = np.array([int(clip.label is Label.FAKE) for clip, _ in pairs])
    methods = np.array([clip.method for clip, _ in pairs])
    who = np.array([clip.identity for clip, _ in pairs])
    sources = np.array([clip.source_id for clip, _ in pairs])
    systems = sorted(set(methods[labels == 1].tolist()))
    parts = _dealt(who[labels == 0], count, seed)
    _, member = np.unique(who, return_inverse=True)
    people = int(member.max()) + 1
    draws = np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), size=bootstraps)
    draws = np.vstack([np.ones(people, draws.dtype), draws])
    areas = np.full((len(systems), len(parts), len(draws)), np.nan)
    for s, system in enumerate(systems):
        unseen = (labels == 1) & (methods == system)
        for f, persons in enumerate(parts):
            judged = unseen | ((labels == 0) & np.isin(who, persons))
            taught = ~judged & ~np.isin(who, who[judged])
            known = set(who[judged].tolist())
            more = [pair for pair in also if pair[0].identity not in known]
            score = learner(*rows_of([*(pairs[i] for i in np.flatnonzero(taught)), *more]))
            chosen = np.flatnonzero(judged)
            scores = np.array([float(score(pairs[i][1].x).mean()) for i in chosen])
            areas[s, f] = metrics.weighted_aucs(labels[chosen], scores, draws[:, member[chosen]])
            if progress:
                progress(s * len(parts) + f + 1, len(systems) * len(parts))
    found = np.isfinite(areas)
    with np.errstate(invalid="ignore"):
        mean = np.where(found, areas, 0).sum(1) / found.sum(1)  # NaN where a draw has none of the system's persons
        every = np.nanmean(mean, axis=0)
    return Unseen(
        {name: float(mean[s, 0]) for s, name in enumerate(systems)},
        {name: metrics.percentiles(mean[s, 1:], 0.95) for s, name in enumerate(systems)},
        {name: len(set(sources[(methods == name) & (labels == 1)].tolist())) for name in systems},
        metrics.percentiles(every[1:], 0.95),
    )


def false_alarms(judged: Sequence[HeldOut], share: float) -> tuple[float, float]:
    """Rates of real clips and of fakes above a threshold that lets ``share`` of other persons' real clips through.

    Nested: the threshold of a fold is set on the clips of the other folds.
    """
    p = np.array([one.judgement.p_synthetic for one in judged])
    fake = np.array([one.clip.label is Label.FAKE for one in judged])
    fold = np.array([one.fold for one in judged])
    above = np.zeros(len(p), bool)
    for part in set(fold.tolist()):
        above[fold == part] = p[fold == part] > metrics.threshold_at(p[(fold != part) & ~fake], share)
    return float(above[~fake].mean()), float(above[fake].mean())


def _dealt(who: NDArray[np.str_], count: int, seed: int) -> list[NDArray[np.str_]]:
    persons = np.random.default_rng(seed).permutation(np.unique(who))
    return [persons[k::count] for k in range(min(count, len(persons)))]


def ours(clips: Sequence[Clip]) -> set[str]:
    """Ids of clips that our generator made or rendered, and of those they were made from."""
    made = [clip for clip in clips if clip.method in _OURS]
    return {clip.clip_id for clip in made} | {clip.original for clip in made if clip.original}
