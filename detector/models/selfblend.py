"""Fakes from real crops alone: a face blended with an altered copy of itself (after Shiohara and Yamasaki 2022).

Both classes pass through the same softening and JPEG, so that quality cannot stand for the class: without that a
network learns that soft pictures are fake, and good generators are cleaner than web video (measured).
"""

from __future__ import annotations

import cv2
import numpy as np

from tellmark.types import F32, U8


def self_blend(crop: U8, rng: np.random.Generator) -> U8:
    """An aligned crop (s, s, 3) whose face is a recoloured, resampled, slightly moved copy of itself."""
    side = crop.shape[0]
    altered = crop.astype(np.float32) * rng.uniform(0.88, 1.12, 3).astype(np.float32) + np.float32(rng.uniform(-12, 12))
    if rng.random() < 0.5:
        altered = cv2.GaussianBlur(altered, (0, 0), float(rng.uniform(0.4, 1.2)))
    else:
        small = cv2.resize(altered, None, fx=(f := float(rng.uniform(0.5, 0.9))), fy=f, interpolation=cv2.INTER_AREA)
        altered = cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)
    scale, (x, y) = rng.uniform(0.97, 1.03), rng.uniform(-0.02, 0.02, 2) * side
    move = np.array([[scale, 0, x + side / 2 * (1 - scale)], [0, scale, y + side / 2 * (1 - scale)]], np.float32)
    altered = cv2.warpAffine(altered, move, (side, side), borderMode=cv2.BORDER_REPLICATE)
    mask = _mask(side, rng)[..., None]
    return np.asarray(np.clip(mask * altered + (1 - mask) * crop, 0, 255), np.uint8)


def degrade(crop: U8, rng: np.random.Generator) -> U8:
    """What both classes go through: now and then a softer picture, mostly a JPEG."""
    if rng.random() < 0.3:
        crop = np.asarray(cv2.GaussianBlur(crop, (0, 0), float(rng.uniform(0.3, 1.0))), np.uint8)
    if rng.random() < 0.7:
        _, coded = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 96))])
        crop = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return crop


def _mask(side: int, rng: np.random.Generator) -> F32:
    """(side, side) 0 to 1: an ellipse where aligned crops have the face, its outline bent, its edge soft."""
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    radius = 1 + rng.uniform(-0.12, 0.12, 24)
    x = side * (0.5 + rng.uniform(0.22, 0.32) * radius * np.cos(turn))
    y = side * (0.52 + rng.uniform(0.26, 0.38) * radius * np.sin(turn))
    mask = np.zeros((side, side), np.float32)
    cv2.fillPoly(mask, [np.column_stack([x, y]).round().astype(np.int32)], 1.0)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(1, 0.06 * side))), np.float32)
