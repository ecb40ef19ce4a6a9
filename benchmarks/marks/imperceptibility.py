"""What a mark costs: error, structural similarity and bytes, over whole clips.

Errors are taken between the marked and the unmarked frames after the same conversion to I420 and back. PSNR pools the
squared error of a clip. SSIM (Wang et al. 2004: 11x11 Gaussian window, sigma 1.5, K = .01 and .03, L = 255) is the mean
over every tenth frame, on Y as the encoder gets it, on the grey of the RGB picture, and as the mean over R, G and B.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from statistics import mean
from typing import Any

import cv2
import numpy as np

from tellmark.benchmarks.attacks import LONG_GOP_S, SHORT_GOP_S, Frames, encoded
from tellmark.benchmarks.marks.marking import embedded, payload_of
from tellmark.media import i420_to_rgb, rgb_to_i420
from tellmark.types import F32, U8

Row = dict[str, Any]

_TARGETS = {"psnr rgb, dB": 45.0, "psnr y, dB": 48.0, "ssim y": 0.995, "ssim grey of rgb": 0.995, "ssim rgb": 0.995}
_BYTES_TARGET = 5.0  # per cent at CRF 23


def rows(hosts: Iterable[Frames], progress: Callable[[str], None]) -> Iterator[Row]:
    """A row a measure: mean, minimum and maximum over the clips; met if the worst clip meets the target."""
    table: dict[str, list[float]] = {}
    for number, clip in enumerate(hosts):
        progress(f"clip {number}, imperceptibility")
        for name, value in measured(clip).items():
            table.setdefault(name, []).append(value)
    for name, values in table.items():
        yield {
            "measure": "imperceptibility",
            "condition": name,
            "clips": len(values),
            "mean": round(mean(values), 4),
            "min": round(min(values), 4),
            "max": round(max(values), 4),
        } | _judged(name, values)


def _judged(name: str, values: Sequence[float]) -> Row:
    if "bytes" in name and "crf 23" in name:
        return {"target": _BYTES_TARGET, "met": "yes" if max(values) <= _BYTES_TARGET else "no"}
    if name in _TARGETS:
        return {"target": _TARGETS[name], "met": "yes" if min(values) >= _TARGETS[name] else "no"}
    return {}


def measured(clip: Frames) -> dict[str, float]:
    """All measures of one clip."""
    plain = [rgb_to_i420(frame) for frame in clip.frames]
    marked = [planes.copy() for planes in embedded(clip, payload_of(clip))]
    height = clip.frames[0].shape[0]
    rgb = [replace(clip, frames=[i420_to_rgb(planes) for planes in made]) for made in (plain, marked)]
    few = slice(None, None, 10)
    pairs = list(zip(rgb[0].frames[few], rgb[1].frames[few], strict=True))
    values = {
        "psnr y, dB": psnr([p[:height] for p in plain], [m[:height] for m in marked]),
        "psnr rgb, dB": psnr(rgb[0].frames, rgb[1].frames),
        "ssim y": mean(ssim(p[:height], m[:height]) for p, m in zip(plain[few], marked[few], strict=True)),
        "ssim grey of rgb": mean(ssim(_grey(p), _grey(m)) for p, m in pairs),
        "ssim rgb": mean(ssim(p[..., c], m[..., c]) for p, m in pairs for c in range(3)),
    }
    for crf, preset in ((18, "veryfast"), (23, "veryfast"), (28, "veryfast"), (23, "medium")):
        for gop_s in (SHORT_GOP_S, LONG_GOP_S):
            before, after = (len(encoded(made, crf=crf, preset=preset, gop_s=gop_s)) for made in rgb)
            values[f"bytes added at crf {crf} {preset}, {gop_s:g} s gop, %"] = 100 * (after / before - 1)
    return values


def fidelity(reference: Sequence[U8], changed: Sequence[U8]) -> dict[str, float]:
    """PSNR and SSIM of RGB frames (H, W, 3), and of their Y: for marks that are made in RGB."""
    height = reference[0].shape[0]
    y = [[rgb_to_i420(frame)[:height] for frame in frames] for frames in (reference, changed)]
    pairs = list(zip(reference, changed, strict=True))
    return {
        "psnr y, dB": psnr(*y),
        "psnr rgb, dB": psnr(reference, changed),
        "ssim y": mean(ssim(a, b) for a, b in zip(*y, strict=True)),
        "ssim rgb": mean(ssim(a[..., c], b[..., c]) for a, b in pairs for c in range(3)),
    }


def psnr(reference: Sequence[U8], changed: Sequence[U8]) -> float:
    """10 log10(255**2 / mean squared error), over all frames."""
    error = mean(float(np.mean((a.astype(np.float32) - b) ** 2)) for a, b in zip(reference, changed, strict=True))
    return 10 * float(np.log10(255**2 / max(error, 1e-12)))


def ssim(reference: U8, changed: U8) -> float:
    """Structural similarity of two planes (H, W)."""

    def local(plane: F32) -> F32:
        averaged: F32 = cv2.GaussianBlur(plane, (11, 11), 1.5)
        return averaged

    a, b = reference.astype(np.float32), changed.astype(np.float32)
    mean_a, mean_b = local(a), local(b)
    var_a, var_b = local(a * a) - mean_a**2, local(b * b) - mean_b**2
    covariance = local(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    index = (2 * mean_a * mean_b + c1) * (2 * covariance + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    return float(index.mean())


def _grey(rgb: U8) -> U8:
    grey: U8 = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    return grey
