"""Boosted trees as plain arrays: exported from scikit-learn once, evaluated with NumPy alone.

A pickle of a scikit-learn model runs code when it is loaded and opens in one version only. Seven flat arrays do
neither; that both give the same numbers is tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellmark.types import F64

I32 = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Trees:
    """M binary trees with N nodes in all; node indices count from the start of the arrays, children come after parents.

    A row goes left where ``x[feature] <= threshold``, or where the value is missing (NaN) and ``missing_left`` holds.
    """

    root: I32  # (M,) first node of each tree
    feature: I32  # (N,) column tested; -1 in leaves
    threshold: F64  # (N,)
    missing_left: NDArray[np.bool_]  # (N,)
    left: I32  # (N,) index of the child; a leaf names itself, so that walking on from it is harmless
    right: I32  # (N,)
    value: F64  # (N,) log-odds that a leaf adds

    def __post_init__(self) -> None:
        nodes = len(self.feature)
        if any(len(getattr(self, name)) != nodes for name in ("threshold", "missing_left", "left", "right", "value")):
            raise ValueError("the arrays of the nodes differ in length")
        if any(len(ids) and not 0 <= ids.min() <= ids.max() < nodes for ids in (self.root, self.left, self.right)):
            raise ValueError("a tree points outside its nodes")
        inner = np.flatnonzero(self.feature >= 0)
        if (self.left[inner] <= inner).any() or (self.right[inner] <= inner).any():
            raise ValueError("a tree runs in a circle")

    @classmethod
    def none(cls) -> Trees:
        """A model without trees: nothing is added."""
        index, number = np.zeros(0, np.int32), np.zeros(0)
        return cls(index, index, number, np.zeros(0, np.bool_), index, index, number)

    @property
    def depth(self) -> int:
        """Number of tests from a root to the deepest leaf."""
        depth, level = 0, self.root
        while (inner := level[self.feature[level] >= 0]).size:
            level = np.unique(np.concatenate([self.left[inner], self.right[inner]]))
            depth += 1
        return depth

    def leaves(self, x: F64) -> F64:
        """(rows, M) what each tree adds to each row of ``x`` (rows, features)."""
        node = np.tile(self.root, (len(x), 1))
        for _ in range(self.depth):
            value = np.take_along_axis(x, np.maximum(self.feature[node], 0), axis=1)
            left = np.where(np.isnan(value), self.missing_left[node], value <= self.threshold[node])
            node = np.where(left, self.left[node], self.right[node])
        return self.value[node]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, to be saved; :meth:`from_arrays` takes them back."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Trees:
        """Raises ``KeyError`` or ``ValueError`` where ``arrays`` are not those of :meth:`arrays`."""
        return cls(
            root=arrays["root"].astype(np.int32),
            feature=arrays["feature"].astype(np.int32),
            threshold=arrays["threshold"].astype(np.float64),
            missing_left=arrays["missing_left"].astype(bool),
            left=arrays["left"].astype(np.int32),
            right=arrays["right"].astype(np.int32),
            value=arrays["value"].astype(np.float64),
        )


def from_sklearn(booster: Any) -> tuple[Trees, float]:
    """Trees and baseline (log-odds) of a fitted binary ``HistGradientBoostingClassifier``.

    Reads two private attributes, which is why it happens once, at the end of a training.
    """
    roots: list[int] = []
    parts: list[NDArray[Any]] = []
    offset = 0
    for (predictor,) in booster._predictors:
        nodes = predictor.nodes.copy()
        own = np.arange(offset, offset + len(nodes))
        leaf = nodes["is_leaf"].astype(bool)
        nodes["left"] = np.where(leaf, own, nodes["left"] + offset)
        nodes["right"] = np.where(leaf, own, nodes["right"] + offset)
        roots.append(offset)
        parts.append(nodes)
        offset += len(nodes)
    nodes = np.concatenate(parts)
    trees = Trees(
        root=np.array(roots, dtype=np.int32),
        feature=np.where(nodes["is_leaf"].astype(bool), -1, nodes["feature_idx"]).astype(np.int32),
        threshold=nodes["num_threshold"].astype(np.float64),
        missing_left=nodes["missing_go_to_left"].astype(bool),
        left=nodes["left"].astype(np.int32),
        right=nodes["right"].astype(np.int32),
        value=nodes["value"].astype(np.float64),
    )
    return trees, float(booster._baseline_prediction.ravel()[0])
