"""What editors, players and other platforms do: a second list, made when all before it was met.

Mixes are three mild attacks and an encoding, drawn once by their number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import cv2
import numpy as np

from tellmark.benchmarks.attacks.clip import Attack, Frames, chain, each
from tellmark.benchmarks.attacks.codecs import recompress
from tellmark.benchmarks.attacks.colour import blur, brightness, contrast, gamma, hue, noise, overlay, sharpen
from tellmark.benchmarks.attacks.filters import filtered
from tellmark.benchmarks.attacks.geometry import crop_at_random, mirror, resize, rotate_at_random, stretch
from tellmark.benchmarks.attacks.rung import Rung, h264, with_crf23
from tellmark.benchmarks.attacks.timing import change_rate, drop, speed
from tellmark.types import U8

_MIXES = 12
_MILD: tuple[Attack, ...] = (
    partial(crop_at_random, most=0.15), partial(resize, factor=0.8), partial(speed, factor=1.08),
    partial(brightness, factor=1.15), partial(contrast, factor=0.85), partial(blur, sigma_px=0.8),
    partial(rotate_at_random, most_degrees=3.0), mirror, partial(change_rate, fps=30.0), partial(noise, sigma=3.0),
    partial(hue, degrees=10.0), partial(overlay, share=0.1), partial(gamma, exponent=1.2),
    partial(stretch, factor=1.06), partial(sharpen, amount=0.6), partial(drop, share=0.05),
    partial(filtered, graph="bilateral=sigmaS=2:sigmaR=0.04"),
)  # fmt: skip


def field_rungs() -> list[Rung]:
    """The group's rungs."""
    graphs = {
        "non-local means": "nlmeans=s=3:p=5:r=9", "bilateral": "bilateral=sigmaS=3:sigmaR=0.05",
        "median": "median=radius=1", "temporal denoising": "atadenoise", "denoised in frequency": "fftdnoiz=sigma=4",
        "film grain": "noise=alls=14:allf=t", "vignette": "vignette", "vintage": "curves=preset=vintage",
        "cross process": "curves=preset=cross_process", "warm": "colortemperature=temperature=4500",
        "teal and orange": "colorbalance=rs=-0.15:bs=0.15:rh=0.1:bh=-0.1", "normalised": "normalize",
        "colours 3 px off": "chromashift=cbh=3:crh=-3", "contrast-adaptive sharpening": "cas=strength=0.8",
        "barrel": "lenscorrection=k1=-0.12:k2=0", "pincushion": "lenscorrection=k1=0.12:k2=0",
        "sheared": "shear=shx=0.06", "stabilised": "deshake", "blocks of 3 px": "pixelize=w=3:h=3",
        "after-glow": "lagfun=decay=0.6", "reversed": "reverse",
    }  # fmt: skip
    attacks: dict[str, Attack] = {name: partial(filtered, graph=graph) for name, graph in graphs.items()}
    attacks |= {
        "50 fps, interpolated": partial(filtered, graph="minterpolate=fps=50", fps=50.0),
        "60 fps, blended": partial(filtered, graph="framerate=fps=60", fps=60.0),
        "fields woven": woven,
        "deinterlaced": partial(filtered, graph="yadif"),
        "equalised": equalised,
        "locally equalised": locally_equalised,
        "video range misread": misread_range,
        "BT.709 for BT.601": misread_matrix,
        "face in mosaic": partial(hidden, mosaic=True),
        "face in black": hidden,
        "another background": another_background,
        "banner and caption": banner,
        "one half": one_half,
        "rolling shutter": rolling_shutter,
        "half size, up again, sharpened": chain(
            partial(resize, factor=0.5), partial(resize, factor=2.0), partial(sharpen, amount=1.2)
        ),
    }
    codecs = {
        "mjpeg, quantiser 8": partial(recompress, crf=8, codec="mjpeg"),
        "wmv2, quantiser 6": partial(recompress, crf=6, codec="wmv2"),
        "vp8 at 500 kbit/s": partial(recompress, codec="libvpx", kbit=500),
        "h264 4:4:4, crf 28": partial(recompress, crf=28, samples="yuv444p"),
        "hevc 10 bit, crf 28": partial(recompress, crf=28, codec="libx265", preset="fast", samples="yuv420p10le"),
        "h264 at 300 kbit/s": partial(recompress, preset="medium", kbit=300),
        "h264 at 150 kbit/s": partial(recompress, preset="medium", kbit=150),
    }
    return [
        *with_crf23("field", attacks),
        *(Rung(name, "field", attack) for name, attack in codecs.items()),
        Rung("ten times crf 23", "field", chain(*[h264(23)] * 10)),
        Rung("h264, then hevc, then vp9", "field", chain(h264(26), _codec("libx265", 28), _codec("libvpx-vp9", 35))),
        *(Rung(f"mix {number}", "field", mix(number), 10.0, 0.9) for number in range(1, _MIXES + 1)),
    ]


def mix(number: int) -> Attack:
    """Three mild attacks, always the same for a number, then H.264 at CRF 26."""
    chosen = np.random.default_rng(number).choice(len(_MILD), 3, replace=False)
    return chain(*(_MILD[index] for index in chosen), h264(26))


