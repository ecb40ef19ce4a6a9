"""The recipe of a virtual actor: every choice behind one person, drawn from the seed before anything is painted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from tellmark.generator.actors import ageing, eyes, facespace, features, garments, hairstyle, scenery, sitting
from tellmark.generator.actors.facespace import f32, rounded
from tellmark.generator.actors.garments import Body
from tellmark.generator.actors.glasses import SHAPES, Glasses
from tellmark.generator.actors.hairstyle import HairStyle
from tellmark.generator.actors.relief import Light
from tellmark.generator.actors.sitting import Pose, Shot

_MONK = ("f6ede4", "f3e7db", "f7ead0", "eadaba", "d7bd96", "a07e56", "825c43", "604134", "3a312a", "292420")
# The same tones as cameras see faces: redder and less yellow, as light that enters skin meets blood (medians of freely
# licensed footage: log ratio of red to green .34, of green to blue .11), and no darker than an exposure for it.
_PHOTOGRAPHED = (
    (0.946, 0.770, 0.707), (0.930, 0.747, 0.675), (0.921, 0.728, 0.645), (0.894, 0.693, 0.602), (0.819, 0.616, 0.504),
    (0.669, 0.492, 0.380), (0.549, 0.384, 0.286), (0.444, 0.299, 0.225), (0.350, 0.234, 0.187), (0.275, 0.190, 0.155),
)  # fmt: skip
VERSION = 5  # another version, another picture behind the same seed
HAIR_COLOURS = {
    "black": (0.11, 0.09, 0.085),
    "dark brown": (0.22, 0.155, 0.12),
    "brown": (0.35, 0.25, 0.185),
    "light brown": (0.46, 0.355, 0.27),
    "blond": (0.64, 0.52, 0.39),
    "red": (0.45, 0.25, 0.155),
    "grey": (0.50, 0.49, 0.48),
}
EYE_COLOURS = {
    "dark brown": ((0.20, 0.135, 0.10), (0.25, 0.17, 0.115)),
    "brown": ((0.33, 0.225, 0.155), (0.41, 0.29, 0.19)),
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
    monk_tone: int  # of the Monk Skin Tone Scale (Monk 2019), 1 the lightest, that the skin was drawn at
    eye_colour: str
    hair_colour: str
    hair_style: str
    facial_hair: str  # "none", "stubble" or "beard"
    garment: str
    background: str
    lighting: str  # "left", "right" or "frontal": where the main light comes from, as seen
    age: str  # apparent: one of ``ageing.GROUPS``
    glasses: str  # "none" or one of ``glasses.SHAPES``
    light: str  # one of LIGHTINGS
    expression: str  # "neutral", "smile" or "open smile", which shows teeth
    camera: str  # "phone", "webcam" or "studio"


@dataclass(frozen=True, slots=True)
class Recipe:
    """Every choice behind one actor."""

    seed: int
    feminine: bool
    shape_weights: tuple[float, ...]  # signed, over all archetypes; added to the group's mean
    features: tuple[float, ...]  # strengths of ``features.shaped``
    tone_weights: tuple[float, ...]  # signed, for the coarse appearance
    detail_weights: tuple[float, ...]  # positive, for the fine appearance
    tone: int  # place on the Monk scale that the skin was drawn at
    skin: tuple[float, float, float]  # sRGB
    eye_colour: str
    iris: eyes.Iris
    hair_colour: str
    hair: HairStyle
    body: Body
    background: str
    light: tuple[float, float, float]  # unit direction towards the main light: x right, y down, z away
    lamp: Light  # the same light and the rest of it
    lighting: str  # one of LIGHTINGS
    contrast: float  # strength of the main light
    age: float  # years, apparent
    grey: float  # share of hairs without colour
    glasses: Glasses | None
    pose: Pose  # of the still
    shot: Shot
    aspect: float  # stretch of the face across
    beard: float  # 0 none .. 1 full
    framing: tuple[float, float, float, float]  # of the still: degrees clockwise, zoom, px to the right and down


def draw_recipe(seed: int) -> Recipe:
    """The choices behind actor ``seed``."""
    rng, later = np.random.default_rng([sitting.DRAWS, seed]), np.random.default_rng([sitting.DRAWS, seed, 2])
    own_rng = np.random.default_rng([sitting.DRAWS, seed, 3])
    own_hair = np.random.default_rng([sitting.DRAWS, seed, 4])
    space = facespace.load()
    feminine = bool(rng.random() < 0.5)
    own = space.feminine == feminine
    shape = np.clip(rng.normal(0, 0.85, len(own)), -1.5, 1.5) * np.where(own, 1, 0.35)
    tone = rng.normal(0, 0.64, len(own)) * np.where(own, 1, 0.3)
    detail = np.where(own, rng.gamma(0.7, size=len(own)), 0)
    lighting, lamp = sitting.draw_light(later)
    depth = float(later.uniform(0.5, 10.5))  # on the Monk scale
    skin = _skin(depth, later)
    dark = float(np.clip((depth - 1) / 9, 0, 1))
    age = float(np.clip(18 + later.gamma(2.0, 12.0), 18, 80))
    fair = 1 - float(scenery.smoothstep(f32(depth), 3.5, 6.5))
    eye_odds = np.array([0.5, 0.5, 0.22 * fair, 0.2 * fair, 0.45 * fair, 0.15 * fair])
    eye_colour = list(EYE_COLOURS)[rng.choice(6, p=eye_odds / eye_odds.sum())]
    grey = float(np.clip(later.normal((age - 52) / 22, 0.28), 0, 1)) if age > 34 else 0.0
    grey *= 0.35 if feminine and later.random() < 0.6 else 1.0  # dyed
    hair_odds = np.array([0.4 + 1.2 * (1 - fair), 0.6, 0.45 * fair, 0.35 * fair, 0.35 * fair, 0.14 * fair])
    hair_colour = list(HAIR_COLOURS)[rng.choice(6, p=hair_odds / hair_odds.sum())]
    pigment = f32(HAIR_COLOURS[hair_colour])
    colour = pigment + (f32(HAIR_COLOURS["grey"]) - pigment) * np.float32(0.9 * grey)
    outer, inner = (rounded(f32(ring) * np.float32(1 - 0.4 * dark)) for ring in EYE_COLOURS[eye_colour])
    cloth = _dye(later)
    return Recipe(
        seed=seed,
        feminine=feminine,
        shape_weights=rounded(shape),
        features=rounded(features.draw(feminine, own_rng)),
        tone_weights=rounded(tone),
        detail_weights=rounded(detail / detail.sum()),
        tone=round(float(np.clip(depth, 1, 10))),
        skin=skin,
        eye_colour=eye_colour,
        iris=eyes.Iris(
            outer,  # type: ignore[arg-type]
            inner,  # type: ignore[arg-type]
            round(float(rng.uniform(0.30, 0.42)), 3),
            int(rng.integers(2**31)),
        ),
        hair_colour="grey" if grey > 0.55 else hair_colour,
        hair=hairstyle.draw(feminine, tuple(colour.tolist()), dark, age, rng, own_hair),
        body=Body(
            neck=round(float(rng.normal(0.272 if feminine else 0.323, 0.014)), 4),
            shoulders=round(float(rng.normal(1.20 if feminine else 1.40, 0.08)), 4),
            slope=round(float(np.exp(own_rng.normal(0.05 if feminine else -0.05, 0.22))), 3),
            garment=str(later.choice(garments.GARMENTS, p=_WORN[feminine])),
            pattern=str(later.choice(garments.PATTERNS, p=[0.40, 0.18, 0.12, 0.16, 0.14])),
            colour=cloth,
            under=rounded(later.choice([0.85, 0.55, 0.1], p=[0.6, 0.2, 0.2]) * np.exp(later.normal(0, 0.05, 3))),  # type: ignore[arg-type]
            turn=round(float(np.clip(later.normal(0, 0.55), -1, 1)), 3),
            tilt=round(float(later.normal(0, 0.05)), 4),
            seed=int(later.integers(2**31)),
        ),
        background=str(later.choice(scenery.BACKDROPS, p=[0.17, 0.25, 0.2, 0.12, 0.1, 0.16])),
        light=lamp.toward,
        lamp=lamp,
        lighting=lighting,
        contrast=round(0.2 + 0.35 * lamp.key, 3),
        age=round(age, 1),
        grey=round(grey, 3),
        glasses=_draw_glasses(later) if later.random() < 0.16 + 0.25 * ageing.years(age) else None,
        pose=sitting.draw_pose(later),
        shot=sitting.draw_shot(later),
        framing=sitting.draw_framing(seed),
        aspect=round(float(rng.normal(0.93 if feminine else 0.945, 0.022)), 4),
        beard=0.0 if feminine or rng.random() < 0.55 else round(float(rng.beta(0.9, 0.9)), 3),
    )


_WORN = {True: (0.17, 0.16, 0.15, 0.20, 0.23, 0.09), False: (0.23, 0.06, 0.0, 0.28, 0.36, 0.07)}


def _skin(depth: float, rng: np.random.Generator) -> tuple[float, float, float]:
    """sRGB of a skin ``depth`` along the Monk scale, each a little its own."""
    colours = np.log(f32(_PHOTOGRAPHED))
    place = np.clip(depth - 1, 0, 9)
    colour = np.array([np.interp(place, np.arange(10), colours[:, k]) for k in range(3)])
    grey, blood, yellow = rng.normal(0, [0.012, 0.02, 0.025])
    own = grey - blood * facespace.BLOOD - f32([0, 0, yellow])
    return rounded(np.minimum(np.exp(colour + own), 0.97))  # type: ignore[return-value]


def _dye(rng: np.random.Generator) -> tuple[float, float, float]:
    """sRGB of a cloth: mostly black, white, grey and blue, sometimes a colour."""
    hue = [(1, 1, 1), (0.55, 0.72, 1.0), (1.0, 0.86, 0.68), (1.0, 0.42, 0.40), (0.5, 0.8, 0.6), (0.8, 0.6, 0.85)]
    tint = np.array(hue[int(rng.choice(6, p=[0.42, 0.24, 0.14, 0.08, 0.07, 0.05]))])
    level = float(rng.choice([0.17, 0.24, 0.42, 0.66, 0.88], p=[0.22, 0.26, 0.16, 0.14, 0.22]))
    return rounded(np.clip(level * tint ** (0.3 + 0.7 * (level < 0.7)) * np.exp(rng.normal(0, 0.06, 3)), 0.03, 0.93))  # type: ignore[return-value]


def _draw_glasses(rng: np.random.Generator) -> Glasses:
    shape = str(rng.choice(list(SHAPES)))
    rims = np.array([(0.05, 0.045, 0.045), (0.32, 0.18, 0.09), (0.25, 0.245, 0.24), (0.30, 0.20, 0.11)])
    colour = rng.choice(rims, p=[0.7, 0.1, 0.1, 0.1])
    return Glasses(
        shape,
        rounded(colour),  # type: ignore[arg-type]
        round(float(rng.choice([0.007, 0.010, 0.014])), 3),
        round(float(rng.uniform(0.27, 0.305)), 3),
        round(float(rng.uniform(0.19, 0.25) * (1.1 if shape == "round" else 0.95)), 3),
        round(float(rng.choice([0.0, 0.015, 0.05], p=[0.35, 0.45, 0.2])), 3),
    )


def actor_attributes(seed: int) -> ActorAttributes:
    """What can be said of actor ``seed`` without looking at the picture."""
    recipe = draw_recipe(seed)
    side = "frontal" if abs(recipe.light[0]) < 0.25 else "left" if recipe.light[0] < 0 else "right"
    return ActorAttributes(
        "feminine" if recipe.feminine else "masculine",
        skin_tone_group(recipe.skin),
        recipe.tone,
        recipe.eye_colour,
        recipe.hair_colour,
        recipe.hair.flow,
        "none" if recipe.beard == 0 else "stubble" if recipe.beard < 0.35 else "beard",
        recipe.body.garment,
        recipe.background,
        side,
        ageing.group_of(recipe.age),
        recipe.glasses.shape if recipe.glasses else "none",
        recipe.lighting,
        "open smile" if recipe.pose.teeth > 0 else "smile" if recipe.pose.smile >= 0.5 else "neutral",
        recipe.shot.camera,
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
