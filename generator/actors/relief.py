"""The form of a person and the light on it: one light for face, ears, neck and clothes, with the shadows they cast.

The form is a depth map (px, away from the camera) of the portrait at rest: the face mesh and its shell, the skull, and
the neck and chest that are given. Shadows and the open sky are found by marching through it at a quarter of the size
(screen-space ray marching; ambient occlusion after Landis 2002), for a light that is as large as a window.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numba as nb
import numpy as np

from tellmark.generator.actors import headmodel
from tellmark.generator.actors.facespace import f32
from tellmark.generator.actors.skull import Skull
from tellmark.generator.geometry.raster import raster
from tellmark.generator.types import SIZE
from tellmark.landmarks import FACE_OVAL
from tellmark.types import F32

FAR = np.float32(400.0)  # px, depth where there is nothing
_FLOOR = np.array([0.04, 0, -0.06], np.float32)  # log colour of what comes from below, which is mostly wood and earth
_COARSE = 4  # px of the portrait for one of the map that is marched through


@dataclass(frozen=True, slots=True)
class Light:
    """A main light and what comes from everywhere else, linear."""

    toward: tuple[float, float, float]  # unit: x right, y down, z away
    size: float  # tangent of the angle it is seen under: .05 hard, .5 an overcast window
    key: float  # share of the main light in [0, 1]
    warmth: float  # of the main light against the rest, log of red over blue


def head_depth(shape: F32, skull: Skull) -> F32:
    """(SIZE, SIZE) px: the bald head; ``FAR`` beside it."""
    seen, _, triangles = headmodel.shell(shape, skull)
    depth = np.full((SIZE, SIZE), np.inf, np.float32)
    unused = np.zeros((2, SIZE, SIZE), np.float32)
    raster(seen, np.ascontiguousarray(seen[:, :2]), triangles, unused[0], unused[1], depth)
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    inside = (
        1
        - ((x - skull.centre[0]) / skull.radii[0] / skull.breadth(y)) ** 2
        - ((y - skull.centre[1]) / skull.radii[1]) ** 2
    )
    dome = skull.centre[2] - skull.radii[2] * np.sqrt(np.maximum(inside, 0))
    oval = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(oval, [np.round(shape[list(FACE_OVAL), :2]).astype(np.int32)], 1)
    known = cv2.erode(oval, np.ones((5, 5), np.uint8)).astype(np.float32)
    # The dome takes over where the mesh ends, moved to meet it there.
    gap = cv2.GaussianBlur(np.where(known > 0, np.clip(depth, -400, 400) - dome, 0).astype(np.float32), (0, 0), 16)
    gap /= cv2.GaussianBlur(known, (0, 0), 16) + 1e-4
    share = cv2.GaussianBlur(known, (0, 0), 6)
    upper = (inside > 0) & (y < skull.centre[1])
    joined = np.where(np.isfinite(depth), depth, dome) * share + (dome + np.clip(gap, -30, 30)) * (1 - share)
    depth = np.where(upper, joined, depth)
    return np.asarray(np.where(np.isfinite(depth), depth, FAR), np.float32)


def normals(depth: F32, smooth: float, folds: F32 | None = None) -> F32:
    """(SIZE, SIZE, 3) unit normals towards the camera of a depth map, smoothed by ``smooth`` px inside its outline.

    folds: (SIZE, SIZE) px, added unsmoothed.
    """
    solid = (depth < 0.9 * FAR).astype(np.float32)
    weight = cv2.GaussianBlur(solid, (0, 0), smooth)
    even = cv2.GaussianBlur(np.where(solid > 0, depth, 0), (0, 0), smooth) / np.maximum(weight, 1e-3)
    if folds is not None:
        even = even + folds
    dx, dy = cv2.Scharr(even, -1, 1, 0, scale=1 / 32), cv2.Scharr(even, -1, 0, 1, scale=1 / 32)
    out = np.dstack([dx, dy, -np.ones_like(dx)])
    return np.asarray(out / np.linalg.norm(out, axis=2, keepdims=True), np.float32)


def shine_on(
    normal: F32, depth: F32, blockers: F32, light: Light, seed: int, grain: F32 | None = None
) -> tuple[F32, F32]:
    """(SIZE, SIZE, 3) linear light on a surface, about 1 where it faces a light from the front, and what it mirrors.

    depth: of the surface, ``FAR`` outside. blockers: depth of all that may keep light off it.
    """
    toward = f32(light.toward)
    small = SIZE // _COARSE
    size = (small, small)
    surface, solid = (cv2.resize(a, size, interpolation=cv2.INTER_AREA) / _COARSE for a in (depth, blockers))
    rng = np.random.default_rng([seed, 5])
    cast = rng.normal(0, [0.06, 0.02, 0.08], (2, 3)).astype(np.float32)  # walls and floor give the light their colour
    around = rng.normal(size=(24, 3)).astype(np.float32)
    around /= np.linalg.norm(around, axis=1, keepdims=True)
    around[:, 2] = -np.abs(around[:, 2])
    key = toward + light.size * rng.normal(0, 1, (24, 3)).astype(np.float32) * f32([1, 1, 0.5])
    key /= np.linalg.norm(key, axis=1, keepdims=True)
    facing = np.ascontiguousarray(cv2.resize(normal, size, interpolation=cv2.INTER_AREA))
    lit, sky = (_reach(surface, solid, facing, way, 46) for way in (key, around.astype(np.float32)))
    lit, sky = (cv2.resize(cv2.GaussianBlur(a, (0, 0), 1.3), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
                for a in (lit, sky))  # fmt: skip
    cosine = normal @ toward
    wrap = 0.12 + 0.5 * light.size
    direct = np.clip((cosine + wrap) / (1 + wrap), 0, 1)[..., None] * np.clip(lit, 0, 1)[..., None]
    # Skin scatters red further than blue: shadows begin red.
    direct = direct ** f32([0.86, 1.0, 1.12])
    tint = np.exp(light.warmth * f32([0.5, 0, -0.5]))
    open_sky = np.clip(sky, 0, 1)[..., None] ** f32([0.95, 1.1, 1.2])
    ambient = (0.80 - 0.13 * normal[..., 1] - 0.12 * normal[..., 2])[..., None] * open_sky
    ambient = ambient * np.exp(normal[..., :1] * cast[0] + normal[..., 1:2] * (cast[1] + _FLOOR))
    front = max(0.35, float(-toward[2] + wrap) / (1 + wrap))
    share = light.key
    half = toward + f32([0, 0, -1])
    half /= np.linalg.norm(half) + 1e-6
    rough = normal if grain is None else normal + grain
    mirrored = np.clip((rough @ half) / np.linalg.norm(rough, axis=2), 0, 1)[..., None]
    shine = (0.3 * mirrored**10 + 0.9 * mirrored**34) * share * lit[..., None] * (cosine > -0.1)[..., None] * tint
    diffuse = (1 - share) * ambient / 0.92 / tint**0.4 + share * 1.1 * direct / front**0.5 * tint
    return diffuse.astype(np.float32), np.maximum(shine, 0).astype(np.float32)


@nb.njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator]
def _reach(surface: F32, solid: F32, normal: F32, ways: F32, steps: int) -> F32:
    """(h, w) share of the light from ``ways`` that reaches the surface; ways below its horizon do not count."""
    height, width = surface.shape
    out = np.ones_like(surface)
    for y in range(height):
        for x in range(width):
            if surface[y, x] > 90:
                continue
            seen, free = 0.0, 0.0
            for k in range(ways.shape[0]):
                dx, dy, dz = ways[k, 0], ways[k, 1], ways[k, 2]
                if normal[y, x, 0] * dx + normal[y, x, 1] * dy + normal[y, x, 2] * dz < 0.02:
                    continue
                seen += 1.0
                px = x + 1.2 * normal[y, x, 0]
                py = y + 1.2 * normal[y, x, 1]
                pz = surface[y, x] + 1.2 * normal[y, x, 2] - 0.3
                through = 1.0
                stride = 0.8
                for _ in range(steps):
                    px += stride * dx
                    py += stride * dy
                    pz += stride * dz
                    stride *= 1.03
                    ix, iy = int(px + 0.5), int(py + 0.5)
                    if ix < 0 or iy < 0 or ix >= width or iy >= height:
                        break
                    behind = pz - solid[iy, ix]
                    if behind > 0.25 and behind < 26:
                        through = 0.0
                        break
                free += through
            if seen > 0:
                out[y, x] = free / seen
    return out
