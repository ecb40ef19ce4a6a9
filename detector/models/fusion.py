"""All kinds of models behind one interface: a weighted sum of parts, calibrated on persons that were left out.

A part reads views of a window (``tellmark.detector.views``) and gives log-odds. A model of one part is that kind of
model; ``fusion`` has all three, weighted by a logistic fit of their log-odds on persons they had not seen (stacking,
Wolpert 1992), no weight below zero.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tellmark.detector.features import NAMES
from tellmark.detector.models.additive import Tells
from tellmark.detector.models.calibration import Logistic, platt
from tellmark.detector.models.model import Judgement, TellModel
from tellmark.detector.models.network import Network
from tellmark.detector.models.rows import Rows, clip_means, folds
from tellmark.detector.models.temporal import Temporal
from tellmark.detector.models.trees import Trees
from tellmark.detector.views import Views
from tellmark.errors import InputError
from tellmark.runs import atomic_path
from tellmark.types import F64

SCHEMA = "tellmark.fusion/1"
_FOLDS = 3


class Fitted(Protocol):
    """A trained part."""

    def margin(self, views: Views) -> F64:
        """(N,) log-odds of each window."""
        ...

    def state(self) -> dict[str, NDArray[Any]]:
        """What it has learned, as arrays."""
        ...


class Part(Protocol):
    """A part to be trained."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The views that it reads."""
        ...

    def fit(self, views: Views, rows: Rows, *, seed: int = 0, checkpoint: Path | None = None) -> Fitted:
        """Learn from the N windows that ``rows`` describes."""
        ...

    def restore(self, state: dict[str, NDArray[Any]]) -> Fitted:
        """The inverse of ``state``."""
        ...


@dataclass(frozen=True, slots=True)
class Boosted:
    """A :class:`TellModel` as a part; of its halves only the trees are kept."""

    model: TellModel

    def margin(self, views: Views) -> F64:
        """See :class:`Fitted`."""
        return self.model.margin(views["tells"])

    def state(self) -> dict[str, NDArray[Any]]:
        """See :class:`Fitted`."""
        return {**self.model.trees.arrays(), "family": self.model.family, "baseline": np.array([self.model.baseline])}


@dataclass(frozen=True, slots=True)
class Boosting:
    """Boosting over the tells as a part."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The views that it reads."""
        return ("tells",)

    def fit(self, views: Views, rows: Rows, *, seed: int = 0, checkpoint: Path | None = None) -> Fitted:
        """See :class:`Part`; takes seconds and needs no checkpoint."""
        return Boosted(Tells().boost(views["tells"], rows, seed=seed))

    def restore(self, state: dict[str, NDArray[Any]]) -> Fitted:
        """See :class:`Part`."""
        trees = Trees.from_arrays(state)
        return Boosted(
            TellModel(trees, state["family"].astype(np.int32), float(state["baseline"][0]), Logistic(), {}, NAMES)
        )


PARTS: dict[str, Part] = {"tells": Boosting(), "network": Network(blended=0.4), "temporal": Temporal()}
KINDS: dict[str, tuple[str, ...]] = {**{name: (name,) for name in PARTS}, "fusion": tuple(PARTS)}


@dataclass(frozen=True, slots=True)
class Fusion:
    """A trained model of one part or several."""

    kind: str
    parts: Mapping[str, Fitted]
    weights: Mapping[str, float]
    calibration: Logistic
    card: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As results quote it."""
        return str(self.card.get("name", self.kind))

    @property
    def needs(self) -> tuple[str, ...]:
        """The views that it reads."""
        return tuple(dict.fromkeys(view for name in self.parts for view in PARTS[name].needs))

    def judge(self, views: Views) -> Judgement:
        """The verdict on the N >= 1 windows of one clip; ``tells`` has a score and a contribution a part."""
        margins = {name: part.margin(views) for name, part in self.parts.items()}
        whole = np.sum([self.weights[name] * margin for name, margin in margins.items()], axis=0)
        said = {
            name: {
                "score": float(1 / (1 + np.exp(-margin.mean()))),
                "contribution": float(self.calibration.slope * self.weights[name] * margin.mean()),
            }
            for name, margin in margins.items()
        }
        return Judgement(float(self.calibration(whole.mean())), said, self.calibration(whole))

    def save(self, path: Path, *, force: bool = False) -> None:
        """Write a safetensors file, arrays and JSON. Raises UsageError where ``path`` exists and not ``force``."""
        from safetensors.numpy import save

        arrays = {
            f"{name}/{key}": np.ascontiguousarray(value)
            for name, part in self.parts.items()
            for key, value in part.state().items()
        }
        about = {
            "schema": SCHEMA, "kind": self.kind, "weights": dict(self.weights), "card": self.card,
            "calibration": [self.calibration.slope, self.calibration.offset], "parts": list(self.parts),
        }  # fmt: skip
        with atomic_path(path, force=force) as temporary:
            temporary.write_bytes(save(arrays, {"about": json.dumps(about)}))

    @classmethod
    def load(cls, path: Path) -> Fusion:
        """Read what :meth:`save` wrote; runs no code of the file. Raises :class:`InputError` for anything else."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy") as file:
                about = json.loads(file.metadata()["about"])
                if about["schema"] != SCHEMA:
                    raise ValueError(f"its schema is {about['schema']}, not {SCHEMA}")
                arrays = {key: file.get_tensor(key) for key in list(file.keys())}
            parts = {}
            for name in about["parts"]:
                own = {key.split("/", 1)[1]: value for key, value in arrays.items() if key.startswith(f"{name}/")}
                parts[name] = PARTS[name].restore(own)
            return cls(about["kind"], parts, about["weights"], Logistic(*about["calibration"]), about["card"])
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise InputError(
                f"{path} is no model of `tellmark train` ({error}); give the file that it wrote"
            ) from error


