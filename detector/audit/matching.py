"""Negatives whose scenery is like that of the fakes, so that scenery cannot stand for the class.

What a classifier makes of the scenery alone, persons held out, is a propensity (Rosenbaum and Rubin 1983): each fake
keeps the negatives that are nearest to it on that scale, and negatives that resemble no fake are left out. Nothing of a
face is looked at, and no score of a detector.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tellmark.detector.audit.probes import probe_scores
from tellmark.errors import InputError
from tellmark.types import F64, Clip, Label

ARMS = ("null", "plain")
"""Methods of real clips that went through our pipeline, beside the originals they were made from."""

_SEEDS = (1, 2, 3)  # of the folds; the audit's own probe has seed 0
_CALIPER = 0.2  # deviations of the propensity's log-odds within which two clips are alike (Austin 2011)


def matched(
    x: F64, labels: NDArray[np.int64], identities: NDArray[np.str_], sources: NDArray[np.str_], *, each: int
) -> set[str]:
    """Sources to keep: all fakes', and for each of them the ``each`` nearest negatives that no other fake took.

    x: (N, D) scenery of N clips; several clips of one source count as their mean. Fakes choose in turn, in an order
    that is drawn once.
    """
    names, place, classes = _propensity(x, labels, identities, sources)
    fakes = np.flatnonzero(classes == 1)
    free = [int(i) for i in np.flatnonzero(classes == 0)]
    kept = set(fakes.tolist())
    rng = np.random.default_rng(0)
    for fake in np.concatenate([rng.permutation(fakes) for _ in range(each)]):
        if free:
            nearest = min(free, key=lambda other: abs(place[other] - place[fake]))
            free.remove(nearest)
            kept.add(nearest)
    return {str(names[i]) for i in kept}


def without_counterpart(
    x: F64, labels: NDArray[np.int64], identities: NDArray[np.str_], sources: NDArray[np.str_]
) -> set[str]:
    """Sources of fakes for which no negative is left whose scenery is alike, where each stands for one fake alone.

    As many as can be are paired: on a line, the lowest fake takes the lowest negative in its reach.
    """
    names, place, classes = _propensity(x, labels, identities, sources)
    reach = _CALIPER * float(place.std())
    others = sorted(place[classes == 0])
    alone, first = set(), 0
    for i in sorted(np.flatnonzero(classes == 1), key=lambda i: place[i]):
        while first < len(others) and others[first] < place[i] - reach:
            first += 1
        if first < len(others) and others[first] <= place[i] + reach:
            first += 1
        else:
            alone.add(str(names[i]))
    return alone


def unpaired(clips: Sequence[Clip], x: F64) -> set[str]:
    """Sources of fakes among ``clips`` that have neither their original there nor a counterpart.

    x: (N, D) what counterparts have to share. A clip that is somebody's original stands for no other fake, nor do arms.
    """
    negatives = {clip.clip_id for clip in clips if clip.label is not Label.FAKE}
    fakes = [clip for clip in clips if clip.label is Label.FAKE]
    lone = {clip.source_id for clip in fakes if clip.original not in negatives}
    taken = {clip.original for clip in fakes}

    def asked(clip: Clip) -> bool:
        if clip.label is Label.FAKE:
            return clip.source_id in lone
        return clip.clip_id not in taken and clip.method not in ARMS

    chosen = [i for i, clip in enumerate(clips) if asked(clip)] if lone else []
    labels = np.array([int(clips[i].label is Label.FAKE) for i in chosen], np.int64)
    who, sources = (np.array([getattr(clips[i], name) for i in chosen]) for name in ("identity", "source_id"))
    try:
        return without_counterpart(x[chosen], labels, who, sources) if lone else set()
    except InputError:  # nobody is left to be one
        return lone


def _propensity(
    x: F64, labels: NDArray[np.int64], identities: NDArray[np.str_], sources: NDArray[np.str_]
) -> tuple[NDArray[np.str_], F64, NDArray[np.int64]]:
    """Names, log-odds of being fake by what ``x`` shows, persons held out, and class of each source."""
    scale = np.mean([probe_scores(x, labels, identities, seed=seed) for seed in _SEEDS], axis=0)
    names, first, member = np.unique(sources, return_index=True, return_inverse=True)
    return names, np.bincount(member, scale) / np.bincount(member), labels[first]
