"""Neck, shoulders and clothes of an actor: colour and form, all synthesised; the light comes from ``relief``."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.interpolate import PchipInterpolator

from tellmark.generator.actors import cloth, facespace
from tellmark.generator.actors.cloth import PATTERNS, Piece
from tellmark.generator.actors.facespace import f32
from tellmark.generator.actors.relief import FAR
from tellmark.generator.actors.scenery import noise, smoothstep
from tellmark.generator.types import SIZE
from tellmark.types import F32

__all__ = ["GARMENTS", "PATTERNS", "Body", "held_by", "torso"]

GARMENTS = ("crew", "vee", "scoop", "shirt", "jacket", "high")
_BRIGHTEST = 0.6  # linear level that cloth may have where light falls on it squarely, so that its folds stay in range
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
    slope: float  # how far down they slope, about 1
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
    across = across - 0.12 * body.turn * low
    across = across * (1 + 0.28 * body.turn * np.sign(across) * low)
    outline = PchipInterpolator(*_LINE)
    slope = outline(np.clip(np.where(down > 0, down / body.slope, down), -1.2, 0.9)).astype(np.float32)
    half = body.neck * (1 + 0.10 * smoothstep(down, -0.05, 0.14)) + (body.shoulders - body.neck) * slope
    half = half * (1 + 0.006 * noise(rng, 30))
    cover = smoothstep((half - np.abs(across)) * height, -0.8, 0.8) * smoothstep(down, -0.55, -0.5)
    depth = _chest(body, across, down, half)
    flesh = skin * np.exp((0.016 * noise(rng, 1.2) + 0.03 * noise(rng, 9))[..., None] * f32([0.6, 1.0, 1.1]))
    flesh = flesh * np.exp((0.012 * noise(rng, 10) + 0.02 * noise(rng, 30))[..., None] * f32([0.3, 0.75, 1.7]))
    flesh = flesh * np.exp(0.03 * smoothstep(down, 0.15, 0.5)[..., None] * f32([0.3, -1, -1]))  # the chest is redder
    flesh = flesh * np.exp(-(0.024 * noise(rng, 12) + 0.024 * noise(rng, 34))[..., None] * facespace.BLOOD)
    colour, form = flesh, _neck(body, np.random.default_rng([body.seed, 1]), across, down)
    for layer in _layers(body, rng, across, down, height):
        colour = cloth.laid_over(colour, layer.cover)
        colour = colour * (1 - layer.cover[..., None]) + layer.colour * layer.cover[..., None]
        form = np.maximum(form, layer.form * layer.cover)
    depth = (depth - cv2.GaussianBlur(form, (0, 0), 1.2)) * height
    return np.dstack([np.clip(colour, 0, 1), cover]).astype(np.float32), np.where(cover > 0.5, depth, FAR)


def held_by(gain: float, colour: F32) -> F32:
    """(h, w, 3) sRGB of cloth that a camera of this gain of linear light can hold: who is dark does not wear a lamp."""
    level = gain * (colour**2.2 @ f32([0.30, 0.59, 0.11])) / _BRIGHTEST
    return np.asarray(colour * ((1 + level**4) ** (-0.25 / 2.2))[..., None], np.float32)


def _chest(body: Body, across: F32, down: F32, half: F32) -> F32:
    """Depth of the bare body in face heights: a round neck that leans forward into a rounded chest."""
    side = np.clip(across / np.maximum(half, 1e-3), -1, 1)
    neck = 0.44 - 0.12 * smoothstep(down, 0.0, 0.4) - 0.85 * body.neck * np.sqrt(np.maximum(1 - side**2, 0.0))
    chest = (
        0.30
        + 0.22 * body.turn * across
        + 0.42 * np.abs(across) ** 1.8
        - 0.16 * smoothstep(down, 0.3, 1.0)
        + 0.25 * np.abs(side) ** 6
    )
    blend = smoothstep(down, 0.02, 0.34)
    depth = neck * (1 - blend) + chest * blend
    for sign in (-1, 1):  # sternomastoid and collarbone
        muscle = (across - sign * np.interp(down, [-0.2, 0.34], [0.85 * body.neck, 0.05])) / 0.042
        depth = depth - 0.017 * np.exp(-(muscle**2)) * smoothstep(down, 0.36, 0.25)
        bone = (down - 0.385 + 0.10 * np.abs(across)) / 0.034
        depth = depth - 0.018 * np.exp(-(bone**2)) * smoothstep(sign * across, 0.04, 0.12)
    notch = np.exp(-((across / 0.045) ** 2) - ((down - 0.37) / 0.04) ** 2)
    return np.asarray(depth + 0.02 * notch, np.float32)


def _neck(body: Body, rng: np.random.Generator, across: F32, down: F32) -> F32:
    """Lines across the neck and a larynx, face heights towards the camera; the broader the neck, the more of that."""
    out = np.zeros_like(across)
    for place in rng.uniform([0.06, 0.15], [0.14, 0.25]):
        bow = down - place - 0.25 * across**2 - 0.012 * rng.normal() * across / body.neck
        line = np.exp(-((bow / 0.006) ** 2)) * smoothstep(np.abs(across), body.neck, 0.4 * body.neck)
        out -= np.float32(rng.uniform(0.001, 0.005)) * line
    bump = np.exp(-((across / 0.035) ** 2) - ((down - 0.17) / 0.05) ** 2)
    return np.asarray(out + max(0.0, body.neck - 0.285) * 0.6 * bump, np.float32)


def _opening(body: Body, low: float, side: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Outline of what a garment leaves free: down to ``low`` in the middle, by ``side`` up to the neck."""
    up = [(body.neck + 0.045, 0.03), (body.neck + 0.06, -0.06), (body.neck + 0.06, -1.25), (-0.12, -1.25)]
    return [(-0.12, low), (0.0, low), *side, *up]


