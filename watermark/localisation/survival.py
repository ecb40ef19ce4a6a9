"""How much of the mark each place should hold, by what is left of the probe's; and which probe is like the video."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tellmark.types import F64
from tellmark.watermark.localisation.block_sums import BlockSums

_SAME = 0.9  # level where the video was encoded as the probe was: put into what was coded before, that loses less
_PRIOR = 20.0  # variances of the mean that a block's, or a half second's, own survival has to speak against
_LEAST = 0.02  # of the usual survival


def level(sums: BlockSums) -> float:
    """The chroma mark in the usual block and half second over what is left of the probe's there.

    About 1 where the video was encoded as the probe was: less was left at a lower quality. Chroma, because luma loses
    its mark at once; the median, because the mark may be missing in parts.
    """
    found = gains(sums.scores, sums.ideal * survival(sums), variance(sums))
    return float(np.median(found[:, 1:].mean(axis=(1, 2, 3))))


def same(qualities: Sequence[int], levels: Sequence[float]) -> float:
    """The quality at which a probe would leave as much as is left of the mark; within those tried, ascending."""
    rising = np.maximum.accumulate(np.log(np.maximum(levels, 1e-3)))
    return float(np.interp(np.log(_SAME), rising, qualities))


def variance(sums: BlockSums) -> F64:
    """(windows, 3, rows, columns): of scores by chance.

    It follows a block's energy in time, by a factor that depends on its texture.
    """
    factor = sums.chance.sum(axis=0) / np.maximum(sums.power.sum(axis=0), 1e-12)
    return np.asarray(np.maximum(factor * sums.power, 1e-12))


def survival(sums: BlockSums) -> F64:
    """(windows, 3, rows, columns): how much of the probe's mark came through: in a block, times in a half second.

    An encoder leaves more of a mark in some half seconds than in others, everywhere in the picture: after a keyframe,
    and where it has just mended much. Of a block in one half second alone the probe's few waves tell too little.
    """
    variance = np.maximum(sums.uncertain, 1e-12)
    somewhere = _shares(sums.came, sums.put, variance, kept=(2, 3))
    return somewhere * _shares(sums.came, sums.put * somewhere, variance, kept=(0,))


def _shares(came: F64, put: F64, variance: F64, kept: tuple[int, ...]) -> F64:
    """Least-squares came / put for each channel and each index of the ``kept`` axes, drawn towards that of all."""
    fit, information = (
        each.sum(axis=tuple({0, 2, 3} - set(kept)), keepdims=True)
        for each in (came * put / variance, put**2 / variance)
    )
    usual = fit.sum(axis=kept, keepdims=True) / np.maximum(information.sum(axis=kept, keepdims=True), 1e-12)
    usual = np.maximum(usual, 1e-3)
    found = (fit + _PRIOR / usual) / (information + _PRIOR / usual**2)
    return np.asarray(np.maximum(found, _LEAST * usual))


def gains(scores: F64, ideal: F64, variance: F64) -> F64:
    """(windows, 3, 1, 1): how much of the mark came through, the median over the blocks that can tell."""
    ratio = scores / np.maximum(ideal, 1e-12)
    weight = ideal / np.sqrt(variance)
    gains = np.zeros((*scores.shape[:2], 1, 1))
    for window in range(scores.shape[0]):
        for channel in range(3):
            gains[window, channel] = _weighted_median(ratio[window, channel].ravel(), weight[window, channel].ravel())
    # One window says little: share the level of the clip with it.
    shared: F64 = np.maximum((gains + np.median(gains, axis=0)) / 2, 0.0)
    return shared


def _weighted_median(values: F64, weights: F64) -> float:
    order = np.argsort(values)
    passed = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(passed, passed[-1] / 2)])
