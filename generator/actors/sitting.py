"""How an actor's still is taken: the light, what the person does, how the camera is held and what it is.

All is drawn apart from the person, who does not hang on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tellmark.generator.actors.facespace import rounded
from tellmark.generator.actors.relief import Light
from tellmark.generator.types import SIZE

LIGHTINGS = ("soft", "side", "top", "flash", "back")
DRAWS = 1  # the first number of every actor's random streams


@dataclass(frozen=True, slots=True)
class Pose:
    """What the person does when the still is taken."""

    rotation_deg: tuple[float, float, float]  # yaw to the viewer's right, pitch up, roll clockwise
    gaze_deg: tuple[float, float]  # in the head
    smile: float
    teeth: float  # how far a smile parts the lips
    brow_up: float
    lids: float  # how far they hang


@dataclass(frozen=True, slots=True)
class Shot:
    """How the still is exposed."""

    camera: str  # "phone", "webcam" or "studio"
    exposure_ev: float  # off what suits the skin
    balance: tuple[float, float]  # log gain of red and blue
    curve: float  # contrast of the tone curve, 0 straight
    blur_px: float
    noise: float
    sharpen: float
    quality: int  # JPEG


def draw_light(rng: np.random.Generator) -> tuple[str, Light]:
    kind = str(rng.choice(LIGHTINGS, p=[0.34, 0.34, 0.12, 0.10, 0.10]))
    side = float(rng.choice([-1, 1]))
    toward = {
        "soft": (rng.normal(0, 0.45), -0.45 + rng.normal(0, 0.12), -0.75),
        "side": (side * rng.uniform(0.75, 1.3), -0.35 + rng.normal(0, 0.12), -0.55),
        "top": (rng.normal(0, 0.3), -1.0, -0.55),
        "flash": (rng.normal(0, 0.08), -0.12, -1.0),
        "back": (side * rng.uniform(0.8, 1.3), -0.6, rng.uniform(-0.1, 0.25)),
    }[kind]
    size, key = {
        "soft": (0.45, rng.uniform(0.45, 0.7)),
        "side": (rng.uniform(0.2, 0.45), rng.uniform(0.5, 0.72)),
        "top": (rng.uniform(0.2, 0.5), rng.uniform(0.42, 0.66)),
        "flash": (0.15, rng.uniform(0.5, 0.7)),
        "back": (0.3, rng.uniform(0.3, 0.5)),
    }[kind]
    unit = np.array(toward) / np.linalg.norm(toward)
    warmth = float(rng.normal(0.05, 0.16))
    return kind, Light(rounded(unit), round(float(size), 3), round(float(key), 3), round(warmth, 3))  # type: ignore[arg-type]


def draw_pose(rng: np.random.Generator) -> Pose:
    yaw, pitch = float(np.clip(rng.normal(0, 8.5), -16, 16)), float(np.clip(rng.normal(-1.5, 3.5), -8, 6))
    roll = float(np.clip(rng.normal(0, 4), -9, 9))
    # Most look into the camera wherever the head points.
    away = rng.random() < 0.22
    gaze = (rng.normal(0, 9), rng.normal(0, 4)) if away else (-0.9 * yaw + rng.normal(0, 1), -0.8 * pitch)
    smile = float(rng.choice([rng.uniform(0.1, 0.28), rng.uniform(0.7, 1.35)], p=[0.42, 0.58]))
    return Pose(
        rounded(np.array([yaw, pitch, roll])),  # type: ignore[arg-type]
        rounded(np.clip(gaze, -15, 15)),  # type: ignore[arg-type]
        round(smile, 3),
        round(0.6 + 5 * (smile - 1.27), 3) if smile > 1.27 else 0.0,
        round(float(np.clip(rng.normal(0.05, 0.15), -0.1, 0.5)), 3),
        round(float(rng.uniform(0.04, 0.2)), 3),
    )


def exposure(shot: Shot, skin: tuple[float, float, float]) -> float:
    """Gain of linear light for an sRGB skin: a camera meters for the face, more fully where it would run into white."""
    level = float(np.dot(np.asarray(skin) ** 2.2, [0.30, 0.59, 0.11]))
    return float(2**shot.exposure_ev * (0.24 / level) ** (0.55 if level > 0.24 else 0.58))


def draw_shot(rng: np.random.Generator) -> Shot:
    camera = str(rng.choice(["phone", "webcam", "studio"], p=[0.5, 0.2, 0.3]))
    noise, blur, sharpen, quality = {
        "phone": (rng.uniform(0.008, 0.02), rng.uniform(0.5, 1.0), rng.uniform(0.3, 0.8), rng.integers(78, 93)),
        "webcam": (rng.uniform(0.014, 0.03), rng.uniform(0.8, 1.3), rng.uniform(0.2, 0.8), rng.integers(65, 84)),
        "studio": (rng.uniform(0.003, 0.008), rng.uniform(0.35, 0.7), rng.uniform(0.2, 0.5), rng.integers(88, 96)),
    }[camera]
    balance = rng.normal(0, [0.03, 0.045]) * (1.3 if camera != "studio" else 0.6)
    return Shot(camera, round(float(np.clip(rng.normal(0.12, 0.28), -0.6, 0.6)), 3), rounded(balance),  # type: ignore[arg-type]
                round(float(rng.uniform(0.2, 0.75)), 3), round(float(blur), 3), round(float(noise), 4),
                round(float(sharpen), 3), int(quality))  # fmt: skip


def draw_framing(seed: int) -> tuple[float, float, float, float]:
    """Nobody holds a camera level, or sits in its middle. Drawn apart, so that the person does not hang on it."""
    rng = np.random.default_rng([DRAWS, seed, 1])
    roll, zoom = float(np.clip(rng.normal(0, 2.0), -5, 5)), float(rng.triangular(1.0, 1.15, 1.65))
    right, down = rng.normal(0, [10 + 60 * (zoom - 1), 6 + 20 * (zoom - 1)]).tolist()
    room = max(0.0, SIZE / 2 - 150 * zoom)  # px beside the head
    below = 0.53 * SIZE - 180 * zoom  # px under the chin
    return round(roll, 2), round(zoom, 3), round(float(np.clip(right, -room, room)), 1), round(min(down, below), 1)
