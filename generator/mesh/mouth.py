"""The inside of the mouth: teeth, tongue and cavity, seen through the opening of the lips.

Upper teeth are fixed to the skull, lower teeth and tongue to the jaw. Light falls in from the front, so it fades
towards the corners, under the upper lip and, where the lips are close or rounded, everywhere (``between_lips``).
How the opening is painted with them is in ``cavity``.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark.generator.geometry.basis import face_frame
from tellmark.generator.geometry.between_lips import (
    FULL_LIGHT_MM,
    HIDDEN_MM,
    LEAST_LIGHT,
    light,
    reddening,
    rounding,
    shown_mm,
    tongue_raised,
    unshaded,
)
from tellmark.generator.geometry.raster import mix
from tellmark.generator.geometry.white import colourfulness, white_point
from tellmark.generator.mesh.cavity import paint
from tellmark.generator.mesh.mesh import Mesh, Pose, place_rigid
from tellmark.generator.mesh.opening import close_lips, lip_colour, lip_gaps, mouth_width, opening_mask, seam_colour
from tellmark.generator.mesh.softness import softness
from tellmark.generator.mesh.teeth import (
    lower_teeth,
    own_interior,
    upper_teeth,
)
from tellmark.generator.types import SIZE
from tellmark.landmarks import LIPS_INNER
from tellmark.types import F32, U8

_OWN_TEETH_MM = 2.5  # lips further apart than this at rest show an interior worth keeping
_LONGEST_MM = 8.5  # of the upper teeth, that a raised lip shows
_CROWN_MM = 9.5  # of a tooth: of a smile's own teeth, the lower lip hides what is short of that
_LONGER_MM = 3.0  # and at most so much
_SQUEEZED = 0.3  # of their gap at rest, by which lips squeeze what is between them; then it is drawn where it stays
_CHIN = 152
_JAW_OF_CHIN = 0.9
_SMOOTH_PX = 0.7  # sigma by which a sprite of 1.5 px a pixel of the frame is smoothed before it is sampled
_FLESH = np.array([0.92, 0.70, 0.68])  # of white
_LIKE_LIPS = 0.07  # by which a channel of somebody's flesh differs at most from that, the way their lips do
_LOWER_MM = 8.0  # of the lower teeth, that a lowered lip shows


@dataclass(frozen=True, slots=True)
class Mouth:
    """The interior of one portrait's mouth."""

    frame: F32  # (3, 3) rest points of the skull's mouth frame: origin, 10 mm across, 10 mm down
    rest_gap: F32  # (11,) px between the inner lips
    rest_width: float  # px between the corners of the opening
    upper: F32  # (h, w, 4) premultiplied sprite, y = 0 at ``TALL_MM`` above the cutting edges
    lower: F32  # (h, w, 4), y = 0 at the cutting edges
    own: F32 | None  # (SIZE, SIZE, 4) premultiplied, in the portrait's pixels
    soft: float  # px sigma of the portrait's blur
    sprite_px_per_mm: float
    show_mm: float  # from the upper lip's edge at rest down to the upper teeth's edges
    rest_drop_mm: float  # from there to the lower teeth's edges
    raised: float  # of the way from the lower teeth to the upper ones, how far up the tongue reaches
    seam: F32  # (3,) RGB between closed lips
    flesh: F32  # (3,) RGB in full light
    red: F32  # (3,) exponents of the light, by channel


def build_mouth(image: U8, landmarks: F32, mesh: Mesh) -> Mouth:
    """Prepare the mouth of a framed portrait."""
    axes = face_frame(landmarks).axes
    rest_gap = lip_gaps(landmarks)
    gap_mm = float(rest_gap[4:7].mean()) / mesh.px_per_mm
    white = white_point(image, landmarks)
    scale = 1.5 * mesh.px_per_mm
    soft = softness(image, landmarks)
    longer = float(np.clip(_CROWN_MM - gap_mm, 0, _LONGER_MM)) * mesh.px_per_mm
    own = own_interior(image, landmarks, longer) if gap_mm > _OWN_TEETH_MM else None
    colour = colourfulness(image, landmarks)
    seed = zlib.crc32(image.tobytes())  # a picture has the same teeth whenever it is animated
    # Teeth hang from the upper lip, wherever the lower one is.
    seam = mesh.rest[13] + 3.0 * axes[2]
    return Mouth(
        frame=np.stack([seam, seam + 10 * axes[0], seam + 10 * axes[1]]).astype(np.float32),
        rest_gap=rest_gap,
        rest_width=mouth_width(landmarks),
        upper=_softened(_fade(upper_teeth(white, scale, seed), colour), float(np.hypot(_SMOOTH_PX, 1.5 * soft))),
        lower=_softened(_fade(lower_teeth(white, scale, seed), colour), float(np.hypot(_SMOOTH_PX, 1.5 * soft))),
        own=own,
        soft=soft,
        sprite_px_per_mm=scale,
        show_mm=shown_mm(seed),
        rest_drop_mm=gap_mm + 1.4 - 0.3 * max(gap_mm - 6, 0),
        raised=tongue_raised(seed),
        seam=seam_colour(image, landmarks),
        flesh=_fade(_flesh(white, lip_colour(image, landmarks)), colour),
        red=reddening(colour),
    )


