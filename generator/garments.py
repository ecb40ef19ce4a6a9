"""Neck, shoulders and clothes of an actor: colour and form, all synthesised; the light comes from ``relief``."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.interpolate import PchipInterpolator

from tellmark.generator.facespace import f32
from tellmark.generator.relief import FAR
from tellmark.generator.scenery import noise, smoothstep
from tellmark.generator.types import SIZE
from tellmark.types import F32

GARMENTS = ("crew", "vee", "scoop", "shirt", "jacket", "high")
PATTERNS = ("plain", "heather", "knit", "stripes", "check")
# The shoulder's line: share of the way from neck to shoulder, by the distance below the chin in face heights.
_LINE = (
    [-1.2, -0.10, 0.04, 0.12, 0.20, 0.28, 0.38, 0.52, 0.74, 1.0],
    [0, 0, 0.03, 0.12, 0.29, 0.50, 0.70, 0.87, 0.98, 1.04],
)


@dataclass(frozen=True, slots=True)
class Body:
    """Neck and clothes. Lengths in face heights."""

    neck: float  # half width
    shoulders: float  # half width
    garment: str  # one of GARMENTS
    pattern: str  # one of PATTERNS
    colour: tuple[float, float, float]  # sRGB of the cloth
    under: tuple[float, float, float]  # sRGB of what is worn below a jacket
    turn: float  # of the chest, -1 .. 1 to the viewer's right
    tilt: float  # of the shoulders, rise to the viewer's right
    seed: int


def torso(body: Body, oval: F32, skin: F32) -> tuple[F32, F32]:
    """Neck, shoulders and clothes: (SIZE, SIZE, 4) sRGB without light and coverage, straight; (SIZE, SIZE) depth px.

    oval: (36, 3) face oval, px. skin: (3,) sRGB of the jaw.
    """
    rng = np.random.default_rng(body.seed)
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    middle, chin = float(oval[:, 0].mean()), float(oval[:, 1].max())
    height = chin - float(oval[:, 1].min())
    across, down = (x - middle) / height, (y - chin) / height
    low = smoothstep(down, 0.0, 0.5)
    down = down - body.tilt * across * low
    across = across - 0.05 * body.turn * low
    across = across * (1 + 0.16 * body.turn * np.sign(across) * low)
    outline = PchipInterpolator(*_LINE)
    slope = outline(np.clip(down, -1.2, 0.9)).astype(np.float32)
    half = body.neck * (1 + 0.10 * smoothstep(down, -0.05, 0.14)) + (body.shoulders - body.neck) * slope
    half = half * (1 + 0.006 * noise(rng, 30))
    cover = smoothstep((half - np.abs(across)) * height, -0.8, 0.8) * smoothstep(down, -0.55, -0.5)
    depth = _chest(body, across, down, half)
    flesh = skin * np.exp((0.016 * noise(rng, 1.2) + 0.03 * noise(rng, 9))[..., None] * f32([0.6, 1.0, 1.1]))
    flesh = flesh * np.exp(0.03 * smoothstep(down, 0.15, 0.5)[..., None] * f32([0.3, -1, -1]))  # the chest is redder
    colour, height_map = flesh, np.zeros_like(depth)
    for cloth, edge, thick in _layers(body, rng, across, down):
        colour = colour * (1 - edge[..., None]) + cloth * edge[..., None]
        height_map = np.maximum(height_map, thick * edge)
    folded = cv2.GaussianBlur(height_map, (0, 0), 0.8)
    depth = (depth - folded) * height
    return np.dstack([np.clip(colour, 0, 1), cover]).astype(np.float32), np.where(cover > 0.5, depth, FAR)


def _chest(body: Body, across: F32, down: F32, half: F32) -> F32:
    """Depth of the bare body in face heights: a round neck that leans forward into a rounded chest."""
    side = np.clip(across / np.maximum(half, 1e-3), -1, 1)
    neck = 0.36 - 0.10 * smoothstep(down, 0.0, 0.4) - 0.8 * body.neck * np.sqrt(np.maximum(1 - side**2, 0.0))
    chest = 0.30 + 0.42 * np.abs(across) ** 1.8 - 0.16 * smoothstep(down, 0.3, 1.0) + 0.25 * np.abs(side) ** 6
    blend = smoothstep(down, 0.02, 0.34)
    depth = neck * (1 - blend) + chest * blend
    for sign in (-1, 1):  # sternomastoid and collarbone
        muscle = (across - sign * np.interp(down, [-0.2, 0.34], [0.85 * body.neck, 0.05])) / 0.035
        depth = depth - 0.012 * np.exp(-(muscle**2)) * smoothstep(down, 0.36, 0.25)
        bone = (down - 0.385 + 0.10 * np.abs(across)) / 0.022
        depth = depth - 0.010 * np.exp(-(bone**2)) * smoothstep(sign * across, 0.04, 0.12)
    notch = np.exp(-((across / 0.045) ** 2) - ((down - 0.37) / 0.04) ** 2)
    return np.asarray(depth + 0.02 * notch, np.float32)


def _layers(body: Body, rng: np.random.Generator, across: F32, down: F32) -> list[tuple[F32, F32, F32]]:
    """(colour, coverage, thickness) of each garment, the lowest first."""
    a = np.abs(across)
    wide = body.neck + 0.05
    ring = np.sqrt(np.clip(1 - (across / (wide + 0.02)) ** 2, 0, 1))
    outside = 0.25 * (a > wide + 0.02)
    if body.garment == "jacket":
        inner = _cloth(body.under, "plain", rng, across, down)
        lower = [_knit(inner, down - (0.10 + 0.22 * ring - outside), rng, across, 0.012)]
        opening = 0.055 + 0.30 * np.clip(0.95 - down, 0, 1)
        opening = np.minimum(opening, body.neck + 0.03 + 0.30 * np.clip(down - 0.10, 0, 1))
        cloth = _cloth(body.colour, body.pattern, rng, across, down)
        body_of = _knit(cloth, np.minimum(a - opening, down - 0.06 + 0.0 * a), rng, across, 0.02, seam=False)
        # The lapel: a band beside the opening, notched, a little proud of the coat.
        width = 0.05 + 0.13 * smoothstep(down, 0.18, 0.52) * smoothstep(down, 1.1, 0.55)
        notch = np.abs(down - 0.50 - 0.22 * (a - opening)) < 0.008
        lapel = np.minimum(a - opening, opening + width - a)
        inside = np.where(notch & (a - opening > 0.45 * width), -0.01, lapel)
        return [*lower, body_of, _knit(cloth * 0.98, inside.astype(np.float32), rng, across, 0.036, seam=False)]
    cloth = _cloth(body.colour, body.pattern, rng, across, down)
    if body.garment == "shirt":
        open_to = 0.34 + 0.20 * rng.random()
        gap = 0.62 * np.clip(open_to - down, 0, 1)
        gap = np.where(down < 0.12, body.neck + 0.015, np.minimum(gap, body.neck + 0.02))
        whole = _knit(cloth, np.minimum(a - gap, down - 0.07 + outside), rng, across, 0.015, seam=False)
        placket = smoothstep(np.abs(a - 0.001) * 500, 3, 0) * (down > open_to)
        whole = (whole[0] * (1 - 0.3 * placket[..., None]), whole[1], whole[2])
        # Collar leaves fall from the neck to two points.
        tip = 0.30 + 0.05 * rng.random()
        fall = np.interp(a, [0, 0.04, 0.17, wide + 0.02, 0.55], [-1, tip + 0.16, tip + 0.10, 0.13, -1])
        leaf = np.minimum(np.minimum(a - gap, fall - down), down - 0.03 - 0.25 * np.clip(wide - a, 0, 1) + outside)
        return [whole, _knit(cloth * 1.02, leaf.astype(np.float32), rng, across, 0.034, seam=False)]
    if body.garment == "vee":
        line = 0.54 - 0.46 * (a / (wide + 0.05)) ** 1.1
        line = np.where(a > wide + 0.05, -0.2, line)
    elif body.garment == "scoop":
        line = 0.10 + 0.42 * np.clip(1 - (across / (wide + 0.12)) ** 2, 0, 1) ** 0.55 - 0.3 * (a > wide + 0.12)
    elif body.garment == "high":
        line = 0.03 + 0.07 * np.sqrt(np.clip(1 - (across / wide) ** 2, 0, 1)) - 0.3 * (a > wide)
    else:
        line = 0.09 + 0.23 * ring - outside
    return [_knit(cloth, (down - line).astype(np.float32), rng, across, 0.014)]


def _knit(
    cloth: F32, inside: F32, rng: np.random.Generator, across: F32, thick: float, seam: bool = True
) -> tuple[F32, F32, F32]:
    """A garment with folds, ``inside`` face heights below its edge."""
    edge = smoothstep(inside * 240, -0.7, 0.7)
    folds = 0.010 * noise(rng, 26) + 0.016 * noise(rng, 60)
    # Cloth hangs from the shoulders: creases run down and inwards.
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    slant = 1.2 * np.sign(across)
    field = noise(rng, 9, 2 * SIZE)
    along = (x + 0.35 * slant * y + SIZE / 3) % (2 * SIZE - 1)
    drawn = cv2.remap(field, along, 0.16 * y + 0.2 * np.abs(x - SIZE / 2), cv2.INTER_LINEAR)
    depth = np.clip(inside / 0.2, 0, 1)
    form = thick + (folds + 0.007 * np.maximum(drawn, 0) ** 1.5) * depth
    if seam:
        form = form + 0.006 * smoothstep(np.abs(inside - 0.016) * 100, 1.4, 0.9)
        cloth = cloth * (1 - 0.22 * np.exp(-((inside - 0.034) ** 2) / 0.000012))[..., None]
    return np.asarray(cloth, np.float32), edge, np.asarray(form, np.float32)


def _cloth(colour: tuple[float, float, float], pattern: str, rng: np.random.Generator, across: F32, down: F32) -> F32:
    """(SIZE, SIZE, 3) sRGB of the material."""
    base = f32(colour) * np.ones((SIZE, SIZE, 1), np.float32)
    weave = 1 + 0.02 * noise(rng, 1.0) + 0.012 * noise(rng, 2.2)
    bend = across + 0.03 * noise(rng, 60)
    drop = down + 0.25 * across**2 + 0.03 * noise(rng, 60)
    other = f32(rng.choice([0.9, 0.12])) * np.ones(3, np.float32) * 0.8 + 0.2 * f32(colour)
    if pattern == "heather":
        weave = weave + 0.07 * noise(rng, 1.3)
    elif pattern == "knit":
        weave = weave + 0.09 * np.sin(260 * bend) * np.sin(200 * drop)
    elif pattern in ("stripes", "check"):
        rate, duty = float(rng.uniform(40, 90)), float(rng.uniform(0.2, 0.9))
        rows = smoothstep(np.sin(rate * (drop if pattern == "check" or duty > 0.55 else bend)), duty - 0.2, duty + 0.2)
        share = rows if pattern == "stripes" else 0.5 * rows + 0.5 * smoothstep(np.sin(rate * bend), duty - 0.2, duty)
        base = base + (other - base) * (0.6 * share)[..., None]
    return np.asarray(base * weave[..., None], np.float32)
