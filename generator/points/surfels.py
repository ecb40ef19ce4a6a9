"""A portrait as points in space: every pixel of the person is one, with colour, transparency and depth.

What lies behind the person is a plate: the smoothest picture that meets the background around the hole (a membrane,
Laplace's equation), with grain of the background's own spectrum over it (random phases, Galerne et al. 2011).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark.generator.geometry.basis import face_frame
from tellmark.generator.geometry.seams import CELLS, MARGIN, STEP, nodes, thin_plate
from tellmark.generator.types import SIZE, Portrait
from tellmark.landmarks import FACE_OVAL
from tellmark.types import F32, F64, U8

RELIEF = 1.3  # the tracker's depth is shallow; see docs/log.md
_WINDOW = 12  # px radius of the guided filter
_SMOOTH = 3e-4  # its regularisation, in squared parts of white
_NEAR = 8  # px around the person whose colours are not trusted to be the background's
_GRAIN = 96  # px of the piece of background whose grain is copied


@dataclass(frozen=True, slots=True)
class Surfels:
    """The points of a layer that reaches ``MARGIN`` px beyond the frame."""

    colours: F32  # (WIDE, WIDE, 4) premultiplied, 0 to 255
    bends: F32  # (WIDE, WIDE, 4) their Laplacian
    present: U8  # (WIDE, WIDE)
    cells: NDArray[np.int32]  # (k, 2) with points


def matte_of(portrait: Portrait) -> F32:
    """(SIZE, SIZE) the matte drawn to the picture's own edges by a guided filter (He et al. 2010); the face is opaque.

    An actor's matte is exact and stays as it is.
    """
    matte = np.clip(portrait.matte, 0, 1).astype(np.float32)
    if portrait.source is None:
        return matte
    guide = portrait.image.astype(np.float32) / 255
    size = (2 * _WINDOW + 1,) * 2

    def mean(values: F32) -> F32:
        return np.asarray(cv2.blur(values, size), np.float32)

    mean_guide, mean_matte = mean(guide), mean(matte)
    shared = mean(guide * matte[..., None]) - mean_guide * mean_matte[..., None]
    spread = np.empty((SIZE, SIZE, 3, 3), np.float32)
    for a in range(3):
        for b in range(3):
            spread[..., a, b] = mean(guide[..., a] * guide[..., b]) - mean_guide[..., a] * mean_guide[..., b]
    spread += _SMOOTH * np.eye(3, dtype=np.float32)
    slope = np.linalg.solve(spread, shared[..., None])[..., 0].astype(np.float32)
    level = mean_matte - (slope * mean_guide).sum(2)
    drawn = (mean(slope) * guide).sum(2) + mean(level)
    # Only where the matte is unsure: inside and far outside it is right.
    sure = np.abs(cv2.blur(matte, (15, 15)) - 0.5) > 0.49
    drawn = np.where(sure, matte, np.clip((drawn - 0.06) / 0.88, 0, 1))
    oval = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(oval, [np.rint(portrait.landmarks[list(FACE_OVAL), :2]).astype(np.int32)], 255, cv2.LINE_AA)
    return np.maximum(drawn, oval.astype(np.float32) / 255).astype(np.float32)


def plate_of(image: U8, alpha: F32) -> U8:
    """(SIZE, SIZE, 3) the background with the person taken out; the picture itself where nobody is."""
    touched = cv2.dilate(alpha, np.ones((5, 5), np.uint8)) > 0.004
    unsure = cv2.dilate(touched.astype(np.uint8), np.ones((2 * _NEAR + 1,) * 2, np.uint8)) > 0
    if unsure.all():
        unsure = touched
    if unsure.all():
        return image.copy()
    picture = image.astype(np.float32)
    membrane = _membrane(cv2.GaussianBlur(picture, (0, 0), 2.0), unsure)
    filled = membrane + _grain(picture, unsure)
    # What the picture differs by at the hole's edge fades into it.
    ring = np.clip(cv2.distanceTransform(touched.astype(np.uint8), cv2.DIST_L2, 5) / 6, 0, 1)[..., None]
    return np.asarray(np.clip(np.rint(picture + (filled - picture) * ring), 0, 255), np.uint8)


def build_surfels(image: U8, alpha: F32, behind: U8, hair_px: F32) -> Surfels:
    """The points that, over what lies behind them, are the picture.

    hair_px: (SIZE,) how deep columns may be mirrored where the upper border cuts the head.
    colour = picture - (1 - alpha) * behind; where that is negative there is more of the person than the matte says.
    """
    picture, plate = image.astype(np.float32), behind.astype(np.float32)
    missing = 1 - (picture + 2) / np.maximum(plate, 24)
    alpha = np.where(alpha > 0, np.maximum(alpha, np.clip(missing.max(2), 0, 1)), alpha)
    colour = np.clip(picture - (1 - alpha[..., None]) * plate, 0, 255)
    layer = np.dstack([colour, 255 * alpha]).astype(np.float32)
    layer[alpha <= 0] = 0
    # Beyond the frame clothes and hair go on as mirror images, shoulders as they were at the edge.
    tall = cv2.copyMakeBorder(layer, MARGIN, MARGIN, 0, 0, cv2.BORDER_REFLECT_101)
    above = np.arange(MARGIN, 0, -1)[:, None]
    mirrored = np.rint(hair_px * (1 - np.exp(-above / hair_px))).astype(np.intp)  # of hair alone, not of the forehead
    tall[:MARGIN] = np.take_along_axis(layer, mirrored[..., None], axis=0) * _crown(alpha[0])[..., None]
    wide = cv2.copyMakeBorder(tall, 0, 0, MARGIN, MARGIN, cv2.BORDER_REPLICATE)
    present = (wide[..., 3] > 0).astype(np.uint8)
    bends = cv2.filter2D(wide, -1, np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], np.float32))
    # Across the person's edge a bend is not one of the surface.
    bends[cv2.erode(present, np.ones((3, 3), np.uint8)) == 0] = 0
    full = present.reshape(CELLS, STEP, CELLS, STEP).any(axis=(1, 3))
    cells = np.argwhere(full).astype(np.int32)
    return Surfels(np.ascontiguousarray(wide), np.ascontiguousarray(bends), present, cells)


def depth_of(landmarks: F32) -> F32:
    """(nodes, nodes) px away from the camera: the tracked face, and around it an ellipsoid head before a flat body."""
    width = 140 * face_frame(landmarks).px_per_mm
    face = landmarks[:468].astype(np.float64) * (1, 1, RELIEF)
    oval = face[list(FACE_OVAL)]
    ears = float(np.median(oval[:, 2]))
    centre = oval[:, :2].mean(0)
    back = ears + 0.22 * width
    controls, depth = [face[::2, :2]], [face[::2, 2]]
    for factor, share in ((1.15, 0.45), (1.35, 0.85), (1.7, 1.0), (2.4, 1.0)):
        controls.append(centre + (oval[::2, :2] - centre) * factor)
        depth.append(oval[::2, 2] + share * (back - oval[::2, 2]))
    at = nodes().reshape(-1, 2).astype(np.float64)
    spread = thin_plate(np.concatenate(controls) / width, np.concatenate(depth)[:, None], at / width, 1e-4)
    low, high = float(face[:, 2].min()), back + 0.1 * width
    depth_map = np.clip(spread, low, high).reshape(CELLS + 1, CELLS + 1).astype(np.float32)
    # The tracker's outline drops off like a cliff, along which a turned cheek would tear.
    inner = np.zeros(depth_map.shape, np.uint8)
    small = (centre + 0.72 * (oval[:, :2] - centre) + MARGIN) / STEP
    cv2.fillPoly(inner, [np.rint(small).astype(np.int32)], 255)
    keep = cv2.GaussianBlur(inner, (0, 0), 1.5).astype(np.float32) / 255
    smooth = cv2.GaussianBlur(depth_map, (0, 0), 0.06 * width / STEP)
    return np.asarray(smooth + (depth_map - smooth) * keep, np.float32)


def _crown(top: F32) -> F32:
    """(MARGIN, SIZE) share of hair that is left above the frame's upper edge (SIZE,), in the shape of a cap."""
    columns = np.arange(SIZE, dtype=np.float32)
    cut = float(top.sum())
    if cut < 8:
        return np.zeros((MARGIN, SIZE), np.float32)
    centre = float((columns * top).sum()) / cut
    height = 0.5 * cut * np.sqrt(np.clip(1 - ((columns - centre) / (0.55 * cut)) ** 2, 0, 1))
    above = np.arange(MARGIN, 0, -1, dtype=np.float32)[:, None]
    return np.asarray(np.clip((0.7 * height - above) / 6 + 0.5, 0, 1) * (height > 1), np.float32)


