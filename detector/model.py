"""The detector's model: boosted trees and a discriminant over the tells, additive by family, calibrated.

Every tree may ask about one family only (interaction constraints) and the discriminant is a sum over columns, so the
log-odds of a clip are exactly a constant plus one term a family: the explanation is the model, not an estimate of it (a
generalised additive model with trees, Lou et al. 2013). Both halves count alike. What is learned is turned into plain
arrays; evaluation needs NumPy alone. The calibration is that of clips of unseen persons.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tellmark.detector import discriminant, tells
from tellmark.detector.audit.record import beside, found_in, sentence
from tellmark.detector.discriminant import Discriminant
from tellmark.detector.features import NAMES
from tellmark.detector.trees import Trees, from_sklearn
from tellmark.errors import InputError
from tellmark.runs import atomic_path
from tellmark.types import F64

SCHEMA = "tellmark.model/2"
FOLDS = 5
_BOOSTING = {
    "learning_rate": 0.05,
    "max_iter": 600,
    "max_depth": 1,  # one question a tree: deeper trees do worse on unseen persons and methods (measured)
    "min_samples_leaf": 15,
    "l2_regularization": 5.0,
    "max_features": 0.5,
    "early_stopping": False,
}


@dataclass(frozen=True, slots=True)
class Rows:
    """What is known of N windows, each array (N,)."""

    labels: NDArray[np.int64]  # 1 = fake, 0 = negative
    clips: NDArray[np.str_]
    identities: NDArray[np.str_]
    methods: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, chosen: NDArray[Any]) -> Rows:
        return Rows(self.labels[chosen], self.clips[chosen], self.identities[chosen], self.methods[chosen])


class Classifier(Protocol):
    """What training and evaluation need of a model; a row is a window."""

    def fit(self, x: Any, rows: Rows, *, seed: int = 0) -> Any:
        """Learn from the N rows of ``x``, which ``rows`` describes."""
        ...

    def predict(self, x: Any) -> F64:
        """(N,) probability of each row to be fake, given classes of equal size."""
        ...


@dataclass(frozen=True, slots=True)
class Logistic:
    """p = 1 / (1 + exp(-(slope * margin + offset))): Platt's calibration."""

    slope: float = 1.0
    offset: float = 0.0

    def __call__(self, margin: ArrayLike) -> F64:
        logit = np.clip(self.slope * np.asarray(margin, np.float64) + self.offset, -30, 30)
        return np.asarray(1 / (1 + np.exp(-logit)), np.float64)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the model says of one clip."""

    p_synthetic: float
    tells: dict[str, dict[str, float]]  # family -> score (the family alone, 0 to 1), contribution (log-odds)
    windows: F64  # (N,) probability of each window


@dataclass(frozen=True, slots=True)
class TellModel:
    """A trained model; :func:`fit` makes one, :meth:`load` reads one."""

    trees: Trees
    family: NDArray[np.int32]  # (M,) which of ``families`` a tree asks about; -1 for a tree that is one leaf
    baseline: float  # log-odds
    calibration: Logistic  # of a clip's mean margin
    probes: dict[str, Logistic]  # of a clip's mean term of one family
    names: tuple[str, ...] = NAMES
    card: dict[str, Any] = field(default_factory=dict)
    line: Discriminant | None = None  # None: trees alone

    @property
    def families(self) -> tuple[str, ...]:
        """Families in the order of the terms."""
        return tuple(dict.fromkeys(name.split(".")[0] for name in self.names))

    @property
    def name(self) -> str:
        """Name and version, as results quote it."""
        return str(self.card.get("name", "tells"))

    @property
    def threshold(self) -> float | None:
        """``p_synthetic`` that few real clips of unseen persons exceed; None in a model that has no card."""
        value = self.card.get("threshold")
        return None if value is None else float(value)

    def terms(self, x: F64) -> F64:
        """(N, families) log-odds that each family adds to each window of ``x`` (N, len(names)), uncalibrated."""
        leaves = self.trees.leaves(np.asarray(x, np.float64))
        terms: F64 = np.stack([leaves[:, self.family == k].sum(1) for k in range(len(self.families))], axis=1)
        if self.line is None:
            return terms
        owner = np.array([name.split(".")[0] for name in self.names])
        parts = self.line.parts(np.asarray(x, np.float64))
        terms += np.stack([parts[:, owner == family].sum(1) for family in self.families], axis=1)
        return terms

    def margin(self, x: F64) -> F64:
        """(N,) uncalibrated log-odds of each window."""
        return np.asarray(self.baseline + self.terms(x).sum(1), np.float64)

    def predict(self, x: F64) -> F64:
        """(N,) probability of each window to be synthetic, given classes of equal size."""
        return self.calibration(self.margin(x))

    def judge(self, x: F64) -> Judgement:
        """The verdict on the N >= 1 windows of one clip.

        The contributions and the calibrated constant add up to the log-odds of ``p_synthetic``.
        """
        terms = self.terms(x).mean(0)
        found = {
            family: {
                "score": float(self.probes[family](term)),
                "contribution": float(self.calibration.slope * term),
            }
            for family, term in zip(self.families, terms, strict=True)
        }
        clip = float(self.calibration(self.baseline + terms.sum()))
        return Judgement(clip, found, self.predict(x))

    def save(self, path: Path, *, force: bool = False) -> None:
        """Write an .npz of arrays and a JSON text. Raises ``UsageError`` where ``path`` exists and not ``force``."""
        about = {
            "schema": SCHEMA,
            "names": self.names,
            "baseline": self.baseline,
            "calibration": [self.calibration.slope, self.calibration.offset],
            "probes": {family: [probe.slope, probe.offset] for family, probe in self.probes.items()},
            "card": self.card,
        }
        with atomic_path(path, force=force) as temporary, temporary.open("wb") as handle:
            line = {} if self.line is None else self.line.arrays()
            arrays = {"family": self.family, **self.trees.arrays(), **line}
            np.savez_compressed(handle, about=np.array(json.dumps(about)), **arrays)

    @classmethod
    def load(cls, path: Path) -> TellModel:
        """Read what :meth:`save` wrote; runs no code of the file.

        Raises :class:`InputError` for a file that is no model, or one whose features are not those measured here.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                about = json.loads(str(arrays["about"]))
                if about["schema"] != SCHEMA:
                    raise ValueError(f"its schema is {about['schema']}, not {SCHEMA}")
                model = cls(
                    trees=Trees.from_arrays(arrays),
                    family=arrays["family"].astype(np.int32),
                    baseline=float(about["baseline"]),
                    calibration=Logistic(*about["calibration"]),
                    probes={family: Logistic(*values) for family, values in about["probes"].items()},
                    names=tuple(about["names"]),
                    card=about["card"],
                    line=Discriminant.from_arrays(arrays) if "slope" in arrays else None,
                )
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise InputError(
                f"{path} is no model of `tellmark train` ({error}); give one, or leave --model out"
            ) from error
        if audit := found_in(beside(path)):
            model.card["audit"] = sentence(audit)
        if model.names != NAMES:
            raise InputError(f"{path} was trained on other features; train it again with `tellmark train`")
        return model


