"""`selfblend`: a face blended with an altered copy of itself, after Shiohara & Yamasaki 2022 (self-blended images).

Only what every face swap leaves is there: an edge, and slightly other colours, sharpness and place on either side of
it. Drawn once a clip and tied to the tracked face, so that nothing but the face itself moves from frame to frame. The
copy is laid within the face's outline: what is around it stays as filmed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np

from tellmark.generator.factory.scene import Scene
from tellmark.generator.methods import Forgery
from tellmark.generator.methods.warp import as_mask, blend, hull, oval, soften
from tellmark.generator.types import SIZE
from tellmark.landmarks import LEFT_BROW, LEFT_EYE, LIPS_OUTER, NOSE, RIGHT_BROW, RIGHT_EYE, face_width
from tellmark.types import F32, U8

_REGIONS = {
    "face": None,
    "middle": (*RIGHT_EYE, *LEFT_EYE, *NOSE, *LIPS_OUTER),
    "eyes": (*RIGHT_BROW, *LEFT_BROW, *RIGHT_EYE, *LEFT_EYE, *NOSE),
    "lower": (*LIPS_OUTER, *NOSE, 152, 149, 378, 172, 397),
}
_AROUND = np.linspace(0, 2 * np.pi, 72, endpoint=False)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is done to the copy, and where it is laid."""

    region: str
    grow: float  # face widths by which the region's hull grows
    waves: tuple[float, ...]  # sine and cosine of the first harmonics of its outline, in shares of its radius
    feather: float  # face widths
    ratio: float  # share of the copy within
    shift: tuple[float, float]  # face widths
    scale: float
    gain: tuple[float, float, float]  # of R, G, B
    lift: float  # grey levels
    blur: float  # px; negative: sharpened
    coarse: float  # the copy was this much smaller once, 1 = never

    def to_json(self) -> dict[str, Any]:
        """As parameters of a clip."""
        return asdict(self)


def draw_recipe(rng: np.random.Generator) -> Recipe:
    """A recipe; each strength is drawn so that most are faint."""
    tone = 1 + 0.06 * float(np.clip(rng.normal(), -2, 2))
    return Recipe(
        region=str(rng.choice(list(_REGIONS))),
        grow=float(rng.uniform(-0.03, 0.05)),
        waves=tuple(rng.normal(0, 0.05 / np.arange(1, 6).repeat(2) ** 0.5).round(4).tolist()),
        feather=float(rng.uniform(0.02, 0.14)),
        ratio=float(rng.choice([0.5, 0.75, 1.0, 1.0])),
        shift=(float(rng.uniform(-0.02, 0.02)), float(rng.uniform(-0.01, 0.01))),
        scale=float(rng.uniform(0.98, 1.03)),
        gain=tuple(float(tone * (1 + 0.04 * np.clip(rng.normal(), -2, 2))) for _ in range(3)),  # type: ignore[arg-type]
        lift=float(rng.uniform(-8, 8)),
        blur=float(rng.choice([-1.0, 0.0, 0.7, 1.1])),
        coarse=float(rng.choice([1.0, 1.0, 1.5, 2.0])),
    )


def forge(scene: Scene) -> Forgery:
    """Blend the original's face with an altered copy."""
    recipe = draw_recipe(scene.rng("selfblend"))
    return Forgery(
        frames=_blended(scene, recipe),
        wav=scene.wav,
        voice_id=scene.take.sound.voice_id,
        params=recipe.to_json(),
    )


def _blended(scene: Scene, recipe: Recipe) -> Iterator[tuple[U8, U8]]:
    for frame, face in zip(scene.frames, scene.track, strict=True):
        width = float(face_width(face))
        within = hull(oval(face), 0.04 * width, -0.02 * width)
        weight = np.asarray(
            recipe.ratio * within * soften(_shape(face, recipe, width), recipe.feather * width), np.float32
        )
        yield blend(frame, _altered(frame, face, recipe, width), weight), as_mask(weight)


def _shape(face: F32, recipe: Recipe, width: float) -> F32:
    """(512, 512) the region: the hull of its points with a wavy outline, turned with the head."""
    chosen = _REGIONS[recipe.region]
    points = oval(face)[:, :2] if chosen is None else face[list(chosen), :2]
    outline = cv2.convexHull(points.astype(np.float32))[:, 0]
    middle = outline.mean(0)
    across = face[LEFT_EYE[0], :2] - face[RIGHT_EYE[0], :2]
    angle = _AROUND + np.arctan2(across[1], across[0])
    rays = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    k = np.arange(1, len(recipe.waves) // 2 + 1)[:, None]
    waves = np.array(recipe.waves).reshape(-1, 2)
    wavy = 1 + waves[:, 0] @ np.sin(k * _AROUND) + waves[:, 1] @ np.cos(k * _AROUND)
    radii = _radii(outline - middle, rays) * wavy + recipe.grow * width
    filled = np.zeros((SIZE, SIZE), np.uint8)
    corners = middle + np.maximum(radii, 1)[:, None] * rays
    cv2.fillPoly(filled, [np.rint(corners * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return filled.astype(np.float32) / 255


def _radii(outline: F32, rays: F32) -> F32:
    """How far it is from the origin to a convex outline around it, in each direction."""
    start, side = outline, np.roll(outline, -1, axis=0) - outline
    normal = np.stack([side[:, 1], -side[:, 0]], axis=1)
    depth = (start * normal).sum(1)  # of the same sign all around
    normal, depth = normal * np.sign(depth)[:, None], np.abs(depth)
    slope = rays @ normal.T
    return np.asarray(np.where(slope > 1e-6, depth / np.maximum(slope, 1e-6), np.inf).min(1))


def _altered(frame: U8, face: F32, recipe: Recipe, width: float) -> F32:
    """The copy: moved with the face as a whole, filtered and recoloured."""
    picture = np.ascontiguousarray(frame)
    if recipe.coarse > 1:
        small = cv2.resize(picture, None, fx=1 / recipe.coarse, fy=1 / recipe.coarse, interpolation=cv2.INTER_AREA)
        picture = cv2.resize(small, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    middle = oval(face)[:, :2].mean(0)
    matrix = np.array([[recipe.scale, 0, 0], [0, recipe.scale, 0]], np.float64)
    matrix[:, 2] = middle * (1 - recipe.scale) + np.array(recipe.shift) * width
    altered = cv2.warpAffine(picture, matrix, (SIZE, SIZE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    altered = altered.astype(np.float32)
    if recipe.blur:
        smooth = cv2.GaussianBlur(altered, (0, 0), max(abs(recipe.blur), 0.3))
        altered = smooth if recipe.blur > 0 else altered + 0.6 * (altered - smooth)
    return np.asarray(altered * np.array(recipe.gain, np.float32) + np.float32(recipe.lift), np.float32)
