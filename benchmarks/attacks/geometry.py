"""Where the pixels lie: scale, crop, rotation, mirror, perspective, and a camera that moves."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from tellmark.benchmarks.attacks.clip import Frames, each
from tellmark.types import F64


def resize(clip: Frames, factor: float) -> Frames:
    """Scale both sides, to even sizes."""
    height, width = clip.frames[0].shape[:2]
    return _resized(clip, round(width * factor / 2) * 2, round(height * factor / 2) * 2)


def resize_at_random(clip: Frames, smallest: float, largest: float) -> Frames:
    """Scale by a factor between the two, uniform in its logarithm."""
    return resize(clip, float(np.exp(clip.random().uniform(np.log(smallest), np.log(largest)))))


def to_side(clip: Frames, pixels: int) -> Frames:
    """Scaled to a short side of ``pixels``."""
    return resize(clip, pixels / min(clip.frames[0].shape[:2]))


def stretch(clip: Frames, factor: float) -> Frames:
    """Scale the width alone, to an even size: another aspect ratio."""
    height, width = clip.frames[0].shape[:2]
    return _resized(clip, round(width * factor / 2) * 2, height)


def crop(clip: Frames, share: float, x: float = 0.5, y: float = 0.5) -> Frames:
    """Take ``share`` of each dimension away; x and y say where the rest lies (0 left or top, 1 right or bottom)."""
    height, width = clip.frames[0].shape[:2]
    kept_h, kept_w = (int(side * (1 - share)) // 2 * 2 for side in (height, width))
    top, left = int((height - kept_h) * y), int((width - kept_w) * x)
    return each(clip, lambda frame: frame[top : top + kept_h, left : left + kept_w])


def crop_at_random(clip: Frames, most: float) -> Frames:
    """Take up to ``most`` of each dimension away, wherever the rest lies."""
    share, x, y = clip.random().random(3)
    return crop(clip, float(share * most), float(x), float(y))


def crop_and_rescale(clip: Frames, share: float, x: float = 0.5, y: float = 0.5) -> Frames:
    """:func:`crop`, then back to the size it had."""
    height, width = clip.frames[0].shape[:2]
    return _resized(crop(clip, share, x, y), width, height)


def portrait_crop(clip: Frames) -> Frames:
    """The middle 4:5 of the picture."""
    height, width = clip.frames[0].shape[:2]
    kept = min(width, height * 4 // 5) // 2 * 2
    left = (width - kept) // 2
    return each(clip, lambda frame: frame[:, left : left + kept])


def pad(clip: Frames, share: float) -> Frames:
    """Black bars of ``share`` of the height, above and below."""
    bar = int(clip.frames[0].shape[0] * share) // 2 * 2
    return each(clip, lambda frame: cv2.copyMakeBorder(frame, bar, bar, 0, 0, cv2.BORDER_CONSTANT))


def mirror(clip: Frames) -> Frames:
    """Left and right swapped."""
    return each(clip, lambda frame: frame[:, ::-1])


def rotate(clip: Frames, degrees: float) -> Frames:
    """Turn counter-clockwise about the centre; corners are filled with the edge."""
    height, width = clip.frames[0].shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    return each(clip, lambda frame: cv2.warpAffine(frame, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE))


def rotate_at_random(clip: Frames, most_degrees: float) -> Frames:
    """Turn by any angle up to ``most_degrees`` either way."""
    return rotate(clip, float(clip.random().uniform(-most_degrees, most_degrees)))


def quarter_turns(clip: Frames, count: int) -> Frames:
    """Turn by so many right angles, counter-clockwise."""
    return each(clip, lambda frame: np.ascontiguousarray(np.rot90(frame, count)))


def slow_zoom(clip: Frames, factor: float) -> Frames:
    """A camera that moves in, from the whole picture until it shows a ``factor``-th of each side."""
    last = max(1, len(clip.frames) - 1)
    return _filmed(clip, [(1 + (factor - 1) * index / last, 0.0, 0.0, 0.0) for index in range(len(clip.frames))])


def hand_held(clip: Frames, degrees: float, share: float) -> Frames:
    """A camera that sways: up to ``degrees`` either way, and ``share`` of the width and height."""
    turns = np.arange(len(clip.frames)) / clip.fps * 2 * np.pi
    around, across, up = degrees * np.sin(turns / 5), share * np.sin(turns / 3), share * np.cos(turns / 4)
    return _filmed(clip, [(1 + 2 * share, *moved) for moved in zip(around, across, up, strict=True)])


def perspective(clip: Frames, share: float) -> Frames:
    """Seen from the side: the right edge is ``share`` of the height shorter at each end, the lower half of that."""
    height, width = clip.frames[0].shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    y, x = share * height, share * width / 2
    seen = np.array([[0, 0], [width, y], [width - x, height - y], [x, height]], np.float32)
    matrix: F64 = cv2.getPerspectiveTransform(corners, seen)
    size, border = (width, height), cv2.BORDER_REPLICATE
    return each(clip, lambda frame: cv2.warpPerspective(frame, matrix, size, borderMode=border))


def _filmed(clip: Frames, camera: list[tuple[float, float, float, float]]) -> Frames:
    """Each frame enlarged about its centre, turned by degrees and moved by shares of its width and height."""
    height, width = clip.frames[0].shape[:2]
    made = []
    for frame, (factor, degrees, x, y) in zip(clip.frames, camera, strict=True):
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, factor)
        matrix[:, 2] += x * width, y * height
        made.append(cv2.warpAffine(frame, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE))
    return replace(clip, frames=made)


def _resized(clip: Frames, width: int, height: int) -> Frames:
    shrinks = width < clip.frames[0].shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return each(clip, lambda frame: cv2.resize(frame, (width, height), interpolation=method))
