"""Our own watermark as the attack suite sees one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from tellmark.benchmarks.attacks import Frames, Reading, recompress
from tellmark.encoding import Encoding
from tellmark.media import i420_to_rgb, rgb_to_i420
from tellmark.types import U8, Kind
from tellmark.watermark.detect import MarkReading, detect_planes
from tellmark.watermark.embed import Embedder
from tellmark.watermark.signal.known import KnownPayloads
from tellmark.watermark.signal.pattern import PUBLIC_KEY, WatermarkKey
from tellmark.watermark.signal.payload import ID_BITS, Payload


@dataclass(frozen=True, slots=True)
class Tellmark:
    """A ``Watermark`` of the attack suite: 64 bits under ``key``. known: as if a registry knew these payloads."""

    key: WatermarkKey = PUBLIC_KEY
    name: str = "tellmark"
    known: KnownPayloads | None = None

    def embed(self, clip: Frames) -> tuple[Frames, U8]:
        """The marked clip, and the payload's bits."""
        payload = payload_of(clip)
        frames = [i420_to_rgb(planes) for planes in embedded(clip, payload, self.key)]
        return replace(clip, frames=frames), payload.bits()

    def detect(self, clip: Frames) -> Reading:
        """As ``tellmark verify`` reads a file, the full search included."""
        reading = read(clip, self.key, self.known)
        return Reading(reading.payload.bits() if reading.payload is not None else None, reading.present)


def payload_of(clip: Frames) -> Payload:
    """A payload that the clip's seed chooses, so that a run can be repeated."""
    random = np.random.default_rng([clip.seed, 1])
    return Payload(Kind.CONTROL, int.from_bytes(random.bytes(ID_BITS // 8), "big"))


def registry_of(seeds: Iterable[int], size: int) -> KnownPayloads:
    """The payloads of the clips with these seeds among random others, ``size`` in all."""
    own = [payload_of(Frames([], 1.0, seed)).hex() for seed in seeds]
    ids = np.random.default_rng(0).integers(1 << ID_BITS, size=size - len(own))
    return KnownPayloads(lambda: own + [Payload(Kind.CONTROL, int(number)).hex() for number in ids])


def embedded(clip: Frames, payload: Payload, key: WatermarkKey = PUBLIC_KEY) -> Iterator[U8]:
    """The clip's frames with a mark, as the I420 planes that the encoder gets."""
    height, width = clip.frames[0].shape[:2]
    embedder = Embedder(payload, width=width, height=height, key=key)
    for frame in clip.frames:
        yield embedder.embed(rgb_to_i420(frame))


def unmarked(clip: Frames) -> Frames:
    """The clip through the same planes and back, without a mark: what a marked one is compared with."""
    return replace(clip, frames=[i420_to_rgb(rgb_to_i420(frame)) for frame in clip.frames])


def read(clip: Frames, key: WatermarkKey = PUBLIC_KEY, known: KnownPayloads | None = None) -> MarkReading:
    """The detector's own reading, with the full search."""
    planes = (
        (time_s, rgb_to_i420(frame), index in clip.keyframes) for index, (time_s, frame) in enumerate(timed(clip))
    )
    return detect_planes(planes, key=key, known=known)


def timed(clip: Frames) -> Iterator[tuple[float, U8]]:
    """(time in seconds, frame), as detectors take them."""
    return ((index / clip.fps, frame) for index, frame in enumerate(clip.frames))


def published(clip: Frames) -> Frames:
    """What others get: the file as tellmark writes it."""
    own = Encoding()
    return recompress(clip, crf=own.crf, codec=own.codec, preset=own.preset, gop_s=own.keyframe_s)
