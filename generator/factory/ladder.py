"""The compression ladder: one clip in several qualities, named as FaceForensics++ names them.

Every quality is marked and signed by itself. ``raw`` is lossless after the conversion to 4:2:0. ``messenger`` is what a
messenger makes of a clip (smaller, coarser, duller sound), made before the mark instead of after it.

Sides are multiples of 128: x264's macroblock tree reads memory that it never wrote where a row holds a number of
macroblocks that is no multiple of 8, and the same frames then give other bytes now and then.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from tellmark.encoding import Encoding
from tellmark.generator.types import SIZE


@dataclass(frozen=True, slots=True)
class Rung:
    """A side in px and an encoding."""

    side: int
    encoding: Encoding


def rung(name: str | None, base: Encoding) -> Rung:
    """The rung ``name``; None is ``base`` itself."""
    if name is None:
        return Rung(SIZE, base)
    if name == "messenger":
        return Rung(384, dataclasses.replace(base, crf=29, keyframe_s=10.0, audio_rate_hz=24_000))
    return Rung(SIZE, dataclasses.replace(base, crf={"raw": 0, "c23": 23, "c40": 40}[name]))
