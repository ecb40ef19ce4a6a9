"""Eyeballs: sclera, iris, pupil, catchlight and the lid's shadow, painted into the eye openings of a face.

Mixed irises are blurred; a look needs sharp ones. Painted at four times the resolution with the same light for both.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from tellmark.generator.actors.facespace import f32
from tellmark.landmarks import LEFT_EYE, LEFT_IRIS, RIGHT_EYE, RIGHT_IRIS
from tellmark.types import F32

OVERSAMPLING = 4
IRIS_RADIUS = 0.077  # of the distance between the outer eye corners; the human iris is 11.8 mm, the corners 88 mm apart
_AROUND = np.array([1.35, 0.9, 0.8], np.float32)  # colour of that light, which is mostly skin's
_VEIL = np.float32(0.02)  # of the light around, which the cornea mirrors evenly (its reflectance is .025)


@dataclass(frozen=True, slots=True)
class Iris:
    """The look of both irises."""

    colour: tuple[float, float, float]  # sRGB of the outer part
    inner: tuple[float, float, float]  # sRGB around the pupil
    pupil: float  # radius over the iris radius
    seed: int


def iris_disc(iris: Iris, x: F32, y: F32) -> F32:
    """(..., 3) sRGB of the iris at (x, y) in iris radii; pupil and dark rim included."""
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    rng = np.random.default_rng(iris.seed)
    fibre = np.zeros_like(radius)
    for k in (7, 13, 23, 37, 61):
        fibre += rng.normal(0, 1 / np.sqrt(k)) * np.sin(k * angle + rng.uniform(0, 6.3) + 2.5 * np.sin(3 * radius))
    near = np.clip((radius - iris.pupil) / (1 - iris.pupil), 0, 1)[..., None]
    colour = np.asarray(iris.inner) * (1 - near**0.7) + np.asarray(iris.colour) * near**0.7
    colour = colour * (1 + 0.22 * fibre[..., None])
    colour = colour * (1 - 0.65 * np.clip((radius - 0.78) / 0.22, 0, 1) ** 1.5)[..., None]
    pupil = np.clip((iris.pupil - radius) / 0.06 + 0.5, 0, 1)[..., None]
    return np.asarray(colour * (1 - pupil) + 0.02 * pupil, np.float32)


def paint(image: F32, shape: F32, iris: Iris, light: F32, level: float) -> F32:
    """``image`` (H, W, 3) sRGB in [0, 1] with both eyes painted at the (478, 3) ``shape``; looks at the camera.

    light: unit direction towards the light. level: brightness of the scene's white on the face, about 1.
    """
    out = image.copy()
    radius = IRIS_RADIUS * float(np.linalg.norm(shape[263, :2] - shape[33, :2]))
    for loop, centre in ((RIGHT_EYE, RIGHT_IRIS[0]), (LEFT_EYE, LEFT_IRIS[0])):
        _paint_one(out, shape[list(loop), :2], shape[centre, :2], radius, iris, light, level)
    return out


def _paint_one(out: F32, lids: F32, centre: F32, radius: float, iris: Iris, light: F32, level: float) -> None:
    low = np.floor(lids.min(axis=0)).astype(int) - 6
    high = np.ceil(lids.max(axis=0)).astype(int) + 6
    width, height = ((high - low) * OVERSAMPLING).tolist()
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = x / OVERSAMPLING + low[0], y / OVERSAMPLING + low[1]
    corners = np.round((_smooth(lids) - low) * OVERSAMPLING * 16).astype(np.int32)
    opening = np.zeros((height, width), np.uint8)
    cv2.fillPoly(opening, [corners], 255, cv2.LINE_AA, 4)
    cover = cv2.GaussianBlur(opening.astype(np.float32) / 255, (0, 0), 0.55 * OVERSAMPLING)
    # The eyeball: white, darker towards the corners and under the upper lid.
    across = (x - lids[:, 0].mean()) / (np.ptp(lids[:, 0]) / 2)
    white = np.array([0.69, 0.64, 0.62], np.float32) * level
    colour = white * (1 - 0.30 * np.clip(np.abs(across), 0, 1) ** 2.5)[..., None]
    colour = colour * (1 - f32([0.0, 0.10, 0.10]) * (np.clip(np.abs(across) - 0.55, 0, 1) * 2)[..., None])
    u, v = (x - centre[0]) / radius, (y - centre[1]) / radius
    disc = np.clip((1.0 - np.hypot(u, v)) * radius * 1.1 + 0.5, 0, 1)[..., None]
    lit = 0.80 + 0.35 * np.clip(-(u * light[0] + v * light[1]) * 0.6, -0.3, 1)  # light gathers opposite its source
    colour = colour * (1 - disc) + iris_disc(iris, u, v) * (0.85 * level * lit)[..., None] * disc
    inside = opening.astype(np.float32) / 255
    depth = np.cumsum(inside, axis=0) / (OVERSAMPLING * max(4.0, 0.42 * np.ptp(lids[:, 1])))
    shadow = 0.42 + 0.58 * np.clip(cv2.GaussianBlur(depth, (0, 0), OVERSAMPLING), 0, 1) ** 0.8
    colour = colour * shadow[..., None]
    cx, cy = 0.42 * light[0], 0.42 * light[1]
    glint = np.exp(-((((u - cx) / 0.17) ** 2 + ((v - cy) / 0.20) ** 2) ** 2))
    second = 0.25 * np.exp(-(((u + cx) / 0.25) ** 2 + ((v + 0.9 * cy) / 0.12) ** 2))
    colour = colour + (0.9 * glint + 0.35 * second)[..., None] * f32([1, 1, 0.98])
    size = (high - low).tolist()
    small = cv2.resize(np.clip(colour, 0, 1).astype(np.float32), size, interpolation=cv2.INTER_AREA)
    alpha = cv2.resize(cover, size, interpolation=cv2.INTER_AREA)[..., None]
    region = out[low[1] : high[1], low[0] : high[0]]
    region += alpha * (small - region)


def _smooth(loop: F32) -> F32:
    """A closed loop with three points put between neighbours (Catmull-Rom)."""
    a, b, c, d = (np.roll(loop, shift, axis=0) for shift in (1, 0, -1, -2))
    points = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for t in (0.0, 0.25, 0.5, 0.75)
    ]
    return np.asarray(np.stack(points, axis=1).reshape(-1, 2).astype(np.float32), np.float32)


@dataclass(frozen=True, slots=True)
class Eyeball:
    """One eye of the 3D head: a sphere in the head's space."""

    centre: F32  # (3,) px, unprojected
    radius: float  # px
    iris_radius: float  # px


