"""The detector's model: boosted trees and a discriminant over the tells, additive by family, calibrated.

Every tree asks about one family only and the discriminant is a sum over columns, so the log-odds of a clip are exactly
a constant plus one term a family: the explanation is the model, not an estimate of it (a generalised additive model
with trees, Lou et al. 2013). The discriminant may weigh how far each tell is from real clips of the window's quality,
or of as much motion, both read from the tells themselves (``proportion``); the trees ask about its value. It is plain
arrays, and its evaluation needs NumPy alone; ``additive`` learns it.

One direction cannot point to all kinds of fakes. A model may have a ``kin`` that was taught on fakes of another kind.
It speaks where it is surer than real clips make it, and what it says is added, up to a limit: the order of all other
windows stays, and one more deviation is not one more power of ten.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellmark.detector.audit_record import beside, found_in, sentence
from tellmark.detector.features import NAMES
from tellmark.detector.models.calibration import Logistic
from tellmark.detector.models.discriminant import Discriminant
from tellmark.detector.models.proportion import Proportion
from tellmark.detector.models.trees import Trees
from tellmark.errors import InputError
from tellmark.runs import atomic_path
from tellmark.types import F64

SCHEMA = "tellmark.model/3"


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
    probes: dict[str, Logistic]  # of a clip's mean term of one family, of those that were learnt from
    names: tuple[str, ...] = NAMES
    card: dict[str, Any] = field(default_factory=dict)
    line: Discriminant | None = None  # None: trees alone
    proportion: Proportion | None = None  # None: the discriminant too takes tells as they are
    kin: TellModel | None = None  # of fakes of another kind; its calibration says what its margin adds, above 0
    most: float = math.inf  # log-odds that it adds to a window at most, as a kin

    @property
    def families(self) -> tuple[str, ...]:
        """Families in the order of the terms."""
        return tuple(dict.fromkeys(name.split(".")[0] for name in self.names))

    @property
    def name(self) -> str:
        """Name and version, as results quote it."""
        return str(self.card.get("name", "tells"))

    @property
    def operating_point(self) -> dict[str, float] | None:
        """``threshold`` of ``p_synthetic``, and the shares of real clips and of fakes of unseen persons above it."""
        found = self.card.get("operating_point")
        return None if found is None else {name: float(found[name]) for name in ("threshold", "false_alarms", "hits")}

    def terms(self, x: F64) -> F64:
        """(N, families) log-odds that each family adds to each window of ``x`` (N, len(names)), uncalibrated."""
        return self._said(x)[1]

    def margin(self, x: F64) -> F64:
        """(N,) uncalibrated log-odds of each window."""
        constant, terms = self._said(x)
        return np.asarray(constant + terms.sum(1), np.float64)

    def _said(self, x: F64) -> tuple[F64, F64]:
        """The constant (N,) and the terms (N, families) of each window, with those of the kin where it speaks."""
        x = np.asarray(x, np.float64)
        constant, terms = np.full(len(x), self.baseline), self._own_terms(x)
        if self.kin is not None:
            scale = self.kin.calibration
            other, theirs = self.kin._said(x)
            other, theirs = scale.slope * other + scale.offset, scale.slope * theirs
            whole = other + theirs.sum(1)
            heard = np.clip(whole, 0, self.kin.most) / np.where(whole > 0, whole, 1)
            constant, terms = constant + heard * other, terms + heard[:, None] * theirs
        return constant, terms

    def _own_terms(self, x: F64) -> F64:
        leaves = self.trees.leaves(x)
        terms: F64 = np.stack([leaves[:, self.family == k].sum(1) for k in range(len(self.families))], axis=1)
        if self.line is None:
            return terms
        owner = np.array([name.split(".")[0] for name in self.names])
        parts = self.line.parts(x if self.proportion is None else self.proportion.of(x))
        terms += np.stack([parts[:, owner == family].sum(1) for family in self.families], axis=1)
        return terms

    def predict(self, x: F64) -> F64:
        """(N,) probability of each window to be synthetic, given classes of equal size."""
        return self.calibration(self.margin(x))

    def judge(self, x: F64) -> Judgement:
        """The verdict on the N >= 1 windows of one clip, by the families that the model learnt from.

        The contributions and the calibrated constant add up to the log-odds of ``p_synthetic``.
        """
        constants, every = self._said(x)
        terms = every.mean(0)
        constant = float(constants.mean())
        rise = self.calibration.rise(constant, constant + float(terms.sum()))
        found = {
            family: {
                "score": float(self.probes[family](term)),
                "contribution": float(rise * term),
            }
            for family, term in zip(self.families, terms, strict=True)
            if family in self.probes
        }
        clip = float(self.calibration(constant + terms.sum()))
        return Judgement(clip, found, self.predict(x))

    def save(self, path: Path, *, force: bool = False) -> None:
        """Write an .npz of arrays and a JSON text. Raises ``UsageError`` where ``path`` exists and not ``force``."""
        about, arrays = self._packed()
        with atomic_path(path, force=force) as temporary, temporary.open("wb") as handle:
            np.savez_compressed(handle, about=np.array(json.dumps({"schema": SCHEMA, **about})), **arrays)

    def _packed(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        about: dict[str, Any] = {
            "names": self.names,
            "baseline": self.baseline,
            "calibration": [self.calibration.slope, self.calibration.offset, self.calibration.lapse],
            "probes": {family: [probe.slope, probe.offset] for family, probe in self.probes.items()},
            "card": self.card,
        }
        line = {} if self.line is None else self.line.arrays()
        arrays = {"family": self.family, **self.trees.arrays(), **line}
        if self.proportion is not None:
            arrays |= {f"proportion.{name}": array for name, array in self.proportion.arrays().items()}
        if self.kin is not None:
            about["kin"], theirs = self.kin._packed()
            about["kin"] |= {"most": self.kin.most} if math.isfinite(self.kin.most) else {}
            arrays |= {f"kin.{name}": array for name, array in theirs.items()}
        return about, arrays

    @classmethod
    def _unpacked(cls, about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> TellModel:
        return cls(
            trees=Trees.from_arrays(arrays),
            family=arrays["family"].astype(np.int32),
            baseline=float(about["baseline"]),
            calibration=Logistic(*about["calibration"]),
            probes={family: Logistic(*values) for family, values in about["probes"].items()},
            names=tuple(about["names"]),
            card=about["card"],
            line=Discriminant.from_arrays(arrays) if "slope" in arrays else None,
            proportion=Proportion.from_arrays(_under(arrays, "proportion.")) if "proportion.axes" in arrays else None,
            kin=cls._unpacked(about["kin"], _under(arrays, "kin.")) if "kin" in about else None,
            most=float(about.get("most", math.inf)),
        )

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
                model = cls._unpacked(about, arrays)
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise InputError(
                f"{path} is no model of `tellmark train` ({error}); give the file that it wrote"
            ) from error
        if audit := found_in(beside(path)):
            model.card["audit"] = sentence(audit)
        if model.names != NAMES:
            raise InputError(f"{path} was trained on other features; train it again with `tellmark train`")
        return model


def _under(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): arrays[name] for name in arrays if name.startswith(prefix)}
