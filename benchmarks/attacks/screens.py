"""What a clip is shown together with: another film around it, beside it or over it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np

from tellmark.benchmarks.attacks.clip import Frames
from tellmark.types import U8

_OCTAVES = (4, 9, 20, 45)  # cells along a film's height, each half as strong as the one before


def before_blurred_copy(clip: Frames, aspect: float) -> Frames:
    """Whole, in the middle of a frame of another shape (width over height), which a blurred copy of it fills."""
    height, width = clip.frames[0].shape[:2]
    wide, high = (width, _even(width / aspect)) if aspect < width / height else (_even(height * aspect), height)
    filled = max(wide / width, high / height)
    top, left = (high - height) // 2, (wide - width) // 2

    def shown(frame: U8) -> U8:
        ground = cv2.resize(frame, None, fx=filled, fy=filled, interpolation=cv2.INTER_LINEAR)
        y, x = (ground.shape[0] - high) // 2, (ground.shape[1] - wide) // 2
        made: U8 = cv2.GaussianBlur(ground[y : y + high, x : x + wide], (0, 0), high / 40)
        made[top : top + height, left : left + width] = frame
        return made

    return replace(clip, frames=[shown(frame) for frame in clip.frames])


def set_into_film(clip: Frames, share: float, x: float, y: float) -> Frames:
    """``share`` as high as another film of 720p, in which it lies; x and y as of :func:`geometry.crop`."""
    height, width = _even(720 * share), _even(720 * share * clip.frames[0].shape[1] / clip.frames[0].shape[0])
    top, left = int((720 - height) * y), int((1280 - width) * x)
    made = []
    for frame, film in zip(clip.frames, _film(clip, 720, 1280), strict=False):
        shown = film.copy()
        shown[top : top + height, left : left + width] = cv2.resize(
            frame, (width, height), interpolation=cv2.INTER_AREA
        )
        made.append(shown)
    return replace(clip, frames=made)


def one_of_four(clip: Frames) -> Frames:
    """At half its size, upper right, among three other films."""
    height, width = (side // 4 * 2 for side in clip.frames[0].shape[:2])
    made = []
    for frame, film in zip(clip.frames, _film(clip, height, width), strict=False):
        own = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
        made.append(np.vstack([np.hstack([film, own]), np.hstack([film[:, ::-1], film[::-1]])]))
    return replace(clip, frames=made)


def double_exposure(clip: Frames) -> Frames:
    """Half of each frame's light is that of another film."""
    height, width = clip.frames[0].shape[:2]
    films = _film(clip, height, width)
    return replace(clip, frames=[cv2.addWeighted(a, 0.5, b, 0.5, 0) for a, b in zip(clip.frames, films, strict=False)])


def _film(clip: Frames, height: int, width: int) -> Iterator[U8]:
    """Coloured clouds of many sizes that drift, each at a speed of its own."""
    random = clip.random()
    clouds = []
    for number, cells in enumerate(_OCTAVES):
        grid = random.normal(0, 50 / 2**number, (cells, 2 * cells * width // height, 3)).astype(np.float32)
        clouds.append(cv2.resize(grid, (2 * width, height), interpolation=cv2.INTER_CUBIC))
    for index in range(len(clip.frames)):
        drifted = [np.roll(cloud, -(number + 1) * index, axis=1)[:, :width] for number, cloud in enumerate(clouds)]
        yield np.clip(128 + sum(drifted), 0, 255).astype(np.uint8)


def _even(length: float) -> int:
    return round(length / 2) * 2
