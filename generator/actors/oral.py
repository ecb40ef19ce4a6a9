"""The inside of the mouth in 3D: two dental arches, a tongue and the dark behind them.

Millimetres of an average face; average crown sizes after Ash & Nelson 2010. The upper row is fixed to the skull, the
lower row and the tongue to the jaw. Rows are drawn from back to front into the opening between the lips.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark.generator.geometry.raster import raster
from tellmark.types import F32

FINE = 2  # supersampling of the opening
_UPPER_WIDTHS = (8.5, 6.6, 7.6, 7.0, 6.8, 10.0)  # crowns from the middle outwards, mm
_LOWER_WIDTHS = (5.4, 6.0, 6.8, 7.0, 7.0, 10.5)
_UPPER_HEIGHTS = (10.3, 9.0, 10.2, 8.4, 7.8, 7.2)
_LOWER_HEIGHTS = (8.8, 9.2, 10.2, 8.4, 7.6, 7.0)
_ARCH = (26.0, 34.0)  # half width and depth of the upper arch, mm
_STRIP = (96, 320)  # px, texture of one row: 16 mm high, 80 mm of arc
_STRIP_MM = (16.0, 80.0)


@dataclass(frozen=True, slots=True)
class Part:
    """One textured surface: (n, 3) points, (n, 2) texture px, triangles, RGBA texture (linear light)."""

    points: F32
    sources: F32
    triangles: NDArray[np.int32]
    texture: F32


@dataclass(frozen=True, slots=True)
class OralCavity:
    """Surfaces from back to front; the upper row last."""

    tongue: Part
    lower: Part
    upper: Part


def build(seam: F32, px_per_mm: float, seed: int) -> OralCavity:
    """seam: (3,) middle of the closed lips, unprojected px."""
    rng = np.random.default_rng([5, seed])
    shade = float(rng.uniform(0.56, 0.72))
    tint = np.array([1.0, rng.uniform(0.88, 0.95), rng.uniform(0.70, 0.84)], np.float32)
    origin = seam.astype(np.float32)
    jitter = rng.normal(0, 0.25, (2, 12))
    upper = _row(_UPPER_WIDTHS, _UPPER_HEIGHTS, shade * tint, jitter[0], rng)
    lower = _row(_LOWER_WIDTHS, _LOWER_HEIGHTS, 0.92 * shade * tint, jitter[1], rng)
    up = _arch(upper, edge_mm=2.2, scale=1.0, up=True)
    low = _arch(lower[::-1].copy(), edge_mm=1.2, scale=0.93, up=False)
    tongue, lower_row, upper_row = (
        dataclasses.replace(part, points=origin + part.points * np.float32(px_per_mm))
        for part in (_tongue(rng), low, up)
    )
    return OralCavity(tongue, lower_row, upper_row)


def _row(
    widths: tuple[float, ...], heights: tuple[float, ...], colour: F32, jitter: F32, rng: np.random.Generator
) -> F32:
    """Texture of a row, gums at the top, cutting edges down: RGBA in linear light."""
    tall, wide = _STRIP
    fine = 3
    y, x = np.mgrid[: tall * fine, : wide * fine].astype(np.float32)
    x = (x / (wide * fine) - 0.5) * _STRIP_MM[1]
    y = y / (tall * fine) * _STRIP_MM[0]
    gum = np.array([0.36, 0.115, 0.105], np.float32) * (1 + 0.05 * np.sin(x * 2.1))[..., None]
    out = np.dstack([gum, (y < 9.0).astype(np.float32)])
    edge_y = 13.0  # mm in the strip, where the longest cutting edge is
    left = 0.0
    for k, (width, height) in enumerate(zip(widths, heights, strict=True)):
        for side in (-1, 1):
            u = (x - side * (left + width / 2)) / (width / 2)
            bottom = edge_y - 0.05 * left + 0.4 * jitter[k if side > 0 else k + 6] - (0.5 if k == 1 else 0)
            bottom = bottom - (1.0 if k == 2 else 0.45) * np.abs(u) ** (1.6 if k == 2 else 4)
            top = bottom - height + 1.6 * np.abs(u) ** 2.2
            inside = (
                np.clip((1 - np.abs(u)) * width * 2.2, 0, 1)
                * np.clip((bottom - y) * 5, 0, 1)
                * np.clip((y - top) * 4, 0, 1)
            )
            along = np.clip((y - top) / (bottom - top + 1e-3), 0, 1)
            light = (0.80 + 0.30 * along - 0.20 * along**4) * (1 - 0.26 * np.abs(u) ** 3) * (1 - 0.045 * k)
            light = light + 0.10 * np.exp(-(((u + 0.25) / 0.22) ** 2) - ((along - 0.55) / 0.25) ** 2)  # wet gloss
            tone = (
                colour
                * np.stack([np.ones_like(along), 0.97 + 0.03 * along, 0.86 + 0.16 * along], -1)
                * light[..., None]
            )
            tone = tone * float(np.exp(rng.normal(0, 0.03)))
            out[..., :3] += inside[..., None] * (tone - out[..., :3])
            out[..., 3] = np.maximum(out[..., 3], inside)
        left += width
    out[..., 3] *= np.abs(x) < left
    out[..., :3] *= 1 - 0.55 * ((out[..., 3:] < 0.6) & (y[..., None] >= 9.0))  # gaps
    return np.asarray(cv2.resize(out, (wide, tall), interpolation=cv2.INTER_AREA), np.float32)


def _arch(texture: F32, edge_mm: float, scale: float, up: bool) -> Part:
    """A row's texture bent along the dental arch; ``edge_mm``: its cutting edges below the lip seam."""
    columns, rows = 33, 4
    arc = np.linspace(-0.5, 0.5, columns) * _STRIP_MM[1]
    angle = np.linspace(-1.35, 1.35, 400)
    curve = np.stack([_ARCH[0] * np.sin(angle), _ARCH[1] * (1 - np.cos(angle))], axis=1) * scale
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    length -= length[-1] / 2
    x, z = np.interp(arc, length, curve[:, 0]), np.interp(arc, length, curve[:, 1])
    v = np.linspace(0, 1, rows)
    height = (v * _STRIP_MM[0] - 13.0) if up else (v * _STRIP_MM[0] - 3.0)
    points = np.empty((rows, columns, 3), np.float32)
    points[..., 0] = x
    points[..., 1] = height[:, None] + edge_mm
    lean = 0.10 * (height if up else -height)  # crowns lean outwards towards the edge
    points[..., 2] = z + 4.5 + (0 if up else 1.8) - lean[:, None]
    u = np.broadcast_to((arc / _STRIP_MM[1] + 0.5) * (_STRIP[1] - 1), (rows, columns))
    w = np.broadcast_to(v[:, None] * (_STRIP[0] - 1), (rows, columns))
    sources = np.stack([u, w], axis=-1).reshape(-1, 2).astype(np.float32)
    return Part(points.reshape(-1, 3), sources, grid_triangles(rows, columns), texture)


