"""How far down from a picture's upper border hair goes on, where the border cuts a head.

What lies beyond the border is made up of what lies before it: of hair, and not of the forehead below it.
"""

from __future__ import annotations

import cv2
import numpy as np

from tellmark.landmarks import FACE_OVAL
from tellmark.types import F32, U8

_TOP_PX = 6  # rows whose colour is that of the hair, or hat, that the border cuts
_BESIDE_PX = 25  # of a column, what is looked at with it
_UNLIKE = 30.0  # code values between hair and skin, below which they cannot be told apart
_SHARE = 0.8  # of the hair: its last rows are mixed with skin
_BROWS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)  # their upper edges


def hair_depth(
    picture: U8,  # (H, W, 3) RGB
    landmarks: F32,  # (478, 3) px
) -> F32:  # (W,) rows, at least 2
    """Rows from the upper border to the forehead, of a column and its neighbours; most of ``H`` where there is none.

    The forehead is what hangs together with the skin above the brows, and is nearer to its colour than to that of the
    rows at the border. A head whose top cannot be told from skin may be mirrored as a whole.
    """
    soft = cv2.GaussianBlur(picture, (0, 0), 2.0).astype(np.float32)
    rows, columns = _above_brows(landmarks, picture.shape[:2])
    skin = np.median(soft[rows, columns].reshape(-1, 3), axis=0)
    border = cv2.blur(soft[:_TOP_PX].mean(0)[None], (2 * _BESIDE_PX + 1, 1))
    to_skin, to_border = (np.sqrt(((soft - colour) ** 2).sum(2)) for colour in (skin, border))
    like_skin = (to_skin < to_border) & (np.sqrt(((border - skin) ** 2).sum(2)) > _UNLIKE)
    _, label = cv2.connectedComponents(like_skin.astype(np.uint8), connectivity=4)
    counts = np.bincount(label[rows, columns].ravel())
    counts[0] = 0  # what is not like skin
    forehead = (label == counts.argmax()) & bool(counts.any())
    first = forehead.argmax(0)
    first = np.where(first > 2 * _TOP_PX, first, len(picture)).astype(np.float32)  # less hair than that is a parting
    shallowest = cv2.erode(first[None], np.ones((1, 2 * _BESIDE_PX + 1), np.uint8))
    return np.asarray(np.maximum(_SHARE * cv2.GaussianBlur(shallowest, (0, 0), _BESIDE_PX / 2)[0], 2.0), np.float32)


def _above_brows(landmarks: F32, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns between the brows and the middle of the way to the oval's upper edge."""
    brows = landmarks[list(_BROWS), :2]
    low, top = float(brows[:, 1].min()), float(landmarks[list(FACE_OVAL), 1].min())
    left, right = sorted((float(brows[2, 0]), float(brows[7, 0])))
    y, x = (int(np.clip(at, 0, side - 2)) for at, side in zip((low - (low - top) / 2, left), shape, strict=False))
    return slice(y, max(y + 1, int(low))), slice(x, max(x + 1, int(right)))