@dataclass(frozen=True, slots=True)
class Tells:
    """:class:`Classifier` of both halves; ``fit`` returns the :class:`TellModel`."""

    families: tuple[str, ...] = tuple(tells.FAMILIES)

    def fit(self, x: F64, rows: Rows, *, seed: int = 0) -> TellModel:
        """Learn, then calibrate on margins of persons that were left out. ``x`` is (N, len(NAMES))."""
        terms, baseline = np.zeros((len(rows), len(tells.FAMILIES))), np.zeros(len(rows))
        for train, test in folds(rows.labels, rows.identities, FOLDS, seed):
            part = self.learn(x[train], rows[train], seed=seed)
            terms[test], baseline[test] = part.terms(x[test]), part.baseline
        first, mean_terms = clip_means(rows.clips, terms)
        margins = clip_means(rows.clips, terms.sum(1) + baseline)[1]
        y = rows.labels[first]
        probes = {family: platt(mean_terms[:, k], y) for k, family in enumerate(tells.FAMILIES)}
        final = self.learn(x, rows, seed=seed)
        return replace(final, calibration=platt(margins, y), probes=probes)

    def learn(self, x: F64, rows: Rows, *, seed: int = 0) -> TellModel:
        """Both halves, each of the same spread over the rows: right in the order of its margins, not calibrated."""
        model = self.boost(x, rows, seed=seed)
        used = np.flatnonzero([name.split(".")[0] in self.families for name in NAMES])
        line = discriminant.learn(x, rows.labels, balanced_weights(rows), used)
        own, other = float(model.margin(x).std()), float(line.parts(x).sum(1).std())
        return replace(model, line=line.scaled(own / other if min(own, other) > 0 else 1.0))

    def boost(self, x: F64, rows: Rows, *, seed: int = 0) -> TellModel:
        """The trees alone: right in the order of their margins, but not calibrated."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        columns = {
            family: [i for i, name in enumerate(NAMES) if name.split(".")[0] == family] for family in tells.FAMILIES
        }
        used = sorted(i for family in self.families for i in columns[family])
        place = {column: position for position, column in enumerate(used)}
        groups = [[place[i] for i in columns[family]] for family in self.families]
        # A leaf asks for 15 windows; a small set would never split at all.
        settings = {**_BOOSTING, "min_samples_leaf": min(_BOOSTING["min_samples_leaf"], max(3, len(rows) // 8))}
        booster = HistGradientBoostingClassifier(interaction_cst=groups, random_state=seed, **settings)
        booster.fit(_coarse(x[:, used]), rows.labels, sample_weight=balanced_weights(rows))
        trees, baseline = from_sklearn(booster)
        arrays = trees.arrays()
        inner = arrays["feature"] >= 0
        arrays["feature"] = np.where(inner, np.array(used)[np.maximum(arrays["feature"], 0)], -1)
        trees = Trees.from_arrays(arrays)
        owner = {column: k for k, family in enumerate(tells.FAMILIES) for column in columns[family]}
        family_of = np.array([owner.get(int(trees.feature[root]), -1) for root in trees.root], np.int32)
        baseline += float(sum(trees.value[root] for root in trees.root[family_of < 0]))  # a lone leaf is a constant
        none = {family: Logistic() for family in tells.FAMILIES}
        return TellModel(trees, family_of, baseline, Logistic(), none)


def _coarse(x: F64, levels: int = 48) -> F64:
    """``x`` (N, D) with each column rounded to one of ``levels`` quantiles of its own.

    Fewer places to split regularise a small training set; and scikit-learn, which bins by weighted quantiles one by one
    otherwise, fits thirty times faster.
    """
    rounded = np.full_like(x, np.nan)
    for column, values in enumerate(x.T):
        known = np.isfinite(values)
        if known.any():
            places = np.unique(np.quantile(values[known], np.linspace(0, 1, levels)))
            nearest = np.searchsorted((places[1:] + places[:-1]) / 2, values[known])
            rounded[known, column] = places[nearest]
        else:
            rounded[:, column] = 0.0  # scikit-learn cannot bin a column of nothing
    return rounded


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


def platt(margins: F64, labels: NDArray[np.int64]) -> Logistic:
    """Logistic fit of labels on margins (Platt 1999), classes of equal weight; never a falling curve."""
    from sklearn.linear_model import LogisticRegression

    scale = float(np.std(margins)) or 1.0
    fitted = LogisticRegression(C=10.0, class_weight="balanced").fit(margins[:, None] / scale, labels)
    return Logistic(max(0.0, float(fitted.coef_[0, 0])) / scale, float(fitted.intercept_[0]))
