"""What a part of `bench motion` is given, and where its rows go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tellmark.generator.track import Track
from tellmark.generator.types import MotionModel, Portrait


@dataclass(frozen=True, slots=True)
class Real:
    """A real clip: its sound and what was tracked."""

    sound: Path
    person_id: str
    track: Track


@dataclass(frozen=True, slots=True)
class Case:
    """What is measured, and on whom."""

    model: MotionModel
    people: list[Portrait]
    clips: list[Real]
    folder: Path
    singing: Path | None
    window: int
    minutes: float  # of the long run
    performances: int = 1  # of it, each by a seed of its own


class Rows:
    def __init__(self, model: str) -> None:
        self.rows: list[dict[str, Any]] = []
        self._model = model

    def add(
        self, measure: str, value: float, target: str = "", *, real: float | None = None, n: int | str = ""
    ) -> None:
        beside = "" if real is None else round(float(real), 4)
        self.rows.append(
            {
                "measure": measure,
                "model": self._model,
                "value": round(float(value), 4),
                "real": beside,
                "target": target,
                "n": n,
            }
        )
