"""The records of a study in a dataset's folder: their names, what is in them of a clip, and how they are written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tellmark.finite import finite
from tellmark.runs import atomic_path
from tellmark.types import Clip, Label

DATASET, GAP, EVALUATION = "dataset.json", "gap.json", "evaluation.json"
SCHEMA = "tellmark.gap/1"
OURS = ("persons held out", "scores as given")  # evaluations that are written here, and over each other
ARMS = ("null", "plain")  # methods of clips that are no forgeries and that nobody learns from


def arm_of(clip: Clip) -> str:
    """``fake``, ``negative``, or the arm that a clip belongs to."""
    return "fake" if clip.label is Label.FAKE else clip.method if clip.method in ARMS else "negative"


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a file; None where there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write an object; numbers that do not exist become null."""
    with atomic_path(path, force=True) as temporary:
        temporary.write_text(json.dumps(finite(value)), encoding="utf-8")
