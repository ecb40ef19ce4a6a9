"""How near a rendered frame is to the real one: error in and around the face, sharpness of parts, flicker."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark.landmarks import FACE_OVAL, LEFT_BROW, LEFT_EYE, LIPS_OUTER, RIGHT_BROW, RIGHT_EYE
from tellmark.types import F32, F64, U8

_PARTS = {"mouth": LIPS_OUTER, "eyes": (*RIGHT_EYE, *LEFT_EYE, *RIGHT_BROW, *LEFT_BROW)}
_MARGIN = 0.15  # of a part's size, around it
_DETAIL = (1.0, 3.0)  # px: what is sharp lies between these, above a codec's noise and below shading


def face_mask(landmarks: F32) -> NDArray[np.bool_]:
    """(512, 512) inside the face's oval."""
    mask = np.zeros((512, 512), np.uint8)
    hull = cv2.convexHull(np.rint(landmarks[list(FACE_OVAL), :2]).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, 1)
    return mask.astype(np.bool_)


def squared_error(one: U8, other: U8) -> F32:
    """(H, W) mean over R, G and B."""
    difference = one.astype(np.float32) - other
    return np.asarray(np.einsum("ijk,ijk->ij", difference, difference) / 3, np.float32)


def decibels(squared: float | F64) -> float:
    """PSNR of a mean squared error, or of the mean of many, as `ffmpeg -lavfi psnr` averages; 60 where it is 0."""
    return float(10 * np.log10(255**2 / max(float(np.mean(squared)), 255**2 * 1e-6)))


def sharpness(frame: U8, landmarks: F32) -> dict[str, float]:
    """RMS of the detail (difference of Gaussians) of mouth and eyes."""
    found = {}
    for name, points in _PARTS.items():
        low, high = landmarks[list(points), :2].min(0), landmarks[list(points), :2].max(0)
        margin = _MARGIN * (high - low)
        x0, y0 = np.floor(low - margin).astype(int).clip(0, 510)
        x1, y1 = np.ceil(high + margin).astype(int).clip(2, 512)
        part = frame[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
        grey = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY).astype(np.float32)
        fine, coarse = (cv2.GaussianBlur(grey, (0, 0), sigma) for sigma in _DETAIL)
        found[name] = float(np.sqrt(((fine - coarse) ** 2).mean()))
    return found


class Flicker:
    """What changes in the face from frame to frame beyond what its optical flow explains (Lai et al. 2018, warping
    error), in grey levels; every video by its own flow."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._last: U8 | None = None
        rows, columns = np.indices((256, 256)).astype(np.float32)
        self._grid = np.dstack([columns, rows])

    def add(self, frame: U8, mask: NDArray[np.bool_]) -> float | None:
        """The residual against the frame before; None for the first."""
        grey: U8 = cv2.cvtColor(cv2.resize(frame, (256, 256), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        last, self._last = self._last, grey
        if last is None:
            return None
        flow = self._flow.calc(grey, last, None)
        place = self._grid + flow
        before = cv2.remap(last, place, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        inside = mask[::2, ::2]
        return float(np.abs(grey.astype(np.float32) - before)[inside].mean())