def _layers(body: Body, rng: np.random.Generator, across: F32, down: F32, height: float) -> list[Piece]:
    """The garment, the lowest piece first."""
    neck = body.neck
    hangs = cloth.folds(rng, across, down)
    bend, drop = across + 1.2 * hangs, down + 0.8 * hangs
    own = cloth.material(body.colour, body.pattern, rng, bend, drop)
    if body.garment == "jacket":
        inner = cloth.material(body.under, "plain", rng, bend, drop)
        collared = rng.random() < 0.5
        below = (
            _shirt(body, inner, hangs, 0.36, across, down, height)
            if collared
            else _tee(body, inner, hangs, across, down, height)
        )
        edge = [(0.02, 1.3), (0.05, 1.0), (0.15, 0.60), (0.86 * neck, 0.26), (neck + 0.01, 0.12)]
        front = -cloth.inside(_opening(body, 1.3, edge), across, down)
        collar = [(neck + 0.02, -0.06), (neck + 0.09, 0.08), (neck + 0.15, 0.24), (0.43, 0.42), (0.34, 0.44),
                  (0.86 * neck, 0.31), (neck - 0.02, 0.14)]  # fmt: skip
        lapel = [(0.86 * neck, 0.29), (0.36, 0.445), (0.47, 0.47), (0.40, 0.66), (0.12, 1.3), (0.02, 1.3), (0.05, 1.0),
                 (0.15, 0.60)]  # fmt: skip
        if collared and rng.random() < 0.6:
            below.insert(1, _tie(rng, bend, drop, across, down, height))
        pieces = [cloth.piece(own, front, 0.014 + 0.6 * hangs, height)]
        for outline, thick in ((lapel, 0.022), (collar, 0.030)):
            pieces.append(cloth.piece(own, cloth.inside(outline, across, down), thick + 0.4 * hangs, height, 0.012))
        return below + pieces
    if body.garment == "shirt":
        return _shirt(body, own, hangs, 0.36 + 0.18 * float(rng.random()), across, down, height)
    if body.garment == "crew":
        return _tee(body, own, hangs, across, down, height)
    if body.garment == "vee":
        low, side, hem = 0.56, [(0.10, 0.42), (0.62 * neck, 0.26), (neck - 0.01, 0.12)], 0.028
    elif body.garment == "scoop":
        low, side, hem = 0.50, [(0.10, 0.49), (0.22, 0.42), (neck + 0.05, 0.27), (neck + 0.10, 0.14)], 0.016
    else:
        low, side, hem = 0.12, [(0.5 * neck, 0.10), (neck, 0.02)], 0.16
    thick = 0.03 if body.garment == "high" else 0.008
    within = -cloth.inside(_opening(body, low, side), across, down)
    return [cloth.piece(own, within, thick + hangs * smoothstep(within, 0.0, 0.12), height, hem)]


