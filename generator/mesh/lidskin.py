"""The upper lid's skin, taken apart: bare, lashes over it, and as it looks when it faces the light."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark.generator.geometry.fill import push_pull
from tellmark.generator.mesh.lidpaint import LASHES
from tellmark.types import F32, F64

_LONG_LASHES = 0.30  # height over the eye's width up to which thin dark detail counts as lashes
_ABOVE, _UNDER = 0.2, (0.09, 0.14, 0.19, 0.24)  # where skin above and under the eye is looked at, in eye widths
_LIT_FROM_ABOVE = 0.2  # share that the skin above has in a shut lid's colour; the rest is that under the eye
_BLACK = 12.0  # code value below which skin is too dark to say what lashes do to it
_DETAIL = 0.15  # log; what differs by more from a lid's broad colour is not skin


def without_lashes(
    picture: F32,  # (h, w, 3)
    above: F64,  # (h, w) distance above the upper lid's edge; all distances in eye widths
    below: F64,  # (h, w) distance below the lower lid's edge
    beside: F64,  # (h, w) distance from the eye's middle along its axis
    lid: float,
) -> F32:
    """The eye's picture with the upper lashes, and the eye itself, replaced by skin."""
    near = beside < 0.68
    band = min(LASHES, 0.6 * lid)
    closed = ((above > -1) & (above < band) & (below < 0.03) & near).astype(np.float32)
    skin = push_pull(picture, 1 - closed)
    # Long lashes reach higher than the band, but they are thin: a morphological closing takes thin dark detail away.
    size = max(3, round(0.07 * len(picture)) | 1)
    thick = cv2.morphologyEx(skin, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    thick = cv2.GaussianBlur(thick, (0, 0), 0.8)
    top = min(_LONG_LASHES, 0.9 * lid)
    share = np.clip((top - above) / (0.4 * top), 0, 1) * near * (below < 0.03)
    skin = skin + (thick - skin) * share[..., None].astype(np.float32)
    soft = cv2.GaussianBlur(((above < top) & (below < 0.03) & near).astype(np.float32), (0, 0), 1.2)[..., None]
    return np.asarray(picture + (skin - picture) * soft, np.float32)


def lashes_of(picture: F32, bare: F32, width: float, iris: NDArray[np.bool_]) -> F32:
    """The picture over bare skin; of an iris above a lid that is tracked too low, nothing but its shade."""
    size = max(round(0.14 * width), 3)
    dim = cv2.morphologyEx(picture, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    grey = np.minimum(dim.mean(2, keepdims=True) / np.maximum(bare.mean(2, keepdims=True), 1), 1)
    lift = np.maximum(_BLACK - bare, 0)  # of black the ratio would be noise, and a colour
    return np.asarray(np.where(iris[..., None], grey, (picture + lift) / (bare + lift)), np.float32)


def lit_when_shut(
    picture: F32,  # (h, w, 3)
    bare: F32,  # (h, w, 3)
    origin: F64,  # (2,) px
    along: F64,
    samples: F64,  # (57,) s of the lids' edges
    upper: F64,  # (57,)
    lower: F64,
    place: F64,  # (h, w, 2) local coordinates
    lid: float,
    width: float,
) -> F32:
    """The upper lid's skin (h, w, 3), which lies in the hollow's shade when open and faces the light when shut.

    In films of people who blink, a shut lid has the colour of the skin under the eye, and by a fifth of that above it.
    """

    def column(source: F32, downs: list[F64]) -> F64:
        t = np.stack(downs)
        x = (origin[0] + samples * along[0] - t * along[1]).astype(np.float32)
        y = (origin[1] + samples * along[1] + t * along[0]).astype(np.float32)
        seen = np.median(cv2.remap(source, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), axis=0)
        tone = np.log(np.maximum(seen, 4)).astype(np.float64)
        return np.asarray(cv2.GaussianBlur(tone, (1, 19), sigmaX=1, sigmaY=3), np.float64)

    above = column(picture, [upper - min(_ABOVE * width, 0.7 * lid)])
    under = column(picture, [lower + share * width for share in _UNDER])
    now = column(bare, [upper - share * lid for share in (0.1, 0.2, 0.3, 0.4)])
    wanted = _LIT_FROM_ABOVE * above + (1 - _LIT_FROM_ABOVE) * under
    s, t = place[..., 0], place[..., 1]
    height = (np.interp(s, samples, upper) - t) / lid
    share = _ramp((1 - height) / 0.6) * _ramp((0.8 - np.abs(s) / width) / 0.3)
    colour = np.log(np.maximum(bare, 4))
    for channel in range(3):
        was, becomes = (np.interp(s, samples, line[:, channel]) for line in (now, wanted))
        lit = becomes + np.clip(colour[..., channel] - was, -_DETAIL, _DETAIL)
        colour[..., channel] += (share * (lit - colour[..., channel])).astype(np.float32)
    return np.asarray(np.exp(colour), np.float32)


def _ramp(x: F64) -> F64:
    """0 below 0, 1 above 1, smooth between."""
    x = np.clip(x, 0, 1)
    return np.asarray(x * x * (3 - 2 * x), np.float64)
