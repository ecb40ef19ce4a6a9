"""Eyes of the point renderer: a white and an iris of their own behind the hole that the lids leave in the skin.

The white is the portrait's where it shows, a quadratic surface through that where lid or iris hide it. The iris is the
portrait's where it shows, and rings of its own median colour elsewhere; it turns on the eyeball, foreshortened, while
the light's reflection stays. Lids are skin: they are points like the rest, and cover this.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit

from tellmark.generator.types import SIZE
from tellmark.landmarks import LEFT_EYE, LEFT_IRIS, RIGHT_EYE, RIGHT_IRIS
from tellmark.types import F32, U8

_TURN = 2.0  # eyeball radius over iris radius: 12 mm over 5.9
_RIM = (1.04, 1.34)  # iris radii between which the iris, with its dark ring, fades into the white
_GLINT = 45.0  # how much brighter than its ring a reflection is


@dataclass(frozen=True, slots=True)
class Globe:
    """One eye, in a picture of its own."""

    corner: tuple[int, int]  # px in the frame: x, y
    white: F32  # (h, w, 3) without an iris
    iris: F32  # (h, w, 4) premultiplied, in its place in the portrait
    glint: F32  # (h, w, 3) the light that is reflected
    centre: F32  # (2,) px in the frame, of the iris
    radius: float  # px of the iris
    handles: F32  # (3, 2) px in the frame: what the eye moves with
    points: tuple[int, ...]  # the tracked points of the lids


def build_globes(image: U8, landmarks: F32) -> tuple[Globe, Globe]:
    """The subject's right and left eye."""
    return _build(image, landmarks, RIGHT_EYE, RIGHT_IRIS), _build(image, landmarks, LEFT_EYE, LEFT_IRIS)


