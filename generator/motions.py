"""The motion models by name: one learned from films, and the rules that it is measured against."""

from __future__ import annotations

from tellmark.errors import UsageError
from tellmark.generator.types import MotionModel

MOTIONS = ("diffusion", "rules")
"""``diffusion`` is the default; ``rules`` is faster."""


def motion_model(name: str) -> MotionModel:
    """The motion model ``name``. Raises :class:`UsageError` for a name that is not in ``MOTIONS``."""
    if name == "diffusion":
        from tellmark.generator.motion import DiffusionMotion

        return DiffusionMotion()
    if name == "rules":
        from tellmark.generator.rules import RuleMotion

        return RuleMotion()
    raise UsageError(f"motion {name}: unknown; choose one of {', '.join(MOTIONS)}")
