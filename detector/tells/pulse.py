"""Pulse tell: skin that blood runs through changes its colour with every beat, everywhere at once.

The pulse is the projection of the skin's mean colour that neither light nor motion moves (POS, Wang et al. 2017, whose
windows are 1.6 s as well), between 0.6 and 3.5 Hz. A made face has none, or one that differs from place to place
(Ciftci et al. 2020, FakeCatcher). One beat or two fit into a window, and strong compression takes them away: it says
little alone. About 2 ms a window.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tellmark.detector.windows.stats import correlation, rms
from tellmark.detector.windows.window import FPS, Window
from tellmark.types import F64

FAMILY = "pulse"
DYNAMIC = True
FEATURES = {
    "strength": "log2 of the pulse's rms in the face, per mille of its colour",
    "strength_vs_surround": "strength minus that of the surround, log2",
    "sides": "correlation of the pulses of the face's two sides, -1 to 1",
    "heights": "correlation of the pulses of its upper and lower half, -1 to 1",
    "with_surround": "correlation of the pulses of the face and of the surround, -1 to 1",
    "beat": "share of the strongest frequency in the pulse's power, 0 to 1",
}
_BAND_HZ = (0.6, 3.5)
_FEWEST = 25  # frames, one second
_FLOOR = 0.02  # per mille: below it there is rounding alone
_BLOCKS = 8  # of skin and of surround that it takes


def compute(window: Window) -> F64:
    """(6,) in the order of ``FEATURES``; NaN for less than a second, or too little skin or surround."""
    nothing = np.full(len(FEATURES), np.nan)
    if len(window) < _FEWEST:
        return nothing
    skin, around = window.skin_blocks, window.surround_blocks
    if min(skin.sum(), around.sum()) < _BLOCKS:
        return nothing
    y, x = np.indices(skin.shape)
    middle, level = np.median(x[skin]), np.median(y[skin])
    parts = [skin & (x < middle), skin & (x > middle), skin & (y < level), skin & (y > level), around]
    if not all(part.any() for part in parts):
        return nothing
    colours = window.blocks.astype(np.float64)
    left, right, upper, lower, scenery = (pulse_of(colours[:, part].mean(1)) for part in parts)
    face = pulse_of(colours[:, skin].mean(1))
    power = np.abs(np.fft.rfft(face)) ** 2
    strength, other = (np.log2(rms(pulse) + _FLOOR) for pulse in (face, scenery))
    return np.array(
        [
            strength,
            strength - other,
            correlation(left, right, _FLOOR),
            correlation(upper, lower, _FLOOR),
            correlation(face, scenery, _FLOOR),
            power.max() / (power.sum() + _FLOOR**2),
        ],
        np.float64,
    )


def pulse_of(colour: F64) -> F64:
    """(T,) per mille, the band of the POS projection of (T, 3) mean RGB."""
    red, green, blue = (colour / (colour.mean(0) + 1e-6) - 1).T * 1e3
    one, two = green - blue, green + blue - 2 * red
    return _band(one + two * rms(one - one.mean()) / (rms(two - two.mean()) + _FLOOR))


def _band(signal: F64) -> NDArray[np.float64]:
    """The signal without its line, between the band's edges."""
    time = np.arange(len(signal)) - (len(signal) - 1) / 2
    level = signal - signal.mean()
    level -= time * (time @ level) / (time @ time)
    spectrum = np.fft.rfft(level)
    hz = np.fft.rfftfreq(len(signal), 1 / FPS)
    spectrum[(hz < _BAND_HZ[0]) | (hz > _BAND_HZ[1])] = 0
    return np.fft.irfft(spectrum, len(signal))
