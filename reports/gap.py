"""The authenticity gap: one definition, for the whole and for each tell.

Shown a forgery and a negative (real footage, or what stands in for it) of persons it was not trained on, a detector
scores the forgery higher with probability AUC(fake). Detectability is D = 2 AUC(fake) - 1: 0 for chance, 1 for certain,
independent of thresholds and of how many clips each class has (Somers' D).

Some of that is no forgery: framing, resampling, blending and encoding leave traces on any clip that passes through the
pipeline. The null arm measures them. It is the negatives' own footage after every stage of the fakes but the synthesis;
nobody learns from it, and the very same models score it: N = 2 AUC(null) - 1. The gap is

    G = D - max(N, 0).

- Footage that was only passed through the pipeline has G = 0, since then D and N estimate the same thing.
- G grows when forgeries score higher and nothing else changes, so it grows with the dose of any artifact that is seen.
- The correction only ever takes away: a pipeline cannot hide a forgery better than chance, so that N below 0 is chance,
  and G stays at or below D. G itself is not cut off at 0, which would bias its mean.
- Generators compare where negatives, null arm, folds and the tells' version are the same.
- The index is the gap of all tells together, not a mean over tells: a mean would change with the list of tells.

Scores of different models do not compare. Only clips of one fold are set against each other, and the AUC is the share
over the pairs of all folds (LeDell, Petersen & van der Laan 2015). Intervals draw persons with replacement, not clips,
since clips of one person resemble each other; fakes, nulls and negatives of a person are drawn together. Where all
draws agree, as they do where the classes are apart, drawing says nothing of who was not met: n persons who all agree
leave room for a share of 1 - .025^(1/n) who do not (Clopper & Pearson 1934), and the interval is that wide.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from tellmark.types import F64

FEWEST_PERSONS = 8
"""Of either class, below which no gap is stated: with four, intervals that should hold the truth in 95 of 100 cases
hold it in 80 (simulated; `docs/log.md`), with eight in 96."""
DRAWS = 1000
Z95 = (2.5, 97.5)


class Arm(StrEnum):
    """What a clip stands for."""

    FAKE = "fake"
    NULL = "null"
    NEGATIVE = "negative"


@dataclass(frozen=True, slots=True)
class Scored:
    """Held-out scores of N clips."""

    score: F64  # (N,)
    arm: NDArray[np.str_]  # (N,) of :class:`Arm`
    identity: NDArray[np.str_]  # (N,)
    fold: NDArray[np.int64]  # (N,)

    def __len__(self) -> int:
        return len(self.score)

    def __getitem__(self, rows: NDArray[np.bool_]) -> Scored:
        return Scored(self.score[rows], self.arm[rows], self.identity[rows], self.fold[rows])

    def count(self, arm: Arm) -> int:
        """Clips of one arm."""
        return int((self.arm == arm).sum())


@dataclass(frozen=True, slots=True)
class Gap:
    """A gap with its parts; 95 % intervals; NaN where an arm is missing or too few persons could be drawn."""

    value: float  # D - max(N, 0); D itself without a null arm
    low: float
    high: float
    detectability: float
    detectability_ci: tuple[float, float]
    null: float  # N; NaN without a null arm
    null_ci: tuple[float, float]
    corrected: bool
    persons: int  # of the class, fakes or negatives, that has fewer of them

    @property
    def stated(self) -> bool:
        """Whether its interval is to be trusted, which those of few persons are not."""
        return self.persons >= FEWEST_PERSONS


def gap(clips: Scored, *, seed: int = 0, draws: int = DRAWS) -> Gap:
    """The gap of the fakes among ``clips``, and its bootstrap interval. The same clips and seed, the same numbers."""
    names, member = np.unique(clips.identity, return_inverse=True)
    one = np.ones((1, len(clips)), np.float64)
    weights = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    drawn = weights[:, member].astype(np.float64)
    fake, null = (2 * _paired_auc(clips, arm, one)[0] - 1 for arm in (Arm.FAKE, Arm.NULL))
    fakes, nulls = (2 * _paired_auc(clips, arm, drawn) - 1 for arm in (Arm.FAKE, Arm.NULL))
    corrected = bool(np.isfinite(null))
    values = fakes - np.maximum(nulls, 0) if corrected else fakes
    persons = fewest_persons(clips)
    low, high = interval(values, persons)
    return Gap(
        value=float(fake - max(null, 0) if corrected else fake),
        low=low,
        high=high,
        detectability=float(fake),
        detectability_ci=interval(fakes, persons),
        null=float(null),
        null_ci=interval(nulls, persons),
        corrected=corrected,
        persons=persons,
    )


def auc(clips: Scored, arm: Arm = Arm.FAKE) -> float:
    """Share of pairs (clip of ``arm``, negative) of one fold in which the former scores higher; ties count half."""
    return float(_paired_auc(clips, arm, np.ones((1, len(clips)), np.float64))[0])


def auc_draws(clips: Scored, *, seed: int = 0, draws: int = DRAWS) -> F64:
    """(draws,) AUCs of the fakes with persons drawn with replacement."""
    names, member = np.unique(clips.identity, return_inverse=True)
    weights = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    return _paired_auc(clips, Arm.FAKE, weights[:, member].astype(np.float64))


def fewest_persons(clips: Scored) -> int:
    """Persons of the class, fakes or negatives, that has fewer of them."""
    return min(len(np.unique(clips.identity[clips.arm == arm])) for arm in (Arm.FAKE, Arm.NEGATIVE))


def too_few_persons(persons: int) -> str:
    """Why nothing is stated of so few, for whoever reads the report."""
    return (
        f"Too few persons to say: {persons} in the smaller class, where {FEWEST_PERSONS} are needed. An interval is "
        "drawn from persons, and one that is drawn from so few misses the truth far more often than it says."
    )


def interval(values: F64, persons: int) -> tuple[float, float]:
    """95 % interval of values 2 AUC - 1, or of their differences, from draws of ``persons``; NaN without any."""
    known = values[np.isfinite(values)]
    if not len(known) or persons < 1:
        return float("nan"), float("nan")
    low, high = np.percentile(known, Z95)
    if np.ptp(known) == 0:
        room = 2 * (1 - 0.025 ** (1 / persons))
        low, high = max(low - room, -1.0), min(high + room, 1.0)
    return float(low), float(high)


def _paired_auc(clips: Scored, arm: Arm, weights: F64) -> F64:
    """(B,) AUC of ``arm`` against the negatives within folds, for each row of clip weights (B, N)."""
    won, pairs = np.zeros(len(weights)), np.zeros(len(weights))
    for fold in np.unique(clips.fold):
        above = np.flatnonzero((clips.fold == fold) & (clips.arm == arm))
        below = np.flatnonzero((clips.fold == fold) & (clips.arm == Arm.NEGATIVE))
        if len(above) and len(below):
            difference = clips.score[above][:, None] - clips.score[below][None]
            wins = np.where(difference > 0, 1.0, np.where(difference == 0, 0.5, 0.0))
            won += np.einsum("bi,bi->b", weights[:, above], weights[:, below] @ wins.T)
            pairs += weights[:, above].sum(1) * weights[:, below].sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(won / pairs, np.float64)
