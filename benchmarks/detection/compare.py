"""`tellmark bench detector --with part=compare --with data=DIR`: kinds of models on the same clips and folds.

Persons are held out in turn. Every model learns from scratch on the other persons' windows and is scored on clip means.
The fusion is stacked across the folds: its weights for one fold come from what its parts said of the others. Small
crops and few epochs keep a run within minutes of a core; with so few clips networks from scratch are near chance.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from tellmark.detector import metrics
from tellmark.detector.layouts import read_dataset
from tellmark.detector.models.additive import Tells
from tellmark.detector.models.fusion import Boosted, Boosting, Fitted, Part, stack, take
from tellmark.detector.models.network import Network
from tellmark.detector.models.rows import Rows, clip_means, folds
from tellmark.detector.models.temporal import Temporal
from tellmark.detector.train_kinds import windows
from tellmark.detector.views import Views
from tellmark.types import F64

FOLDS = 3
_VIEWS = ("tells", "crops", "motion")
_DEFAULT = "tells, trees and discriminant"
_FUSED = ("tells", "efficientnet_b0, self-blended", "temporal")


class _Both(Boosting):
    """The default model, uncalibrated: :class:`Boosting` is its trees alone, which is what a fusion takes."""

    def fit(self, views: Views, rows: Rows, *, seed: int = 0, checkpoint: Path | None = None) -> Fitted:
        """See :class:`Part`."""
        return Boosted(Tells().learn(views["tells"], rows, seed=seed))


def models(size: int, epochs: int) -> dict[str, Part]:
    """What is compared, by the name that results give it."""
    return {
        _DEFAULT: _Both(),
        "tells": Boosting(),
        "meso4": Network("meso4", size=size, epochs=4 * epochs),
        "meso_inception": Network("meso_inception", size=size, epochs=4 * epochs),
        "efficientnet_b0": Network("efficientnet_b0", size=size, epochs=epochs),
        "efficientnet_b0, self-blended": Network("efficientnet_b0", size=size, epochs=epochs, blended=0.4),
        "temporal": Temporal(),
    }


def run(folder: Path, *, size: int = 64, epochs: int = 6, compression: str = "c23") -> list[dict[str, Any]]:
    """A row a model: AUC with its interval, AP, EER, TPR at 1 % FPR, CPU seconds to train, CPU ms a window to run."""
    views, rows = _windows(folder, compression)
    found: list[dict[str, Any]] = []
    margins: dict[str, F64] = {}
    dealt = list(folds(rows.labels, rows.identities, FOLDS, 0))
    for name, part in models(size, epochs).items():
        margins[name] = np.zeros(len(rows))
        trained = judged = 0.0
        for train, test in dealt:
            start = time.process_time()
            fitted = part.fit(take(views, train), rows[train], seed=0)
            middle = time.process_time()
            margins[name][test] = fitted.margin(take(views, test))
            trained, judged = trained + middle - start, judged + time.process_time() - middle
        found.append(_row(name, margins[name], rows, trained, judged / len(rows) * 1e3))
        sys.stderr.write(f"{name}: AUC {found[-1]['auc']}\n")
    fused = np.zeros(len(rows))
    for train, test in dealt:
        weights = stack({name: margins[name][train] for name in _FUSED}, rows[train])
        fused[test] = np.sum([weights[name] * margins[name][test] for name in _FUSED], axis=0)
    found.append(_row("fusion of " + " and ".join(_FUSED), fused, rows, 0.0, 0.0))
    return found


def _windows(folder: Path, compression: str) -> tuple[dict[str, Any], Rows]:
    clips = [clip for clip in read_dataset(folder) if clip.method not in ("null", "plain")]
    clips = [clip for clip in clips if clip.compression in (None, compression)]
    return windows(folder, clips, _VIEWS)[:2]


def _row(name: str, margins: F64, rows: Rows, train_s: float, ms: float) -> dict[str, Any]:
    first, means = clip_means(rows.clips, margins)
    labels, who = rows.labels[first], rows.identities[first].tolist()
    low, high = metrics.auc_interval(labels, means, who)
    return {
        "model": name,
        "auc": round(metrics.auc(labels, means), 3),
        "low": round(low, 3),
        "high": round(high, 3),
        "ap": round(metrics.average_precision(labels, means), 3),
        "eer": round(metrics.equal_error_rate(labels, means), 3),
        "tpr_at_1pct_fpr": round(metrics.tpr_at_fpr(labels, means, 0.01), 3),
        "clips": len(first),
        "persons": len(set(who)),
        "train_cpu_s": round(train_s, 1),
        "ms_a_window": round(ms, 1),
    }
