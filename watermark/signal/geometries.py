"""Which geometries a search tries, the likely ones first: stages that share the chance of error.

Scales of a stage are 1.25 per cent apart, rotations .7 degrees: near enough for a match to be refined from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from math import cos, radians, sin

import numpy as np

from tellmark.types import F64
from tellmark.watermark.signal.spectrum import IDENTITY, Geometry, Part

COMMON = (Geometry(mirrored=True), *map(Geometry, (0.95, 0.9, 0.75, 0.8, 0.85, 0.5, 0.625, 2 / 3, 0.7)))
_SQUEEZES = np.exp(np.arange(-0.7, 0.701, 0.025))  # of the width, where a picture fills a frame of another shape
_TURNS = np.arange(11.2, 44.9, 0.7)  # degrees: further than crops are searched
_QUARTERS = tuple(Part(y, y + 0.5, x, x + 0.5) for y, x in product((0, 0.5), repeat=2))  # of a screen with four films


def _scales(smallest: float, largest: float) -> F64:
    scales: F64 = np.exp(np.arange(np.log(smallest), np.log(largest), 0.0125))
    return scales


def _grid() -> Iterator[Geometry]:
    """Crops that were turned; upright pictures of another aspect; upright pictures set into larger ones."""
    turned, upright = np.arange(-10.5, 10.51, 0.7), np.arange(-1.4, 1.41, 0.7)
    aspects = np.exp([-0.1, -0.075, -0.05, -0.025, 0.025, 0.05, 0.075, 0.1])
    parts = (
        (turned, np.ones(1), _scales(0.46, 1.14)),
        (upright, aspects, _scales(0.46, 1.2)),
        (upright, np.ones(1), _scales(1.14, 2.0)),
    )
    for rotations, stretches, scales in parts:
        for mirrored, rotation, stretch, scale in product((False, True), rotations, stretches, scales):
            # The stretch is shared between both axes, so that it costs neither more than half of its step.
            yield Geometry(float(scale / np.sqrt(stretch)), float(rotation), float(stretch), mirrored)


def _shapes(height: int, width: int, parts: Iterable[Part]) -> Iterator[Geometry]:
    """What players and platforms make of a picture, in one of this size: its negative; quarter turns, also cropped or
    set into larger ones; large turns of the whole; a width changed until the whole fills this frame; and a whole or a
    crop of it in a part of the picture.
    """
    yield from (Geometry(mirrored=mirrored, negative=True) for mirrored in (False, True))
    for mirrored, turn, scale in product((False, True), (90.0, 180.0, 270.0), _scales(0.46, 2.0)):
        yield Geometry(float(scale), turn, mirrored=mirrored)
    short = min(height, width)
    for turn in map(float, _TURNS):
        yield from (Geometry(scale, sign * turn) for scale in (1.0, _grown(height, width, turn)) for sign in (1, -1))
    for mirrored, stretch in product((False, True), map(float, _SQUEEZES)):
        yield Geometry(short / min(height, stretch * width), 0.0, stretch, mirrored)
    for part in parts:
        filled = short / min((part.bottom - part.top) * height, (part.right - part.left) * width)
        yield from (Geometry(float(scale), part=part) for scale in _scales(0.5 * filled, 1.1 * filled))


def _grown(height: int, width: int, degrees: float) -> float:
    """Scale of a picture that was turned in a frame grown to this size, so as to hold its corners."""
    c, s = cos(radians(degrees)), sin(radians(degrees))
    before = min(height * c - width * s, width * c - height * s) / (c * c - s * s)
    return max(1.0, min(2.0, min(height, width) / max(before, 1.0)))


GRID = tuple(_grid())
CROPS = tuple(Geometry(float(scale)) for scale in _scales(0.46, 1.0))  # upright, of the right aspect


def stages(size: tuple[int, int], thorough: bool, insets: Callable[[], Sequence[Part]]) -> Iterator[Sequence[Geometry]]:
    """No change; common crops; and (``thorough``) other shapes and the grid.

    size: (height, width) of the maps. insets: asked for parts of the picture that may be a marked one.
    """
    yield from ((IDENTITY,), COMMON)
    if thorough:
        yield tuple(_shapes(*size, (*_QUARTERS, *insets())))
        yield GRID
