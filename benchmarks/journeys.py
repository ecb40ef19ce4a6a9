"""Harder journeys of a video: other codecs, wider geometry, other speeds, overlays, and whole chains of them.

Like those of :mod:`tellmark.benchmarks.attacks`, each attack is a pure function on a clip, so that any watermark can be
put through it: ``JOURNEYS[name](Frames(frames, fps))`` gives the frames that a detector would get.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import cv2
import numpy as np

from tellmark.benchmarks.attacks import (
    Attack,
    Frames,
    blur,
    chain,
    change_rate,
    crop,
    gamma,
    mirror,
    noise,
    recompress,
    resize,
    rotate,
    trim,
)
from tellmark.types import F64, U8


def stretch(clip: Frames, factor: float) -> Frames:
    """Scale the width alone, to an even size: another aspect ratio."""
    height, width = clip.frames[0].shape[:2]
    size = (round(width * factor / 2) * 2, height)
    return replace(clip, frames=[cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in clip.frames])


def perspective(clip: Frames, share: float) -> Frames:
    """Seen from the side: the right edge is ``share`` of the height shorter at each end, the lower half of that."""
    height, width = clip.frames[0].shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    y, x = share * height, share * width / 2
    seen = np.array([[0, 0], [width, y], [width - x, height - y], [x, height]], np.float32)
    matrix: F64 = cv2.getPerspectiveTransform(corners, seen)
    size = (width, height)
    border = cv2.BORDER_REPLICATE
    return replace(clip, frames=[cv2.warpPerspective(f, matrix, size, borderMode=border) for f in clip.frames])


def speed(clip: Frames, factor: float) -> Frames:
    """Played ``factor`` times as fast at the same frame rate, by dropping and repeating frames."""
    return replace(change_rate(replace(clip, fps=clip.fps * factor), clip.fps), fps=clip.fps)


def drop(clip: Frames, share: float, seed: int = 0) -> Frames:
    """Lose frames at random; those that are left move together."""
    kept = np.flatnonzero(np.random.default_rng(seed).random(len(clip.frames)) >= share)
    return replace(clip, frames=[clip.frames[index] for index in kept])


def duplicate(clip: Frames, share: float, seed: int = 0) -> Frames:
    """Show random frames twice."""
    times = 1 + (np.random.default_rng(seed).random(len(clip.frames)) < share)
    return replace(clip, frames=[clip.frames[index] for index in np.repeat(np.arange(len(clip.frames)), times)])


def cut(clip: Frames, start_s: float, duration_s: float) -> Frames:
    """Take a stretch out of the middle and join the ends."""
    first = round(start_s * clip.fps)
    return replace(clip, frames=clip.frames[:first] + clip.frames[first + round(duration_s * clip.fps) :])


def overlay(clip: Frames, share: float) -> Frames:
    """A caption and a logo, opaque, on ``share`` of the area."""
    height, width = clip.frames[0].shape[:2]
    banner = int(height * share * 0.75)
    logo = int(np.sqrt(share * 0.25 * height * width))

    def covered(frame: U8) -> U8:
        made = frame.copy()
        made[height - banner :] = (20, 24, 60)
        cv2.putText(made, "LIVE  news of the day", (20, height - banner // 2), 0, width / 500, (255, 240, 200), 2, 16)
        made[:logo, width - logo :] = (200, 30, 30)
        cv2.circle(made, (width - logo // 2, logo // 2), logo // 3, (255, 255, 255), -1, cv2.LINE_AA)
        return made

    return replace(clip, frames=[covered(frame) for frame in clip.frames])


def portrait_crop(clip: Frames) -> Frames:
    """The middle 4:5 of the picture."""
    height, width = clip.frames[0].shape[:2]
    kept = min(width, height * 4 // 5) // 2 * 2
    left = (width - kept) // 2
    return replace(clip, frames=[frame[:, left : left + kept] for frame in clip.frames])


def to_side(clip: Frames, pixels: int) -> Frames:
    """Scaled to a short side of ``pixels``."""
    return resize(clip, pixels / min(clip.frames[0].shape[:2]))


def _coded(crf: int, codec: str = "libx264", preset: str = "veryfast") -> Attack:
    return partial(recompress, crf=crf, codec=codec, preset=preset)


_CRF23 = _coded(23)

JOURNEYS: dict[str, Attack] = {
    "2 s from 1.7 s + crf 28": chain(partial(trim, start_s=1.7, duration_s=2.0), _coded(28)),
    "h264 crf 33 from 0.5 s": chain(partial(trim, start_s=0.52, duration_s=60.0), _coded(33)),
    "h264 crf 36": _coded(36),
    "h264 crf 40": _coded(40),
    "hevc crf 28 fast": _coded(28, "libx265", "fast"),
    "vp9 crf 33": _coded(33, "libvpx-vp9"),
    "av1 crf 35": _coded(35, "libsvtav1"),
    "quarter size + crf 23": chain(partial(resize, factor=0.25), _CRF23),
    "double size + crf 23": chain(partial(resize, factor=2.0), _CRF23),
    "resize 0.61 + crf 23": chain(partial(resize, factor=0.61), _CRF23),
    "wider 10 % + crf 23": chain(partial(stretch, factor=1.1), _CRF23),
    "narrower 10 % + crf 23": chain(partial(stretch, factor=0.9), _CRF23),
    "crop 50 % off centre + crf 23": chain(partial(crop, share=0.5, x=0.3, y=0.2), _CRF23),
    "rotate 10 deg + crf 23": chain(partial(rotate, degrees=10.0), _CRF23),
    "mirror, rotate -7 deg + crf 23": chain(mirror, partial(rotate, degrees=-7.0), _CRF23),
    "perspective 2 % + crf 23": chain(partial(perspective, share=0.02), _CRF23),
    "perspective 5 % + crf 23": chain(partial(perspective, share=0.05), _CRF23),
    "10 fps + crf 23": chain(partial(change_rate, fps=10.0), _CRF23),
    "60 fps + crf 23": chain(partial(change_rate, fps=60.0), _CRF23),
    "speed 0.8 + crf 23": chain(partial(speed, factor=0.8), _CRF23),
    "speed 1.25 + crf 23": chain(partial(speed, factor=1.25), _CRF23),
    "10 % dropped + crf 23": chain(partial(drop, share=0.1), _CRF23),
    "10 % doubled + crf 23": chain(partial(duplicate, share=0.1), _CRF23),
    "1.3 s cut out + crf 23": chain(partial(cut, start_s=2.6, duration_s=1.3), _CRF23),
    "overlay 30 % + crf 23": chain(partial(overlay, share=0.3), _CRF23),
    "messenger": chain(partial(to_side, pixels=480), partial(change_rate, fps=24.0), _coded(30)),
    "social": chain(_coded(26), partial(overlay, share=0.15), portrait_crop, _coded(28)),
    "filmed": chain(
        partial(perspective, share=0.03), partial(blur, sigma_px=1.0), partial(noise, sigma=3.0),
        partial(gamma, exponent=1.2), _coded(26),
    ),
}  # fmt: skip
