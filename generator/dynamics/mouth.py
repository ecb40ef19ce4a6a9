"""The mouth of the learned motion: lips that have weight, meet where the sound says so, and rest in silence.

A network that speaks for one frame alone moves the jaw faster than jaws go: its speed is one and a half of the films',
and none of the difference is what is said. Each frame is therefore a mean with its neighbours, closures apart: these
cut through. A frame that is shut comes and goes by a ramp, for lips have a way to go.

A row waits for the one after it, so this is 40 ms late; what it waits for also says more of closures (``closures``).
"""

from __future__ import annotations

import numpy as np

from tellmark.generator.audio.closures import READ, read_again
from tellmark.generator.audio.levels import smoothstep
from tellmark.generator.audio.visemes import GESTURES
from tellmark.generator.rules import MOUTH, closed, closing
from tellmark.generator.types import EXPRESSIONS, Encoded
from tellmark.types import F32, F64

_NEIGHBOURS = 0.225  # weight of the frame before, and of the one after: a Gaussian of 30 ms
_RAMP = 0.4  # how far lips are together in the frame before they are shut, and in the one after
_READ = (
    0.15,
    0.45,
)  # closures read again, from the first doubt to lips that meet wholly: fewer are wrong than at first
_SPEAKING = 0.4  # chance of speech from which the mouth is as free as it can be
_ROUNDED = 0.75  # of the rounding that is learned: open mouths are as narrow as in films, 5 % below .83 of their width
_COLUMNS = [EXPRESSIONS.index(name) for name in MOUTH]
_READ_AGAIN, _READ_FIRST = READ.index("closure"), GESTURES.index("closure")


def settled(expression: F32, heard: Encoded, gain: float) -> dict[str, F64]:
    """Tracks of the rows between the first and the last, T - 2 of T >= 2. gain: of the mouth, in [0, 2].

    expression: (T, len(EXPRESSIONS)) as the network has it.
    """
    tracks = dict(zip(EXPRESSIONS, expression[1:-1].T.astype(np.float64), strict=True))
    speaking = heard.speaking.astype(np.float64)
    near = np.maximum(np.maximum(speaking[:-2], speaking[2:]), speaking[1:-1])
    free = smoothstep(near / _SPEAKING)
    rows = expression[:, _COLUMNS].astype(np.float64)
    calm = (1 - 2 * _NEIGHBOURS) * rows[1:-1] + _NEIGHBOURS * (rows[:-2] + rows[2:])
    tracks |= zip(MOUTH, (free[:, None] * calm).T, strict=True)
    tracks["pucker"] *= _ROUNDED
    first = closing(heard.gestures[:, _READ_FIRST].astype(np.float64), speaking)
    again = (read_again(heard)[:, _READ_AGAIN].astype(np.float64) - _READ[0]) / (_READ[1] - _READ[0])
    shut = np.maximum(speaking[1:-1] * smoothstep(again), _RAMP * np.maximum(first[:-2], first[2:]))
    return closed(tracks, min(gain, 1.0) * shut)
