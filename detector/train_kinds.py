"""Train a network, a temporal model or the fusion of all kinds on a dataset of any layout, and say what it is worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tellmark.detector import metrics
from tellmark.detector.clips import identity_leaks, pseudonym
from tellmark.detector.evaluate import CACHE
from tellmark.detector.layouts import read_dataset
from tellmark.detector.models.fusion import KINDS, PARTS, Fusion, Margins, train_fusion
from tellmark.detector.models.learning import rank_and_world
from tellmark.detector.models.rows import Rows, clip_means
from tellmark.detector.views import cached_views
from tellmark.errors import InputError, UsageError
from tellmark.runs import Progress, check_output
from tellmark.types import Clip, Label
from tellmark.unreadable import Failed, left_out


def train_kind(
    kind: str,
    folder: Path | str,
    out: Path | str,
    *,
    seed: int = 0,
    licence: str = "research use",
    force: bool = False,
    failed: Failed | None = None,
    progress: Progress | None = None,
) -> Fusion:
    """Train a model of ``kind`` on all clips but those of the split ``test``, and write it to ``out``.

    Checkpoints lie in ``out``'s folder as ``.NAME.checkpoints`` until the training ends: the same call goes on from
    them. Under ``torchrun`` all processes train, and the first one writes and tells ``failed`` of clips that cannot be
    read. Raises as :func:`tellmark.detector.train.train` does, and :class:`UsageError` for an unknown kind.
    """
    folder, out = Path(folder), Path(out)
    if kind not in KINDS:
        raise UsageError(f"no model is called {kind!r}; choose {', '.join(KINDS)}")
    first = rank_and_world()[0] == 0
    if first:
        check_output(out, force=force)
    clips = read_dataset(folder)
    if leaks := identity_leaks(clips):
        raise InputError(
            f"{folder}: {leaks[0]} and {len(leaks) - 1} more identities are in several splits; split by identity"
        )
    needs = tuple(dict.fromkeys(view for name in KINDS[kind] for view in PARTS[name].needs))
    taught = [clip for clip in clips if clip.split != "test"]
    told = failed if first or failed is None else lambda _: None
    views, rows, kept = windows(folder, taught, needs, failed=told, progress=progress)
    if len(set(rows.labels.tolist())) < 2:
        raise InputError(
            "training needs fakes and real or reference clips that show a face for 1.6 s; add the missing class"
        )
    checkpoints = out.with_name(f".{out.name}.checkpoints")
    model, margins = train_fusion(kind, views, rows, seed=seed, checkpoints=checkpoints)
    card = {
        "name": out.stem,
        "kind": kind,
        "licence": licence,
        "seed": seed,
        "datasets": [folder.name],
        "clips": dict(Counter(str(clip.label) for clip in kept)),
        "methods": dict(Counter(clip.method for clip in kept)),
        "identities": sorted({pseudonym(clip.identity) for clip in kept}),
        "weights": dict(model.weights),
        "cross_validation": _worth(margins, rows),
    }
    model = Fusion(model.kind, model.parts, model.weights, model.calibration, card)
    if first:
        model.save(out, force=force)
        if checkpoints.is_dir():
            checkpoints.rmdir()
    return model


def windows(
    folder: Path,
    clips: Sequence[Clip],
    needs: tuple[str, ...],
    *,
    failed: Failed | None = None,
    progress: Progress | None = None,
) -> tuple[dict[str, Any], Rows, list[Clip]]:
    """Views and descriptions of all windows, and the clips that have one. Raises InputError where none has.

    failed: told of clips that cannot be read.
    """
    kept: list[Clip] = []
    owner: list[Clip] = []
    parts: list[dict[str, Any]] = []
    for done, clip in enumerate(clips):
        with left_out(folder / clip.path, failed):
            found = cached_views(folder / clip.path, clip.sha256, folder / CACHE, needs)
            if len(found):
                parts.append(found.views)
                kept.append(clip)
                owner += [clip] * len(found)
        if progress:
            progress(done + 1, len(clips))
    if not kept:
        raise InputError(f"no clip of {folder} shows a face for 1.6 s; give longer clips of one visible face")
    rows = Rows(
        np.array([int(clip.label is Label.FAKE) for clip in owner], np.int64),
        np.array([clip.sha256 for clip in owner]),
        np.array([clip.identity for clip in owner]),
        np.array([clip.method for clip in owner]),
    )
    return {name: np.concatenate([part[name] for part in parts]) for name in needs}, rows, kept


def _worth(margins: Margins, rows: Rows) -> dict[str, Any]:
    """AUC of the model, and of each part, on persons that the part had not seen."""
    found: dict[str, Any] = {}
    for name, values in margins.items():
        first, means = clip_means(rows.clips, values)
        labels, who = rows.labels[first], rows.identities[first].tolist()
        found[name] = {
            "auc": metrics.auc(labels, means),
            "auc_ci": list(metrics.auc_interval(labels, means, who)),
            "clips": len(first),
        }
    return {"overall": found["model"], "parts": found}
