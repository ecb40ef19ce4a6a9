"""Where the evidence lies: the tells that speak for a fake, painted on the part of the frame that each one looks at.

It shows where the model looked and how much that counted, not which pixels were made.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from tellmark import landmarks as lm
from tellmark.detector.evidence import BLUE, RED, sheet
from tellmark.detector.windows.tracks import MAX_FACES, read_frames
from tellmark.detector.windows.window import region
from tellmark.faces import Face, MediapipeTracker
from tellmark.landmarks import face_height
from tellmark.pictures import check_image_output, write_image
from tellmark.types import F32, U8, Detection

PLACES = {
    "eyes": "eyes",
    "mouth": "mouth",
    "sync": "mouth",
    "boundary": "outline",
    "pose": "outline",
    "rigidity": "scenery",
}
"""Where a tell looks; all others look at the skin."""

_FULL = 2.0  # log-odds a region has to reach for the strongest colour
_VEIL = 0.55  # of the strongest colour


def draw(detection: Detection, out: Path, *, force: bool = False) -> Path | None:
    """Write a sheet: the frame that looks most synthetic with the evidence over it, the tells, the timeline.

    None where the file had no verdict.

    Raises :class:`~tellmark.errors.UsageError` where ``out`` exists and not ``force``, or is no
    picture by its name.
    """
    check_image_output(out, force=force)
    if not detection.timeline:
        return None
    time_s = max(detection.timeline, key=lambda point: point[1])[0]
    frame = next((rgb for at, rgb in read_frames(detection.file) if at >= time_s - 1e-6), None)
    if frame is None:
        return None
    with MediapipeTracker(MAX_FACES, static=True) as tracker:
        faces = tracker.track(frame)
    if not faces:
        return None
    landmarks = min(faces, key=lambda face: _apart(face, detection)).landmarks
    contributions = {family: tell["contribution"] for family, tell in detection.tells.items()}
    painted = overlay(frame, heat(frame.shape[:2], landmarks, contributions))
    places = {family: PLACES.get(family, "skin") for family in contributions}
    write_image(out, sheet(painted, detection, places, time_s), force=force)
    return out


def _apart(face: Face, detection: Detection) -> float:
    """How far a face is from the person whom the verdict is about; of one person, larger faces come first."""
    if not detection.people:
        return -face.size
    p = detection.p_synthetic or 0.0
    person = min(detection.people, key=lambda one: abs(float(one["p_synthetic"]) - p))
    box = np.array(person["box"]).reshape(2, 2)
    return float(np.linalg.norm(face.landmarks[:468, :2].mean(0) - box.mean(0)))


def heat(shape: tuple[int, ...], landmarks: F32, contributions: Mapping[str, float]) -> F32:
    """(h, w) log-odds for a fake at each pixel: the sum of the families that look there; below zero for a real one."""
    size = float(face_height(landmarks))
    grow = max(1, round(0.04 * size))
    left, right, mouth = (
        region(landmarks, loop, shape[:2], grow=grow) for loop in (lm.LEFT_EYE, lm.RIGHT_EYE, lm.LIPS_OUTER)
    )
    eyes = left | right
    inner, outer = (region(landmarks, lm.FACE_OVAL, shape[:2], grow=side * grow) for side in (-1, 1))
    outline, around = outer & (1 - inner), 1 - outer
    skin = inner & (1 - eyes) & (1 - mouth)
    masks = {"eyes": eyes, "mouth": mouth, "outline": outline, "scenery": around, "skin": skin}
    found = np.zeros(shape[:2], np.float32)
    for family, value in contributions.items():
        found += np.float32(value) * masks[PLACES.get(family, "skin")]
    return np.asarray(cv2.GaussianBlur(found, (0, 0), max(1.0, 0.015 * size)), np.float32)


def overlay(frame: U8, values: F32) -> U8:
    """The frame in grey under a veil: red where tells speak for a fake, blue where they speak against it."""
    grey = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    strength = np.clip(np.abs(values) / _FULL, 0, 1)[..., None] * _VEIL
    colour = np.where(values[..., None] > 0, RED, BLUE)
    return np.asarray(grey * (1 - strength) + colour * strength, np.uint8)
