"""What all controls are measured on: the clips, a score of each by a model that does not know it, and variants of some.

Where no model is given, each clip is scored by a model that was trained on the other persons of the same dataset: the
controls are then about the dataset.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tellmark.detector import metrics
from tellmark.detector.audit import probes
from tellmark.detector.audit.matching import ARMS
from tellmark.detector.audit.variants import AS_IS, Variant, variant_features
from tellmark.detector.audit_record import Control
from tellmark.detector.features import ClipFeatures
from tellmark.detector.footage import Marker
from tellmark.detector.models.additive import Tells
from tellmark.detector.models.model import Judgement
from tellmark.detector.models.rows import FOLDS, Rows, folds
from tellmark.types import F64, Clip, Label

Scored = tuple[NDArray[np.int64], F64, list[str]]
"""labels (N,) 1 = fake, scores (N,), identities."""

DEALS = 3  # of the persons to folds, whose mean a control is


class Judge(Protocol):
    """A model that was trained."""

    @property
    def name(self) -> str:
        """As results quote it."""
        ...

    def judge(self, x: F64) -> Judgement:
        """The verdict on the windows ``x`` of one clip."""
        ...


@dataclass(slots=True)
class Material:
    """The clips of an audit; see the module."""

    paths: list[Path]
    clips: list[Clip]
    features: list[ClipFeatures]
    model: Judge | None
    seed: int
    bootstraps: int
    most: int  # clips that variants are made of
    mark: Marker | None = None
    decisive: int | None = None  # clips that controls 1 and 3 take, whose marks are narrow; None: ``most``
    classifier: Tells = field(default_factory=Tells)  # of the models by others, where ``model`` is None
    _judges: dict[int, list[Judge]] = field(default_factory=dict)
    _variants: dict[tuple[Variant, int], F64] = field(default_factory=dict)
    _seen: list[tuple[F64, F64, F64]] = field(default_factory=list)

    @property
    def deals(self) -> list[int]:
        """Seeds of the folds: one deal of the persons alone moves an area by .02."""
        return [self.seed] if self.model else list(range(self.seed, self.seed + DEALS))

    def judges(self, seed: int | None = None) -> list[Judge]:
        """The judge of each clip; another ``seed`` deals the persons to other folds."""
        if self.model:
            return [self.model] * len(self.clips)
        seed = self.seed if seed is None else seed
        if seed not in self._judges:
            self._judges[seed] = self._by_others(seed)
        return self._judges[seed]

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) 1 = fake."""
        return np.array([int(clip.label is Label.FAKE) for clip in self.clips], np.int64)

    @property
    def who(self) -> NDArray[np.str_]:
        """(N,) identities."""
        return np.array([clip.identity for clip in self.clips])

    @property
    def rows(self) -> tuple[F64, Rows]:
        """Windows of all clips."""
        owner = [i for i, found in enumerate(self.features) for _ in found.x]
        sha = np.array([clip.sha256 for clip in self.clips])
        methods = np.array([clip.method for clip in self.clips])
        rungs = np.array([clip.compression or "" for clip in self.clips])
        sources = np.array([clip.source_id for clip in self.clips])
        rows = Rows(self.labels[owner], sha[owner], self.who[owner], methods[owner], rungs[owner], sources[owner])
        return np.concatenate([found.x for found in self.features]), rows

    def scores(self, seed: int | None = None) -> F64:
        """(N,) probability of each clip to be fake; another ``seed`` deals the persons to other folds."""
        pairs = zip(self.judges(seed), self.features, strict=True)
        return np.array([judge.judge(found.x).p_synthetic for judge, found in pairs])

    def seen(self) -> tuple[F64, F64, F64]:
        """Of each clip's first window (N, ..): scenery, framing and light of the first picture, its first frame."""
        if not self._seen:
            for window in map(probes.first_window, self.paths):
                self._seen.append((probes.background(window), probes.framing(window), probes.first_frame(window)))
        scenery, framing, frame = (np.array(part) for part in zip(*self._seen, strict=True))
        return scenery, framing, frame

    def scored(self, chosen: Sequence[int] | NDArray[np.intp], scores: F64, labels: NDArray[np.int64]) -> Scored:
        """``scores`` and ``labels`` (both of the chosen clips) with their identities."""
        return labels, scores, [self.clips[i].identity for i in chosen]

    @property
    def wanted(self) -> int:
        """Clips that controls 1 and 3 take."""
        return self.most if self.decisive is None else self.decisive

    @property
    def subjects(self) -> list[int]:
        """Clips that variants are made of."""
        return self.drawn(self.most)

    def drawn(self, most: int, *, clean: bool = False) -> list[int]:
        """``most`` clips, half of each class: originals and fakes in their best quality, persons in turn.

        clean: those that carry no mark come first.
        """
        able = [
            i
            for i, clip in enumerate(self.clips)
            if clip.compression in (None, "raw", "c23") and clip.method not in ARMS
        ]
        rng = np.random.default_rng(self.seed)
        queues = [[int(i) for i in rng.permutation(able) if self.labels[i] == label] for label in (0, 1)]
        half = most // 2
        return sorted(
            i
            for queue in queues
            for i in sorted(_spread(queue, self.who), key=lambda i: clean and self.clips[i].marked)[:half]
        )

    def variant(
        self, variant: Variant, chosen: Sequence[int] | None = None, *, seed: int | None = None
    ) -> tuple[list[int], F64]:
        """Those ``chosen`` (None: the subjects) that have one, and the score of each for it by its judge."""
        judges = self.judges(seed)
        seen = [i for i in (self.subjects if chosen is None else chosen) if len(self._windows(i, variant))]
        return seen, np.array([judges[i].judge(self._windows(i, variant)).p_synthetic for i in seen])

    def _windows(self, i: int, variant: Variant) -> F64:
        if variant == AS_IS:
            return self.features[i].x[:1]
        if (variant, i) not in self._variants:
            self._variants[variant, i] = variant_features(self.paths[i], variant, mark=self.mark, seed=i).x
        return self._variants[variant, i]

    def auc(
        self, number: int, name: str, meaning: str, scored: Scored, mark: str, limit: float, note: str = ""
    ) -> Control:
        """A row on the AUC of ``scored``, which passes up to ``limit``."""
        labels, scores, who = scored
        keep = np.isfinite(scores)
        if len(set(labels[keep].tolist())) < 2:
            return missing(number, name, meaning, mark, "there are not both classes to compare")
        labels, scores, who = labels[keep], scores[keep], [one for one, kept in zip(who, keep, strict=True) if kept]
        value = metrics.auc(labels, scores)
        interval = metrics.auc_interval(labels, scores, who, bootstraps=self.bootstraps, seed=self.seed)
        said = f"{len(labels)} clips, {len(set(who))} persons" + (f"; {note}" if note else "")
        return Control(number, name, meaning, value, interval, mark, value <= limit, said)

    def drop(
        self, number: int, name: str, meaning: str, before: Scored, after: Scored, limit: float, note: str = ""
    ) -> Control:
        """A row on AUC(before) - AUC(after)."""
        mark = f"drop <= {limit:g}".replace("0.", ".")
        value = metrics.auc(*before[:2]) - metrics.auc(*after[:2])
        if not math.isfinite(value):
            return missing(number, name, meaning, mark, "there are not both classes to compare")
        interval = metrics.difference_interval(before, after, bootstraps=self.bootstraps, seed=self.seed)
        said = f"AUC {metrics.auc(*before[:2]):.3f}, then {metrics.auc(*after[:2]):.3f}; {len(after[0])} clips"
        if error := (interval[1] - interval[0]) / 3.92:  # of the drop: how often chance alone decides
            none, more = (0.5 + 0.5 * math.erf((limit - drop) / error / math.sqrt(2)) for drop in (0.0, 0.1))
            said += f" pass no drop at all in {none:.0%} of cases, one of .10 in {more:.0%}"
        said += f"; {note}" if note else ""
        return Control(number, name, meaning, value, interval, mark, value <= limit, said)

    def _by_others(self, seed: int) -> list[Judge]:
        x, rows = self.rows
        judges: list[Judge | None] = [None] * len(self.clips)
        for _, test in folds(self.labels, self.who, FOLDS, seed):
            taught = ~np.isin(rows.identities, self.who[test])
            model = self.classifier.fit(x[taught], rows[taught], seed=seed)
            for i in test:
                judges[i] = model
        if any(judge is None for judge in judges):
            raise AssertionError("every clip is in one fold")
        return [judge for judge in judges if judge is not None]