def _tongue(rng: np.random.Generator) -> Part:
    """A low dome behind the lower teeth."""
    rows, columns, size = 9, 13, 96
    v, u = np.mgrid[0:1:9j, -1:1:13j]
    points = np.stack(
        [20 * u * (0.75 + 0.25 * v), 6.0 - 5.5 * np.sin(v * 1.7) * (1 - 0.55 * u**2), 9 + 30 * v], axis=-1
    )
    y, x = np.mgrid[0:1:96j, -1:1:96j].astype(np.float32)
    grain = cv2.GaussianBlur(rng.normal(0, 1, (size, size)).astype(np.float32), (0, 0), 1.1)
    tone = (0.9 - 0.25 * np.exp(-((x / 0.07) ** 2)) - 0.35 * y + 0.10 * grain)[..., None]
    texture = np.dstack([np.array([0.40, 0.13, 0.12], np.float32) * tone, np.clip((1 - np.abs(x)) * 8, 0, 1)])
    sources = np.stack([(u + 1) / 2 * (size - 1), v * (size - 1)], axis=-1).reshape(-1, 2)
    return Part(
        points.reshape(-1, 3).astype(np.float32), sources.astype(np.float32), grid_triangles(rows, columns),
        np.ascontiguousarray(texture, np.float32),
    )  # fmt: skip


