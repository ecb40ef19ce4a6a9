"""What is white in a portrait's light, and how much colour there is in it: for teeth and all beside them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark.generator.types import SIZE
from tellmark.landmarks import LEFT_EYE, RIGHT_EYE
from tellmark.types import F32, U8

_TINT = 0.45  # of what eye whites are redder, that drawn teeth take on: as colourful as in films, .7 of the skin
_LAMP = 0.2  # of their brightness, that whites lack of red where all of their cast is the light's


def white_point(image: U8, landmarks: F32) -> NDArray[np.float64]:
    """(3,) RGB of a white surface in the mouth's light: from the eye whites, never darker than the skin allows."""
    mask = np.zeros(image.shape[:2], np.uint8)
    for loop, iris in ((RIGHT_EYE, 468), (LEFT_EYE, 473)):
        cv2.fillPoly(mask, [np.rint(landmarks[list(loop), :2]).astype(np.int32)], 255)
        radius = 1.1 * float(np.linalg.norm(landmarks[iris, :2] - landmarks[iris + 1, :2]))
        cv2.circle(mask, np.rint(landmarks[iris, :2]).astype(int).tolist(), int(np.ceil(radius)), 0, -1)
    sclera = image[mask > 0].astype(np.float64)
    cheeks = skin(image, landmarks)
    white = cheeks * 1.15
    if len(sclera) >= 12:
        brightest = np.percentile(sclera, 80, axis=0) * 1.12
        white = np.maximum(brightest, cheeks * 0.95)
    grey = white.mean()
    # Eye whites are reddened by their veins and tinted by the light: what is red may be either, what is blue is light.
    tint = _TINT + (1 - _TINT) * np.clip((grey - white[0]) / (_LAMP * grey), 0, 1)
    return np.asarray(np.clip(tint * white + (1 - tint) * grey, 30, 250))


def colourfulness(image: U8, landmarks: F32) -> float:
    """0 for stone and black-and-white pictures, 1 for skin in colour: how much colour the mouth may have."""
    return float(np.clip((saturation(skin(image, landmarks)) - 0.03) / 0.15, 0, 1))


def skin(image: U8, landmarks: F32) -> NDArray[np.float64]:
    """(3,) RGB of the cheeks."""
    cheeks = np.rint(landmarks[[50, 280, 205, 425, 101, 330], :2]).astype(int).clip(0, SIZE - 1)
    return np.asarray(np.median(image[cheeks[:, 1], cheeks[:, 0]].astype(np.float64), axis=0))


def saturation(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """(...,) share of the brightest channel that the darkest lacks."""
    return np.asarray(1 - rgb.min(-1) / np.maximum(rgb.max(-1), 1))
