"""What is seen of the teeth between the lips, and in how much light: as in films of people who speak.

Light comes in through the opening alone: lips that hardly part leave the teeth in the dark. Rounded lips stand off from
them, hide more of them, and shade them. In 51 films the brightness between the lips over the cheeks' is .40 where they
part by 3 mm, .45 at 5, .57 at 7.5 and .67 at 11; with a mouth drawn together to less than .8 of its width .37 to .43.
It has come off red flesh, the more often the less there is of it: in 25 of them red over the cheeks' goes as the
brightness over theirs to the power of .77, green to 1.24, blue to 1.18.
"""

from __future__ import annotations

import numpy as np

from tellmark.types import F32

LEAST_LIGHT, FULL_LIGHT_MM = 0.35, 11.0  # between lips that hardly part, and the gap that lets all of it in
HIDDEN_MM = 2.5  # of the upper teeth, that lips hide once they are rounded
_SHADED = 0.45  # of the light, that those take
_ROUNDED = 0.3  # of the mouth's width, by which lips are rounded
# Upper front teeth below the lip at rest, over people: mean, spread, ends (Vig & Brundo 1978: men 1.9 mm, women 3.4).
_SHOWN_MM, _SPREAD_MM, _ENDS_MM = 2.7, 1.3, (0.5, 5.0)

_RAISED = (0.48, 0.99)  # of the way between the rows of teeth, how far up tongues reach
_RED = np.array([0.77, 1.24, 1.18])  # exponents of the light


def shown_mm(seed: int) -> float:
    """How far the upper teeth of somebody reach below the upper lip at rest, in mm; the same for the same seed."""
    drawn = _SHOWN_MM + _SPREAD_MM * float(np.random.default_rng((seed, 2)).standard_normal())
    return float(np.clip(drawn, *_ENDS_MM))


def tongue_raised(seed: int) -> float:
    """Of the way from somebody's lower teeth to the upper ones, how far up the tongue reaches; in [0.48, 0.99]."""
    return float(np.random.default_rng((seed, 3)).uniform(*_RAISED))


def reddening(colour: float) -> F32:
    """(3,) exponents for RGB of a light in [0, 1]. colour: 0 for faces without any, 1 for skin."""
    return np.asarray(1 + colour * (_RED - 1), np.float32)


def rounding(width: float) -> float:
    """0 for lips as wide as at rest and wider, 1 for rounded ones. width: of the mouth over its width at rest."""
    return float(np.clip((1 - width) / _ROUNDED, 0, 1))


def light(gap_mm: float, rounded: float) -> float:
    """Share in [0, 1] of the light that reaches the teeth.

    gap_mm: between the lips. rounded: as of :func:`rounding`.
    """
    let_in = LEAST_LIGHT + (1 - LEAST_LIGHT) * float(np.clip(gap_mm / FULL_LIGHT_MM, 0, 1))
    return let_in * unshaded(rounded)


def unshaded(rounded: float) -> float:
    """Share in [0, 1] of the light that rounded lips leave."""
    return 1 - _SHADED * rounded
