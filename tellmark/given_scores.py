"""Somebody else's detector: a table of scores becomes the records that a report is made of."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tellmark.detector.doses import dial_of
from tellmark.detector.evaluate import record
from tellmark.detector.features import NAMES, ClipFeatures
from tellmark.errors import InputError
from tellmark.study_files import ARMS, EVALUATION, GAP, SCHEMA, arm_of, write_json
from tellmark.types import Clip, Label


def write_scores(folder: Path, clips: Sequence[Clip], scores: Path, stamp: Mapping[str, Any]) -> None:
    """Write gap.json and evaluation.json from a CSV file of clip_id and score (0 to 1), by whatever detector.

    They are taken to be of one model that never saw these persons. Raises :class:`InputError` for a file without these
    columns, or with scores for one class alone.
    """
    try:
        with scores.open(newline="", encoding="utf-8-sig") as file:
            given = {row["clip_id"]: float(row["score"]) for row in csv.DictReader(file)}
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:  # TypeError: a row that is too short
        raise InputError(f"{scores} needs the columns clip_id and score ({error}); write one row a clip") from error
    if any(not 0 <= value <= 1 for value in given.values()):
        raise InputError(f"{scores} has scores outside 0 to 1; give the probability of a fake")
    known = [clip for clip in clips if clip.clip_id in given and dial_of(clip) is None]
    if len({clip.label is Label.FAKE for clip in known}) < 2:
        raise InputError(f"{scores} scores {len(known)} clips of this dataset, of one class; score fakes and others")
    rows = [
        {"clip_id": c.clip_id, "arm": arm_of(c), "score": given[c.clip_id], "tells": {}, "windows": [], "fold": 0}
        for c in known
    ]
    left = len(clips) - len(known)
    notes = [f"{left} clips have no score and were left out"] if left else []
    whole = {"schema": SCHEMA, **stamp, "rows": rows, "zero": [], "doses": [], "distances": [], "notes": notes}
    nothing = ClipFeatures(np.zeros(0), np.full((1, len(NAMES)), np.nan), 0, 0, 0, 0.0)
    pairs = [(clip, nothing) for clip in known if clip.method not in ARMS]
    values = np.array([given[clip.clip_id] for clip, _ in pairs])
    found = record(pairs, values, {}, "scores as given", folder.name, seed=int(stamp["seed"]), notes=notes)
    write_json(folder / GAP, whole)
    write_json(folder / EVALUATION, found)
