"""Gaze and eyelids, drawn into the portrait's own picture before the mesh carries it along.

Inside the lids lies the eyeball picture: the visible part as it is, the iris completed under the lids from its own
mirror image, the white continued. Gaze slides the iris over it. The upper lid is split into bare skin and lashes: as
it comes down, the skin stretches and the lashes move rigidly on top, so that they neither smear nor thin out.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark.generator.mesh.eyeball import complete_eyeball, shade_of
from tellmark.generator.mesh.lidpaint import LOWER_LID, MET, REACH, paint_eye
from tellmark.generator.mesh.lidskin import lashes_of, lit_when_shut, without_lashes
from tellmark.landmarks import LEFT_EYE, LEFT_IRIS, RIGHT_EYE, RIGHT_IRIS
from tellmark.types import F32, F64, U8

_EYEBALL_RADII = 2.0  # eyeball radius over iris radius (12 mm over 5.9 mm)
WIDEST = 0.4  # of its way down, that a lid goes up at most
_SAMPLES = 57  # points of a lid's edge
_OVERLAP_PX = 0.8  # by which a closed lid lies over the other: edges are soft, and the white would shine through
_OVERLAP = 0.045  # of the width, by which it does at least: lower lids are often tracked above the rim of the iris
_LID = 0.42  # greatest height of the skin that stretches, over the eye's width
_TOO_LOW = 0.06  # of the width, by which an upper lid may be tracked below its edge
_BROWS = ((46, 53, 52, 65, 55), (276, 283, 282, 295, 285))  # lower edges


@dataclass(frozen=True, slots=True)
class Eye:
    """One eye, in its own picture; local axes run along the lids' corners (s) and down (t), origin between them."""

    x: int  # px of the picture's corner in the frame
    y: int
    picture: F32  # (h, w, 3) as in the portrait
    bare: F32  # (h, w, 3) without upper lashes
    shut: F32  # (h, w, 3) the same in the light that a shut lid gets
    lashes: F32  # (h, w, 3) the picture over that: dark in lashes
    eyeball: F32  # (h, w, 3) without lids
    shade: F32  # (h, w) in [0, 1] what lids and lashes leave of its light
    reach: NDArray[np.bool_]  # (h, w) what lids and gaze may change
    box: tuple[int, int, int, int]  # first and last row, and column, of that in the frame, each last one plus one
    origin: F32  # (2,) px in ``picture``
    along: F32  # (2,) unit vector corner to corner, to the viewer's right
    width: float  # px between the corners
    upper: F32  # (57,) t of the upper lid's edge at s from -REACH to REACH widths
    lower: F32  # (57,)
    closing: F32  # (57,) how far the upper lid comes down to close
    lid: float  # px of skin above the upper lid's edge that stretch
    iris: F32  # (2,) local coordinates of the iris centre
    iris_radius: float  # px


def build_eyes(image: U8, landmarks: F32, room: F32 | None = None) -> tuple[Eye, Eye]:
    """The subject's right and left eye of a framed portrait.

    room: (2,) px over the upper lids that are free to stretch, where there are glasses (``glasses.lid_room``).
    """
    right, left = (np.inf, np.inf) if room is None else room.tolist()
    left_from_nose = (*LEFT_EYE[8:], *LEFT_EYE[:8])
    return (
        _build(image, landmarks, RIGHT_EYE, RIGHT_IRIS, _BROWS[0], right, outer_first=True),
        _build(image, landmarks, left_from_nose, LEFT_IRIS, _BROWS[1], left, outer_first=False),
    )


def draw_eye(
    eye: Eye,
    upper_drop: float,  # -WIDEST wide .. 0 as in the portrait .. 1 closed
    lower_rise: float,  # 0 rest .. 1 a third of the way up
    gaze_deg: tuple[float, float],  # yaw to the viewer's right, pitch up, relative to the portrait
    layer: U8,  # (H, W, 4) premultiplied, in and out
    x: int,  # px in ``layer`` of the portrait's corner
    y: int,
) -> None:
    """Draw the eye under lids and gaze into a layer of the portrait; as in the portrait where all are 0.

    An eye near the head's outline reaches beyond it, where colours are premultiplied: there nothing is drawn.
    """
    yaw, pitch = np.deg2rad(np.clip(gaze_deg, -32, 32))
    shift = np.array([np.sin(yaw), -np.sin(pitch)]) * _EYEBALL_RADII * eye.iris_radius
    # Gaze is given in the picture's axes; the lids' axis may be tilted.
    across = np.array([-eye.along[1], eye.along[0]])
    gaze = np.array([shift @ eye.along, shift @ across], np.float32)
    height, width = eye.picture.shape[:2]
    out = layer[y + eye.y : y + eye.y + height, x + eye.x : x + eye.x + width]
    drop, rise = min(max(upper_drop, -WIDEST), 1.0), min(max(lower_rise, 0.0), 1.0)
    bare = eye.bare if drop <= 0 else eye.bare + np.float32(drop) * (eye.shut - eye.bare)
    paint_eye(
        eye.picture, bare, eye.lashes, eye.eyeball, eye.shade, eye.reach, out, eye.origin, eye.along, eye.width,
        eye.upper, eye.lower, eye.closing, eye.lid, eye.iris, eye.iris_radius, gaze, drop, rise,
    )  # fmt: skip


