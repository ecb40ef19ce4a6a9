"""Gaze and eyelids, drawn into the portrait's own picture before the mesh carries it along.

Inside the lids lies the eyeball picture: the visible part as it is, the iris completed under the lids from its own
mirror image, the white continued. Gaze slides the iris over it. The upper lid is split into bare skin and lashes: as
it comes down, the skin stretches and the lashes move rigidly on top, so that they neither smear nor thin out.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit

from tellmark.generator.fill import push_pull
from tellmark.landmarks import LEFT_EYE, LEFT_IRIS, RIGHT_EYE, RIGHT_IRIS
from tellmark.types import F32, F64, U8

_EYEBALL_RADII = 2.0  # eyeball radius over iris radius (12 mm over 5.9 mm)
_SAMPLES = 57  # points of a lid's edge
_REACH = 0.85  # half length of a lid's edge with its tails beyond the corners; this and the rest over the eye's width
_LASHES = 0.14  # height of the band in which dark detail counts as lashes
_LONG_LASHES = 0.30  # height up to which thin dark detail does
_LID = 0.42  # greatest height of the skin that stretches
_LOWER_LID = 0.30
_BROWS = ((46, 53, 52, 65, 55), (276, 283, 282, 295, 285))  # lower edges


@dataclass(frozen=True, slots=True)
class Eye:
    """One eye, in its own picture; local axes run along the lids' corners (s) and down (t), origin between them."""

    x: int  # px of the picture's corner in the frame
    y: int
    picture: F32  # (h, w, 3) as in the portrait
    bare: F32  # (h, w, 3) without upper lashes
    eyeball: F32  # (h, w, 3) without lids
    origin: F32  # (2,) px in ``picture``
    along: F32  # (2,) unit vector corner to corner, to the viewer's right
    width: float  # px between the corners
    upper: F32  # (57,) t of the upper lid's edge at s from -_REACH to _REACH widths
    lower: F32  # (57,)
    closing: F32  # (57,) how far the upper lid comes down to close
    lid: float  # px of skin above the upper lid's edge that stretch
    iris: F32  # (2,) local coordinates of the iris centre
    iris_radius: float  # px


def build_eyes(image: U8, landmarks: F32) -> tuple[Eye, Eye]:
    """The subject's right and left eye of a framed portrait."""
    left_from_nose = (*LEFT_EYE[8:], *LEFT_EYE[:8])
    return (
        _build(image, landmarks, RIGHT_EYE, RIGHT_IRIS, _BROWS[0], outer_first=True),
        _build(image, landmarks, left_from_nose, LEFT_IRIS, _BROWS[1], outer_first=False),
    )


def draw_eye(
    eye: Eye,
    upper_drop: float,  # 0 open .. 1 closed
    lower_rise: float,  # 0 rest .. 1 a third of the way up
    gaze_deg: tuple[float, float],  # yaw to the viewer's right, pitch up, relative to the portrait
) -> U8:  # (h, w, 3)
    """The eye's picture under lids and gaze; the portrait's own where all are 0."""
    yaw, pitch = np.deg2rad(np.clip(gaze_deg, -32, 32))
    shift = np.array([np.sin(yaw), -np.sin(pitch)]) * _EYEBALL_RADII * eye.iris_radius
    # Gaze is given in the picture's axes; the lids' axis may be tilted.
    gaze_s = float(shift @ eye.along)
    gaze_t = float(shift[1] * eye.along[0] - shift[0] * eye.along[1])
    out = np.empty(eye.picture.shape, np.uint8)
    _draw(
        eye.picture, eye.bare, eye.eyeball, out, eye.origin, eye.along, eye.width, eye.upper, eye.lower, eye.closing,
        eye.lid, eye.iris, eye.iris_radius, gaze_s, gaze_t, min(max(upper_drop, 0.0), 1.0), min(max(lower_rise, 0.0), 1.0),
    )  # fmt: skip
    return out


