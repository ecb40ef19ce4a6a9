"""`swap`: a filmed face under another one. The donor's still is drawn triangle by triangle onto the tracked points.

Eyes and the opening of the mouth stay the target's own: the mesh is open there, so the gaze, the blinks and the teeth
move as filmed. So does what is not skin at the sides and the forehead, in either picture: hair, hands, the brim of a
hat. Light and tint follow the target's.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tellmark.generator.factory.scene import Scene
from tellmark.generator.methods import Forgery
from tellmark.generator.methods.skin import features, relit, skin
from tellmark.generator.methods.warp import as_mask, blend, draw, hull, oval, soften
from tellmark.landmarks import LEFT_BROW, RIGHT_BROW, face_width, triangles
from tellmark.types import F32, U8

_FOREHEAD = 0.55  # of what lies between brows and hairline


def forge(scene: Scene) -> Forgery:
    """Lay the face of the donor's still over the original."""
    return Forgery(
        frames=_swapped(scene),
        wav=scene.wav,
        voice_id=scene.take.sound.voice_id,
        params={"donor": scene.donor.take.take_id, "donor_identity": scene.donor.take.identity},
    )


def _swapped(scene: Scene) -> Iterator[tuple[U8, U8]]:
    still = scene.donor.still
    donor_skin = np.rint(255 * skin(still.image, still.landmarks)).astype(np.uint8)
    donor = np.dstack([still.image, donor_skin])
    for frame, face in zip(scene.frames, scene.track, strict=True):
        moved, covered = draw(donor, still.landmarks, face, triangles())
        drawn, lent = moved[..., :3], moved[..., 3].astype(np.float32) / 255
        width = float(face_width(face))
        # Not up to the outline: there the tracked points lie on hair or background as often as on skin.
        region = hull(_outline(face), 0.10 * width, -0.07 * width) * covered
        both = skin(frame, face) * lent
        light = relit(drawn, frame, region * both)
        region = np.asarray(region * np.maximum(both, features(face)) * soften(covered, 0.02 * width), np.float32)
        yield blend(frame, light, region), as_mask(region)


def _outline(face: F32) -> F32:
    """(36, 2) the face's outline, lower at the forehead: hair hangs into it as often as not."""
    points, brows = oval(face)[:, :2], face[[*RIGHT_BROW, *LEFT_BROW], :2].mean(0)
    up = face[10, :2] - face[152, :2]
    up = up / np.linalg.norm(up)
    height = np.maximum((points - brows) @ up, 0)
    return np.asarray(points - (1 - _FOREHEAD) * height[:, None] * up, np.float32)
