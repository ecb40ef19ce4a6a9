"""`null`: an original through every stage of the fakes but the synthesis, and still an original.

The face is drawn onto its own points, moved by half a pixel and back so that it is resampled as fakes are, and blended
by their soft mask. A detector that tells this from the original has learnt resampling and blending, not forgery.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from tellmark.generator.factory.scene import Scene
from tellmark.generator.methods import Forgery
from tellmark.generator.methods.warp import as_mask, blend, draw, hull, oval
from tellmark.landmarks import face_width, triangles
from tellmark.types import F32, U8


def forge(scene: Scene) -> Forgery:
    """Resample and blend the original's face with itself."""
    frames = resampled(scene.frames, scene.track, scene.rng("null"))
    return Forgery(frames=frames, wav=scene.wav, voice_id=scene.take.sound.voice_id, segments=())


def resampled(frames: Iterable[U8], track: F32, rng: np.random.Generator) -> Iterator[tuple[U8, U8]]:
    """Frames (512, 512, 3) whose face, tracked as ``track`` (T, 478, 3) px, is drawn onto itself; and their masks."""
    offset = np.concatenate([rng.uniform(-0.5, 0.5, 2), [0]]).astype(np.float32)
    for frame, face in zip(frames, track, strict=True):
        moved, there = draw(frame, face, face + offset, triangles())
        back, again = draw(moved, face + offset, face, triangles())
        width = float(face_width(face))
        region = hull(oval(face), 0.08 * width, -0.09 * width) * there * again
        yield blend(frame, back, region), as_mask(region)
