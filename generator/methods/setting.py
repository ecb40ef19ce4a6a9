"""A still that moves, in the place where the original was filmed.

What is around head and shoulders is the original's own, frame by frame: a frozen background, with one sample of the
camera's noise for the whole clip, would tell fakes from originals far away from any forgery. A picture without an
original is made as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tellmark.generator.factory.scene import Scene
from tellmark.generator.methods.warp import as_mask, blend, hull, oval
from tellmark.generator.types import SIZE, Motion, PortraitRenderer
from tellmark.landmarks import face_width
from tellmark.types import F32, U8

# Face widths: around the face, above it, to either side of the chin, below and to either side of that; of the edge.
_EARS, _HAIR, _NECK, _SHOULDERS = 0.24, 0.25, 0.6, 1.1
_FEATHER = 0.12


def performed(scene: Scene, renderer: PortraitRenderer, motion: Motion) -> Iterator[tuple[U8, U8]]:
    """``motion`` by ``renderer``, in the scene's place: frames, and masks of what was made."""
    everywhere = np.full((SIZE, SIZE), 255, np.uint8)
    for t in range(scene.count):
        made = renderer.render(motion, t)
        if scene.take.original is None:
            yield made, everywhere
            continue
        weight = np.maximum(person(scene.track[t]), person(renderer.points))
        yield blend(np.asarray(scene.frames[t]), made, weight), as_mask(weight)


def person(face: F32) -> F32:
    """(512, 512) in [0, 1]: head, hair and shoulders as they lie around a face of (478, 3) px."""
    width = float(face_width(face))
    outline, chin = oval(face)[:, :2], face[152, :2]
    up = face[10, :2] - chin
    hair = outline + _HAIR * width * up / np.linalg.norm(up)
    head = hull(np.concatenate([outline, hair]), _FEATHER * width, _EARS * width)
    x, y = chin
    low = max(SIZE, y) + 2 * width
    rows = ((y, _NECK * width), (y + _SHOULDERS * width, _SHOULDERS * width), (low, _SHOULDERS * width))
    body = np.array([[x + side * half, row] for row, half in rows for side in (-1, 1)], np.float32)
    return np.asarray(np.maximum(head, hull(body, _FEATHER * width)), np.float32)