def _build(
    image: U8,
    landmarks: F32,
    loop: tuple[int, ...],
    iris: tuple[int, ...],
    brow: tuple[int, ...],
    room: float,
    *,
    outer_first: bool,
) -> Eye:
    """``loop`` starts at the viewer's left corner; its ninth point is the right one."""
    points = landmarks[list(loop), :2].astype(np.float64)
    left, right = points[0], points[8]
    width = max(float(np.linalg.norm(right - left)), 4.0)
    along = (right - left) / width
    middle = (left + right) / 2
    reach = 0.95 * width
    x, y = np.floor(middle - reach).astype(int).clip(0)
    x1, y1 = np.ceil(middle + reach).astype(int) + 1
    picture = image[y:y1, x:x1].astype(np.float32)

    def local(at: F64) -> F64:
        relative = at - middle
        return np.stack([relative @ along, relative @ (-along[1], along[0])], -1)

    samples = np.linspace(-REACH, REACH, _SAMPLES) * width
    edges = []
    for chain in (points[:9], np.concatenate([points[8:], points[:1]])):
        place = local(chain)
        order = np.argsort(place[:, 0])
        edge = np.interp(samples, place[order, 0], place[order, 1]).reshape(1, -1)
        edges.append(cv2.GaussianBlur(edge, (0, 0), 1.2, borderType=cv2.BORDER_REPLICATE).ravel())
    upper, lower = np.minimum(*edges), np.maximum(*edges)
    opening = lower - upper
    # The outer end of the lash line comes down with the lid although the eye does not open there.
    outwards = (-samples if outer_first else samples) / width - 0.5
    tail = 0.22 * opening.max() * np.exp(-((np.clip(np.abs(outwards) - 0.04, 0, 1) / 0.13) ** 2))
    closing = np.maximum((1 - MET) * opening, tail)
    closing = cv2.GaussianBlur(closing.reshape(1, -1), (0, 0), 1.2, borderType=cv2.BORDER_REPLICATE).ravel()
    closing = np.maximum(closing, (1 - MET) * opening + max(_OVERLAP_PX, _OVERLAP * width))
    brow_edge = local(landmarks[list(brow), :2].astype(np.float64))
    brow_gap = float(np.median(np.interp(brow_edge[:, 0], samples, upper) - brow_edge[:, 1]))
    lid = float(np.clip(min(0.85 * brow_gap, room), 0.16 * width, _LID * width))
    centre = local(landmarks[iris[0], :2].astype(np.float64))
    radius = float(np.mean(np.linalg.norm(landmarks[list(iris[1:]), :2] - landmarks[iris[0], :2], axis=1)))

    rows, columns = np.indices(picture.shape[:2])
    place = local(np.stack([columns + x, rows + y], -1).astype(np.float64))
    above = np.interp(place[..., 0], samples, upper) - place[..., 1]
    below = place[..., 1] - np.interp(place[..., 0], samples, lower)
    inside = np.minimum(-above, -below)
    inside = np.where(np.abs(place[..., 0]) < 0.485 * width, inside, -9.0)
    visible = np.clip(inside - 1.0, 0, 1).astype(np.float32)  # lashes blur over the first pixel
    bare = without_lashes(picture, above / width, below / width, np.abs(place[..., 0]) / width, lid / width)
    eyeball = complete_eyeball(picture, visible, place, centre, radius, along)
    iris_there = np.linalg.norm(place - centre, axis=2) < 1.3 * radius
    # Below a lower lid that rises, and whose skin follows it.
    under = LOWER_LID * width + 0.5 * float(opening.max())
    reach = (above < lid + 1) & (below < under + 1) & (np.abs(place[..., 0]) < REACH * width)
    rows, columns = np.nonzero(reach)
    return Eye(
        x=int(x),
        y=int(y),
        picture=picture,
        bare=bare,
        shut=lit_when_shut(picture, bare, middle - (x, y), along, samples, upper, lower, place, lid, width),
        lashes=lashes_of(picture, bare, width, iris_there & (above < _TOO_LOW * width)),
        eyeball=eyeball,
        shade=shade_of(picture, eyeball, iris_there),
        reach=reach,
        box=(y + rows.min(), y + rows.max() + 1, x + columns.min(), x + columns.max() + 1),
        origin=(middle - (x, y)).astype(np.float32),
        along=along.astype(np.float32),
        width=width,
        upper=upper.astype(np.float32),
        lower=lower.astype(np.float32),
        closing=closing.astype(np.float32),
        lid=lid,
        iris=centre.astype(np.float32),
        iris_radius=max(radius, 1.0),
    )