NONE_ANEW = "no clip was encoded anew; `tellmark audit` does that"


def mean_of(rows: Sequence[Control], limit: float) -> Control:
    """The row of several deals of folds: their mean, and that of their intervals, which passes up to ``limit``."""
    values = [row.value for row in rows if row.value is not None]
    ends = [row.interval for row in rows if row.interval is not None]
    if len(rows) < 2 or len(values) < len(rows):
        return rows[0]
    value, (low, high) = float(np.mean(values)), map(float, np.mean(ends, axis=0))
    note = f"{rows[0].note}; mean of {len(rows)} deals: " + ", ".join(f"{one:.3f}" for one in values)
    return replace(rows[0], value=value, interval=(low, high), passed=value <= limit, note=note)


def missing(number: int, name: str, meaning: str, mark: str, why: str) -> Control:
    """A row without a value."""
    return Control(number, name, meaning, None, None, mark, None, why)


def _spread(queue: list[int], who: NDArray[np.str_]) -> list[int]:
    """The clips in an order in which every person comes once before any comes twice."""
    turn: dict[str, int] = {}
    keyed = []
    for place, i in enumerate(queue):
        turn[who[i]] = turn.get(who[i], 0) + 1
        keyed.append((turn[who[i]], place, i))
    return [i for _, _, i in sorted(keyed)]
