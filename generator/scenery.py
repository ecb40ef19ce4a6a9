"""What is around an actor's face: backdrop, neck, shoulders and clothes, all synthesised."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.interpolate import PchipInterpolator

from tellmark.generator.facespace import f32
from tellmark.generator.types import SIZE
from tellmark.types import F32

BACKDROPS = ("studio", "wall", "room", "bokeh", "outdoors")
WARM_SHADE = np.array([0.80, 1.05, 1.20], np.float32)  # light scattered in skin keeps shadows red
GARMENTS = ("crew", "vee", "collar", "high")


@dataclass(frozen=True, slots=True)
class Body:
    """Neck and clothes. Lengths in face heights."""

    neck: float  # half width
    shoulders: float  # half width
    garment: str  # one of GARMENTS
    colour: tuple[float, float, float]  # sRGB of the cloth
    seed: int


def noise(rng: np.random.Generator, sigma: float, size: int = SIZE) -> F32:
    """(size, size) Gaussian noise of unit variance, smooth on the scale of ``sigma`` px."""
    small = max(8, int(size / max(1.0, sigma / 2)))
    field = cv2.GaussianBlur(rng.normal(size=(small, small)).astype(np.float32), (0, 0), sigma * small / size)
    field = cv2.resize(field, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.asarray((field - field.mean()) / (field.std() + 1e-6), np.float32)


def smoothstep(x: F32, low: float, high: float) -> F32:
    """0 below ``low``, 1 above ``high``, smooth between (either order)."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def backdrop(kind: str, light: F32, seed: int) -> F32:
    """(SIZE, SIZE, 3) sRGB in [0, 1], out of focus."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32) / SIZE
    falloff = 1 + 0.22 * (light[0] * (x - 0.5) * 2 + light[1] * (y - 0.5))[..., None]
    hue = rng.uniform(0, 1, 3)
    if kind == "studio":
        base = np.float32(rng.choice([0.28, 0.45, 0.62, 0.8])) + f32(rng.normal(0, 0.02, 3))
        spot = np.exp(-(((x - 0.5 + 0.2 * rng.normal()) / 0.55) ** 2 + ((y - 0.4) / 0.6) ** 2))[..., None]
        picture = base * (0.72 + 0.4 * spot)
    elif kind == "wall":
        base = (f32([0.74, 0.71, 0.67]) + f32((hue - 0.5) * 0.09)) * np.float32(rng.uniform(0.7, 1.12))
        picture = base * (1 + 0.018 * noise(rng, 40) + 0.006 * noise(rng, 3))[..., None]
    else:
        picture = _clutter(kind, rng, x, y)
    return np.asarray(np.clip(picture * falloff, 0, 1).astype(np.float32), np.float32)


def _clutter(kind: str, rng: np.random.Generator, x: F32, y: F32) -> F32:
    """Furniture, lights or foliage, far out of focus."""
    canvas = np.empty((SIZE, SIZE, 3), np.float32)
    if kind == "room":
        canvas[:] = f32([0.66, 0.61, 0.55]) * rng.uniform(0.6, 1.2)
        for _ in range(rng.integers(5, 11)):
            left, top = rng.integers(-80, SIZE, 2).tolist()
            wide, tall = rng.integers(50, 260, 2).tolist()
            tint = (f32([0.55, 0.47, 0.40]) + rng.normal(0, 0.04, 3)) * rng.uniform(0.35, 1.6)
            cv2.rectangle(canvas, (left, top), (left + wide, top + tall), np.clip(tint, 0.03, 1).tolist(), -1)
        return np.asarray(cv2.GaussianBlur(canvas, (0, 0), float(rng.uniform(14, 26))), np.float32)
    if kind == "outdoors":
        leaf = f32([0.30, 0.40, 0.22]) * (1 + 0.5 * noise(rng, 28) * 0.6)[..., None]
        sky = f32([0.78, 0.84, 0.90])
        share = smoothstep(0.55 - y + 0.22 * noise(rng, 60), -0.1, 0.35)[..., None]
        canvas = np.clip(leaf * (1 - share) + sky * share, 0.02, 1).astype(np.float32)
        lights, radius = 60, (5, 16)
    else:
        canvas[:] = f32([0.10, 0.10, 0.13]) + f32(rng.uniform(0, 0.05, 3))
        canvas = cv2.GaussianBlur(canvas * (1 + 0.5 * noise(rng, 50))[..., None], (0, 0), 20)
        lights, radius = 26, (14, 38)
    warm = kind == "bokeh"
    for _ in range(lights):
        spot = np.zeros((SIZE, SIZE), np.float32)
        middle = tuple(rng.integers(0, SIZE, 2).tolist())
        cv2.circle(spot, middle, int(rng.integers(*radius)), 1.0, -1, cv2.LINE_AA)
        tint = f32([1.0, 0.72, 0.45]) if warm and rng.random() < 0.7 else f32([0.75, 0.85, 0.8])
        canvas += spot[..., None] * tint * float(rng.uniform(0.08, 0.4 if warm else 0.14))
    return np.asarray(cv2.GaussianBlur(np.clip(canvas, 0, 1), (0, 0), 3.5 if warm else 9.0), np.float32)


def torso(body: Body, oval: F32, skin: F32, light: F32) -> F32:
    """Neck, shoulders and clothes: (SIZE, SIZE, 4) sRGB and coverage, straight alpha.

    oval: (36, 2+) face oval, px. skin: (3,) sRGB of the jaw. light: unit direction towards the light.
    """
    rng = np.random.default_rng(body.seed)
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    middle, chin = float(oval[:, 0].mean()), float(oval[:, 1].max())
    height = chin - float(oval[:, 1].min())
    across, down = (x - middle) / height, (y - chin) / height
    # Outline: straight neck, then the trapezius, then the round of the shoulder.
    outline = PchipInterpolator(
        [-1.2, -0.02, 0.08, 0.16, 0.24, 0.32, 0.42, 0.56, 0.76, 1.0],
        [0, 0, 0.03, 0.11, 0.28, 0.50, 0.70, 0.87, 0.98, 1.04],
    )
    slope = outline(np.clip(down[:, 0], -1.2, 0.9))[:, None]
    half = (body.neck + (body.shoulders - body.neck) * slope).astype(np.float32)
    cover = smoothstep((half - np.abs(across)) * height, -0.8, 0.8) * smoothstep(down, -0.55, -0.5)
    flesh = np.asarray(skin, np.float32) * _flesh_shade(across, down, body.neck, light)[..., None] ** WARM_SHADE
    flesh = flesh * (1 + 0.012 * noise(rng, 1.2) + 0.02 * noise(rng, 9))[..., None]
    edge, inside = _neckline(body, across, down)
    cloth = np.asarray(body.colour, np.float32) * _folds(rng, across, down, light)[..., None]
    cloth = cloth * (1 + 0.008 * noise(rng, 1.0) + 0.005 * noise(rng, 2.2))[..., None]
    cloth = cloth * (1 - 0.25 * np.exp(-np.abs(inside - 0.028) / 0.004))[..., None]  # the seam
    shadow = 1 - 0.35 * np.exp(-np.maximum(-inside, 0) / 0.02)  # the cloth's shadow on the skin
    colour = flesh * shadow[..., None] * (1 - edge[..., None]) + cloth * edge[..., None]
    return np.dstack([np.clip(colour, 0, 1), cover]).astype(np.float32)


def _flesh_shade(across: F32, down: F32, neck: float, light: F32) -> F32:
    turn = np.clip(across / neck, -1.3, 1.3)
    round_ = 1 - 0.24 * np.abs(turn) ** 2.6 + 0.16 * light[0] * turn
    under_chin = 1 - 0.34 * np.exp(-((np.clip(down + 0.02 + 0.5 * across**2, 0, 1) / 0.11) ** 1.5))
    shade = (round_ + (0.94 - round_) * smoothstep(down, 0.10, 0.30)) * under_chin
    for sign in (-1, 1):  # the sternomastoid
        muscle = (across - sign * np.interp(down, [-0.2, 0.36], [0.9 * neck, 0.06])) / 0.035
        shade = shade + 0.045 * sign * light[0] * np.exp(-(muscle**2)) - 0.03 * np.exp(-((muscle + sign * 1.3) ** 2))
    notch = np.exp(-((across / 0.045) ** 2) - ((down - 0.40) / 0.05) ** 2)
    return np.asarray(shade * (1 - 0.14 * notch), np.float32)


def _neckline(body: Body, across: F32, down: F32) -> tuple[F32, F32]:
    """Coverage of the cloth, and its depth below its upper edge in face heights."""
    wide = body.neck + 0.07
    if body.garment == "vee":
        line = 0.56 - 0.62 * np.abs(across) - 0.10 * np.exp(-((across / 0.05) ** 2))
    elif body.garment == "collar":
        line = 0.40 - 0.85 * np.maximum(np.abs(across) - 0.03, 0) ** 0.9
        line = np.maximum(line, 0.10)
    elif body.garment == "high":
        line = 0.06 + 0.08 * np.sqrt(np.clip(1 - (across / wide) ** 2, 0, 1)) - 0.3 * (np.abs(across) > wide)
    else:
        line = 0.06 + 0.28 * np.clip(1 - (across / wide) ** 2, 0, 1) ** 0.6 - 0.3 * (np.abs(across) > wide)
    inside = (down - line).astype(np.float32)
    return smoothstep(inside * 240, -0.7, 0.7), inside


def _folds(rng: np.random.Generator, across: F32, down: F32, light: F32) -> F32:
    turn = np.clip(across / 0.95, -1, 1)
    fold = noise(rng, 18) * 0.5 + noise(rng, 45)
    return np.asarray(0.86 - 0.22 * turn**2 + 0.20 * light[0] * turn + 0.07 * fold + 0.10 * (0.5 - down), np.float32)
