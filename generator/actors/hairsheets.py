"""Where the hair of a performance lies: sheets behind the head, behind the face's outline, and before it.

Turned, hair goes where that part of the head goes that it lies on. Coordinates are portrait px, z away from the camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from tellmark.generator.actors import skin
from tellmark.generator.actors.headmodel import HeadModel
from tellmark.generator.actors.persona import Parts
from tellmark.generator.actors.scenery import smoothstep
from tellmark.generator.actors.sheets import Sheet
from tellmark.generator.actors.skull import foremost
from tellmark.generator.types import SIZE
from tellmark.types import F32

_HAIR_PX = 5  # around the head, in which hair has the head's depth
_HAIR_OFF = 3.0  # px that it lies before it
_BEHIND_PX = 24.0  # what is further behind does not lie on it, below the ears: hair beside a jaw
_LINING_PX = 41  # px about the outline, where hair goes on behind the face
_EARS = -0.55  # their middle, below the chin, face heights


@dataclass(frozen=True, slots=True)
class HairSheets:
    """In the order they are drawn in; the head comes after the lining."""

    back: Sheet
    lining: Sheet  # the front hair gone on with behind the face's outline
    front: Sheet


def hung(parts: Parts, model: HeadModel, head_z: F32) -> HairSheets:
    """The hair of ``parts`` on a head whose depth, unmoved, is ``head_z`` (SIZE, SIZE), infinite beside it."""
    below = (np.mgrid[:SIZE, :SIZE][0].astype(np.float32) - model.chin_y) / model.height
    share = 1 - 0.75 * smoothstep(below, 0.05, 0.9)
    middle = float(parts.skull.centre[2])
    nearest = foremost(parts.skull, np.arange(SIZE, dtype=np.float32))[:, None]
    depth = np.maximum(_smooth_depth(parts.front_hair_z, parts.front_hair[..., 3], middle), nearest)
    on_head = cv2.erode(np.minimum(head_z, 1e6), np.ones((2 * _HAIR_PX + 1,) * 2, np.uint8)) - _HAIR_OFF
    beside_jaw = smoothstep(below, _EARS - 0.1, _EARS + 0.2) * smoothstep(depth - on_head, 5, _BEHIND_PX)
    lies = np.minimum(depth, on_head) + beside_jaw * np.maximum(depth - on_head, 0)
    oval = skin.oval_of(parts.shape)
    lies = np.where(oval > 0.5, lies, np.maximum(lies, nearest))
    behind = np.full((SIZE, SIZE), middle + 0.1 * model.height, np.float32)
    return HairSheets(
        back=Sheet(parts.back_hair, behind, share, model),
        lining=Sheet(_lining(parts.front_hair, oval), np.maximum(lies, nearest), share, model),
        front=Sheet(parts.front_hair, lies, share, model),
    )


def _lining(front: F32, oval: F32) -> F32:
    """Premultiplied front hair gone on with behind the face's outline, where only turned heads show it.

    Else the backdrop would be seen between a cheek and the hair beyond it.
    """
    within = oval - cv2.erode(oval, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_LINING_PX, _LINING_PX)))
    near = cv2.GaussianBlur(front, (0, 0), _LINING_PX / 6)
    dense = cv2.erode(front[..., 3], np.ones((7, 7), np.uint8)) * cv2.dilate(oval, np.ones((17, 17), np.uint8))
    there = np.maximum(within * smoothstep(near[..., 3], 0.03, 0.2), smoothstep(dense, 0.6, 0.9))
    return np.asarray(near / np.maximum(near[..., 3:], 1e-3) * there[..., None], np.float32)


def _smooth_depth(depth: F32, cover: F32, middle: float) -> F32:
    """Smooth depth of the front hair, continued where there is none; towards the skull's middle far away."""
    known = np.where((depth < 1e5) & (cover > 0.2), 1, 0).astype(np.float32)
    total = cv2.GaussianBlur(known, (0, 0), 26)
    mean = cv2.GaussianBlur(np.where(known > 0, depth, 0).astype(np.float32), (0, 0), 26)
    return np.asarray((mean + 0.01 * middle) / (total + 0.01), np.float32)