def disc_texture(iris: Iris, size: int = 96) -> F32:
    """(size, size, 3) linear light: the iris, its radius 1 at 45 % of the side."""
    axis = (np.arange(size, dtype=np.float32) - (size - 1) / 2) / (0.45 * size)
    x, y = np.meshgrid(axis, axis)
    return np.asarray(np.clip(iris_disc(iris, x, y), 0, 1) ** 2.2, np.float32)


def draw_eyeball(
    frame: F32,  # (H, W, 3) linear light, changed
    lids: F32,  # (16, 2) px, projected lid margin
    ball: Eyeball,
    seen: F32,  # (3,) projected centre, px
    scale: float,  # px in the picture for one px in space, there
    rotation: F32,  # (3, 3) of the head
    gaze_deg: tuple[float, float],  # yaw to the viewer's right, pitch up, in the head
    texture: F32,  # disc_texture
    light: F32,  # (3,) unit, towards the light
    level: F32,  # (3,) linear light of a white surface there
    softness: float,  # of the light: 0 a point, 1 a large window
) -> None:
    """Render an eyeball into the opening between the lids."""
    low = np.maximum(np.floor(lids.min(axis=0)).astype(int) - 3, 0)
    high = np.minimum(np.ceil(lids.max(axis=0)).astype(int) + 4, [frame.shape[1], frame.shape[0]])
    width, height = (high - low).tolist()
    if min(width, height) < 3:
        return
    fine = 3
    y, x = np.mgrid[: height * fine, : width * fine].astype(np.float32)
    x, y = (x + 0.5) / fine - 0.5 + low[0], (y + 0.5) / fine - 0.5 + low[1]
    opening = np.zeros(x.shape, np.uint8)
    corners = (_smooth(lids) - low + 0.5) * fine - 0.5
    cv2.fillPoly(opening, [np.round(corners * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    inside = opening.astype(np.float32) / 255
    nx, ny = (x - seen[0]) / (scale * ball.radius), (y - seen[1]) / (scale * ball.radius)
    nz = -np.sqrt(np.maximum(1 - nx**2 - ny**2, 0.02))
    yaw, pitch = np.deg2rad(np.clip(gaze_deg, -35, 35))
    turn = np.array([[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]])
    nod = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    axes = (rotation @ (turn @ nod)).astype(np.float32)  # columns: the eye's own axes in space
    u, v = (nx * axes[0, k] + ny * axes[1, k] + nz * axes[2, k] for k in (0, 1))
    to_iris = ball.radius / ball.iris_radius
    u, v = u * to_iris, v * to_iris
    radius = np.hypot(u, v)
    half = (len(texture) - 1) / 2
    place = 0.45 * len(texture)
    # Whatever the scalars were: some libraries switch NumPy 1 to promoting by type for the whole process.
    map_x, map_y = (np.asarray(axis * place + half, np.float32) for axis in (u, v))
    iris = cv2.remap(texture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    disc = np.clip((1 - radius) * ball.iris_radius * scale * 1.2 + 0.5, 0, 1)[..., None]
    across = (x - lids[:, 0].mean()) / (np.ptp(lids[:, 0]) / 2 + 1e-3)
    corner = np.clip(np.abs(across), 0, 1)[..., None] ** 2.2
    white = np.array([0.46, 0.345, 0.285], np.float32) * (1 - corner * f32([0.35, 0.58, 0.60]))  # blood shows there
    wrap = 0.62 + 0.45 * np.clip(nx * light[0] + ny * light[1] + nz * light[2], 0, 1)
    colour = white + disc * (iris * np.float32(0.9) + _VEIL * _AROUND - white)
    # The cornea bulges: its normal turns faster than the ball's. Highlights stay with the light, not with the gaze.
    bulge = 0.55 * np.clip(1.15 - radius, 0, 1)[..., None]
    tilt = u[..., None] * axes[:, 0] + v[..., None] * axes[:, 1]
    normal = np.stack([nx, ny, nz], axis=-1) + bulge * tilt
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    toward = light + np.array([0, 0, -1], np.float32)
    toward /= np.linalg.norm(toward)
    wide = 0.006 + 0.016 * softness
    highlight = np.clip((normal @ toward - 0.994 + wide) / wide, 0, 1) ** 2 * (0.25 + 0.75 * disc[..., 0])
    highlight *= 0.85 - 0.5 * softness
    depth = np.cumsum(inside, axis=0) / (fine * max(3.5, 0.42 * np.ptp(lids[:, 1])))
    shade = 0.30 + 0.70 * np.clip(cv2.GaussianBlur(depth, (0, 0), float(fine)), 0, 1)
    warm = shade[..., None] ** f32([0.8, 1.05, 1.15])  # light below the lid has come through skin
    colour = (colour * wrap[..., None] * warm + highlight[..., None]) * level
    cover = cv2.GaussianBlur(inside, (0, 0), 0.5 * fine)
    lashes = np.zeros(x.shape, np.uint8)  # along the upper margin, the more to be seen the lower it is
    upper = np.round(corners[: 8 * 4 + 1] * 16).astype(np.int32)
    cv2.polylines(lashes, [upper], False, 255, max(1, int(0.5 * fine)), cv2.LINE_AA, 4)
    dark = cv2.GaussianBlur(lashes, (0, 0), 0.45 * fine).astype(np.float32)[..., None] / 255
    small = cv2.resize(colour.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    size = (width, height)
    alpha = cv2.resize(cover, size, interpolation=cv2.INTER_AREA)[..., None]
    lash = cv2.resize(dark, size, interpolation=cv2.INTER_AREA)[..., None]
    region = frame[low[1] : high[1], low[0] : high[0]]
    region += alpha * (small - region)
    region *= 1 - lash * f32([0.46, 0.58, 0.62])
