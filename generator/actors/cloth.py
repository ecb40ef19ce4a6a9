"""Cloth: its material, how it folds where it hangs, and pieces cut along an outline."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark.generator.actors.facespace import f32
from tellmark.generator.actors.scenery import noise, smoothstep
from tellmark.generator.types import SIZE
from tellmark.types import F32

PATTERNS = ("plain", "heather", "knit", "stripes", "check")
_FINE = 360  # px for one face height, where outlines are drawn
_LEFT, _TOP, _RIGHT, _BOTTOM = -0.15, -1.3, 2.0, 1.4  # reach of outlines, face heights


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a garment in the portrait's frame."""

    colour: F32  # (SIZE, SIZE, 3) sRGB without light
    cover: F32  # (SIZE, SIZE) in [0, 1]
    form: F32  # (SIZE, SIZE) how far it stands off the body, face heights


def inside(outline: list[tuple[float, float]], across: F32, down: F32) -> F32:
    """Signed distance to a closed outline of (across, down), face heights, positive within; its corners rounded.

    Outlines are of the right half and mirrored; they may reach a little beyond the middle.
    """
    canvas = np.zeros((round((_BOTTOM - _TOP) * _FINE), round((_RIGHT - _LEFT) * _FINE)), np.uint8)
    place = (np.array(outline) - [_LEFT, _TOP]) * _FINE
    cv2.fillPoly(canvas, [np.round(place * 16).astype(np.int32)], 255, cv2.LINE_8, 4)
    within, beyond = (cv2.distanceTransform(side, cv2.DIST_L2, 5) for side in (canvas, 255 - canvas))
    signed = cv2.GaussianBlur((within - beyond) / _FINE, (0, 0), 0.012 * _FINE)
    x, y = (np.abs(across) - _LEFT) * _FINE, (down - _TOP) * _FINE
    return np.asarray(cv2.remap(signed, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def folds(rng: np.random.Generator, across: F32, down: F32) -> F32:
    """(SIZE, SIZE) face heights that hanging cloth stands out by: pulled from the armpits, draped below the neck."""
    out = 0.007 * noise(rng, 26) + 0.015 * noise(rng, 60)
    right = across > 0
    for at, turns, height, reach in (((0.80, 0.95), 26.0, 0.029, 0.75), ((0.22, -0.05), 30.0, 0.014, 0.9)):
        drawn = np.zeros_like(across)
        for side in (-1, 1):
            x, y = side * across - at[0], down - at[1]
            far = np.hypot(x, y)
            angle = np.arctan2(y, x) + 0.10 * noise(rng, 40)
            field = noise(rng, 12, 2 * SIZE)
            u, v = (angle * turns * 6 + SIZE).astype(np.float32), (far * 60 + SIZE / 2).astype(np.float32)
            lines = cv2.remap(field, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
            weight = smoothstep(side * across, -0.12, 0.12) * np.exp(-((far / reach) ** 2)) * smoothstep(far, 0.1, 0.3)
            drawn += weight * np.maximum(lines, 0) ** 1.6
        out = out + height * drawn
    seam = np.abs(across) - 0.98 + 0.16 * down + np.where(right, 0.01, 0)
    return np.asarray(out + 0.006 * smoothstep(np.abs(seam), 0.012, 0.002), np.float32)


def material(colour: tuple[float, float, float], pattern: str, rng: np.random.Generator, across: F32, down: F32) -> F32:
    """(SIZE, SIZE, 3) sRGB of a cloth without light; a pattern goes with the folds in ``across`` and ``down``."""
    base = f32(colour) * np.ones((SIZE, SIZE, 1), np.float32)
    weave = 1 + 0.006 * noise(rng, 0.8) + 0.004 * noise(rng, 2.2) + 0.010 * noise(rng, 40)
    if pattern == "heather":
        weave = weave + 0.02 * noise(rng, 0.8)
    elif pattern == "knit":
        weave = weave + 0.06 * np.sin(260 * across) * np.sin(200 * down)
    elif pattern in ("stripes", "check"):
        other = f32(rng.choice([0.9, 0.12])) * np.ones(3, np.float32) * 0.8 + 0.2 * f32(colour)
        rate, duty = float(rng.uniform(40, 90)), float(rng.uniform(0.2, 0.9))
        level = pattern == "check" or duty > 0.55
        rows = smoothstep(np.sin(rate * (down + 0.25 * across**2 if level else across)), duty - 0.2, duty + 0.2)
        columns = smoothstep(np.sin(rate * across), duty - 0.2, duty)
        share = rows if pattern == "stripes" else 0.5 * rows + 0.5 * columns
        base = base + (other - base) * (0.6 * share)[..., None]
    return np.asarray(base * weave[..., None], np.float32)


def piece(colour: F32, within: F32, form: F32 | float, height_px: float, hem: float = 0.0) -> Piece:
    """A piece with a rounded edge, ``within`` face heights from its border; a seam ``hem`` inside it, 0 for none."""
    cover = smoothstep(within * height_px, -0.8, 0.8)
    stands = form * (0.35 + 0.65 * smoothstep(within, 0.0, 0.022))
    if hem > 0:
        seam = np.exp(-(((within - hem) / 0.004) ** 2))
        colour = colour * (1 - 0.12 * seam)[..., None]
        stands = stands - 0.0015 * seam + 0.004 * smoothstep(within, hem + 0.004, hem - 0.004)
    return Piece(np.asarray(colour, np.float32), cover, np.asarray(stands, np.float32))


def laid_over(colour: F32, cover: NDArray[np.float32]) -> F32:
    """(SIZE, SIZE, 3) ``colour`` of what lies beneath a piece, in the shade beside its edge."""
    shade = cv2.GaussianBlur(np.roll(cover, 3, axis=0), (0, 0), 5.0) * (1 - cover)
    return np.asarray(colour * (1 - 0.45 * shade)[..., None], np.float32)
