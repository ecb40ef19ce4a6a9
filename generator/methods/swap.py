"""`swap`: a filmed face under another one. The donor's still is drawn triangle by triangle onto the tracked points.

Eyes and the opening of the mouth stay the target's own: the mesh is open there, so the gaze, the blinks and the teeth
move as filmed. Colours follow the target's.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tellmark.generator.methods import Forgery
from tellmark.generator.methods.warp import as_mask, blend, draw, hull, oval, recolour, soften, statistics
from tellmark.generator.scene import Scene
from tellmark.landmarks import face_width, triangles
from tellmark.types import U8


def forge(scene: Scene) -> Forgery:
    """Lay the face of the donor's still over the original."""
    return Forgery(
        frames=_swapped(scene),
        wav=scene.wav,
        voice_id=scene.take.sound.voice_id,
        params={"donor": scene.donor.take.take_id, "donor_identity": scene.donor.take.identity},
    )


def _swapped(scene: Scene) -> Iterator[tuple[U8, U8]]:
    donor = scene.donor.still
    have = want = None
    for frame, face in zip(scene.frames, scene.track, strict=True):
        drawn, covered = draw(donor.image, donor.landmarks, face, triangles())
        width = float(face_width(face))
        # Not up to the outline: there the tracked points lie on hair or background as often as on skin.
        region = hull(oval(face), 0.08 * width, -0.07 * width)
        skin = region * covered
        region = region * soften(covered, 0.02 * width) * covered
        now = statistics(drawn, skin), statistics(frame, skin)
        have = now[0] if have is None else 0.8 * have + 0.2 * now[0]
        want = now[1] if want is None else 0.8 * want + 0.2 * now[1]
        yield blend(frame, recolour(drawn, have, want, region), region), as_mask(np.asarray(region, np.float32))
