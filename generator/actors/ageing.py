"""What years do to a face: lines, bags, slack outlines, uneven colour. All follows from one apparent age."""

from __future__ import annotations

import cv2
import numpy as np

from tellmark.generator.actors.facespace import f32
from tellmark.generator.actors.scenery import noise
from tellmark.generator.mesh import wrinkles
from tellmark.generator.types import SIZE
from tellmark.landmarks import FACE_OVAL, LEFT_BROW, LEFT_EYE, LIPS_OUTER, RIGHT_BROW, RIGHT_EYE
from tellmark.types import F32

GROUPS = ("18-29", "30-44", "45-59", "60 and over")
_LIMITS = (30, 45, 60)


def group_of(age: float) -> str:
    """The one of ``GROUPS`` that an age in years belongs to."""
    return GROUPS[int(np.searchsorted(_LIMITS, age, side="right"))]


def years(age: float) -> float:
    """0 up to 28 years, 1 at 75."""
    return float(np.clip((age - 28) / 47, 0, 1))


def sag(shape: F32, age: float) -> F32:
    """(478, 3) the shape with thinner lips, lower brows and outer lids, and a fuller jaw."""
    old = years(age)
    out = shape.copy()
    height = float(np.ptp(shape[list(FACE_OVAL), 1]))
    lips = list(LIPS_OUTER)
    line = (shape[61, :2] + shape[291, :2]) / 2
    out[lips, 1] = line[1] + (out[lips, 1] - line[1]) * (1 - 0.22 * old)
    for brow, outer in ((RIGHT_BROW, (33, 246, 161, 247, 30)), (LEFT_BROW, (263, 466, 388, 467, 260))):
        out[list(brow), 1] += 0.008 * height * old
        out[list(outer), 1] += 0.006 * height * old
    for jowl in (150, 136, 172, 169, 379, 365, 397, 394):
        out[jowl, :2] += (out[jowl, :2] - shape[1, :2]) * 0.022 * old
    return np.asarray(out, np.float32)


def lines(shape: F32, age: float, rng: np.random.Generator) -> F32:
    """(SIZE, SIZE) px of depth that skin folds in by, positive inwards."""
    old = years(age)
    folds = wrinkles.creases(shape).astype(np.float32) / 255
    own = np.exp(rng.normal(0, 0.35, 4))
    strength = f32([0, 0.02, 0.10, 0.03]) + f32([0.75, 0.8, 1.0, 1.1]) * np.float32(old**1.2)
    depth = (folds * f32([0.9, 0.8, 1.9, 0.9]) * f32(own) * strength).sum(axis=-1)
    # Marionette lines, and bags whose lower edge casts a little shade.
    for corner, chin in ((61, 210), (291, 430)):
        depth = np.maximum(depth, 1.3 * old * _line(shape[[corner, chin], :2] + f32([[0, 6], [0, -4]]), 2.2))
    for points, way in (((110, 24, 23, 22, 26), 1), ((339, 254, 253, 252, 256), 1)):
        under = shape[list(points), :2] + f32([0, 9.0 * way])
        depth = np.maximum(depth, (0.15 + 0.9 * old) * _line(under, 1.8) * float(own[3]))
    fine = np.clip(noise(rng, 1.4) * noise(rng, 5), 0, 3) * old * 0.08
    wander = 1 + 0.25 * noise(rng, 12)
    return np.asarray(depth * np.clip(wander, 0.3, 1.6) + fine, np.float32)


def colour(shape: F32, age: float, grey: float, rng: np.random.Generator) -> F32:
    """(SIZE, SIZE, 3) log RGB: shade under the eyes, spots, redness; ``grey`` [0, 1] bleaches the brows."""
    old = years(age)
    log = np.zeros((SIZE, SIZE, 3), np.float32)
    log += (0.005 + 0.016 * old) * noise(rng, 18)[..., None] * f32([0.2, 1.0, 0.9])
    log -= old * 0.05 * np.clip(noise(rng, 4) - 1.3, 0, 2)[..., None] * f32([0.6, 1.0, 1.1])
    tired = 0.05 + 0.13 * old + 0.06 * float(rng.random())
    for loop in (RIGHT_EYE, LEFT_EYE):
        middle = shape[list(loop), :2].mean(axis=0) + f32([0, 11])
        y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
        spot = np.exp(-(((x - middle[0]) / 21) ** 2) - ((y - middle[1]) / 9) ** 2)
        log -= tired * spot[..., None] * f32([0.8, 1.0, 0.85])
    if grey > 0:
        for brow in (RIGHT_BROW, LEFT_BROW):
            canvas = np.zeros((SIZE, SIZE), np.float32)
            cv2.fillConvexPoly(canvas, cv2.convexHull(np.round(shape[list(brow), :2]).astype(np.int32)), 1.0)
            log += 0.12 * grey * cv2.GaussianBlur(canvas, (0, 0), 3.0)[..., None] * f32([0.9, 1.0, 1.15])
    return log


def _line(points: F32, width: float) -> F32:
    canvas = np.zeros((SIZE, SIZE), np.float32)
    cv2.polylines(canvas, [np.round(points * 16).astype(np.int32)], False, 1.0, 2, cv2.LINE_AA, 4)
    canvas = cv2.GaussianBlur(canvas, (0, 0), width)
    return np.asarray(canvas / max(float(canvas.max()), 1e-6), np.float32)
