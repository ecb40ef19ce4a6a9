"""Where a face shows skin, and how light falls on it: what of one face may be laid over another, and in whose light."""

from __future__ import annotations

import cv2
import numpy as np

from tellmark.generator.methods.warp import box_of, hull
from tellmark.landmarks import CHEEKS, LEFT_BROW, LEFT_EYE, LIPS_OUTER, NOSE, RIGHT_BROW, RIGHT_EYE, face_width
from tellmark.types import F32, U8

_SAMPLES = (*CHEEKS, 36, 266, 6, 197, 195, 5, 199, 200, 151, 9)  # never hair, rarely glasses
_FEATURES = (*RIGHT_BROW, *LEFT_BROW, *RIGHT_EYE, *LEFT_EYE, *NOSE, *LIPS_OUTER, 200, 205, 425)
_LEAST = np.array([22, 4, 4], np.float32)  # spread of L, a, b of a face in even light, of 255
_SHADING = 0.10  # face widths: wider than this it is light, narrower the face's own
_DARKEST, _LIGHTEST = 0.4, 2.5
_FLATTEST, _HARDEST = 0.55, 1.3


def skin(picture: U8, face: F32) -> F32:
    """(512, 512) in [0, 1]: coloured like the skin of this face; hair, lips, brows and backgrounds are less so."""
    near = hull(face, 0.02, 0.1 * float(face_width(face)))
    box = box_of(near)
    lab = cv2.cvtColor(np.ascontiguousarray(picture[box]), cv2.COLOR_RGB2LAB)
    lab = cv2.GaussianBlur(lab, (0, 0), 1.5).astype(np.float32)
    corner = np.array([box[1].start, box[0].start])
    x, y = np.clip(face[list(_SAMPLES), :2] - corner, 0, np.array(lab.shape[1::-1]) - 1).astype(int).T
    tones = lab[y, x]
    middle = np.median(tones, axis=0)
    spread = np.maximum(1.5 * np.median(np.abs(tones - middle), axis=0), _LEAST)
    away = np.sqrt(np.square((lab - middle) / spread).sum(axis=2))
    like = np.zeros(near.shape, np.float32)
    like[box] = near[box] * cv2.GaussianBlur(np.clip(2 - away / 2, 0, 1), (0, 0), 2.0)
    return like


def features(face: F32) -> F32:
    """(512, 512) in [0, 1]: from the brows to the lower lip, what makes a face this person's."""
    width = float(face_width(face))
    return hull(face[list(_FEATURES)], 0.05 * width, 0.02 * width)


def relit(drawn: U8, frame: U8, weight: F32) -> U8:
    """``drawn`` in the light of ``frame``, both averaged over the skin that ``weight`` says, within its box.

    The slow shading, by normalised convolution (Knutsson & Westin 1993), becomes the frame's: tint, brightness and
    shadows; at the edge there is no step left to blend. What is finer keeps its shape and takes the frame's contrast.
    """
    box = box_of(weight)
    share = weight[box]
    sigma = _SHADING * (box[1].stop - box[1].start)
    below, over = (_slow(picture[box], share, sigma) for picture in (frame, drawn))
    fine = drawn[box] / over - 1
    gain = np.clip(_contrast(frame[box] / below - 1, share) / _contrast(fine, share), _FLATTEST, _HARDEST)
    result = drawn.copy()
    light = np.clip(below, _DARKEST * over, _LIGHTEST * over)
    result[box] = np.clip(np.rint(light * (1 + gain * fine)), 0, 255)
    return result


def _contrast(fine: F32, share: F32) -> float:
    """Weighted deviation from 0."""
    every = (slice(None, None, 2), slice(None, None, 2))
    green = fine[..., 1][every]
    return float(np.sqrt((share[every] * np.square(green)).sum() / max(float(share[every].sum()), 1e-6))) + 1e-3


def _slow(picture: U8, share: F32, sigma: float) -> F32:
    """The weighted mean around each pixel, at least 1; towards the mean of all where nothing is near."""
    weighted = cv2.resize(picture * share[..., None], None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    weight = cv2.resize(share, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    mean = weighted.sum((0, 1)) / max(float(weight.sum()), 1e-6)
    little = 0.02
    blurred, total = (cv2.GaussianBlur(one, (0, 0), sigma / 4) for one in (weighted, weight))
    slow = ((blurred + little * mean) / (total + little)[..., None]).astype(np.float32)
    return np.asarray(np.maximum(cv2.resize(slow, share.shape[::-1], interpolation=cv2.INTER_LINEAR), 1), np.float32)
