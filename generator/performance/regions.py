"""Which pixels of a portrait belong to face, hair, shoulders and scenery, and where they go when the head moves."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from tellmark.generator.mesh.mesh import head_share
from tellmark.generator.types import SIZE, Portrait
from tellmark.landmarks import FACE_OVAL, LEFT_EYE, LIPS_OUTER, RIGHT_EYE
from tellmark.types import F32, F64, U8

_EDGE = 0.015  # of the frame's side, that belongs to a part beyond its outline
_REACH = 0.06  # of the frame's side, by which a part is kept away from what may cover it


@dataclass(frozen=True, slots=True)
class Regions:
    """(512, 512) weights in [0, 1], in the portrait."""

    face: F32  # what neither speaks nor blinks
    hair: F32  # with ears and hat
    torso: F32
    scene: F32


def regions_of(portrait: Portrait) -> Regions:
    """The regions of a portrait; parts of it that are none of the four are in none."""
    matte, landmarks = portrait.matte, portrait.landmarks
    rows, columns = np.indices((SIZE, SIZE)).astype(np.float32)
    head = head_share(np.stack([columns, rows], -1).reshape(-1, 2), landmarks).reshape(SIZE, SIZE)
    # The outline says most of where a thing is.
    person = cv2.dilate(matte, _disc(_EDGE))
    face = _hull(landmarks, FACE_OVAL)
    speaking = [_hull(landmarks, loop) for loop in (LIPS_OUTER, RIGHT_EYE, LEFT_EYE)]
    lively = cv2.dilate(np.maximum.reduce(speaking), _disc(_EDGE))
    hair = person * np.clip((head - 0.9) / 0.1, 0, 1) * (1 - face)
    torso = person * np.clip((0.6 - head) / 0.4, 0, 1) * (1 - face)
    scene = np.clip(1 - cv2.dilate(matte, _disc(_REACH)), 0, 1)
    return Regions(*(np.asarray(part, np.float32) for part in (face * (1 - lively), hair, torso, scene)))


def moved(part: F32, rest: F32, points: F32, weight: F32) -> F32:
    """A region of the portrait where points (n, 2) have gone that were at ``rest``, weighted (n,)."""
    return np.asarray(cv2.warpAffine(part, similarity(rest, points, weight), (SIZE, SIZE)), np.float32)


def similarity(source: F32, goal: F32, weight: F32) -> F64:
    """(2, 3) least-squares similarity between points (n, 2), weighted (n,)."""
    share = (weight / weight.sum()).astype(np.float64)
    one, other = (points @ (1, 1j) for points in (source.astype(np.float64), goal.astype(np.float64)))
    a, b = share @ one, share @ other
    turn = (share * (one - a).conj() @ (other - b)) / (share @ np.abs(one - a) ** 2)
    shift = b - turn * a
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def _hull(landmarks: F32, points: tuple[int, ...]) -> F32:
    mask = np.zeros((SIZE, SIZE), np.float32)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.rint(landmarks[list(points), :2]).astype(np.int32)), 1.0)
    return mask


def _disc(share: float) -> U8:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * int(share * SIZE) + 1,) * 2), np.uint8)