def openings(landmarks: F32) -> F32:
    """(SIZE, SIZE) in [0, 1]: the holes of both eyes in the skin, at rest."""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    for loop in (RIGHT_EYE, LEFT_EYE):
        cv2.fillPoly(mask, [np.rint(landmarks[list(loop), :2] * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    # The lids' own edges, with the lashes' roots, stay with the skin.
    return np.asarray(cv2.GaussianBlur(cv2.erode(mask, np.ones((3, 3), np.uint8)), (0, 0), 0.6) / np.float32(255))


def draw_globe(
    globe: Globe,
    frame: U8,  # (SIZE, SIZE, 3) in and out
    handles: F32,  # (3, 2) px: where the globe's handles are now
    lids: F32,  # (16, 2) px: where the lids would be, open as in the portrait
    gaze_deg: tuple[float, float],  # yaw to the viewer's right, pitch up, relative to the portrait
) -> None:
    """Lay the eye over the frame, a little more of it than the lids can show."""
    back = _affine(handles, globe.handles)
    height, width = globe.white.shape[:2]
    there = _affine(globe.handles, handles)
    box = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float32) + np.array(globe.corner, np.float32)
    moved = box @ there[:, :2].T + there[:, 2]
    x0, y0 = np.clip(np.floor(moved.min(0)), 0, SIZE).astype(int).tolist()
    x1, y1 = np.clip(np.ceil(moved.max(0)) + 1, 0, SIZE).astype(int).tolist()
    if x1 <= x0 or y1 <= y0:
        return
    # Beside a nose or a far cheek there is nothing before the eye that would cover more than the lids leave.
    middle = lids.mean(0)
    hull = cv2.convexHull((middle + 1.25 * (lids - middle) - (x0, y0)).astype(np.float32))[:, 0]
    inside = np.zeros((y1 - y0, x1 - x0), np.uint8)
    cv2.fillConvexPoly(inside, np.rint(hull * 16).astype(np.int32), 1, cv2.LINE_8, 4)
    yaw, pitch = np.deg2rad(np.clip(gaze_deg, -35, 35))
    shift = globe.radius * _TURN * np.array([np.sin(yaw), -np.sin(pitch)], np.float32)
    back = back.copy()
    back[:, 2] += back[:, :2] @ np.array([x0, y0]) - np.array(globe.corner)
    _paint(
        frame[y0:y1, x0:x1], inside, back.astype(np.float32), globe.white, globe.iris, globe.glint,
        globe.centre - np.array(globe.corner, np.float32), shift,
        np.array([1 / np.cos(yaw), 1 / np.cos(pitch)], np.float32),
    )  # fmt: skip


def _build(image: U8, landmarks: F32, loop: tuple[int, ...], iris: tuple[int, ...]) -> Globe:
    points = landmarks[list(loop), :2]
    wide = float(np.linalg.norm(points[8] - points[0]))
    low = np.clip(np.floor(points.min(0) - 0.30 * wide), 0, SIZE - 4).astype(int)
    high = np.clip(np.ceil(points.max(0) + 0.30 * wide), 4, SIZE).astype(int)
    picture = image[low[1] : high[1], low[0] : high[0]].astype(np.float32)
    centre = landmarks[iris[0], :2]
    radius = max(float(np.mean(np.linalg.norm(landmarks[list(iris[1:]), :2] - centre, axis=1))), 1.5)
    shown = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(shown, [np.rint((points - low) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    inside = cv2.erode(shown, np.ones((3, 3), np.uint8)) > 200
    rows, columns = np.indices(inside.shape, dtype=np.float32)
    away = np.hypot(columns + low[0] - centre[0], rows + low[1] - centre[1]) / radius
    # What the openings leave to the eye must be the portrait's own, to the pixel.
    own = np.clip(cv2.dilate(shown, np.ones((3, 3), np.uint8)) / np.float32(255), 0, 1)

    seen = inside & (away > 1.25)
    if seen.sum() < 12:
        seen = inside if inside.any() else np.ones_like(inside)
    u, v = (columns - columns[seen].mean()) / wide, (rows - rows[seen].mean()) / wide
    terms = np.stack([np.ones_like(u), u, v, u * u], -1)
    fitted, *_ = np.linalg.lstsq(
        terms[seen].T @ terms[seen] + 1e-2 * np.eye(4), terms[seen].T @ picture[seen], rcond=None
    )
    floor, ceiling = np.percentile(picture[seen], (8, 75), axis=0)
    surface = np.clip(terms @ fitted, floor, ceiling)
    bare = (own * np.clip((away - 1.2) / 0.14, 0, 1))[..., None]
    white = surface + (picture - surface) * bare
    # Should lids not quite meet, skin shows and not an eye.
    ring = cv2.dilate(shown, np.ones((7, 7), np.uint8)) > 0
    skin = np.median(picture[ring & (cv2.dilate(shown, np.ones((5, 5), np.uint8)) == 0)], axis=0)
    white = np.where((cv2.dilate(shown, np.ones((5, 5), np.uint8)) > 0)[..., None], white, 0.85 * skin)

    rings = np.linspace(0, _RIM[1], 14)
    profile = np.empty((len(rings), 3))
    for k, ring in enumerate(rings):
        near = inside & (np.abs(away - ring) < 0.09)
        profile[k] = np.median(picture[near], axis=0) if near.sum() > 2 else np.nan
    for channel in range(3):
        known = np.isfinite(profile[:, channel])
        fallback = 0.4 * picture[..., channel].mean()
        profile[:, channel] = np.interp(rings, rings[known], profile[known, channel]) if known.any() else fallback
    ringed = np.stack([np.interp(away, rings, profile[:, channel]) for channel in range(3)], -1)
    glint = np.clip(picture - ringed - _GLINT, 0, None) * (own * (away < 0.95))[..., None]
    ringed = ringed + (picture - glint - ringed) * own[..., None]
    alpha = np.clip((_RIM[1] - away) / (_RIM[1] - _RIM[0]), 0, 1)[..., None]
    colour = np.where(own[..., None] > 0.99, picture - glint - (1 - alpha) * white, alpha * ringed)
    colour = np.where(alpha > 0, colour, 0)
    corners = [points[0], points[8], points[0] + np.array([points[0][1] - points[8][1], points[8][0] - points[0][0]])]
    return Globe(
        corner=(int(low[0]), int(low[1])),
        white=np.ascontiguousarray(white, np.float32),
        iris=np.ascontiguousarray(np.dstack([colour, alpha]), np.float32),
        glint=np.ascontiguousarray(glint, np.float32),
        centre=centre.astype(np.float32),
        radius=radius,
        handles=np.stack(corners).astype(np.float32),
        points=loop,
    )


def _affine(source: F32, goal: F32) -> F32:
    """(2, 3) matrix that takes three points to three others."""
    return np.asarray(cv2.getAffineTransform(source.astype(np.float32), goal.astype(np.float32)), np.float32)


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _paint(
    out: U8, inside: U8, back: F32, white: F32, iris: F32, glint: F32, centre: F32, shift: F32, squash: F32
) -> None:  # fmt: skip
    """Fill ``out`` with the eye; ``back`` leads from its pixels to those of the eye's pictures."""
    height, width = white.shape[:2]
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            if inside[y, x] == 0:
                continue
            px = back[0, 0] * x + back[0, 1] * y + back[0, 2]
            py = back[1, 0] * x + back[1, 1] * y + back[1, 2]
            if px < -0.5 or py < -0.5 or px > width - 0.5 or py > height - 0.5:
                continue
            px, py = min(max(px, 0.0), width - 1.001), min(max(py, 0.0), height - 1.001)
            column, row = int(px), int(py)
            fx, fy = np.float32(px - column), np.float32(py - row)
            # The iris, turned away, is seen narrower.
            qx = centre[0] + (px - centre[0] - shift[0]) * squash[0]
            qy = centre[1] + (py - centre[1] - shift[1]) * squash[1]
            hit = 0 <= qx <= width - 1.001 and 0 <= qy <= height - 1.001
            left, top = int(qx), int(qy)
            gx, gy = np.float32(qx - left), np.float32(qy - top)
            for k in range(3):
                value = (
                    (white[row, column, k] * (1 - fx) + white[row, column + 1, k] * fx) * (1 - fy)
                    + (white[row + 1, column, k] * (1 - fx) + white[row + 1, column + 1, k] * fx) * fy
                )  # fmt: skip
                if hit:
                    alpha = (
                        (iris[top, left, 3] * (1 - gx) + iris[top, left + 1, 3] * gx) * (1 - gy)
                        + (iris[top + 1, left, 3] * (1 - gx) + iris[top + 1, left + 1, 3] * gx) * gy
                    )  # fmt: skip
                    value = value * (1 - alpha) + (
                        (iris[top, left, k] * (1 - gx) + iris[top, left + 1, k] * gx) * (1 - gy)
                        + (iris[top + 1, left, k] * (1 - gx) + iris[top + 1, left + 1, k] * gx) * gy
                    )  # fmt: skip
                value += (
                    (glint[row, column, k] * (1 - fx) + glint[row, column + 1, k] * fx) * (1 - fy)
                    + (glint[row + 1, column, k] * (1 - fx) + glint[row + 1, column + 1, k] * fx) * fy
                )  # fmt: skip
                out[y, x, k] = np.uint8(min(max(value + np.float32(0.5), np.float32(0)), np.float32(255)))
