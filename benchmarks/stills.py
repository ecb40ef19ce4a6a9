"""`tellmark bench stills`: what marking costs a still picture, and what of the mark survives in it.

``--with data=FOLDER`` takes the pictures of a folder, at most ``clips=N`` of them; otherwise the portraits of virtual
actors. A picture has no time to average over.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
from PIL import Image

from tellmark.benchmarks.attacks import wilson
from tellmark.benchmarks.marks.imperceptibility import psnr, ssim
from tellmark.errors import UsageError
from tellmark.generator.actors import actor
from tellmark.pictures import read_image
from tellmark.types import U8, Kind
from tellmark.watermark.detect import detect_image
from tellmark.watermark.signal.payload import Payload
from tellmark.watermark.stills import embed_image

Row = dict[str, Any]
_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}


def jpeg(rgb: U8, quality: int) -> U8:
    """Through a JPEG file, with the subsampled chroma that is usual."""
    return _coded(rgb, "JPEG", quality=quality)


def _coded(rgb: U8, kind: str, **settings: int) -> U8:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, kind, **settings)
    return np.array(Image.open(buffer).convert("RGB"))


def _scaled(rgb: U8, factor: float) -> U8:
    made: U8 = cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return made


def _grey(rgb: U8) -> U8:
    made: U8 = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return made


def _cropped(rgb: U8, share: float) -> U8:
    """``share`` of each side taken away, off centre."""
    top, left = (int(side * share * part) for side, part in zip(rgb.shape[:2], (0.3, 0.6), strict=True))
    high, wide = (int(side * (1 - share)) for side in rgb.shape[:2])
    return np.ascontiguousarray(rgb[top : top + high, left : left + wide])


ATTACKS: dict[str, Callable[[U8], U8]] = {
    "png": lambda rgb: rgb,
    "jpeg 95": lambda rgb: jpeg(rgb, 95),
    "jpeg 85": lambda rgb: jpeg(rgb, 85),
    "jpeg 75": lambda rgb: jpeg(rgb, 75),
    "jpeg 60": lambda rgb: jpeg(rgb, 60),
    "webp 80": lambda rgb: _coded(rgb, "WEBP", quality=80),
    "half size, jpeg 85": lambda rgb: jpeg(_scaled(rgb, 0.5), 85),
    "crop 25 %, jpeg 85": lambda rgb: jpeg(_cropped(rgb, 0.25), 85),
    "mirror, jpeg 85": lambda rgb: jpeg(np.ascontiguousarray(rgb[:, ::-1]), 85),
    "greyscale, jpeg 85": lambda rgb: jpeg(_grey(rgb), 85),
}


def run(
    *, quick: bool = False, data: str | Path | None = None, clips: int | str | None = None, hosts: str = ""
) -> list[Row]:
    """Rows of {measure, condition, hosts, pictures, ...}. hosts: what the results say of the pictures."""
    count = int(clips) if clips else 3 if quick else 20
    pictures = list(_pictures(Path(data) if data is not None else None, count))
    said = hosts or ("rendered" if data is None else "real")
    marked = [embed_image(rgb, _payload(number)) for number, rgb in enumerate(pictures)]
    rows = [*_cost(pictures, marked), *_survival(pictures, marked)]
    return [{"measure": row["measure"], "condition": row["condition"], "hosts": said} | row for row in rows]


def _pictures(folder: Path | None, count: int) -> Iterator[U8]:
    if folder is None:
        yield from (actor(seed).image for seed in range(count))
        return
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in _SUFFIXES)
    if not found:
        raise UsageError(f"no pictures to measure on in {folder}; give a folder that holds some")
    yield from map(read_image, found[:count])


def _payload(number: int) -> Payload:
    return Payload(Kind.CONTROL, 0x1234_5678_9ABC + number)


def _cost(pictures: list[U8], marked: list[U8]) -> Iterator[Row]:
    costs: dict[str, list[float]] = {}
    for rgb, made in zip(pictures, marked, strict=True):
        costs.setdefault("psnr rgb, dB", []).append(psnr([rgb], [made]))
        costs.setdefault("ssim rgb", []).append(float(np.mean([ssim(rgb[..., c], made[..., c]) for c in range(3)])))
        costs.setdefault("ssim grey", []).append(ssim(_grey(rgb)[..., 0], _grey(made)[..., 0]))
        costs.setdefault("short side, px", []).append(min(rgb.shape[:2]))
    for name, values in costs.items():
        yield {
            "measure": "imperceptibility",
            "condition": name,
            "pictures": len(values),
            "mean": round(float(np.mean(values)), 4),
            "min": round(min(values), 4),
            "max": round(max(values), 4),
        }


def _survival(pictures: list[U8], marked: list[U8]) -> Iterator[Row]:
    for name, attack in ATTACKS.items():
        sys.stderr.write(f"{name}\n")
        right = wrong = present = 0
        p_values = []
        for number, made in enumerate(marked):
            reading = detect_image(attack(made))
            right += reading.payload == _payload(number)
            wrong += reading.payload not in (None, _payload(number))
            present += reading.present
            p_values.append(max(reading.p_value, 1e-300))
        low, high = wilson(right, len(pictures))
        yield {
            "measure": "robustness",
            "condition": name,
            "pictures": len(pictures),
            "payload": right,
            "wrong": wrong,
            "present": present,
            "share": round(right / len(pictures), 4),
            "low": round(low, 4),
            "high": round(high, 4),
            "log10 p": round(float(np.log10(median(p_values))), 1),
        }
    p_values = [detect_image(jpeg(rgb, 85)).p_value for rgb in pictures]
    yield {
        "measure": "unmarked",
        "condition": "jpeg 85",
        "pictures": len(pictures),
        "present": sum(p < 1e-6 for p in p_values),
        "min": min(p_values),
    }