def _build(
    image: U8,
    landmarks: F32,
    loop: tuple[int, ...],
    iris: tuple[int, ...],
    brow: tuple[int, ...],
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

    samples = np.linspace(-_REACH, _REACH, _SAMPLES) * width
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
    closing = np.maximum(0.9 * opening, tail)
    closing = cv2.GaussianBlur(closing.reshape(1, -1), (0, 0), 1.2, borderType=cv2.BORDER_REPLICATE).ravel()
    brow_gap = float(np.median(np.interp(local(landmarks[list(brow), :2].astype(np.float64))[:, 0], samples, upper)
                               - local(landmarks[list(brow), :2].astype(np.float64))[:, 1]))  # fmt: skip
    lid = float(np.clip(0.85 * brow_gap, 0.16 * width, _LID * width))
    centre = local(landmarks[iris[0], :2].astype(np.float64))
    radius = float(np.mean(np.linalg.norm(landmarks[list(iris[1:]), :2] - landmarks[iris[0], :2], axis=1)))

    rows, columns = np.indices(picture.shape[:2])
    place = local(np.stack([columns + x, rows + y], -1).astype(np.float64))
    inside = np.minimum(place[..., 1] - np.interp(place[..., 0], samples, upper),
                        np.interp(place[..., 0], samples, lower) - place[..., 1])  # fmt: skip
    inside = np.where(np.abs(place[..., 0]) < 0.485 * width, inside, -9.0)
    visible = np.clip(inside - 1.0, 0, 1).astype(np.float32)  # lashes blur over the first pixel
    eyeball = _complete_eyeball(picture, visible, place, centre, radius, along)
    above = np.interp(place[..., 0], samples, upper) - place[..., 1]
    below = place[..., 1] - np.interp(place[..., 0], samples, lower)
    bare = _without_lashes(picture, above / width, below / width, np.abs(place[..., 0]) / width, min(1.0, lid / width))
    return Eye(
        int(x), int(y), picture, bare, eyeball, (middle - (x, y)).astype(np.float32), along.astype(np.float32), width,
        upper.astype(np.float32), lower.astype(np.float32), closing.astype(np.float32), lid, centre.astype(np.float32), max(radius, 1.0),
    )  # fmt: skip


def _without_lashes(
    picture: F32,  # (h, w, 3)
    above: F64,  # (h, w) distance above the upper lid's edge; all distances in eye widths
    below: F64,  # (h, w) distance below the lower lid's edge
    beside: F64,  # (h, w) distance from the eye's middle along its axis
    lid: float,
) -> F32:
    """The eye's picture with the upper lashes, and the eye itself, replaced by skin."""
    near = beside < 0.68
    band = min(_LASHES, 0.6 * lid)
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


def _complete_eyeball(
    picture: F32,  # (h, w, 3)
    visible: F32,  # (h, w) in [0, 1]
    place: F64,  # (h, w, 2) local coordinates
    centre: F64,
    radius: float,
    along: F64,
) -> F32:
    """The eye's picture with what the lids hide filled in."""
    s, t = place[..., 0], place[..., 1]
    distance = np.hypot(s - centre[0], t - centre[1])
    white = (visible * (distance > 1.2 * radius)).astype(np.float32)
    if white.sum() < 4:
        white = visible
    sclera = push_pull(picture, white)
    # The hidden part of the iris is the same ring seen on the visible side: mirrored at one axis, the other, or both.
    rows, columns = np.indices(visible.shape).astype(np.float32)
    iris = sclera
    for flip_s, flip_t in ((0, 1), (1, 1), (1, 0)):
        step_s, step_t = 2 * flip_s * (centre[0] - s), 2 * flip_t * (centre[1] - t)
        map_x = (columns + step_s * along[0] - step_t * along[1]).astype(np.float32)
        map_y = (rows + step_s * along[1] + step_t * along[0]).astype(np.float32)
        seen = cv2.remap(visible, map_x, map_y, cv2.INTER_LINEAR)[..., None]
        iris = iris * (1 - seen) + cv2.remap(picture, map_x, map_y, cv2.INTER_LINEAR) * seen
    in_iris = np.clip((1.08 * radius - distance) / (0.12 * radius), 0, 1)[..., None]
    hidden = iris * in_iris + sclera * (1 - in_iris)
    return np.asarray(picture * visible[..., None] + hidden * (1 - visible[..., None]), np.float32)


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _sample(picture: F32, x: float, y: float, colour: F32) -> None:
    """Catmull-Rom interpolation of an (h, w, 3) picture at a point, into ``colour`` (3,)."""
    height, width = picture.shape[:2]
    x = min(max(x, 0.0), width - 1.001)
    y = min(max(y, 0.0), height - 1.001)
    column, row = int(x), int(y)
    fx, fy = x - column, y - row
    for channel in range(3):
        colour[channel] = 0
    for j in range(4):
        d = abs(j - 1 - fy)
        wy = 1.5 * d**3 - 2.5 * d**2 + 1 if d <= 1 else -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
        yy = min(max(row + j - 1, 0), height - 1)
        for i in range(4):
            d = abs(i - 1 - fx)
            wx = 1.5 * d**3 - 2.5 * d**2 + 1 if d <= 1 else -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
            xx = min(max(column + i - 1, 0), width - 1)
            for channel in range(3):
                colour[channel] += np.float32(wx * wy) * picture[yy, xx, channel]


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _draw(
    picture: F32, bare: F32, eyeball: F32, out: U8, origin: F32, along: F32, width: float, upper: F32, lower: F32,
    closing: F32, lid: float, iris: F32, radius: float, gaze_s: float, gaze_t: float, drop: float, rise: float,
) -> None:  # fmt: skip
    """Fill ``out`` with the eye; see :func:`draw_eye`."""
    height, columns = out.shape[:2]
    skin = np.empty(3, np.float32)
    other = np.empty(3, np.float32)
    last = len(upper) - 1
    under = _LOWER_LID * width
    for y in range(height):
        for x in range(columns):
            dx, dy = x - origin[0], y - origin[1]
            s = dx * along[0] + dy * along[1]
            t = -dx * along[1] + dy * along[0]
            place = min(max((s / (_REACH * width) + 1) * 0.5 * last, 0.0), float(last))
            k = min(int(place), last - 1)
            part = place - k
            rest_up = upper[k] + (upper[k + 1] - upper[k]) * part
            rest_low = lower[k] + (lower[k + 1] - lower[k]) * part
            opening = rest_low - rest_up
            low = rest_low - opening * (0.10 * drop + 0.32 * rise * (1 - drop))
            fall = drop * (closing[k] + (closing[k + 1] - closing[k]) * part)
            up = rest_up + fall
            lift = rest_low - low
            if t < up and (fall > 0.01 or lift == 0):
                # Upper lid: bare skin, stretched with slope 1 at the top so that the brow does not notice,
                # and what was taken off it, moved rigidly.
                from_t = t
                top = rest_up - lid
                if t > top and fall > 0:
                    run = (t - top) / (lid + fall)
                    from_t = top + lid * (run + min(fall / lid, 0.9) * run * (1 - run) ** 2)
                _sample(bare, origin[0] + s * along[0] - from_t * along[1], origin[1] + s * along[1] + from_t * along[0], skin)
                moved = t - fall
                lash_x, lash_y = origin[0] + s * along[0] - moved * along[1], origin[1] + s * along[1] + moved * along[0]
                high = min(max((rest_up - moved) / width / _LASHES - 0.7, 0.0), 1.0)
                keep = np.float32(1 - 0.75 * drop * high)  # creases flatten as the lid stretches
                _sample(picture, lash_x, lash_y, other)
                for channel in range(3):
                    skin[channel] += keep * other[channel]
                _sample(bare, lash_x, lash_y, other)
                for channel in range(3):
                    skin[channel] -= keep * other[channel]
            else:
                from_t = t
                if t > low:
                    from_t = t + lift * min(max(1 - (t - low) / (under + lift), 0.0), 1.0)
                _sample(picture, origin[0] + s * along[0] - from_t * along[1], origin[1] + s * along[1] + from_t * along[0], skin)
            # Eyeball, seen between the lids.
            seen = 0.0
            if abs(s) <= 0.5 * width:
                seen = min(max(t - up + 0.5, 0.0), 1.0) * min(max(low - t + 0.5, 0.0), 1.0)
            if seen > 0:
                away = np.hypot(s - iris[0] - gaze_s, t - iris[1] - gaze_t) / radius
                slide = min(max((2.4 - away) / 1.3, 0.0), 1.0)
                slide = slide * slide * (3 - 2 * slide)
                ds, dt = s - gaze_s * slide, t - gaze_t * slide
                _sample(eyeball, origin[0] + ds * along[0] - dt * along[1], origin[1] + ds * along[1] + dt * along[0], other)
                shadow = 1 - 0.30 * drop * np.exp(-max(t - up, 0.0) / (0.06 * width))
                for channel in range(3):
                    skin[channel] += np.float32(seen) * (other[channel] * np.float32(shadow) - skin[channel])
            for channel in range(3):
                out[y, x, channel] = np.uint8(min(max(skin[channel] + np.float32(0.5), np.float32(0)), np.float32(255)))
