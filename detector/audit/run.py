"""Measures the twelve controls on a dataset, and puts them together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tellmark.detector.audit import confounds, protocol
from tellmark.detector.audit.material import Judge, Material
from tellmark.detector.audit_record import Audit, Control
from tellmark.detector.evaluate import measured
from tellmark.detector.footage import Marker
from tellmark.detector.layouts import read_dataset, two_folders
from tellmark.detector.metrics import BOOTSTRAPS
from tellmark.detector.models.additive import Tells
from tellmark.errors import InputError
from tellmark.runs import Progress
from tellmark.types import Clip, Failure

_STAGES = 10


def audit(
    folder: Path,
    model: Judge | None = None,
    *,
    clips: Sequence[Clip] | None = None,
    classifier: Tells | None = None,
    mark: Marker | None = None,
    most: int = 40,
    decisive: int | None = None,
    seed: int = 0,
    bootstraps: int = BOOTSTRAPS,
    unreadable: Sequence[Failure] = (),
    progress: Progress | None = None,
) -> Audit:
    """Measure the twelve controls on a dataset's clips.

    model: whose scores are audited; None: models trained on the dataset by ``classifier``, persons held out. clips:
    those of another layout than ours, paths relative to ``folder``. mark: puts a watermark on frames (control 1; the
    detector cannot). most: how many clips are encoded anew for controls 1, 3 and 11, half of each class; 0 leaves these
    out. decisive: how many for controls 1 (those without a mark first) and 3, whose marks are narrow; None: ``most``.
    unreadable: files that were to be among the clips; those of the clips that cannot be read are added.

    Raises :class:`InputError` where the dataset cannot be read, or has fewer than two persons a class.
    """
    failed = list(unreadable)
    found, notes = measured(folder, list(clips) if clips is not None else read_dataset(folder), failed=failed.append)
    if not found:
        closer = f"no clip of {folder} shows a face for 1.6 s; give longer clips of one visible face"
        raise InputError(closer + (f" ({len(failed)} files cannot be read: {failed[0].error})" if failed else ""))
    material = Material(
        [folder / clip.path for clip, _ in found],
        [clip for clip, _ in found],
        [features for _, features in found],
        model,
        seed,
        bootstraps,
        most,
        mark,
        decisive,
        classifier or Tells(),
    )
    rows: list[Control] = []
    stages = (
        confounds.watermark, confounds.encoder, confounds.null_render, protocol.random_labels, protocol.splits,
        confounds.elsewhere, confounds.pairs, protocol.strip, protocol.intervals,
    )  # fmt: skip
    for done, stage in enumerate(stages):
        if progress:
            progress(done, _STAGES)
        rows += stage(material)
    last, cells = protocol.matrix(material)
    if progress:
        progress(_STAGES, _STAGES)
    return Audit(
        folder.name,
        model.name if model else None,
        len(found),
        len(set(material.who.tolist())),
        seed,
        bootstraps,
        tuple(sorted([*rows, *last], key=lambda row: row.number)),
        tuple(cells),
        tuple(notes),
        tuple(failed),
    )


def audit_folder(
    folder: Path,
    fakes: Path | None = None,
    model: Judge | None = None,
    *,
    persons: Path | None = None,
    mark: Marker | None = None,
    most: int = 40,
    limit: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Audit:
    """As :func:`audit`, of a dataset of any layout, or of ``folder`` with real videos and ``fakes``.

    persons: a table of who is in the videos of two folders, see :mod:`tellmark.video_folders`.
    limit: how many clips of a dataset are looked at, about; whole persons are drawn (:func:`sampled`).
    """
    if fakes is None:
        clips = read_dataset(folder)
        chosen = clips if limit is None else sampled(clips, limit, seed)
        return audit(folder, model, clips=chosen, mark=mark, most=most, seed=seed, progress=progress)
    failed: list[Failure] = []
    clips = two_folders(folder, fakes, persons, failed=failed.append)
    return audit(
        folder.resolve(), model, clips=clips, mark=mark, most=most, seed=seed, unreadable=failed, progress=progress
    )


def sampled(clips: Sequence[Clip], limit: int, seed: int = 0) -> list[Clip]:
    """All clips of persons drawn until there are ``limit``, each with the original that it names; order is kept."""
    by_id = {clip.clip_id: clip for clip in clips}
    persons: dict[str, list[Clip]] = {}
    for clip in clips:
        persons.setdefault(clip.identity, []).append(clip)
    chosen: set[str] = set()
    for person in np.random.default_rng(seed).permutation(sorted(persons)):
        if len(chosen) >= limit:
            break
        mine = persons[str(person)]
        chosen |= {clip.clip_id for clip in mine} | {clip.original for clip in mine if clip.original in by_id}
    return [clip for clip in clips if clip.clip_id in chosen]
