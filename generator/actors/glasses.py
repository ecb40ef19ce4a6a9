"""Glasses: a frame and lenses before an actor's eyes, their depth, and the shadow they throw on the skin."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from tellmark.generator.actors.facespace import f32
from tellmark.generator.actors.scenery import smoothstep
from tellmark.generator.types import SIZE
from tellmark.types import F32

SHAPES = {"round": 2.1, "oval": 2.4, "rectangle": 4.5}  # exponent of the lens's superellipse
_FINE = 2  # drawn at so many times the size


@dataclass(frozen=True, slots=True)
class Glasses:
    """One pair. Lengths in distances between the outer eye corners."""

    shape: str  # one of SHAPES
    colour: tuple[float, float, float]  # sRGB of the rim
    rim: float  # its width
    width: float  # half, of a lens
    height: float  # half
    glare: float  # strength of what the lenses reflect


def paint(glasses: Glasses, shape: F32, light: F32) -> tuple[F32, F32, F32]:
    """(SIZE, SIZE, 4) premultiplied; depth (SIZE, SIZE) px; shadow (SIZE, SIZE) factor on the skin behind."""
    eyes = f32([(shape[33, :2] + shape[133, :2]) / 2, (shape[263, :2] + shape[362, :2]) / 2])
    unit = float(np.linalg.norm(shape[263, :2] - shape[33, :2]))
    y, x = np.mgrid[: SIZE * _FINE, : SIZE * _FINE].astype(np.float32) / _FINE
    away = np.full(x.shape, 9.0, np.float32)
    power, rim = SHAPES[glasses.shape], glasses.rim * unit
    half = f32([glasses.width, glasses.height]) * unit
    centres = eyes + f32([[-0.030, 0.02], [0.030, 0.02]]) * unit
    inside = np.zeros(x.shape, np.float32)
    for centre in centres:
        u, v = np.abs((x - centre[0]) / half[0]), np.abs((y - centre[1]) / half[1])
        radius = (u**power + v**power) ** (1 / power)
        distance = (radius - 1) * float(half.mean())
        inside = np.maximum(inside, smoothstep(distance, 0.6, -0.6))
        away = np.minimum(away, np.abs(distance) / rim)
    bridge = f32([centres[0] + [half[0], -0.25 * half[1]], centres[1] - [half[0], 0.25 * half[1]]])
    middle = bridge.mean(axis=0) - [0, 0.03 * unit]
    left, right = shape[[127, 356], :2]
    arms = [f32([centres[0] - [half[0], 0.35 * half[1]], left - f32([2, 0.02 * unit])]),
            f32([centres[1] + [half[0], -0.35 * half[1]], right + f32([2, -0.02 * unit])])]  # fmt: skip
    canvas = np.zeros(x.shape, np.uint8)
    for line in (f32([bridge[0], middle, bridge[1]]), *arms):
        cv2.polylines(canvas, [np.round(line * _FINE * 16).astype(np.int32)], False, 255,
                      max(1, round(1.6 * rim * _FINE)), cv2.LINE_AA, 4)  # fmt: skip
    cover = np.maximum(smoothstep(away, 1.15, 0.75), canvas.astype(np.float32) / 255)
    tone = f32(glasses.colour) * (1 + 0.35 * smoothstep(away, 0.5, 0.1) * -np.sign(light[1]))[..., None]
    shine = 0.25 * np.exp(-(((away - 0.45) / 0.2) ** 2)) * smoothstep(-(y - centres[0, 1]) / half[1], 0.3, 1)
    rims = np.dstack([(tone + shine[..., None]) * cover[..., None], cover])
    # What the lenses mirror: a window's soft bar towards the light.
    along = (x - centres[:, 0].mean()) % (2.2 * half[0]) / half[0] * np.sign(light[0] + 1e-3) - 0.4 * (y / half[1])
    bar = smoothstep(np.sin(2.1 * along + 1.0), 0.65, 0.85) * smoothstep(y, centres[0, 1] + 0.5 * half[1],
                                                                       centres[0, 1] - half[1])  # fmt: skip
    veil = inside * (0.004 + glasses.glare * bar)
    lens = np.dstack([veil[..., None] * f32([0.92, 0.97, 1.0]), veil])
    layer = rims + lens * (1 - rims[..., 3:])
    layer, small = (cv2.resize(a, (SIZE, SIZE), interpolation=cv2.INTER_AREA) for a in (layer, cover))
    across = np.abs(np.mgrid[:SIZE, :SIZE][1].astype(np.float32) - eyes[:, 0].mean()) / (0.62 * unit)
    before = min(float(shape[168, 2]), float(shape[[159, 386], 2].min())) - 0.05 * unit
    depth = before + np.clip(across - 0.55, 0, 1.2) ** 2 * 0.9 * unit
    moved = f32([[1, 0, -7 * light[0]], [0, 1, 4 - 6 * light[1]]])
    dark = cv2.warpAffine(cv2.GaussianBlur(small, (0, 0), 2.2), moved, (SIZE, SIZE))
    return np.asarray(layer, np.float32), depth.astype(np.float32), np.asarray(1 - 0.45 * dark, np.float32)