def woven(clip: Frames) -> Frames:
    """Interlaced, and shown without undoing it: odd rows are those of the frame before."""
    made = []
    for before, frame in zip(clip.frames[:1] + clip.frames[:-1], clip.frames, strict=True):
        both = frame.copy()
        both[1::2] = before[1::2]
        made.append(both)
    return replace(clip, frames=made)


def equalised(clip: Frames) -> Frames:
    """The histogram of each frame's luma made flat."""
    return _luma(clip, cv2.equalizeHist)


def locally_equalised(clip: Frames) -> Frames:
    """CLAHE (Zuiderveld 1994) on luma."""
    return _luma(clip, cv2.createCLAHE(2.0, (8, 8)).apply)


def misread_range(clip: Frames) -> Frames:
    """Full-range values taken for video range: the ends are cut off and the rest is stretched."""
    table = np.clip((np.arange(256) - 16) * 255 / 219, 0, 255).round().astype(np.uint8)
    return each(clip, lambda frame: np.asarray(table[frame], np.uint8))


def misread_matrix(clip: Frames) -> Frames:
    """Luma and chroma of BT.601 shown as those of BT.709."""
    to_709 = np.array([[1, 0, 1.5748], [1, -0.1873, -0.4681], [1, 1.8556, 0]], np.float32)
    from_601 = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
    matrix = to_709 @ from_601
    return each(clip, lambda frame: np.clip(cv2.transform(frame.astype(np.float32), matrix), 0, 255).astype(np.uint8))


def hidden(clip: Frames, mosaic: bool = False) -> Frames:
    """The middle, .4 wide and .5 high, under a black box or in cells of an eighth of it."""
    height, width = clip.frames[0].shape[:2]
    rows, columns = slice(int(0.15 * height), int(0.65 * height)), slice(int(0.3 * width), int(0.7 * width))

    def covered(frame: U8) -> U8:
        made = frame.copy()
        part = made[rows, columns]
        small = cv2.resize(part, (8, 10), interpolation=cv2.INTER_AREA)
        made[rows, columns] = cv2.resize(small, part.shape[1::-1], interpolation=cv2.INTER_NEAREST) if mosaic else 0
        return made

    return each(clip, covered)


def another_background(clip: Frames) -> Frames:
    """All but a person-shaped middle replaced by a wall."""
    height, width = clip.frames[0].shape[:2]
    person = np.zeros((height, width), np.float32)
    cv2.ellipse(person, (width // 2, int(0.4 * height)), (int(0.22 * width), int(0.32 * height)), 0, 0, 360, 1.0, -1)
    cv2.ellipse(person, (width // 2, height), (int(0.42 * width), int(0.32 * height)), 0, 0, 360, 1.0, -1)
    person = cv2.GaussianBlur(person, (0, 0), 2.0)
    wall = np.full((height, width, 3), (90, 130, 110), np.uint8)
    return each(clip, lambda frame: np.asarray(cv2.blendLinear(frame, wall, person, 1 - person), np.uint8))


def banner(clip: Frames) -> Frames:
    """A news banner over the lowest fifth, and large words above."""
    height, width = clip.frames[0].shape[:2]

    def titled(frame: U8) -> U8:
        made = frame.copy()
        made[int(0.8 * height) :] = (20, 30, 110)
        for text, y, size in (("BREAKING NEWS", 0.92, 1.6), ("wait for it", 0.12, 2.0)):
            at = (int(0.05 * width), int(y * height))
            for colour, thick in ((0, 10), (255, 4)):
                cv2.putText(made, text, at, cv2.FONT_HERSHEY_DUPLEX, size * width / 512, (colour,) * 3, thick)
        return made

    return each(clip, titled)


def one_half(clip: Frames) -> Frames:
    """The left half beside something else: a split screen of two halves of films."""
    height, width = clip.frames[0].shape[:2]
    other = np.full((height, width - width // 2, 3), (140, 120, 100), np.uint8)
    other = np.clip(other + clip.random().normal(0, 12, other.shape), 0, 255).astype(np.uint8)
    return each(clip, lambda frame: np.hstack([frame[:, : width // 2], other]))


def rolling_shutter(clip: Frames) -> Frames:
    """Rows sway sideways by up to 3 px, a little later the lower they lie."""
    height, width = clip.frames[0].shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    made = []
    for index, frame in enumerate(clip.frames):
        sway = 3 * np.sin(2 * np.pi * (0.06 * index + y / height)) * width / 512
        made.append(cv2.remap(frame, x + sway.astype(np.float32), y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT))
    return replace(clip, frames=made)


def _codec(codec: str, crf: int) -> Attack:
    return partial(recompress, crf=crf, codec=codec, preset="fast")


def _luma(clip: Frames, change: Callable[[Any], Any]) -> Frames:
    def changed(frame: U8) -> U8:
        planes = cv2.cvtColor(frame, cv2.COLOR_RGB2YCrCb)
        planes[..., 0] = change(planes[..., 0])
        return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YCrCb2RGB), np.uint8)

    return each(clip, changed)
