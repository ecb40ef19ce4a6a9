"""What the pixels say: light, colour, sharpness, noise, and what is laid over them."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from tellmark.benchmarks.attacks.clip import Frames, each
from tellmark.types import F64, U8


def brightness(clip: Frames, factor: float) -> Frames:
    """Multiply all values."""
    return _mapped(clip, np.arange(256) * factor)


def contrast(clip: Frames, factor: float) -> Frames:
    """Multiply the distance from mid-grey."""
    return _mapped(clip, (np.arange(256) - 128) * factor + 128)


def gamma(clip: Frames, exponent: float) -> Frames:
    """Raise values in [0, 1] to a power."""
    return _mapped(clip, 255 * (np.arange(256) / 255) ** exponent)


def hue(clip: Frames, degrees: float, saturation: float = 1.0) -> Frames:
    """Turn all hues, and multiply how saturated they are."""

    def turned(frame: U8) -> U8:
        hsv = cv2.cvtColor(frame.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0] + degrees) % 360
        hsv[..., 1] = np.clip(hsv[..., 1] * saturation, 0, 1)
        made: U8 = np.rint(255 * cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)).astype(np.uint8)
        return made

    return each(clip, turned)


def greyscale(clip: Frames) -> Frames:
    """Luma in all three channels."""
    return each(clip, lambda frame: cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))


def sepia(clip: Frames) -> Frames:
    """Brown, as of an old photograph."""
    matrix = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])
    return each(clip, lambda frame: cv2.transform(frame, matrix))


def negative(clip: Frames) -> Frames:
    """Light for dark, and every colour for its opposite."""
    return _mapped(clip, np.arange(255.0, -1.0, -1.0))


def palette(clip: Frames, colours: int) -> Frames:
    """So many colours a frame, of its own, dithered: what a GIF holds."""

    def reduced(frame: U8) -> U8:
        indexed = Image.fromarray(frame).quantize(colours, method=Image.Quantize.FASTOCTREE)
        return np.asarray(indexed.convert("RGB"))

    return each(clip, reduced)


def shifted_colours(clip: Frames, pixels: int) -> Frames:
    """Red and blue beside where they belong."""

    def shifted(frame: U8) -> U8:
        red, green, blue = cv2.split(frame)
        made: U8 = cv2.merge([np.roll(red, pixels, axis=(0, 1)), green, np.roll(blue, -pixels, axis=(0, 1))])
        return made

    return each(clip, shifted)


def scan_lines(clip: Frames, share: float) -> Frames:
    """Two of four rows darker by ``share``."""
    height = clip.frames[0].shape[0]
    factors = np.where(np.arange(height) % 4 < 2, 1, 1 - share)[:, None, None]
    return each(clip, lambda frame: np.rint(frame * factors).astype(np.uint8))


def blur(clip: Frames, sigma_px: float) -> Frames:
    """Gaussian blur."""
    return each(clip, lambda frame: cv2.GaussianBlur(frame, (0, 0), sigma_px))


def sharpen(clip: Frames, amount: float, sigma_px: float = 1.5) -> Frames:
    """Unsharp mask: add ``amount`` times what a Gaussian blur takes away."""
    return each(
        clip, lambda frame: cv2.addWeighted(frame, 1 + amount, cv2.GaussianBlur(frame, (0, 0), sigma_px), -amount, 0)
    )


def noise(clip: Frames, sigma: float) -> Frames:
    """White Gaussian noise, in code values."""
    random = clip.random()

    def noisy(frame: U8) -> U8:
        added = random.standard_normal(frame.shape, np.float32) * np.float32(sigma)
        return np.clip(np.rint(frame + added), 0, 255).astype(np.uint8)

    return each(clip, noisy)


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

    return each(clip, covered)


def subtitles(clip: Frames, share: float) -> Frames:
    """Lines of text, outlined and without a ground of their own, over the lower ``share`` of the picture."""
    height = clip.frames[0].shape[0]
    line = max(12, height // 16)
    lines = range(height - int(height * share) + line, height, line)

    def written(frame: U8) -> U8:
        made = frame.copy()
        for number, y in enumerate(lines):
            text = "and every word of it was said twice, so that no one could miss it"[number % 5 :]
            for colour, thickness in (((0, 0, 0), 4), ((255, 255, 255), 1)):
                cv2.putText(made, text, (8, y), 0, line / 34, colour, thickness, cv2.LINE_AA)
        return made

    return each(clip, written)


def inset(clip: Frames, share: float) -> Frames:
    """Another moving picture, opaque, in the lower right corner on ``share`` of the area."""
    height, width = clip.frames[0].shape[:2]
    high, wide = int(height * np.sqrt(share)), int(width * np.sqrt(share))
    ground = clip.random().integers(30, 226, (9, 12, 3), dtype=np.uint8)
    picture = cv2.resize(ground, (2 * wide, high), interpolation=cv2.INTER_CUBIC)
    made = []
    for index, frame in enumerate(clip.frames):
        covered = frame.copy()
        covered[height - high :, width - wide :] = np.roll(picture, 2 * index, axis=1)[:, :wide]
        made.append(covered)
    return Frames(made, clip.fps, clip.seed)


def _mapped(clip: Frames, values: F64) -> Frames:
    table = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return each(clip, lambda frame: cv2.LUT(frame, table))