def grid_triangles(rows: int, columns: int) -> NDArray[np.int32]:
    """Two triangles for each cell of a (rows, columns) grid of points."""
    index = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1].ravel(), index[:-1, 1:].ravel(), index[1:, :-1].ravel(), index[1:, 1:].ravel()
    return np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])


def draw(
    frame: F32,  # (H, W, 3) linear light, changed
    opening: F32,  # (20, 2) px: the inner lips
    parts: tuple[tuple[Part, F32], ...],  # each with its (n, 3) projected points
    light: F32,  # (3,) linear light on the lips
    gap: float,  # how far the mouth is open, face heights
) -> None:
    """Paint the inside of the mouth where the lips are apart."""
    low = np.maximum(np.floor(opening.min(axis=0)).astype(int) - 3, 0)
    high = np.minimum(np.ceil(opening.max(axis=0)).astype(int) + 4, [frame.shape[1], frame.shape[0]])
    width, height = (high - low).tolist()
    if gap < 0.004 or min(width, height) < 3:
        return
    mask = np.zeros((height * FINE, width * FINE), np.uint8)
    corners = (opening - low + 0.5) * FINE - 0.5
    cv2.fillPoly(mask, [np.round(corners * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    cover = cv2.GaussianBlur(mask, (0, 0), 0.45 * FINE).astype(np.float32) / 255
    inside = mask.astype(np.float32) / 255
    colour = np.empty((*mask.shape, 3), np.float32)
    colour[:] = np.array([0.030, 0.008, 0.007], np.float32) * light
    for part, seen in parts:
        layer = _render(part, seen, low, mask.shape)
        colour += layer[..., 3:] * (layer[..., :3] * light - colour)
    # Light comes in between the lips: dark near their edges, above all under the upper one and in the corners.
    reach = max(2.0, 0.16 * width * FINE * min(1.0, 0.35 + 6 * gap))
    open_ = cv2.GaussianBlur(inside, (0, 0), reach * 0.5)
    under = np.clip(np.cumsum(inside, axis=0) / reach, 0, 1)
    across = np.abs(np.linspace(-1, 1, mask.shape[1], dtype=np.float32))[None]
    dim = (0.30 + 0.70 * np.clip((open_ - 0.2) / 0.6, 0, 1)) * (0.55 + 0.45 * under) * (1 - 0.7 * across**3)
    colour *= (dim * (0.5 + 0.5 * min(1.0, 14 * gap)))[..., None]
    size = (width, height)
    small = cv2.resize(colour, size, interpolation=cv2.INTER_AREA)
    alpha = cv2.resize(cover, size, interpolation=cv2.INTER_AREA)[..., None]
    region = frame[low[1] : high[1], low[0] : high[0]]
    region += alpha * (small - region)


def _render(part: Part, seen: F32, low: NDArray[np.int_], shape: tuple[int, ...]) -> F32:
    points = seen.copy()
    points[:, :2] = (points[:, :2] - low.astype(np.float32) + 0.5) * FINE - 0.5
    map_x = np.full(shape, -9, np.float32)
    map_y = np.full(shape, -9, np.float32)
    depth = np.full(shape, np.inf, np.float32)
    raster(points, part.sources, part.triangles, map_x, map_y, depth)
    return np.asarray(
        cv2.remap(part.texture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT), np.float32
    )
