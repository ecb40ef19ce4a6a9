"""What is behind an actor, synthesised: sharp scenes of high range, thrown out of focus as a lens does it."""

from __future__ import annotations

import cv2
import numpy as np

from tellmark.generator.actors.facespace import f32
from tellmark.generator.types import SIZE
from tellmark.types import F32

BACKDROPS = ("studio", "wall", "room", "office", "street", "outdoors")


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


def backdrop(kind: str, light: F32, warmth: float, lighting: str, seed: int) -> F32:
    """(SIZE, SIZE, 3) sRGB in [0, 1], out of focus, in the light of the person before it.

    light: unit direction towards the main light. warmth: of it, log of red over blue. lighting: one of LIGHTINGS.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32) / SIZE
    if kind in ("studio", "wall"):
        picture = _plain(kind, rng, x, y)
        side = rng.choice([-1.0, 1.0]) if abs(light[0]) < 0.2 else np.sign(light[0])
        fall = 1 + rng.uniform(0.15, 0.55) * side * (x - 0.5) - rng.uniform(-0.1, 0.4) * (y - 0.4)
        linear = picture * fall[..., None]
    else:
        scene = {"room": _room, "office": _office, "street": _street, "outdoors": _leaves}[kind]
        linear = _defocus(scene(rng), float(rng.uniform(13, 32)))
    # The same light falls on it: less from a flash than on who stands before it, most from a lamp that stands behind.
    toward = 1.2 if lighting == "back" else 0.5
    level = {"flash": 0.45, "back": 1.25, "top": 0.85}.get(lighting, 1.0)
    side = np.exp(toward * (light[0] * (x - 0.5) + 0.5 * light[1] * (y - 0.5)))[..., None]
    linear = linear * level * side * np.exp(0.6 * warmth * f32([0.5, 0, -0.5]))
    return np.asarray(np.clip(linear, 0, None) ** (1 / 2.2), np.float32).clip(0, 1)


def _defocus(linear: F32, radius: float) -> F32:
    """A lens out of focus: every point becomes a disc, a bright one keeps its light."""
    small = cv2.resize(linear, (SIZE // 2, SIZE // 2), interpolation=cv2.INTER_AREA)
    reach = max(2, round(radius / 2))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(reach + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    blurred = cv2.filter2D(small, -1, disc / disc.sum(), borderType=cv2.BORDER_REFLECT_101)
    blurred = cv2.GaussianBlur(blurred, (0, 0), 0.9 + 0.06 * radius)
    return np.asarray(cv2.resize(blurred, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC), np.float32)


def _plain(kind: str, rng: np.random.Generator, x: F32, y: F32) -> F32:
    """A roll of paper, or a painted wall with perhaps a corner, a door frame or a picture on it; linear."""
    if kind == "studio":
        base = np.float32(rng.choice([0.05, 0.16, 0.30, 0.55, 0.85])) * np.exp(f32(rng.normal(0, 0.06, 3)))
        spot = np.exp(-(((x - 0.5 + 0.2 * rng.normal()) / 0.6) ** 2 + ((y - 0.45) / 0.7) ** 2))[..., None]
        return np.asarray(base * (0.55 + 0.55 * spot), np.float32)
    tint = np.exp(f32(rng.normal(0, [0.10, 0.05, 0.14])) + f32([0.05, 0, -0.08]))
    base = np.float32(rng.uniform(0.22, 0.75)) * tint
    picture = base * (1 + 0.06 * noise(rng, 70) + 0.007 * noise(rng, 3))[..., None]
    edge = float(rng.uniform(0.02, 0.98))
    blur = float(rng.uniform(0.004, 0.02))
    turn = rng.random()
    if turn < 0.35:  # the corner of the room
        picture = picture * (1 - rng.uniform(0.15, 0.4) * smoothstep(x, edge - blur, edge + blur))[..., None]
    elif turn < 0.65:  # a frame or a door
        wide, low = rng.uniform(0.2, 0.5), rng.uniform(0.3, 1.4)
        inside = smoothstep(np.maximum(np.abs(x - edge) - wide / 2, y - low), blur, -blur)[..., None]
        picture = picture * (1 - inside) + inside * f32(rng.uniform(0.02, 0.7, 3) * [1.0, 0.9, 0.8]) * 0.8
    return np.asarray(picture, np.float32)


def _boxes(canvas: F32, rng: np.random.Generator, count: int, wide: tuple[int, int], tall: tuple[int, int],
           tint: F32, spread: float) -> None:  # fmt: skip
    for _ in range(count):
        left, top = int(rng.integers(-60, SIZE)), int(rng.integers(-60, SIZE))
        right, bottom = left + int(rng.integers(*wide)), top + int(rng.integers(*tall))
        colour = tint * np.exp(rng.normal(0, spread) + rng.normal(0, 0.10, 3))
        cv2.rectangle(canvas, (left, top), (right, bottom), np.clip(colour, 0.004, 3).tolist(), -1)


def _window(canvas: F32, rng: np.random.Generator, level: float) -> None:
    left, top = int(rng.choice([rng.integers(-120, 60), rng.integers(330, 470)])), int(rng.integers(-160, 60))
    for pane in range(int(rng.integers(1, 4))):
        x = left + 84 * pane
        cv2.rectangle(canvas, (x, top), (x + 78, top + int(rng.integers(280, 420))), (level, level, 1.06 * level), -1)


def _room(rng: np.random.Generator) -> F32:
    """A living room: wall, shelf with books, a lamp or a window."""
    wall = f32([0.40, 0.34, 0.27]) * np.exp(rng.normal(0, 0.4) + f32(rng.normal(0, 0.12, 3)))
    canvas = np.asarray(np.ones((SIZE, SIZE, 1), np.float32) * wall, np.float32)
    if rng.random() < 0.5:
        _window(canvas, rng, float(rng.uniform(1.0, 2.6)))
    shelf = int(rng.integers(-200, 420))
    for row in range(-20, SIZE, 92):
        cv2.rectangle(canvas, (shelf, row), (shelf + 250, row + 88), (0.06, 0.045, 0.03), -1)
        x = shelf + 6
        while x < shelf + 240:
            wide, tall = int(rng.integers(6, 22)), int(rng.integers(40, 80))
            colour = np.exp(rng.normal(-1.7, 0.7) + rng.normal(0, 0.4, 3)) * f32([1.2, 1.0, 0.8])
            if rng.random() < 0.85:
                cv2.rectangle(canvas, (x, row + 86 - tall), (x + wide, row + 86), np.clip(colour, 0.01, 1).tolist(), -1)
            x += wide + 1
    _boxes(canvas, rng, 4, (40, 200), (20, 160), f32([0.22, 0.16, 0.11]), 0.6)
    if rng.random() < 0.6:
        middle = (int(rng.integers(0, SIZE)), int(rng.integers(40, 260)))
        cv2.ellipse(canvas, middle, (34, 28), 0, 0, 360, (2.6, 1.9, 1.1), -1)
    return canvas


def _office(rng: np.random.Generator) -> F32:
    """Glass, ceiling lights, desks and screens."""
    wall = f32([0.30, 0.33, 0.36]) * np.float32(rng.uniform(0.5, 1.5))
    canvas = np.asarray(np.ones((SIZE, SIZE, 1), np.float32) * wall, np.float32)
    for x in range(int(rng.integers(-80, 0)), SIZE, int(rng.integers(90, 200))):
        cv2.rectangle(canvas, (x, 0), (x + int(rng.integers(6, 70)), SIZE), (0.75, 0.80, 0.86), -1)
    for _ in range(int(rng.integers(2, 7))):
        x, y = int(rng.integers(-40, SIZE)), int(rng.integers(0, 170))
        cv2.line(canvas, (x, y), (x + int(rng.integers(40, 140)), y + int(rng.integers(-14, 14))), (4, 4, 3.8), 7)
    _boxes(canvas, rng, 9, (30, 130), (20, 120), f32([0.16, 0.17, 0.18]), 0.7)
    _boxes(canvas, rng, 3, (20, 60), (20, 60), f32([0.45, 0.30, 0.16]), 0.4)
    canvas[int(rng.integers(330, 440)) :] *= 0.45
    return canvas


def _street(rng: np.random.Generator) -> F32:
    """Houses, signs and headlights, by day or at night."""
    night = rng.random() < 0.4
    sky = f32([0.03, 0.035, 0.06]) if night else f32([0.75, 0.83, 0.95]) * np.float32(rng.uniform(0.6, 1.4))
    canvas = np.asarray(np.ones((SIZE, SIZE, 1), np.float32) * sky, np.float32)
    level = 0.25 if night else 1.0
    x = -40
    while x < SIZE:
        wide, top = int(rng.integers(60, 190)), int(rng.integers(-100, 210))
        stone = f32([0.30, 0.26, 0.22]) * level * np.exp(rng.normal(0, 0.4) + f32(rng.normal(0, 0.15, 3)))
        cv2.rectangle(canvas, (x, top), (x + wide, SIZE), stone.tolist(), -1)
        for row in range(top + 16, SIZE - 140, 46):
            for column in range(x + 10, x + wide - 18, 34):
                lit = night and rng.random() < 0.3
                glass = f32([1.6, 1.1, 0.55]) if lit else stone * np.float32(rng.uniform(0.25, 0.8))
                cv2.rectangle(canvas, (column, row), (column + 16, row + 26), glass.tolist(), -1)
        x += wide + int(rng.integers(0, 30))
    canvas[400:] = canvas[400:] * 0.2 + 0.12 * level
    _boxes(canvas[300:], rng, 6, (40, 130), (30, 90), f32([0.15, 0.14, 0.15]) * level, 0.8)
    for _ in range(int(rng.integers(10, 30)) if night else 4):
        middle = (int(rng.integers(0, SIZE)), int(rng.integers(200, 480)))
        colour = [(9, 7, 4), (9, 1.2, 0.8), (6, 7, 8), (1.5, 7, 4)][int(rng.choice(4, p=[0.5, 0.25, 0.2, 0.05]))]
        cv2.circle(canvas, middle, int(rng.integers(1, 4)), colour, -1)
    return canvas


def _leaves(rng: np.random.Generator) -> F32:
    """Trees against the sky, a lawn, sun between the leaves."""
    y = np.mgrid[:SIZE, :SIZE].astype(np.float32)[0] / SIZE
    green = f32([0.10, 0.15, 0.045]) * np.exp(f32(rng.normal(0, [0.25, 0.15, 0.2])))
    clumps = np.exp(0.7 * noise(rng, 30) + 0.5 * noise(rng, 9) + 0.35 * noise(rng, 3))
    canvas = green * clumps[..., None]
    sky = f32([0.85, 0.92, 1.05]) * np.float32(rng.uniform(0.8, 1.6))
    height = float(rng.uniform(-0.2, 0.45))
    gaps = smoothstep(height - y + 0.10 * noise(rng, 50) + 0.07 * noise(rng, 8), 0.0, 0.05)[..., None]
    canvas = canvas * (1 - gaps) + sky * gaps
    lawn = smoothstep(y + 0.02 * noise(rng, 40), 0.70, 0.74)[..., None] * float(rng.random() < 0.6)
    canvas = canvas * (1 - lawn) + f32([0.20, 0.26, 0.08]) * np.exp(0.2 * noise(rng, 12))[..., None] * lawn
    sun = (noise(rng, 2.5) > 2.4) & (clumps > 0.8)
    canvas = np.where(sun[..., None], f32([2.6, 2.6, 1.8]), canvas).astype(np.float32)
    for _ in range(int(rng.integers(0, 4))):
        x = int(rng.integers(0, SIZE))
        cv2.line(canvas, (x, 0), (x + int(rng.integers(-30, 30)), SIZE), (0.05, 0.038, 0.028), int(rng.integers(6, 26)))
    return canvas
