"""Light about the jaw: how the face turns from it towards the neck, and the shade of head and chin on the neck.

The grid that shadows are found on ends the light at the jaw as if it were cut there. In footage it fades on either
side: log light, against the cheeks', goes from -.1 at a tenth of a face above the chin's edge to -.7 at the edge, and
is at -.4 a tenth below it (`docs/log.md`, 1 December).
"""

from __future__ import annotations

import cv2
import numpy as np

from tellmark.generator.actors import skin
from tellmark.generator.actors.facespace import f32
from tellmark.generator.actors.scenery import smoothstep
from tellmark.generator.types import SIZE
from tellmark.types import F32

_RED = np.array([0.85, 1.0, 1.08], np.float32)  # what light skin has scattered is redder in the shade
_TURN = 0.28  # of the light, that is lost where the jaw's outline turns under
_CHIN = 0.22  # likewise by the chin below its ball, which faces the floor
_BOUNCE = 0.20  # of the neck's brightness, that comes back from jaw to neck right below it, which the grid leaves out
_SHADE = 0.28  # likewise, lost to head and chin further down


def turned_under(shape: F32, beyond: F32, low: F32) -> tuple[F32, F32]:
    """(SIZE, SIZE, 3) share of light that is left on the lower face, and (SIZE, SIZE, 1) of its gloss, in [0, 1].

    shape: (478, 3) portrait px. beyond, low: what :func:`skin.beyond_outline` says of it.
    """
    turn = low * smoothstep(beyond, -0.24, 0.10)
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    top, bottom = float(shape[17, 1]), float(shape[152, 1])
    width = 0.26 * float(np.ptp(shape[:, 0]))
    ball = np.exp(-(((x - shape[152, 0]) / width) ** 2)) * smoothstep(y, top, top + 0.7 * (bottom - top))
    left = ((1 - _TURN * turn) * (1 - _CHIN * ball))[..., None]
    return f32(left**_RED), f32((1 - turn)[..., None] * left)


def on_neck(shape: F32, beard: float) -> F32:
    """(SIZE, SIZE, 3) factor of the sRGB of what is behind the jaw of a (478, 3) shape, .4 to 1.25.

    beard: its density in [0, 1].
    """
    oval = skin.oval_of(shape)
    near, far = (
        cv2.GaussianBlur(np.roll(oval, down, axis=0), (0, 0), sigma)[..., None]
        for down, sigma in ((6, 9.0), (28, 26.0))
    )
    bare = 1 - min(1.0, 2 * beard)  # hair throws nothing back
    return f32((1 + near * (_BOUNCE * bare - 0.5 * (1 - bare)) / _RED) * (1 - _SHADE * far * _RED))
