"""Learning the additive model: trees that may ask about one family each, and a discriminant; what trees count is told.

Where every clip is of one of several rungs of compression, the discriminant sees tells in proportion to the quality;
where it is asked for, and there are no rungs, in proportion to how much moves. Fakes of methods that are named apart
have a discriminant of their own beside the model of all others, which is heard where it is surer than real clips of
persons it has not seen make it.
What is learned is turned into plain arrays. The calibration is that of clips of persons that were left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tellmark.detector import tells
from tellmark.detector.features import NAMES
from tellmark.detector.models import discriminant, liveliness, quality
from tellmark.detector.models.calibration import Logistic, lapsing, platt
from tellmark.detector.models.model import TellModel
from tellmark.detector.models.rows import FOLDS, Rows, balanced_weights, clip_means, folds, looks
from tellmark.detector.models.trees import Trees, from_sklearn
from tellmark.types import F64

_BOOSTING = {
    "learning_rate": 0.05,
    "max_iter": 600,
    "max_depth": 1,  # one question a tree: deeper trees do worse on unseen persons and methods (measured)
    "min_samples_leaf": 15,
    "l2_regularization": 5.0,
    "max_features": 0.5,
    "early_stopping": False,
}


_TREES_ALONE = {"boundary"}  # weighed by the discriminant as well, systems never met are told worse (measured)
_SURE = 1.8  # deviations above the middle of real windows from which on a kin is heard, for one more deviation
_LOUD = 4.0  # what that adds, in the spread that real windows have in the model beside it
_FEWEST = 3  # persons of a class, for a rung to be learnt from
_SPOKEN = 0.8  # of either class's windows about which a family has to say something, to be learnt from


@dataclass(frozen=True, slots=True)
class Tells:
    """:class:`Classifier` of both halves; ``fit`` returns the :class:`TellModel`."""

    families: tuple[str, ...] = tells.USUAL
    by_quality: bool = True  # of several rungs, the discriminant sees tells against real clips of the same quality
    by_motion: bool = False  # without rungs, against real clips in which as much moves, without _TREES_ALONE
    apart: tuple[str, ...] = ()  # methods of fakes that have a discriminant of their own, over tells as they are
    trees: float = 1.0  # what the trees count for beside the discriminant
    steady: float = 0.0  # how much more the discriminant counts what differs between two encodings of a clip

    def fit(self, x: F64, rows: Rows, *, seed: int = 0) -> TellModel:
        """Learn, then calibrate on margins of persons that were left out. ``x`` is (N, len(NAMES))."""
        terms, baseline = np.zeros((len(rows), len(tells.FAMILIES))), np.zeros(len(rows))
        for train, test in folds(rows.labels, rows.identities, FOLDS, seed):
            part = self.learn(x[train], rows[train], seed=seed)
            terms[test] = part.terms(x[test])
            baseline[test] = part.margin(x[test]) - terms[test].sum(1)
        first, mean_terms = clip_means(rows.clips, terms)
        margins = clip_means(rows.clips, terms.sum(1) + baseline)[1]
        y = rows.labels[first]
        final = self.learn(x, rows, seed=seed)
        counted = self.hearing(x, rows.labels).families
        probes = {family: platt(mean_terms[:, k], y) for k, family in enumerate(tells.FAMILIES) if family in counted}
        return replace(final, calibration=lapsing(margins, y), probes=probes)

    def hearing(self, x: F64, labels: NDArray[np.int64]) -> Tells:
        """The same without those of ``tells.EXTRA`` that say nothing of more than a fifth of a class's windows.

        Where one class alone has sound, for instance, that would be learnt, and not what is wrong with it.
        """
        said = np.array([np.isfinite(x[labels == k]).mean(0) for k in (0, 1)]).min(0)
        spoken = {name.split(".")[0] for name, share in zip(NAMES, said, strict=True) if share >= _SPOKEN}
        spoken |= set(tells.USUAL)
        heard = tuple(family for family in self.families if family in spoken)
        return self if heard == self.families else replace(self, families=heard)

    def learn(self, x: F64, rows: Rows, *, seed: int = 0) -> TellModel:
        """Both halves, of one spread over the rows but for ``trees``: right in the order of margins, not calibrated."""
        theirs = (rows.labels == 1) & np.isin(rows.methods, self.apart)
        persons = len(set(rows.identities[theirs].tolist()))
        if persons >= _FEWEST and not theirs[rows.labels == 1].all():
            main = replace(self, apart=()).learn(x[~theirs], rows[~theirs], seed=seed)
            spread = float(main.margin(x[rows.labels == 0]).std())
            chosen = theirs | (rows.labels == 0)
            return replace(main, kin=self._kin(x[chosen], rows[chosen], spread, seed))
        return self.hearing(x, rows.labels)._halves(x, rows, seed)

    def _halves(self, x: F64, rows: Rows, seed: int) -> TellModel:
        model = self.boost(x, rows, seed=seed)
        weights = balanced_weights(rows)
        found, families = None, set(self.families)
        if self.by_quality and rows.rungs is not None and _on_rungs(rows):
            found = quality.learn(x, rows.rungs, rows.labels == 0, weights)
        elif self.by_motion and families >= liveliness.FAMILIES:
            found, families = liveliness.learn(x, rows.labels == 0, weights), families - _TREES_ALONE
        used = np.flatnonzero([name.split(".")[0] in families for name in NAMES])
        z = x if found is None else found.of(x)
        line = discriminant.learn(z, rows.labels, weights, used, looks=looks(rows), steady=self.steady)
        own, other = float(model.margin(x).std()), float(line.parts(z).sum(1).std())
        line = line.scaled(own / other if min(own, other) > 0 else 1.0)
        trees = replace(model.trees, value=model.trees.value * self.trees)
        return replace(model, trees=trees, baseline=model.baseline * self.trees, line=line, proportion=found)

    def _kin(self, x: F64, rows: Rows, spread: float, seed: int) -> TellModel:
        """A discriminant alone, and what its margin adds to one of which real windows have ``spread``."""
        families = self.hearing(x, rows.labels).families
        used = np.flatnonzero([name.split(".")[0] in families for name in NAMES])

        def line(chosen: NDArray[np.intp]) -> discriminant.Discriminant:
            part = rows[chosen]
            weights = balanced_weights(part)
            return discriminant.learn(x[chosen], part.labels, weights, used, looks=looks(part), steady=self.steady)

        margins = np.full(len(rows), np.nan)
        for train, test in folds(rows.labels, rows.identities, FOLDS, seed):
            margins[test] = line(train).parts(x[test]).sum(1)
        unseen = margins[rows.labels == 0]
        slope = _LOUD * spread / float(np.nanstd(unseen))
        scale = Logistic(slope, -slope * float(np.nanmean(unseen)) - _LOUD * _SURE * spread)
        none = {family: Logistic() for family in tells.FAMILIES}
        trees, owner = Trees.none(), np.zeros(0, np.int32)
        return TellModel(trees, owner, 0.0, scale, none, line=line(np.arange(len(rows))), most=_LOUD * spread)

    def boost(self, x: F64, rows: Rows, *, seed: int = 0) -> TellModel:
        """The trees alone: right in the order of their margins, but not calibrated."""
        from sklearn.ensemble import HistGradientBoostingClassifier
        from threadpoolctl import threadpool_limits

        columns = {
            family: [i for i, name in enumerate(NAMES) if name.split(".")[0] == family] for family in tells.FAMILIES
        }
        used = sorted(i for family in self.families for i in columns[family])
        place = {column: position for position, column in enumerate(used)}
        groups = [[place[i] for i in columns[family]] for family in self.families]
        # A leaf asks for 15 windows; a small set would never split at all.
        settings = {**_BOOSTING, "min_samples_leaf": min(_BOOSTING["min_samples_leaf"], max(3, len(rows) // 8))}
        booster = HistGradientBoostingClassifier(interaction_cst=groups, random_state=seed, **settings)
        with threadpool_limits(1, "openmp"):  # threads that wait for each other cost a busy machine tenfold (measured)
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


def _on_rungs(rows: Rows) -> bool:
    """Whether every row is of one of several rungs, each with some persons of both classes."""
    names = set() if rows.rungs is None else set(rows.rungs.tolist())
    persons = [
        len(set(rows.identities[(rows.rungs == name) & (rows.labels == label)])) for name in names for label in (0, 1)
    ]
    return len(names) > 1 and "" not in names and min(persons) >= _FEWEST


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
