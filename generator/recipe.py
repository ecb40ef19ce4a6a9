"""The recipe of a virtual actor: every choice behind one person, drawn from the seed before anything is painted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark.generator import eyes, facespace, scenery
from tellmark.generator.facespace import f32
from tellmark.generator.scenery import Body
from tellmark.generator.strands import HairStyle
from tellmark.types import F32

_MONK = ("f6ede4", "f3e7db", "f7ead0", "eadaba", "d7bd96", "a07e56", "825c43", "604134", "3a312a", "292420")
VERSION = 1  # another version, another person behind the same seed
MELANIN = np.array([-0.62, -0.88, -1.02], np.float32)  # log sRGB from the lightest skin to the darkest
HAIR_COLOURS = {
    "black": (0.13, 0.10, 0.09),
    "dark brown": (0.30, 0.19, 0.13),
    "brown": (0.45, 0.29, 0.19),
    "light brown": (0.58, 0.41, 0.28),
    "blond": (0.74, 0.61, 0.44),
    "red": (0.50, 0.27, 0.16),
    "grey": (0.62, 0.61, 0.60),
}
EYE_COLOURS = {
    "dark brown": ((0.20, 0.12, 0.08), (0.26, 0.16, 0.09)),
    "brown": ((0.34, 0.21, 0.12), (0.42, 0.27, 0.14)),
    "hazel": ((0.36, 0.32, 0.20), (0.46, 0.33, 0.17)),
    "green": ((0.36, 0.43, 0.32), (0.48, 0.44, 0.26)),
    "blue": ((0.36, 0.46, 0.56), (0.52, 0.58, 0.60)),
    "grey": ((0.45, 0.49, 0.52), (0.56, 0.58, 0.57)),
}


@dataclass(frozen=True, slots=True)
class ActorAttributes:
    """What can be said of an actor from the recipe alone."""

    presentation: str  # "feminine" or "masculine": the group of faces that was mixed
    skin_tone: str  # group of the individual typology angle (Chardon et al. 1991) of the skin colour
    monk_tone: int  # nearest of the ten tones of the Monk Skin Tone Scale (Monk 2019), 1 the lightest
    eye_colour: str
    hair_colour: str
    hair_style: str
    facial_hair: str  # "none", "stubble" or "beard"
    garment: str
    background: str
    lighting: str  # "left", "right" or "frontal": where the main light comes from, as seen


@dataclass(frozen=True, slots=True)
class Recipe:
    """Every choice behind one actor."""

    seed: int
    feminine: bool
    shape_weights: tuple[float, ...]  # signed, over all archetypes; added to the group's mean
    tone_weights: tuple[float, ...]  # signed, for the coarse appearance
    detail_weights: tuple[float, ...]  # positive, for the fine appearance
    skin: tuple[float, float, float]  # sRGB
    eye_colour: str
    iris: eyes.Iris
    hair_colour: str
    hair: HairStyle
    body: Body
    background: str
    light: tuple[float, float, float]  # unit direction towards the main light: x right, y down, z away
    contrast: float  # strength of the main light
    aspect: float  # stretch of the face across
    beard: float  # 0 none .. 1 full
    framing: tuple[float, float, float, float]  # of the still: degrees clockwise, zoom, px to the right and down


def draw_recipe(seed: int) -> Recipe:
    """The choices behind actor ``seed``."""
    rng = np.random.default_rng([VERSION, seed])
    space = facespace.load()
    feminine = bool(rng.random() < 0.5)
    own = space.feminine == feminine
    shape = np.clip(rng.normal(0, 0.85, len(own)), -1.5, 1.5) * np.where(own, 1, 0.35)
    tone = rng.normal(0, 0.64, len(own)) * np.where(own, 1, 0.3)
    detail = np.where(own, rng.gamma(0.7, size=len(own)), 0)
    light = np.array([rng.normal(0, 0.42), -0.55 + rng.normal(0, 0.08), -0.75])
    light /= np.linalg.norm(light)
    melanin = float(rng.beta(1.1, 1.6))
    skin = np.exp(facespace.SKIN_BASE + [0.04, 0.02, 0.00] + melanin * MELANIN + rng.normal(0, [0.02, 0.03, 0.045]))
    fair = 1 - float(scenery.smoothstep(f32(melanin), 0.15, 0.5))
    eye_odds = np.array([0.5, 0.5, 0.22 * fair, 0.2 * fair, 0.45 * fair, 0.15 * fair])
    eye_colour = list(EYE_COLOURS)[rng.choice(6, p=eye_odds / eye_odds.sum())]
    hair_odds = np.array([0.55, 0.6, 0.45 * fair, 0.35 * fair, 0.35 * fair, 0.14 * fair, 0.07])
    hair_colour = list(HAIR_COLOURS)[rng.choice(7, p=hair_odds / hair_odds.sum())]
    outer, inner = EYE_COLOURS[eye_colour]
    cloth = np.clip(rng.choice([0.12, 0.25, 0.45, 0.75]) + rng.normal(0, 0.045, 3), 0.04, 0.92)
    return Recipe(
        seed=seed,
        feminine=feminine,
        shape_weights=_rounded(shape),
        tone_weights=_rounded(tone),
        detail_weights=_rounded(detail / detail.sum()),
        skin=_rounded(skin),  # type: ignore[arg-type]
        eye_colour=eye_colour,
        iris=eyes.Iris(outer, inner, round(float(rng.uniform(0.30, 0.42)), 3), int(rng.integers(2**31))),
        hair_colour=hair_colour,
        hair=_draw_hair(feminine, HAIR_COLOURS[hair_colour], melanin, rng),
        body=Body(
            neck=round(float(rng.normal(0.248 if feminine else 0.278, 0.010)), 4),
            shoulders=round(float(rng.normal(1.14 if feminine else 1.30, 0.05)), 4),
            garment=str(rng.choice(scenery.GARMENTS, p=[0.42, 0.24, 0.22, 0.12])),
            colour=_rounded(cloth),  # type: ignore[arg-type]
            seed=int(rng.integers(2**31)),
        ),
        background=str(rng.choice(scenery.BACKDROPS)),
        light=_rounded(light),  # type: ignore[arg-type]
        contrast=round(float(rng.uniform(0.25, 0.55)), 3),
        framing=_draw_framing(seed),
        aspect=round(float(rng.normal(0.94 if feminine else 0.955, 0.022)), 4),
        beard=0.0 if feminine or rng.random() < 0.55 else round(float(rng.beta(0.9, 0.9)), 3),
    )


def _rounded(values: NDArray[np.float64] | F32) -> tuple[float, ...]:
    return tuple(round(float(value), 5) for value in values)


def actor_attributes(seed: int) -> ActorAttributes:
    """What can be said of actor ``seed`` without looking at the picture."""
    recipe = draw_recipe(seed)
    side = "frontal" if abs(recipe.light[0]) < 0.25 else "left" if recipe.light[0] < 0 else "right"
    return ActorAttributes(
        "feminine" if recipe.feminine else "masculine",
        skin_tone_group(recipe.skin),
        monk_tone(recipe.skin),
        recipe.eye_colour,
        recipe.hair_colour,
        recipe.hair.flow,
        "none" if recipe.beard == 0 else "stubble" if recipe.beard < 0.35 else "beard",
        recipe.body.garment,
        recipe.background,
        side,
    )


def skin_tone_group(srgb: tuple[float, float, float]) -> str:
    """Group of the individual typology angle atan((L* - 50) / b*), from "very light" to "dark"."""
    lightness, _, b = cv2.cvtColor(f32([[srgb]]), cv2.COLOR_RGB2LAB)[0, 0]
    angle = np.rad2deg(np.arctan2(lightness - 50, b))
    names = ("dark", "brown", "tan", "intermediate", "light", "very light")
    return names[int(np.searchsorted([-30, 10, 28, 41, 55], angle))]


def monk_tone(srgb: tuple[float, float, float]) -> int:
    """The tone of the Monk Skin Tone Scale, 1 to 10, that is nearest in CIELAB."""
    swatches = f32([[int(tone[k : k + 2], 16) / 255 for k in (0, 2, 4)] for tone in _MONK])
    colours = cv2.cvtColor(np.concatenate([f32([srgb]), swatches])[None], cv2.COLOR_RGB2LAB)[0]
    return 1 + int(np.linalg.norm(colours[1:] - colours[0], axis=1).argmin())


def balanced(count: int, by: tuple[str, ...], seeds: Iterable[int]) -> list[int]:
    """The ``count`` of ``seeds`` with every combination of the attributes ``by`` about equally often.

    ``by`` names fields of :class:`ActorAttributes`. Combinations take turns; one that the seeds hardly offer stays
    rare. Fewer come back where they run out.
    """
    cells: dict[tuple[Any, ...], list[int]] = {}
    for seed in seeds:
        attributes = actor_attributes(seed)
        cells.setdefault(tuple(getattr(attributes, name) for name in by), []).append(seed)
    order = sorted(cells.values())
    dealt = [cell[turn] for turn in range(max(map(len, order), default=0)) for cell in order if turn < len(cell)]
    return sorted(dealt[:count])


def _draw_framing(seed: int) -> tuple[float, float, float, float]:
    """Nobody holds a camera level, or sits in its middle. Drawn apart, so that the person does not hang on it."""
    rng = np.random.default_rng([VERSION, seed, 1])
    roll, zoom = float(np.clip(rng.normal(0, 2.2), -5, 5)), float(rng.uniform(1.04, 1.32))
    right, down = rng.normal(0, [9, 6]).tolist()
    return round(roll, 2), round(zoom, 3), round(right, 1), round(down, 1)


def _draw_hair(
    feminine: bool, colour: tuple[float, float, float], melanin: float, rng: np.random.Generator
) -> HairStyle:
    odds = [0.48, 0.27, 0.05, 0.20] if feminine else [0.04, 0.13, 0.83, 0.0]
    flow = str(rng.choice(["part", "back", "crop", "fringe"], p=odds))
    curly = rng.random() < 0.15 + 0.45 * melanin
    if flow == "crop":
        length = float(rng.choice([0.05, 0.12, 0.20, 0.27], p=[0.25, 0.25, 0.3, 0.2]))
        lift = 0.012 + 0.19 * length + (0.02 if curly else 0)
    elif flow == "back":
        length, lift = 0.55, float(rng.uniform(0.03, 0.07) if feminine else rng.uniform(0.02, 0.04))
    else:
        length, lift = float(rng.uniform(0.85, 1.7)), float(rng.uniform(0.06, 0.11))
    wave = float(rng.uniform(0.016, 0.032)) if curly else float(rng.gamma(1.2, 0.005))
    shade = np.clip(np.asarray(colour) * np.exp(rng.normal(0, 0.12)) + rng.normal(0, 0.006, 3), 0.04, 1)
    return HairStyle(
        flow=flow,
        length=round(length, 4),
        lift=round(lift, 4),
        parting=round(float(rng.uniform(-0.6, 0.6)), 3),
        wave=round(min(wave, 0.4 * length) if flow != "back" else 0.2 * wave, 4),
        frequency=round(float(rng.uniform(4, 7) if curly else rng.uniform(1, 3)), 2),
        clumping=round(float(rng.uniform(0.4, 0.75)), 3),
        frizz=round(float(rng.uniform(0.5, 1.3)) * (1.4 if curly else 1) * (0.4 if flow == "crop" else 1), 3),
        density=round(float(rng.uniform(0.75, 1.0)), 3),
        hairline=round(float(rng.normal(-0.05, 0.03) if feminine else rng.normal(-0.02, 0.05)), 4),
        temples=0.02 if feminine else round(float(rng.uniform(0.04, 0.20)), 3),
        colour=_rounded(shade),  # type: ignore[arg-type]
        gloss=round(float(rng.uniform(0.6, 1.2)), 3),
    )
