"""A painted face whose every point is known, as windows, frames and tracker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from tellmark import landmarks as lm
from tellmark.detector.windows.tracks import aligned
from tellmark.detector.windows.window import Window
from tellmark.faces import Face
from tellmark.types import F32, U8

SIDE = 320


def face_points(centre: tuple[float, float] = (160, 160), height: float = 150.0, mouth: float = 0.1) -> F32:
    """(478, 3) landmarks: ellipses for the loops, the rest spread over the face."""
    rng = np.random.default_rng(0)
    points = np.zeros((478, 3), np.float32)
    angle, radius = rng.uniform(0, 2 * np.pi, 478), np.sqrt(rng.uniform(0, 0.6, 478))
    points[:, 0] = 0.38 * radius * np.cos(angle)
    points[:, 1] = 0.5 * radius * np.sin(angle)

    def ellipse(loop: tuple[int, ...], x: float, y: float, a: float, b: float, start: float) -> None:
        turn = start + np.linspace(0, 2 * np.pi, len(loop), endpoint=False)
        points[list(loop), 0], points[list(loop), 1] = x + a * np.cos(turn), y + b * np.sin(turn)

    ellipse(lm.FACE_OVAL, 0, 0, 0.38, 0.5, -np.pi / 2)
    ellipse(lm.LIPS_OUTER, 0, 0.22, 0.14, 0.05 + mouth / 4, np.pi)
    ellipse(lm.LIPS_INNER, 0, 0.22, 0.10, 0.01 + mouth / 4, np.pi)
    ellipse(lm.RIGHT_EYE, -0.17, -0.1, 0.08, 0.035, np.pi)
    ellipse(lm.LEFT_EYE, 0.17, -0.1, 0.08, 0.035, 0)
    ellipse(lm.RIGHT_IRIS[1:], -0.17, -0.1, 0.03, 0.03, 0)
    ellipse(lm.LEFT_IRIS[1:], 0.17, -0.1, 0.03, 0.03, 0)
    points[468, :2], points[473, :2] = (-0.17, -0.1), (0.17, -0.1)
    points[[234, 454], :2] = (-0.38, 0), (0.38, 0)
    points[[127, 93, 21, 205], 0] = -0.3
    points[[356, 323, 251, 425], 0] = 0.3
    points[[2, 98, 327], :2] = (0, 0.08), (-0.04, 0.08), (0.04, 0.08)
    points[[151, 9], :2] = (0, -0.3), (0, -0.2)
    points[:, :2] = points[:, :2] * height + np.array(centre)
    return points


def texture(seed: int, sigma: float = 1.0, amplitude: float = 18.0) -> F32:
    """(320, 320) smooth noise of unit-free grey levels."""
    noise = np.random.default_rng(seed).normal(size=(SIDE, SIDE)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), sigma)
    return np.asarray(amplitude * smooth / smooth.std(), np.float32)


@dataclass
class Scene:
    """Frames of a face that sways over a background, and its true landmarks."""

    frames: list[U8]
    points: list[F32]

    def track(self, rgb: U8) -> list[Face]:
        """The tracker's side: faces in the order of the frames."""
        self._next = getattr(self, "_next", -1) + 1
        return [Face(self.points[self._next])]

    def close(self) -> None:
        """Nothing to free."""

    @property
    def sound(self) -> F32:
        """Noise as loud as the mouth is open, 640 samples a frame."""
        gaps = np.array([points[14, 1] - points[13, 1] for points in self.points])
        level = 0.02 + 0.3 * (gaps - gaps.min()) / (np.ptp(gaps) + 1e-6)
        noise = np.random.default_rng(0).normal(size=(len(gaps), 640))
        return np.asarray((noise * level[:, None]).ravel(), np.float32)

    @property
    def window(self) -> Window:
        """All frames as one window."""
        crops, inner = zip(*(aligned(f, p) for f, p in zip(self.frames, self.points, strict=True)), strict=True)
        context = np.stack([cv2.resize(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY), (160, 160)) for f in self.frames])
        source = np.stack(self.points)
        return Window(0.0, np.stack(crops), np.stack(inner), source, context, source[..., :2] / 2, self.sound)


def paint(
    count: int = 40,
    *,
    sway: float = 6.0,
    swim: bool = False,
    noise: float = 0.0,
    drag: float = 0.0,
    face_blur: float = 0.0,
    flicker: float = 0.0,
    shake: float = 0.0,
    mouth_blur: float = 0.0,
    pulse: float = 0.0,
    pulse_of_each_side: float = 0.0,
) -> Scene:
    """A textured face on a textured background.

    swim: new skin texture in every frame. noise: sensor noise, grey levels. drag: share of the head's motion that the
    background follows. face_blur, mouth_blur: sigma in px. flicker: random gain of the face's light. shake: landmark
    noise, px. pulse: of the skin's colour, grey levels of green; pulse_of_each_side: the sides in opposite phase.
    """
    rng = np.random.default_rng(7)
    scenery, still_skin = texture(1, 1.2), texture(2, 1.0)
    scene = Scene([], [])
    for index in range(count):
        shift = sway * np.sin(2 * np.pi * index / 32)
        points = face_points((160 + shift, 160), mouth=0.12 + 0.08 * np.sin(index))
        skin = texture(100 + index, 1.0) if swim else still_skin
        move = np.array([[1, 0, shift], [0, 1, 0]], np.float32)
        skin = cv2.warpAffine(skin, move, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT)
        if face_blur:
            skin = cv2.GaussianBlur(skin, (0, 0), face_blur)
        move[0, 2] = drag * shift
        back = cv2.warpAffine(scenery, move, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT)
        mask = np.zeros((SIDE, SIDE), np.uint8)
        cv2.fillConvexPoly(mask, cv2.convexHull(points[list(lm.FACE_OVAL), :2].round().astype(np.int32)), 1)
        grey = np.where(mask, 150 + skin + flicker * rng.normal(), 90 + back).astype(np.float32)
        inner = np.zeros_like(mask)
        cv2.fillPoly(inner, [points[list(lm.LIPS_INNER), :2].round().astype(np.int32)], 1)
        teeth = cv2.GaussianBlur(skin, (0, 0), mouth_blur) if mouth_blur else skin
        grey = np.where(inner, 110 + teeth, grey) + noise * rng.normal(size=grey.shape)
        rgb = np.stack([grey + 12, grey, grey - 12], axis=-1)
        beat = np.sin(2 * np.pi * 1.25 * index / 25) * mask
        opposite = np.where(np.arange(SIDE) < 160 + shift, -1, 1)
        rgb[..., 1] += pulse * beat + pulse_of_each_side * beat * opposite
        scene.frames.append(np.clip(rgb, 0, 255).round().astype(np.uint8))
        jitter = shake * rng.normal(size=(478, 2))
        points[:, :2] += jitter
        scene.points.append(points)
    return scene


@pytest.fixture(scope="session")
def painted() -> Callable[..., Scene]:
    """:func:`paint`."""
    return paint
