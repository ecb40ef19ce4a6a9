"""Proportions that are seen at once when they are off: how broad the lower face is, and how far apart eyes are.

Mixtures and a face's own features add up: without this, breadths below the ears vary by nearly half as much again as
those of people, and eyes lie closer together (`docs/log.md`, 1 December). Here a face keeps a share of what sets its
proportions apart from its group's, and the group's are moved to where trackers find those of people.
"""

from __future__ import annotations

import numpy as np

from tellmark.generator.actors.facespace import f32
from tellmark.generator.actors.scenery import smoothstep
from tellmark.landmarks import LEFT_EYE, RIGHT_EYE
from tellmark.types import F32

# The face's outline on either side, from the ear down to the chin; breadths over the group's mean.
_RIGHT = (234, 93, 132, 58, 172, 136, 150, 149, 176, 148)
_LEFT = (454, 323, 361, 288, 397, 365, 379, 378, 400, 377)
_NARROWED = f32([1, 0.975, 0.955, 0.95, 0.96, 0.975, 0.99, 1, 1, 1])
_APART = 1.05  # outer corners of the eyes, over the group's mean
_KEPT = 0.55  # share of how far a face is from that
_REACH = (0.24, 0.16)  # about an eye, that goes with it, face widths across and down


def settled(shape: F32, group: F32) -> F32:
    """(478, 3) ``shape`` with a lower face and eyes in proportion; ``group``: (478, 3) mean of those it is one of."""
    return _eyes_apart(_lower_face(shape, group), group)


def _lower_face(shape: F32, group: F32) -> F32:
    own, typical = _breadths(shape), _NARROWED * _breadths(group)
    factor = (typical + _KEPT * (own - typical)) / own
    factor[0] = 1  # the ears are what the rest is measured by
    out = shape.copy()
    ends = (shape[list(_RIGHT)] + shape[list(_LEFT)]) / 2
    half = np.interp(shape[:, 1], ends[:, 1], np.abs(shape[list(_LEFT), 0] - shape[list(_RIGHT), 0]) / 2)
    across = shape[:, 0] - np.interp(shape[:, 1], ends[:, 1], ends[:, 0])
    outer = smoothstep(f32(np.abs(across) / half), 0.3, 1.0)  # nose and mouth stay as broad as they are
    out[:, 0] += across * outer * (np.interp(shape[:, 1], ends[:, 1], factor) - 1)
    return out


def _breadths(shape: F32) -> F32:
    """(10,) breadths of the outline over that at the ears."""
    breadth = np.abs(shape[list(_LEFT), 0] - shape[list(_RIGHT), 0])
    return f32(breadth / breadth[0])


def _eyes_apart(shape: F32, group: F32) -> F32:
    width, own, typical = _width(shape), _corners(shape), _APART * _corners(group)
    outwards = (1 - _KEPT) * (typical - own) / 2 * width
    out = shape.copy()
    middle = (shape[33, 0] + shape[263, 0]) / 2
    for loop in (RIGHT_EYE, LEFT_EYE):
        centre = shape[list(loop), :2].mean(axis=0)
        near = np.exp(-(((shape[:, :2] - centre) / (f32(_REACH) * width)) ** 2).sum(axis=1))
        out[:, 0] += outwards * np.sign(centre[0] - middle) * near
    return out


def _width(shape: F32) -> float:
    return float(shape[454, 0] - shape[234, 0])


def _corners(shape: F32) -> float:
    """Distance of the eyes' outer corners over the breadth at the ears."""
    return float(shape[263, 0] - shape[33, 0]) / _width(shape)
