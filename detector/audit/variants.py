"""The same clip once more: encoded otherwise, made smaller, with noise, marked. Nothing of it is kept.

A variant is frames in, frames out; where it encodes, it does so into a temporary file that is read back. Real and fake
clips pass through the same ones, so a score that follows the variant follows the file and not the face.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np

from tellmark.detector.features import ClipFeatures, clip_features
from tellmark.detector.footage import Marker
from tellmark.detector.windows.tracks import Frames, read_frames
from tellmark.detector.windows.window import FPS, FRAMES
from tellmark.encoding import Encoding, VideoWriter
from tellmark.errors import MediaError
from tellmark.media import rgb_to_i420
from tellmark.types import U8

SECONDS = FRAMES / FPS + 0.4  # of each variant: one window, and room for a face that is found late


@dataclass(frozen=True, slots=True)
class Variant:
    """What is done to a clip. The defaults do nothing.

    side: longer side in px; None: as it is. noise: deviation of white noise, code values. marks: how often it is
    marked. encoding: at the end of it; None where nothing is done.
    """

    encoding: Encoding | None = None
    side: int | None = None
    noise: float = 0.0
    marks: int = 0


AS_IS = Variant()
AGAIN = Variant(Encoding(crf=18))
SWAPS = {
    "preset ultrafast": Variant(Encoding(crf=23, preset="ultrafast")),
    "CRF 28": Variant(Encoding(crf=28)),
    "codec HEVC": Variant(Encoding(codec="libx265", crf=26, preset="ultrafast")),
}
LADDER = {
    "c23": Variant(Encoding(crf=23)),
    "c40": Variant(Encoding(crf=40)),
    "side 256": Variant(Encoding(crf=23), side=256),
    "noise 4": Variant(Encoding(crf=23), noise=4.0),
}


def variant_features(path: Path, variant: Variant, *, mark: Marker | None = None, seed: int = 0) -> ClipFeatures:
    """The tells of the first window of a clip's variant."""
    if variant == AS_IS:
        return clip_features(first_seconds(path), limit=1)
    if variant.encoding is None or (variant.marks and mark is None):
        raise ValueError("a variant is encoded, and marked only by a marker")
    changed = _changed(first_seconds(path), variant, seed)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "variant.mp4"
        if not _encode(marked(changed, mark, variant.marks), file, variant.encoding):
            return clip_features([], limit=1)
        return clip_features(file, limit=1)


def first_seconds(path: Path) -> Frames:
    """What variants are made of: the first :data:`SECONDS` of a clip at 25 frames per second."""
    return islice(read_frames(path), round(SECONDS * FPS))


def stripped(path: Path, out: Path) -> Path:
    """Copy the pictures of a file to ``out`` without sound, metadata, C2PA box or SEI messages; nothing is re-encoded.

    Raises :class:`MediaError` for a codec other than H.264.
    """
    with av.open(str(path)) as source, av.open(str(out), "w", format="mp4") as target:
        stream = source.streams.video[0]
        if stream.codec_context.name != "h264":
            raise MediaError(f"{path} is {stream.codec_context.name}; only H.264 is stripped of its SEI messages")
        copy = target.add_stream_from_template(stream)
        copy.metadata.clear()
        sei = av.bitstream.BitStreamFilterContext("filter_units=remove_types=6", stream, copy)
        for packet in source.demux(stream):
            if packet.dts is None:
                continue
            for kept in sei.filter(packet):
                kept.stream = copy
                target.mux(kept)
        for kept in sei.filter(None):
            kept.stream = copy
            target.mux(kept)
    return out


def _changed(frames: Frames, variant: Variant, seed: int) -> Iterator[tuple[float, U8]]:
    rng = np.random.default_rng(seed)
    for time_s, rgb in frames:
        if variant.side is not None and variant.side < max(rgb.shape[:2]):
            ratio = variant.side / max(rgb.shape[:2])
            rgb = np.asarray(cv2.resize(rgb, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA), np.uint8)
        rgb = np.ascontiguousarray(rgb[: rgb.shape[0] // 2 * 2, : rgb.shape[1] // 2 * 2])
        if variant.noise:
            noisy = rgb + variant.noise * rng.standard_normal(rgb.shape, np.float32)
            rgb = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
        yield time_s, rgb


def marked(frames: Frames, mark: Marker | None, times: int) -> Iterator[U8]:
    """I420 frames of ``frames``, marked so many times over, each with a payload of its own."""
    marks: list[Callable[[U8], U8]] = []
    for number, (_, rgb) in enumerate(frames):
        if number == 0 and mark is not None:
            marks = [mark(rgb.shape[1], rgb.shape[0]) for _ in range(times)]
        i420 = np.ascontiguousarray(rgb_to_i420(rgb))
        for one in marks:
            i420 = one(i420)
        yield i420


def _encode(frames: Iterator[U8], path: Path, encoding: Encoding) -> bool:
    """Write the frames; False where there are none."""
    first = next(frames, None)
    if first is None:
        return False
    width, height = first.shape[1], first.shape[0] * 2 // 3
    with VideoWriter(path, width=width, height=height, fps=FPS, encoding=encoding) as writer:
        writer.write(first)
        for frame in frames:
            writer.write(frame)
    return True
