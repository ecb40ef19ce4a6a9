"""Marks still pictures: PNG, JPEG and WebP.

The mark is made on I420 planes, where the detector looks for it, but only what it changes there is taken over to RGB:
the picture keeps its own chroma, pixel by pixel. Without time to average over, busy pictures need a stronger mark than
videos do; how strong is found out by reading it back. Luma, which costs an encoder of video most, is stronger always:
grey and small pictures live on it. There is no fingerprint that could confirm a picture, so a
stripped one verifies as ``watermarked``, never as ``recovered``; its registry row still leads to the manifest.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from tellmark import runs
from tellmark.errors import MediaError, UsageError
from tellmark.media import rgb_to_i420
from tellmark.pictures import read_image
from tellmark.types import F32, U8, Kind
from tellmark.watermark import formats
from tellmark.watermark.content.fingerprint import Fingerprinter
from tellmark.watermark.detect import detect_image
from tellmark.watermark.embed import DEFAULT_STRENGTH, Embedder, Gain
from tellmark.watermark.mark import agreeing, provenance_of
from tellmark.watermark.registry import Registry
from tellmark.watermark.signal.pattern import PUBLIC_KEY, WatermarkKey
from tellmark.watermark.signal.payload import Payload
from tellmark.watermark.verify import is_picture
from tellmark.watermark.writer import MarkedClip, scratch, sign_and_register

FORMATS = ("image/png", "image/jpeg", "image/webp")
_QUALITY = 95  # of JPEG and WebP; JPEG keeps full chroma
_PROOF_QUALITY = 75  # of the JPEG that the mark has to survive
_FACTORS = (1.0, 1.4, 2.0)  # of the strength, which is that of videos, averaged over time, but for luma
_STRENGTH = replace(DEFAULT_STRENGTH, y=Gain(0.45, 0.3, (0.42, 1.2)))  # no encoder has to be paid for it here
_TO_RGB = np.array([[1.164, 0.0, 1.596], [1.164, -0.392, -0.813], [1.164, 2.017, 0.0]], np.float32)  # BT.601, limited


def mark_picture(
    src: Path | str, dst: Path | str, *, kind: Kind, registry: str | Path | None = None, force: bool = False
) -> MarkedClip:
    """Write the picture ``src`` marked and signed to ``dst`` (.png, .jpg or .webp).

    The picture is turned upright and laid over white where it is transparent; its colour profile is kept. One that
    carries a mark already keeps it and its bytes, and is signed anew.

    Raises :class:`MediaError` where ``src`` is no picture; :class:`UsageError` where ``dst`` exists and not ``force``,
    has another suffix, where the picture is too small, or says of itself something else than ``kind``.
    """
    src, dst = Path(src), Path(dst)
    rgb = read_image(src)
    if not is_picture(src):
        raise MediaError(f"{src} holds no still picture; give a PNG, JPEG or WebP file")
    if formats.mime_for(dst) not in FORMATS:
        raise UsageError(f"{dst.name}: a marked picture is written as .png, .jpg or .webp")
    runs.check_output(dst, force=force)
    provenance = provenance_of(src, dst, kind)
    mark = detect_image(rgb, thorough=False)
    fingerprinter = Fingerprinter()
    rows = Registry(registry)
    with runs.atomic_path(dst, force=force) as signed:
        if mark.present:
            payload = agreeing(src, mark.payload, kind, formats.mime_for(dst))
            fingerprinter.add(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), 0.0)
            return sign_and_register(src, signed, dst, provenance, payload, fingerprinter.finish(), rows)
        payload = Payload.new(kind)
        marked = embed_image(rgb, payload)
        fingerprinter.add(cv2.cvtColor(marked, cv2.COLOR_RGB2GRAY), 0.0)
        with scratch(signed) as unsigned:
            _write(unsigned, marked, _profile(src))
            return sign_and_register(unsigned, signed, dst, provenance, payload, fingerprinter.finish(), rows)


def embed_image(rgb: U8, payload: Payload, *, key: WatermarkKey = PUBLIC_KEY) -> U8:
    """A marked copy of a picture (H, W, 3) uint8 of any size, the mark as faint as a JPEG file of quality 75 allows.

    Where even the strongest cannot be read from one, that is what is returned. Raises UsageError where the picture is
    too small.
    """
    height, width = rgb.shape[:2]
    even = cv2.copyMakeBorder(rgb, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    planes = rgb_to_i420(even)
    marked = Embedder(payload, width=even.shape[1], height=even.shape[0], key=key, strength=_STRENGTH).embed(
        planes.copy()
    )
    change = _upsampled(marked.astype(np.float32) - planes)[:height, :width] @ _TO_RGB.T
    made = rgb
    for factor in _FACTORS:
        made = np.rint(np.clip(rgb + factor * change, 0, 255)).astype(np.uint8)
        if detect_image(_as_jpeg(made), key=key, thorough=False).payload == payload:
            break
    return made


def _as_jpeg(rgb: U8) -> U8:
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(rgb[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, _PROOF_QUALITY])
    read: U8 = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(read[..., ::-1])


def _upsampled(i420: F32) -> F32:
    """(H, W, 3) Y, Cb, Cr from planes (H * 3 / 2, W)."""
    height, width = i420.shape[0] * 2 // 3, i420.shape[1]
    chroma = i420[height:].reshape(2, height // 2, width // 2)
    full = [cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR) for plane in chroma]
    stacked: F32 = np.dstack([i420[:height], *full])
    return stacked


def _profile(path: Path) -> bytes | None:
    with Image.open(path) as image:
        profile: bytes | None = image.info.get("icc_profile") if image.mode in ("RGB", "RGBA") else None
    return profile


def _write(path: Path, rgb: U8, profile: bytes | None) -> None:
    settings: dict[str, Any] = {"subsampling": 0} if formats.mime_for(path) == "image/jpeg" else {}
    Image.fromarray(rgb).save(path, quality=_QUALITY, icc_profile=profile, **settings)
