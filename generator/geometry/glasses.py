"""Glasses that a portrait wears: whether there are any, and how far they keep what is behind them from moving.

One picture shows rims and skin as one surface, and rims are stiff: with brows and cheeks that go on moving behind
them they would bend. So what lies behind them holds nearly still; lids and irises, which are drawn, do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from tellmark.generator.geometry.basis import face_frame
from tellmark.landmarks import LEFT_EYE, RIGHT_EYE
from tellmark.types import F32, U8

_BRIDGE, _BELOW = (0.12, 0.2), (0.09, 0.15)  # change of log light over a mm, none to surely a rim: see ``find``
_MM = 0.4  # between samples
_OVER_MM = 17.0  # that they reach up beyond the bridge between them
_RIM_MM = 4.0
_SIDE_MM = 31.0  # that they reach to either side from an eye's middle
_FADE_MM = 7.0
_HELD = 0.9
_UPWARDS = np.deg2rad(np.arange(-145, -34, 4.0))  # ways up from an eye
_FROM_EYE = np.arange(7, 26, 0.5)  # mm along them
_THICK_MM = 5.0  # at most, of a rim
_DARK = 0.06  # log light that a rim over a lid is darker by, on most of its way
_BENDS = 0.02  # what a step of it to the side costs, in log light
_OVER_LID, _CLEAR = 3.0, 1.2  # mm over a lid where a rim may begin, and that are left between the two


@dataclass(frozen=True, slots=True)
class Glasses:
    """What is seen of them."""

    surely: float  # 0 there are none .. 1 there are some
    top_mm: float  # how far above the eyes' middle they reach
    low_mm: float  # and below it


NONE = Glasses(0.0, 0.0, 0.0)


def find(image: U8, landmarks: F32) -> Glasses:
    """Glasses in a framed portrait: a rim crosses the bridge of the nose, and there is one below both eyes.

    Both are the strongest change of log luminance on the way down: over the bridge in the median of lines side by side,
    so that a spot is no rim; below an eye in the median along it. 58 pictures, 6 of them with glasses, have .22 and .15
    and more with, and nowhere .12 and .13 both without; of 40 virtual actors 10 wear some, .28 and .14, without .05 and
    .09.
    """
    frame = face_frame(landmarks)
    right, down = (axis[:2] for axis in frame.axes[:2])  # px for a mm
    light = np.log(image.mean(2, dtype=np.float32) + 12)
    light = cv2.GaussianBlur(light, (0, 0), max(0.5 * frame.px_per_mm, 0.6))

    def change(start: F32, length_mm: float, half_mm: float) -> F32:
        """(rows, 13) change a mm on ways down from ``start``, up to ``half_mm`` to its sides."""
        way = np.arange(0, length_mm, _MM, np.float32)[:, None, None] * down
        place = (start + way + np.linspace(-half_mm, half_mm, 13, dtype=np.float32)[:, None] * right).astype(np.float32)
        seen = cv2.remap(light, place[..., 0], place[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(np.abs(np.gradient(seen, _MM, axis=0)), np.float32)

    def mm(way: F32) -> float:
        return float(way @ down) / frame.px_per_mm**2

    start = landmarks[168, :2] - 6 * down
    long_mm = max(mm(landmarks[197, :2] - start), 6.0)  # of faces seen from far below it vanishes
    bridge = np.median(change(start, long_mm, 3.0), axis=1)
    below, low_mm = [], []
    eyes = landmarks[[33, 133, 263, 362], :2].mean(0)
    for lid, loop in ((145, RIGHT_EYE), (374, LEFT_EYE)):
        wide_mm = float(np.linalg.norm(landmarks[loop[8], :2] - landmarks[loop[0], :2])) / frame.px_per_mm
        under = landmarks[lid, :2] + 4 * down
        found = change(under, 26.0, 0.45 * wide_mm)
        below.append(float(np.median(found.max(axis=0))))
        low_mm.append(mm(under - eyes) + _MM * float(np.median(found.argmax(axis=0))) + _RIM_MM)
    top_mm = mm(eyes - start) - _MM * int(np.argmax(bridge > 0.5 * bridge.max())) + _OVER_MM
    return Glasses(_ramp(float(bridge.max()), *_BRIDGE) * _ramp(min(below), *_BELOW), top_mm, max(low_mm))


def free(places: F32, landmarks: F32, glasses: Glasses) -> F32:
    """(n,) what is left of the movement at places (n, 2) px: 1 far from the lenses, .1 behind surely seen ones."""
    frame = face_frame(landmarks)
    axes = frame.axes[:2, :2] / frame.px_per_mm**2  # px to mm
    half = np.array([_SIDE_MM, (glasses.low_mm + glasses.top_mm) / 2])
    below = np.array([0, (glasses.low_mm - glasses.top_mm) / 2])
    held = np.zeros(len(places))
    for loop in (RIGHT_EYE, LEFT_EYE):
        away = (places - landmarks[[loop[0], loop[8]], :2].mean(0)) @ axes.T - below
        beyond = np.hypot(*np.maximum(np.abs(away) - half, 0).T)
        held = np.maximum(held, 1 - np.clip(beyond / _FADE_MM, 0, 1))
    return np.asarray(1 - _HELD * glasses.surely * held * held * (3 - 2 * held), np.float32)


def lid_room(image: U8, landmarks: F32, glasses: Glasses) -> F32:
    """(2,) px over the edge of the subject's right and left upper lid, before a rim comes; infinite where none does.

    The rim is the darkest path over the eye (dynamic programming over a morphological closing's residue). A crease or
    a brow may be taken for it: then less skin stretches than could.
    """
    room = np.full(2, np.inf, np.float32)
    if glasses.surely == 0:
        return room
    frame = face_frame(landmarks)
    px = frame.px_per_mm
    across, down = (axis[:2] / max(float(np.linalg.norm(axis[:2])), 1e-6) for axis in frame.axes[:2])
    tone = cv2.GaussianBlur(np.log(image[..., 1].astype(np.float32) + 20), (0, 0), 0.35 * px)  # red rims lack green
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (max(round(_THICK_MM * px) | 1, 3),) * 2)
    darker = cv2.morphologyEx(tone, cv2.MORPH_CLOSE, kernel) - tone
    ways = np.cos(_UPWARDS)[:, None] * across + np.sin(_UPWARDS)[:, None] * down
    for eye, loop in enumerate((RIGHT_EYE, LEFT_EYE)):
        middle, edge = landmarks[[loop[0], loop[8]], :2].mean(0), landmarks[list(loop[1:8]), :2]
        lowest = max(float(((middle - edge) @ down).max()) / px, 0.0) + _OVER_LID
        places = (middle + px * _FROM_EYE[:, None] * ways[:, None]).astype(np.float32)
        seen = cv2.remap(darker, places[..., 0], places[..., 1], cv2.INTER_LINEAR)
        seen[-np.sin(_UPWARDS)[:, None] * _FROM_EYE < lowest] = -9
        at = _darkest(seen)
        rows = np.arange(len(seen))
        if np.quantile(seen[rows, at], 0.3) > _DARK:
            rim = places[rows, at]
            order = np.argsort(edge @ across)
            lid = np.interp(rim @ across, (edge @ across)[order], (edge @ down)[order])
            room[eye] = np.quantile(lid - rim @ down, 0.25) - _CLEAR * px
    return room


def _darkest(seen: F32) -> list[int]:
    """Columns of the path through ``seen`` (n, k), one a row, whose sum is largest."""
    total, came = seen[0], []
    for row in seen[1:]:
        wide = np.pad(total, 2, constant_values=-1e3)
        options = np.stack([wide[2 + k : 2 + k + len(total)] - _BENDS * abs(k) for k in (-2, -1, 0, 1, 2)])
        came.append(options.argmax(0) - 2)
        total = options.max(0) + row
    at = [int(total.argmax())]
    for step in came[::-1]:
        at.append(at[-1] + int(step[at[-1]]))
    return at[::-1]


def _ramp(value: float, low: float, high: float) -> float:
    return float(np.clip((value - low) / (high - low), 0, 1))