def _membrane(picture: F32, hole: NDArray[np.bool_]) -> F32:
    """Laplace's equation in the hole, by relaxation from coarse to fine."""
    height, width = hole.shape
    if min(height, width) <= 8:
        known = ~hole
        return np.where(hole[..., None], picture[known].mean(0) if known.any() else 0, picture).astype(np.float32)
    weight = (~hole).astype(np.float32)
    half = (width // 2, height // 2)
    small_weight = cv2.resize(weight, half, interpolation=cv2.INTER_AREA)
    small = cv2.resize(picture * weight[..., None], half, interpolation=cv2.INTER_AREA)
    small = small / np.maximum(small_weight, 1e-6)[..., None]
    start = cv2.resize(_membrane(small, small_weight < 0.5), (width, height), interpolation=cv2.INTER_LINEAR)
    out = np.where(hole[..., None], start, picture).astype(np.float32)
    cross = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / 4
    for _ in range(12):
        out = np.where(hole[..., None], cv2.filter2D(out, -1, cross, borderType=cv2.BORDER_REFLECT_101), picture)
    return np.asarray(out, np.float32)


def _grain(picture: F32, hole: NDArray[np.bool_]) -> F32:
    """(H, W, 3) noise with the spectrum of the calmest known piece of the picture's fine detail."""
    fine = picture - cv2.GaussianBlur(picture, (0, 0), 4)
    known = cv2.boxFilter((~hole).astype(np.float32), -1, (_GRAIN // 2,) * 2, borderType=cv2.BORDER_CONSTANT)
    power = cv2.boxFilter((fine**2).mean(2), -1, (_GRAIN // 2,) * 2)
    inner = slice(_GRAIN // 4, SIZE - _GRAIN // 4)
    score = np.where(known[inner, inner] > 0.98, power[inner, inner], np.inf)
    if not np.isfinite(score).any():
        return np.zeros_like(picture)
    # Half of the calm places are calmer: the calmest of all may be clipped to white.
    found = np.sort(score[np.isfinite(score)])[np.isfinite(score).sum() // 3]
    row, column = np.argwhere(score == found)[0]
    piece = fine[row : row + _GRAIN // 2, column : column + _GRAIN // 2]
    canvas = np.zeros_like(picture)
    window = np.outer(np.hanning(len(piece)), np.hanning(piece.shape[1]))[..., None].astype(np.float32)
    canvas[: len(piece), : piece.shape[1]] = piece * window
    phase = np.fft.rfft2(np.random.default_rng(0).normal(size=picture.shape[:2]))
    phase = (phase / np.maximum(np.abs(phase), 1e-9))[..., None]
    noise: F64 = np.fft.irfft2(np.fft.rfft2(canvas, axes=(0, 1)) * phase, s=picture.shape[:2], axes=(0, 1))
    return np.asarray(noise * (piece.std() / max(float(noise.std()), 1e-6)), np.float32)
