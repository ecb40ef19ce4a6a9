"""The windows that a model learns from: whose they are, how they are dealt to folds, and how much each one counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tellmark.errors import InputError
from tellmark.types import F64

FOLDS = 5


@dataclass(frozen=True, slots=True)
class Rows:
    """What is known of N windows, each array (N,)."""

    labels: NDArray[np.int64]  # 1 = fake, 0 = negative
    clips: NDArray[np.str_]
    identities: NDArray[np.str_]
    methods: NDArray[np.str_]
    rungs: NDArray[np.str_] | None = None  # of compression; "" where a clip has none, None where nobody says
    sources: NDArray[np.str_] | None = None  # what clips were cut from; None where nobody says

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, chosen: NDArray[Any]) -> Rows:
        rungs, sources = (None if one is None else one[chosen] for one in (self.rungs, self.sources))
        labels, clips, who, methods = (one[chosen] for one in (self.labels, self.clips, self.identities, self.methods))
        return Rows(labels, clips, who, methods, rungs, sources)


def looks(rows: Rows) -> NDArray[np.intp]:
    """(P, 2) rows that show the same window of two clips which differ in size, encoder or mark alone: two looks.

    These are clips of one source, method and class; their windows are taken in order.
    """
    if rows.sources is None:
        return np.zeros((0, 2), np.intp)
    found: dict[tuple[str, str, int], dict[str, list[int]]] = {}
    for i, key in enumerate(zip(rows.sources.tolist(), rows.methods.tolist(), rows.labels.tolist(), strict=True)):
        found.setdefault(key, {}).setdefault(str(rows.clips[i]), []).append(i)
    pairs = [pair for clips in found.values() for one in pairwise(clips.values()) for pair in zip(*one, strict=False)]
    return np.array(pairs, np.intp).reshape(-1, 2)


class Classifier(Protocol):
    """What training and evaluation need of a model; a row is a window."""

    def fit(self, x: Any, rows: Rows, *, seed: int = 0) -> Any:
        """Learn from the N rows of ``x``, which ``rows`` describes."""
        ...

    def predict(self, x: Any) -> F64:
        """(N,) probability of each row to be fake, given classes of equal size."""
        ...


def folds(
    labels: NDArray[np.int64], identities: NDArray[np.str_], count: int, seed: int
) -> Iterable[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """(train, test) rows of ``count`` folds that share no identity, classes spread evenly.

    Fewer folds where a class has fewer identities. Raises :class:`InputError` where a class has fewer than two.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    fewest = min(len(set(identities[labels == label])) for label in (0, 1))
    if fewest < 2:
        raise InputError(
            "each class needs clips of two identities or more to hold one out; add fakes, or real or reference clips"
        )
    splitter = StratifiedGroupKFold(min(count, fewest), shuffle=True, random_state=seed)
    return [
        (train, test)
        for train, test in splitter.split(np.zeros(len(labels)), labels, identities)
        if len(test) and len(set(labels[train])) == 2
    ]


def balanced_weights(rows: Rows) -> F64:
    """(N,) weights of mean 1: classes count alike, within them methods by the square root of their clips, clips alike.

    The root lies between trusting each method alike and each clip alike; both ends do worse on unseen ones (measured).
    """
    _, clip, windows = np.unique(rows.clips, return_inverse=True, return_counts=True)
    weights = 1 / windows[clip]
    for method in set(rows.methods.tolist()):
        for label in (0, 1):
            chosen = (rows.methods == method) & (rows.labels == label)
            if chosen.any():
                weights[chosen] /= np.sqrt(weights[chosen].sum())
    for label in (0, 1):
        weights[rows.labels == label] /= weights[rows.labels == label].sum()
    return np.asarray(weights * len(weights) / weights.sum(), np.float64)


def clip_means(clips: NDArray[np.str_], values: F64) -> tuple[NDArray[np.intp], F64]:
    """First row of each clip, and the mean of ``values`` (N, ..) over each clip's rows, clips in sorted order."""
    _, first, member = np.unique(clips, return_index=True, return_inverse=True)
    sums = np.zeros((len(first), *values.shape[1:]))
    np.add.at(sums, member, values)
    count = np.bincount(member).reshape(-1, *[1] * (values.ndim - 1))
    return first, sums / count