def load_model(path: Path) -> TellModel | Fusion:
    """A model of any kind. Raises :class:`InputError` for a file that is none."""
    try:
        with path.open("rb") as handle:
            archive = handle.read(2) == b"PK"
    except OSError:
        archive = True
    return TellModel.load(path) if archive else Fusion.load(path)


Margins = dict[str, F64]
"""Part -> (N,) log-odds by models that had not seen the person; ``model`` is their weighted sum."""


def train_fusion(
    kind: str, views: Views, rows: Rows, *, seed: int = 0, checkpoints: Path | None = None
) -> tuple[Fusion, Margins]:
    """Train a model of ``kind`` on windows: each part on other persons than it is weighted and calibrated on.

    checkpoints: a folder; a training that was stopped goes on from what lies there.
    """
    if checkpoints is not None:
        checkpoints.mkdir(parents=True, exist_ok=True)
    margins = {name: _unseen(name, views, rows, seed, checkpoints) for name in KINDS[kind]}
    weights = stack(margins, rows)
    whole = np.sum([weights[name] * margin for name, margin in margins.items()], axis=0)
    first, means = clip_means(rows.clips, whole)
    calibration = platt(means, rows.labels[first])
    parts = {
        name: PARTS[name].fit(views, rows, seed=seed, checkpoint=_checkpoint(checkpoints, name, "all"))
        for name in KINDS[kind]
    }
    return Fusion(kind, parts, weights, calibration), {**margins, "model": whole}


def take(views: Views, rows: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """The chosen windows of every view."""
    return {name: view[rows] for name, view in views.items()}


def _unseen(name: str, views: Views, rows: Rows, seed: int, checkpoints: Path | None) -> F64:
    """(N,) log-odds of each window by a part that saw none of its person."""
    margins = np.zeros(len(rows))
    for number, (train, test) in enumerate(folds(rows.labels, rows.identities, _FOLDS, seed)):
        saved = _checkpoint(checkpoints, name, str(number))
        fitted = PARTS[name].fit(take(views, train), rows[train], seed=seed, checkpoint=saved)
        margins[test] = fitted.margin(take(views, test))
    return margins


def stack(margins: Mapping[str, F64], rows: Rows) -> dict[str, float]:
    """A weight a part, fitted on clip means."""
    if len(margins) == 1:
        return dict.fromkeys(margins, 1.0)
    from scipy.optimize import minimize

    first, means = clip_means(rows.clips, np.column_stack(list(margins.values())))
    spread = np.maximum(means.std(0), 1e-6)
    x, y = means / spread, rows.labels[first]
    weight = np.where(y == 1, 0.5 / y.sum(), 0.5 / (1 - y).sum())

    def loss(w: F64) -> float:
        margin = x @ w[:-1] + w[-1]
        return float((weight * np.logaddexp(0, np.where(y == 1, -margin, margin))).sum() + 0.01 * (w[:-1] ** 2).sum())

    bounds: Sequence[tuple[float | None, float | None]] = [*[(0.0, None)] * len(margins), (None, None)]
    found = minimize(loss, np.append(np.full(len(margins), 0.5), 0.0), bounds=bounds).x
    return {name: float(w / s) for name, w, s in zip(margins, found[:-1], spread, strict=True)}


def _checkpoint(folder: Path | None, name: str, fold: str) -> Path | None:
    return None if folder is None else folder / f"{name}-{fold}.pt"