def _tee(body: Body, own: F32, hangs: F32, across: F32, down: F32, height: float) -> list[Piece]:
    """A round neck with a band."""
    neck = body.neck
    side = [(0.4 * neck, 0.325), (0.7 * neck, 0.27), (0.92 * neck, 0.19), (neck + 0.02, 0.11)]
    within = -cloth.inside(_opening(body, 0.34, side), across, down)
    return [cloth.piece(own, within, 0.010 + hangs * smoothstep(within, 0.03, 0.12), height, 0.042)]


def _tie(rng: np.random.Generator, bend: F32, drop: F32, across: F32, down: F32, height: float) -> Piece:
    """A tie: a knot below the collar, and what hangs from it."""
    dye = rng.choice(
        [(0.10, 0.12, 0.24), (0.36, 0.07, 0.10), (0.12, 0.12, 0.13), (0.30, 0.32, 0.36), (0.45, 0.36, 0.5)]
    )
    kind = str(rng.choice(["plain", "stripes", "check"], p=[0.5, 0.35, 0.15]))
    woven = cloth.material(tuple(dye), kind, rng, bend + 0.8 * drop, drop - 0.8 * bend)
    outline = [(-0.12, 0.325), (0.055, 0.325), (0.036, 0.44), (0.075, 1.35), (-0.12, 1.35)]
    knot = smoothstep(down, 0.46, 0.43) * smoothstep(np.abs(across), 0.07, 0.02)
    return cloth.piece(woven, cloth.inside(outline, across, down), 0.022 + 0.02 * knot, height)


def _shirt(body: Body, own: F32, hangs: F32, low: float, across: F32, down: F32, height: float) -> list[Piece]:
    """A collar of two leaves over a front with buttons, open down to ``low``."""
    neck, apart = body.neck, 0.025 + 0.4 * (low - 0.36)
    side = [(apart, 0.345), (0.6 * neck, 0.24), (0.95 * neck, 0.10)]
    within = -cloth.inside(_opening(body, low, side), across, down)
    placket = np.exp(-(((across - 0.045) / 0.004) ** 2)) * smoothstep(down, low, low + 0.03)
    front = own * (1 - 0.3 * placket)[..., None]
    for k in range(4):
        button = np.hypot(across - 0.01, down - low - 0.06 - 0.2 * k)
        front = front + (0.75 * front + 0.12 - front) * smoothstep(button, 0.014, 0.010)[..., None]
    leaf = [(neck + 0.01, -0.06), (neck + 0.07, 0.05), (neck + 0.075, 0.16), (0.72 * neck + 0.03, 0.47),
            (apart, 0.35), (0.55 * neck, 0.25), (neck - 0.03, 0.08)]  # fmt: skip
    form = 0.010 + hangs * smoothstep(within, 0.0, 0.1)
    return [
        cloth.piece(front, within, form, height),
        cloth.piece(own * 1.02, cloth.inside(leaf, across, down), 0.026 + 0.3 * hangs, height, 0.012),
    ]