def draw_mouth(
    mouth: Mouth,
    frame: U8,  # (SIZE, SIZE, 3) in and out
    points: F32,  # (N, 3) px: the moved mesh
    mesh: Mesh,
    pose: Pose,
) -> None:
    """Draw the interior into the opening of the lips; nothing where they are as far apart as at rest.

    Lips that come together close over teeth, which stay where they are.
    """
    gaps = lip_gaps(points) / pose.scale
    opened = float((gaps - mouth.rest_gap).max())
    fade = min(max(opened / (1.3 * mesh.px_per_mm), 0.0), 1.0)
    rest = max(float(mouth.rest_gap[3:8].mean()), _OWN_TEETH_MM * mesh.px_per_mm)
    closed = float((mouth.rest_gap - gaps)[3:8].mean()) / rest
    fade = max(fade, min(max((closed - _SQUEEZED) / _SQUEEZED, 0.0), 1.0))
    loop = points[list(LIPS_INNER), :2]
    if fade > 0:
        _draw_inside(mouth, frame, loop, points, mesh, pose, opened, fade)
    if opened <= 0:
        close_lips(frame, loop, mouth.rest_gap / mesh.px_per_mm, gaps / mesh.px_per_mm, mouth.seam, mouth.soft)


def _draw_inside(
    mouth: Mouth, frame: U8, loop: F32, points: F32, mesh: Mesh, pose: Pose, opened: float, fade: float
) -> None:
    """Lay the interior over the frame within the loop (20, 2) of the inner lips; ``opened``: px beyond rest."""
    x0, y0 = np.floor(loop.min(0)).astype(int) - 3
    x1, y1 = np.ceil(loop.max(0)).astype(int) + 4
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, SIZE), min(y1, SIZE)
    if x1 - x0 < 4 or y1 - y0 < 4:
        return
    mask = opening_mask(loop - (x0, y0), x1 - x0, y1 - y0, mouth.soft)
    skull = place_rigid(mesh, mouth.frame, pose)
    to_mm = _inverse_affine(skull, np.array([[0, 0], [10, 0], [0, 10]], np.float32))
    to_mm[:, 2] += to_mm[:, :2] @ (x0, y0)
    # A lip that rises far bares the gums of nobody: teeth are at most so long.
    lip_mm = float(to_mm[1, :2] @ (points[13, :2] - (x0, y0)) + to_mm[1, 2])
    rounded = rounding(mouth_width(points) / pose.scale / mouth.rest_width)
    show_mm = min(mouth.show_mm, _LONGEST_MM + lip_mm) - HIDDEN_MM * rounded
    colour = np.empty((*mask.shape, 3), np.float32)
    opened_mm = max(opened, 0.0) / mesh.px_per_mm
    # The jaw's teeth go with the chin, which a smile leaves where it is; and they stay near the lower lip.
    chin_mm = float(to_mm[1, :2] @ (points[_CHIN, :2] - place_rigid(mesh, mesh.rest[[_CHIN]], pose)[0]))
    jaw_mm = np.clip(_JAW_OF_CHIN * chin_mm, max(opened_mm - _LOWER_MM, 0.0), opened_mm + 1.0)
    own = mouth.own
    rest = mouth.frame
    to_rest = np.zeros((2, 3), np.float32)
    if own is not None:
        across, down = (rest[1] - rest[0])[:2] / 10, (rest[2] - rest[0])[:2] / 10
        to_rest = np.stack([across, down], 1) @ to_mm
        to_rest[:, 2] += rest[0, :2]
    gap_mm = float(lip_gaps(points)[4:7].mean()) / pose.scale / mesh.px_per_mm
    rest_mm = float(mouth.rest_gap[4:7].mean()) / mesh.px_per_mm
    own_light = min(light(gap_mm, 0.0) / light(rest_mm, 0.0), 1.0) ** 0.5  # what was seen was lit as it was seen
    paint(
        colour, mask, to_mm, to_rest.astype(np.float32), mouth.upper, mouth.lower,
        own if own is not None else np.zeros((1, 1, 4), np.float32), mouth.sprite_px_per_mm,
        show_mm, float(jaw_mm) + mouth.rest_drop_mm, mouth.raised, mouth.flesh, mouth.red,
        1 / (mesh.px_per_mm * pose.scale), unshaded(rounded),
        own_light * unshaded(rounded),
        LEAST_LIGHT, FULL_LIGHT_MM,
    )  # fmt: skip
    mix(frame[y0:y1, x0:x1], colour, mask * np.float32(fade * fade * (3 - 2 * fade)))


def _flesh(white: NDArray[np.float64], lips: F32) -> F32:
    """(3,) RGB of tongue and throat in full light, a quarter of the way to the tone of somebody's lips (3,)."""
    tone = lips / white
    tone *= _FLESH.mean() / tone.mean() / _FLESH
    tone = np.clip(tone**0.25, 1 - _LIKE_LIPS, 1 + _LIKE_LIPS)  # of lips, not of what is painted on them
    return np.asarray(white * _FLESH * tone, np.float32)


def _fade(colours: F32, colour: float) -> F32:
    """RGB (..., 3 or 4) with its colour faded to grey where ``colour`` is 0."""
    faded = colours.copy()
    faded[..., :3] = colour * colours[..., :3] + (1 - colour) * colours[..., :3].mean(-1, keepdims=True)
    return faded


def _softened(sprite: F32, sigma: float) -> F32:
    """Blurred by ``sigma`` px of the sprite, beyond which there is nothing."""
    return np.asarray(cv2.GaussianBlur(sprite, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT), np.float32)


def _inverse_affine(source: F32, goal: F32) -> NDArray[np.float64]:
    """(2, 3) matrix that takes three points to three others."""
    homogeneous = np.column_stack([source, np.ones(3)]).astype(np.float64)
    return np.asarray(np.linalg.solve(homogeneous, goal.astype(np.float64)).T)
