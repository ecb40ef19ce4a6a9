"""How likely a correlation with the mark is by chance: the null distributions of the search and of a reading.

Without a mark, the correlation at one shift is a sum of cosines whose phases the key chooses, uniform and independent
of the picture and of each other. Its tail is lighter than a Gaussian's, since few waves cannot reach far, and is that
of a saddlepoint approximation (Lugannani and Rice 1980). Over all shifts the correlation is a smooth random field. How
often its maximum exceeds a level is told in two ways: by counting every shift (Bonferroni), right where shifts have
nothing to do with each other, and by the expected Euler characteristic of what lies above (Adler and Taylor 2007),
right where the waves are long and neighbours say the same. Both are too many; the inverse root of the summed inverse
squares lies below the smaller one, by .7 where they are equal. `benchmarks/marks/null.py` compares it with a million
draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import i0e, i1e, log_ndtr

from tellmark.types import F32, F64

_LEVELS = 400  # of the table
_MIDDLE = 0.2  # below it the terms of the approximation cancel; the sum is Gaussian enough
_REACH, _FAR = 0.97, 40.0  # how far it goes: of the largest value that is possible, and at most; then a straight line


@dataclass(frozen=True, slots=True)
class Tail:
    """Natural logarithm of the chance to reach a level: at one shift, and (expected number) at any of them.

    levels: (n,) ascending from 0.
    """

    levels: F64
    one: F64
    any: F64

    def at_one(self, level: F64 | float) -> F64:
        """ln of the chance that one shift reaches ``level``."""
        return _interpolated(level, self.levels, self.one)

    def at_any(self, level: F64 | float) -> F64:
        """ln of the expected number of shifts that do, neighbours that say the same counted once."""
        return _interpolated(level, self.levels, self.any)


def tail(amplitudes: F64, counts: F64, curvature: float, shifts: int) -> Tail:
    """The tail of a sum of cosines of unit variance.

    amplitudes, counts: of groups of waves. curvature: root of the determinant of the field's mean squared gradient, a
    shift squared. shifts: how many there are, on a torus.
    """
    levels = np.linspace(0.0, min(_FAR, _REACH * float(np.dot(amplitudes, counts))), _LEVELS)
    one = _one(levels, amplitudes, counts)
    # The level of a Gaussian field as unlikely at one shift; its maxima are counted in place of this field's.
    gaussian = _gaussian_level(one)
    euler = np.log(shifts * curvature / (2 * np.pi) ** 1.5) + np.log(np.maximum(gaussian, 1e-9)) - gaussian**2 / 2
    every = np.log(shifts) + one
    both = -np.logaddexp(-2 * every, -2 * euler) / 2
    return Tail(levels, one, np.where(gaussian > 1.0, both, every))


def log_signs(magnitudes: F32, level: float) -> float:
    """ln P(a sum of ``magnitudes`` (n,) with random signs exceeds ``level`` times the root of their squares).

    That is how a code fits a reception that does not carry it, whose signs are random whatever its magnitudes are.
    Where all are zero, as of a picture without detail, nothing is said: 0.
    """
    size = float(np.linalg.norm(magnitudes.astype(np.float64)))
    if size == 0:
        return 0.0
    unit = magnitudes.astype(np.float64) / size
    if level >= float(unit.sum()):
        return -np.inf
    if level < _MIDDLE:
        return float(log_ndtr(-level))
    t = level
    for _ in range(100):  # Newton's steps to the saddlepoint, all from one side: the mean is concave in t
        falling = np.exp(-2 * t * unit)
        mean = float(unit @ ((1 - falling) / (1 + falling)))
        variance = float(np.sum(4 * unit**2 * falling / (1 + falling) ** 2))
        if level - mean < 1e-9:
            break
        t += (level - mean) / variance
    cumulant = float(np.sum(np.logaddexp(t * unit, -t * unit) - np.log(2)))
    return float(_lugannani_rice(np.array(t), np.array(level), np.array(cumulant), np.array(variance)))


def _lugannani_rice(t: F64, mean: F64, cumulant: F64, variance: F64) -> F64:
    """ln of the tail beyond ``mean``, where t is its saddlepoint, from the generating function there."""
    w = np.sqrt(np.maximum(2 * (t * mean - cumulant), 1e-300))
    u = t * np.sqrt(variance)
    # Q(w) + phi(w) (1/u - 1/w), with phi(w) taken out: the Mills ratio stays finite far out.
    mills = np.exp(log_ndtr(-w) + w**2 / 2 + 0.5 * np.log(2 * np.pi))
    return np.asarray(np.log(np.maximum(mills + 1 / u - 1 / w, 1e-300)) - w**2 / 2 - 0.5 * np.log(2 * np.pi))


def _one(levels: F64, amplitudes: F64, counts: F64) -> F64:
    """ln P(sum of a cos(uniform) > level); the cumulant generating function is the sum of ln I0(a t)."""
    slopes = np.geomspace(1e-3, 1e4, 4000)  # the saddlepoint t, and the level that it belongs to
    scaled = amplitudes[:, None] * slopes
    ratio = i1e(scaled) / i0e(scaled)
    means = (counts * amplitudes) @ ratio
    cumulant = counts @ (np.log(i0e(scaled)) + scaled)
    variance = (counts * amplitudes**2) @ np.maximum(1 - ratio / scaled - ratio**2, 1e-300)
    values = _lugannani_rice(slopes, means, cumulant, variance)
    middle = means < _MIDDLE
    values[middle] = log_ndtr(-means[middle])
    return np.interp(levels, means, values)


def _gaussian_level(log_chance: F64) -> F64:
    """The level that a standard normal exceeds with this chance."""
    levels = np.linspace(-1.0, 60.0, 20_000)
    return np.interp(-log_chance, -log_ndtr(-levels), levels)


def _interpolated(level: F64 | float, levels: F64, values: F64) -> F64:
    """Linear interpolation, continued beyond the table at its last slope."""
    slope = (values[-1] - values[-2]) / (levels[-1] - levels[-2])
    beyond = np.maximum(np.asarray(level) - levels[-1], 0.0)
    return np.asarray(np.interp(level, levels, values) + slope * beyond)
