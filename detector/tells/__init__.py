"""The tells: one module a family of artifacts, each with one idea.

A module of a family has ``FAMILY`` (its name), ``FEATURES`` (name -> meaning and unit), ``DYNAMIC`` (whether it needs
motion, or works on a still) and ``compute(window)`` (F64 vector in the order of ``FEATURES``; NaN where nothing can
be said). To add one, write the module and list it in ``MODULES``.
"""

from __future__ import annotations

from typing import Protocol, cast

from tellmark.detector.tells import (
    boundary,
    eyes,
    flicker,
    jitter,
    mouth,
    noise,
    persistence,
    pose,
    pulse,
    rigidity,
    spectral,
    sync,
    warping,
)
from tellmark.detector.windows.window import Window
from tellmark.types import F64


class Tell(Protocol):
    """What a module of a family offers."""

    FAMILY: str
    FEATURES: dict[str, str]
    DYNAMIC: bool

    def compute(self, window: Window) -> F64:
        """The family's features of a window."""
        ...


MODULES = (spectral, noise, warping, persistence, jitter, flicker, rigidity, mouth, eyes, pose, boundary, pulse, sync)
EXTRA = ("pulse", "sync")
"""What models learn from only where they are told to: a pulse tells systems never met hardly better (measured), and
sound that was lent, or lost, tells how a clip was put together."""
USUAL = tuple(module.FAMILY for module in MODULES if module.FAMILY not in EXTRA)
FAMILIES: dict[str, Tell] = {module.FAMILY: cast(Tell, module) for module in MODULES}
