"""Whether two aligned fingerprints agree everywhere: the same performance, or only the same head before the same wall.

Clips of one virtual actor with one seed move their head alike and say different things; a person in a studio hardly
moves at all. Averaged over the picture such clips look the same. So agreement is measured place by place, on quick
motion alone (less the mean of some .4 s), and what decides is how well the worst fiftieth of all motion agrees.

At each place the similarity of two motions a, b, summed over time and a neighbourhood, is 2(ab + e) / (aa + bb + 2e),
the structure term of SSIM (Wang et al. 2004): 1 for the same motion, about 0 for unrelated ones, and, through e, near 1
where neither moves. e follows how much the typical place disagrees: what all of the picture shows is the noise of
encoding, what one place alone shows is another mouth. A crop is told from a stranger by aligning
it well: the mean pictures are registered to a fraction of a cell.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark.types import F32, U8
from tellmark.watermark.content.fingerprint import GRID

_QUICK = 5  # bins of the running mean that is taken away
_NOISE, _SPREAD = 0.05, 2.0  # e: a part of its own, tempered code values squared, and of the median disagreement
_PLACE = 5  # cells a side that make a place
_WORST = 0.02  # part of the motion's energy that may agree less
_SHIFTS = np.arange(-0.75, 0.76, 0.125)  # bins around the offset that is known
_ONE, _SOFT = np.ones(1, np.float32), np.array([0.25, 0.5, 0.25], np.float32)
_STEPS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 1e-4)


def detail(reference: U8, query: U8, offset: float, placed: F32) -> float:
    """Agreement at the worst places, at most 1.

    reference, query: (T, GRID, GRID) uint8. offset: bins from the reference's start to the query's. placed: (2, 3)
    affine map from the query's cells to the reference's, correct to a cell or so; it is refined here.
    """
    first = max(0, int(np.ceil(1 - offset)))  # of the query's bins: one more of the reference's is needed around each
    last = min(len(query), int(np.floor(len(reference) - 1 - offset)))
    if last - first < 2 * _QUICK:
        return float("nan")
    theirs = query[first:last].astype(np.float32)
    start = int(np.floor(offset + first)) - 1
    ours = reference[max(0, start) : start + len(theirs) + 4].astype(np.float32)
    begin = offset + first - max(0, start)
    placed = _refine(ours.mean(axis=0), theirs.mean(axis=0), placed)
    # Softened alike: cells of a crop are smaller than the reference's, and interpolation between those softens too.
    warped = np.stack([_soft(_warp(frame, placed)) for frame in ours]).reshape(len(ours), -1)
    motion = _motion(np.stack([_soft(frame) for frame in theirs]).reshape(len(theirs), -1))
    return max(_worst(_motion(_between(warped, begin + shift, len(theirs))), motion) for shift in _SHIFTS)


def _refine(reference: F32, query: F32, placed: F32) -> F32:
    """The affine map under which the mean pictures correlate best (Evangelidis and Psarakis 2008), near ``placed``."""
    try:
        _, refined = cv2.findTransformECC(query, reference, placed.copy(), cv2.MOTION_AFFINE, _STEPS, np.empty(0), 3)
    except cv2.error:  # nothing in the picture to go by
        return placed
    found: F32 = np.asarray(refined, np.float32)
    return found


def _warp(frame: F32, placed: F32) -> Any:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(frame, placed, (GRID, GRID), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _soft(frame: Any) -> Any:
    return cv2.sepFilter2D(frame, -1, _SOFT, _SOFT, borderType=cv2.BORDER_REPLICATE)


def _between(frames: F32, start: float, bins: int) -> F32:
    """``bins`` rows from ``start`` on, interpolated; beyond the ends the last one stays."""
    at = np.clip(start + np.arange(bins), 0, len(frames) - 1)
    low = np.minimum(at.astype(int), len(frames) - 2)
    part = (at - low).astype(np.float32)[:, None]
    rows: F32 = frames[low] * (1 - part) + frames[low + 1] * part
    return rows


def _motion(frames: F32) -> F32:
    """(T, cells) -> quick changes, large ones tempered: one big gesture must not outweigh everything else."""
    moving = frames - cv2.blur(frames, (1, _QUICK), borderType=cv2.BORDER_REFLECT)
    tempered: F32 = moving / np.sqrt(np.abs(moving) + 0.5)
    return tempered


def _worst(a: F32, b: F32) -> float:
    energy, common = (a * a + b * b).mean(axis=0), (a * b).mean(axis=0)
    # Not the energy: a head before a bright wall moves more than any mouth, and must not set the measure for it.
    noise = np.float32(_NOISE + _SPREAD * np.median(energy - 2 * common))
    common, energy = _over_places(common), _over_places(energy)
    agreement = (2 * common + noise) / (energy + noise)
    order = np.argsort(agreement)
    share = np.cumsum(energy[order])
    return float(agreement[order][np.searchsorted(share, _WORST * share[-1])])


def _over_places(cells: F32) -> NDArray[np.float32]:
    """(cells,) -> the mean over each place; the frame's outermost cells are in many, and no place of their own."""
    places: NDArray[np.float32] = cv2.blur(cells.reshape(GRID, GRID), (_PLACE, _PLACE))[1:-1, 1:-1].ravel()
    return places
