"""One window of a tracked face: what every tell measures, and the measurements they share.

A window is 40 frames at 25 per second (1.6 s) of one face. The face is aligned, so that one pixel covers the same
part of it in every clip; the context is the scenery around it, cut out at one place for the whole window, so that
what moves in it moves in the picture. Masks, grey values and optical flow are computed when a tell first asks, and
once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark import landmarks as lm
from tellmark.detector.windows.sound import NONE
from tellmark.types import F32, U8

FPS = 25.0
FRAMES = 40
SIZE = 256  # px, side of an aligned crop
CONTEXT = 160  # px, longer side of the context
BLOCK = 16  # px of a crop

_REPEATED = 0.15  # a step with less change than this share of the median step is a repeated frame


class Window:
    """``T`` frames of one face.

    start_s: time of the first frame.
    crops: (T, 256, 256, 3) RGB, aligned by eyes and mouth.
    landmarks: (T, 478, 3) px in the crops.
    source_landmarks: (T, 478, 3) px in the frames.
    context: (T, h, w) grey scenery around the face, longer side 160 px, one cut-out for the whole window.
    context_landmarks: (T, 478, 2) px in the context.
    sound: (n,) mono at 16 kHz from the first frame on; empty where there is none.
    """

    def __init__(
        self,
        start_s: float,
        crops: U8,
        landmarks: F32,
        source_landmarks: F32,
        context: U8,
        context_landmarks: F32,
        sound: F32 = NONE,
    ) -> None:
        self.start_s = start_s
        self.crops = crops
        self.landmarks = landmarks
        self.source_landmarks = source_landmarks
        self.context = context
        self.context_landmarks = context_landmarks
        self.sound = sound
        self._flows: dict[int, F32] = {}

    def __len__(self) -> int:
        return len(self.crops)

    @cached_property
    def grey(self) -> U8:
        """(T, 256, 256) luma of the crops."""
        return np.stack([cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY) for crop in self.crops])

    @cached_property
    def sampled(self) -> tuple[int, ...]:
        """Indices of the frames that tells of single pictures look at: every sixth."""
        return tuple(range(0, len(self), 6))

    def flow(self, index: int) -> F32:
        """(256, 256, 2) px: where each pixel of frame ``index`` is in the next frame."""
        if index not in self._flows:
            self._flows[index] = dense_flow(self.grey[index], self.grey[index + 1])
        return self._flows[index]

    def context_flow(self, index: int) -> F32:
        """(h, w, 2) px, as :meth:`flow` but of the context."""
        return dense_flow(self.context[index], self.context[index + 1])

    @cached_property
    def steps(self) -> NDArray[np.intp]:
        """Indices t of the steps t -> t + 1 between different pictures.

        Resampling to 25 per second repeats frames of slower videos; a repeated frame shows no motion and no residual,
        and says nothing but the frame rate.
        """
        change = np.array([cv2.norm(a, b, cv2.NORM_L1) for a, b in zip(self.grey[:-1], self.grey[1:], strict=True)])
        return np.flatnonzero(change > _REPEATED * np.median(change)) if len(change) else np.zeros(0, np.intp)

    def mask(self, index: int, loop: Sequence[int], *, grow: int = 0) -> U8:
        """(256, 256) 1 inside the closed ``loop`` of landmarks, grown (or, negative, shrunk) by ``grow`` px."""
        return region(self.landmarks[index], loop, (SIZE, SIZE), grow=grow)

    @cached_property
    def face_masks(self) -> dict[int, U8]:
        """Skin of the sampled frames: the face without a rim, eyes, brows and mouth."""
        masks = {}
        for index in self.sampled:
            skin = self.mask(index, lm.FACE_OVAL, grow=-8)
            for loop in (lm.LEFT_EYE, lm.RIGHT_EYE, lm.LIPS_OUTER):
                skin[self.mask(index, loop, grow=8) > 0] = 0
            masks[index] = skin
        return masks

    @cached_property
    def blocks(self) -> U8:
        """(T, 16, 16, 3) mean RGB of blocks of 16 px."""
        side = SIZE // BLOCK
        return np.stack([cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA) for crop in self.crops])

    @cached_property
    def skin_blocks(self) -> NDArray[np.bool_]:
        """(16, 16) True where a block lies in the skin of all sampled frames."""
        return _whole_blocks([self.face_masks[i] for i in self.sampled])

    @cached_property
    def surround_blocks(self) -> NDArray[np.bool_]:
        """(16, 16) True where a block lies in the surround of all sampled frames."""
        return _whole_blocks([self.surround_masks[i] for i in self.sampled])

    @cached_property
    def surround_masks(self) -> dict[int, U8]:
        """What lies around the face in the sampled frames: hair, neck, scenery."""
        return {index: _outside(self.mask(index, lm.FACE_OVAL, grow=12)) for index in self.sampled}


def region(points: F32, loop: Sequence[int], shape: tuple[int, ...], *, grow: int = 0) -> U8:
    """(h, w) 1 inside the hull of the landmarks ``loop``, grown (or shrunk) by ``grow`` px."""
    mask = np.zeros(shape, np.uint8)
    hull = cv2.convexHull(np.round(points[list(loop), :2]).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, 1)
    if grow:  # a thick line along the outline: the same as dilating by a disc, at a tenth of the cost
        cv2.polylines(mask, [hull], True, int(grow > 0), 2 * abs(grow) + 1)
    return mask


def warp_back(later: F32, flow: F32) -> F32:
    """``later`` seen from the earlier frame: pixel p shows what lies at p + flow(p), linearly interpolated."""
    places = _grid(later.shape[0], later.shape[1]) + flow
    warped: F32 = cv2.remap(later, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return warped


@cache
def _grid(height: int, width: int) -> F32:
    """(height, width, 2) x and y of every pixel; two sizes a clip."""
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.dstack([x, y])


def dense_flow(earlier: U8, later: U8) -> F32:
    """(h, w, 2) px from ``earlier`` to ``later`` (DIS flow, Kroeger et al. 2016)."""
    flow: F32 = _flow_engine().calc(earlier, later, None)  # a flow of zeros would be refined, at half as much again
    return flow


@cache
def _flow_engine() -> cv2.DISOpticalFlow:
    return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)


def _whole_blocks(masks: Sequence[U8]) -> NDArray[np.bool_]:
    """(16, 16) True where a block lies in all of the masks, but for a pixel or two."""
    covered = np.min(masks, axis=0).reshape(SIZE // BLOCK, BLOCK, SIZE // BLOCK, BLOCK)
    return np.asarray(covered.mean((1, 3)) > 0.99, np.bool_)


def _outside(mask: U8) -> U8:
    return np.asarray(mask == 0, np.uint8)
