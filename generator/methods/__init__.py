"""How a clip is forged: one module a method, behind one interface.

A method takes a :class:`~tellmark.generator.factory.scene.Scene` and gives a :class:`Forgery`. It writes nothing:
marks, masks, tracks, dials and compression are the same for all and are added in ``tellmark.generator.factory.takes``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from tellmark.generator.factory.scene import Scene
from tellmark.types import U8


@dataclass(frozen=True, slots=True)
class Forgery:
    """A clip in the making.

    frames: (512, 512, 3) RGB and (512, 512) mask of each, how much of a pixel was made or changed, 0 to 255; either
    array may be reused for the next.
    """

    frames: Iterator[tuple[U8, U8]]
    wav: Path  # what is heard with it
    voice_id: str
    params: dict[str, Any] = field(default_factory=dict)  # what it takes to make it again: scalars and lists
    segments: tuple[tuple[float, float], ...] | None = None  # s, where it is forged; None: throughout


Method = Callable[[Scene], Forgery]


def method(name: str) -> Method:
    """The method ``name``: the function ``forge`` of the module of that name."""
    forge: Method = import_module(f"tellmark.generator.methods.{name}").forge
    return forge
