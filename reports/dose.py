"""Dose and response: how detectable an artifact is as a function of how much of it there is.

For each dial, the AUC of fakes with the dial at a severity against the same fakes without it: .5 where nothing is
seen. The dose at which the AUC passes .75 is read off the curve made monotone (isotonic regression, pool adjacent
violators), straight between severities and starting at (0, .5), where dose and response are known to be nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tellmark.reports.gap import Arm, Scored, auc, auc_draws, fewest_persons, interval
from tellmark.types import F64

PASSES = 0.75


@dataclass(frozen=True, slots=True)
class Curve:
    """One dial's response, with 95 % intervals over persons."""

    dial: str
    severities: tuple[float, ...]  # ascending, without 0
    auc: tuple[float, ...]  # as measured, not made monotone
    auc_ci: tuple[tuple[float, float], ...]
    dose: float | None  # at which the AUC passes .75; None: not up to the largest severity
    dose_ci: tuple[float | None, float | None]
    clips: int  # a severity
    persons: int


def curve(dial: str, severity: F64, clips: Scored, *, seed: int = 0) -> Curve:
    """The response of one dial from scores of clips at each ``severity`` (N,); 0 marks the same fakes without it.

    ``clips`` has ``Arm.FAKE`` for dialled clips and ``Arm.NEGATIVE`` for those without.
    """
    doses = np.unique(severity[severity > 0])
    parts = [clips[(severity == dose) | (severity == 0)] for dose in doses]
    values = np.array([auc(part) for part in parts])
    # One generator's draws for all doses would need one set of persons; each dose has the same ones by construction.
    draws = np.stack([auc_draws(part, seed=seed) for part in parts], axis=1)
    crossings = np.array([_crossing(doses, row) for row in draws if np.isfinite(row).all()])
    low, high = np.percentile(crossings, [2.5, 97.5], method="nearest") if len(crossings) else (np.nan, np.inf)
    return Curve(
        dial=dial,
        severities=tuple(float(dose) for dose in doses),
        auc=tuple(float(value) for value in values),
        auc_ci=tuple(_auc_interval(row, fewest_persons(part)) for row, part in zip(draws.T, parts, strict=True)),
        dose=_known(_crossing(doses, values)),
        # Below the smallest severity nothing was measured: a crossing there may lie anywhere up to it.
        dose_ci=(0.0 if low < doses[0] else _known(float(low)), _known(max(float(high), float(doses[0])))),
        clips=min(part.count(Arm.FAKE) for part in parts),
        persons=len(np.unique(clips.identity)),
    )


def isotonic(values: Sequence[float] | F64) -> F64:
    """The nearest rising sequence in least squares (pool adjacent violators, Ayer et al. 1955)."""
    blocks: list[list[float]] = []
    for value in values:
        blocks.append([float(value), 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            mean, weight = blocks.pop()
            total = blocks[-1][1] + weight
            blocks[-1] = [(blocks[-1][0] * blocks[-1][1] + mean * weight) / total, total]
    return np.concatenate([np.full(int(weight), mean) for mean, weight in blocks])


def _crossing(doses: F64, values: F64) -> float:
    """The dose at which the monotone curve reaches .75; infinite where it never does."""
    x = np.append(0.0, doses)
    y = np.maximum(np.append(0.5, isotonic(values)), 0.5)
    above = np.flatnonzero(y >= PASSES)
    if not len(above):
        return float("inf")
    k = int(above[0])
    return float(x[k - 1] + (PASSES - y[k - 1]) / (y[k] - y[k - 1]) * (x[k] - x[k - 1]))


def _auc_interval(draws: F64, persons: int) -> tuple[float, float]:
    low, high = interval(2 * draws - 1, persons)
    return (1 + low) / 2, (1 + high) / 2


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None
