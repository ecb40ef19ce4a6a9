"""Does a detector see a dial, and from which dose on? One small probe a dial, on persons it was not fitted to.

The probe is a linear discriminant with shrunken covariance (Ledoit & Wolf 2004) on the clips' mean features: it tells
the full dose from the same fakes without the dial, and judges every dose of persons that were left out. It is linear,
so that a dose which moves the features further scores further; trees would saturate.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tellmark.detector.distance import mean_features
from tellmark.detector.features import ClipFeatures
from tellmark.detector.models.rows import FOLDS
from tellmark.types import F64, Clip, Label

Pairs = Sequence[tuple[Clip, ClipFeatures]]


@dataclass(frozen=True, slots=True)
class Dose:
    """The probe's score of one clip."""

    dial: str
    severity: float  # 0: the same fake without the dial
    clip_id: str
    identity: str
    score: float
    fold: int


def dial_of(clip: Clip) -> tuple[str, float] | None:
    """(name, severity) of a clip that a dial was turned on."""
    params = json.loads(clip.params)
    return (str(params["dial"]), float(params["severity"])) if params.get("dial") else None


def judge_doses(pairs: Pairs, *, seed: int = 0, count: int = FOLDS) -> list[Dose]:
    """Scores of every dose of every dial in ``pairs``, and of the fakes they were made of; empty without dials.

    A dial met in fewer than three persons is left out: nobody could be held out.
    """
    means = np.array([mean_features(features.x) for _, features in pairs])
    dials = [dial_of(clip) for clip, _ in pairs]
    bases = {_take(clip): i for i, (clip, _) in enumerate(pairs) if clip.label is Label.FAKE and dials[i] is None}
    found: list[Dose] = []
    for dial in sorted({dial[0] for dial in dials if dial}):
        rows = [i for i, one in enumerate(dials) if one and one[0] == dial and _take(pairs[i][0]) in bases]
        rows += sorted({bases[_take(pairs[i][0])] for i in rows})
        severity = np.array([one[1] if (one := dials[i]) else 0.0 for i in rows])
        who = np.array([pairs[i][0].identity for i in rows])
        names = np.random.default_rng(seed).permutation(np.unique(who))
        if len(names) < 3:
            continue
        for fold, left_out in enumerate(np.array_split(names, max(2, min(count, len(names) // 2)))):
            judged = np.isin(who, left_out)
            scores = _probe(means[rows], severity, ~judged)
            found += [
                Dose(dial, float(severity[k]), pairs[rows[k]][0].clip_id, str(who[k]), float(scores[k]), fold)
                for k in np.flatnonzero(judged)
            ]
    return found


def _probe(x: F64, severity: F64, taught: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> F64:
    """(N,) how much each row looks like the full dose; fitted on the full dose and none of the ``taught`` rows."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    ends = taught & ((severity == 0) | (severity == severity.max()))
    known = np.isfinite(x[ends])
    usable = known.any(0)
    x, known = x[:, usable], known[:, usable]
    centre = np.nanmedian(x[ends], axis=0)
    filled = np.where(np.isfinite(x), x, centre) - centre
    scale = filled[ends].std(0)
    filled = np.clip(filled[:, scale > 0] / scale[scale > 0], -8, 8)  # one odd feature must not decide alone
    probe = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(filled[ends], severity[ends] > 0)
    return np.asarray(probe.decision_function(filled), np.float64)


def _take(clip: Clip) -> tuple[str, str, str | None]:
    """What the doses of one fake share."""
    return clip.original or clip.source_id, clip.method, clip.compression
