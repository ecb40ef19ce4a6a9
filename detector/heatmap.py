"""Where the evidence lies: the tells that speak for a fake, painted on the part of the frame that each one looks at.

It shows where the model looked and how much that counted, not which pixels were made.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from tellmark import landmarks as lm
from tellmark.detector.tracks import MAX_FACES, read_frames
from tellmark.detector.window import region
from tellmark.faces import Face, MediapipeTracker
from tellmark.landmarks import face_height
from tellmark.media import write_image
from tellmark.runs import check_output
from tellmark.types import F32, U8, Detection

_EYES, _MOUTH, _OUTLINE, _AROUND = ("eyes",), ("mouth",), ("boundary", "pose"), ("rigidity",)
_FULL = 3.0  # log-odds a region has to reach for the strongest colour


def draw(detection: Detection, out: Path, *, force: bool = False) -> Path | None:
    """Write the frame that looks most synthetic, with the evidence over it; None where the file had no verdict.

    Raises :class:`~tellmark.errors.UsageError` where ``out`` exists and not ``force``.
    """
    check_output(out, force=force)
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
    write_image(out, overlay(frame, heat(frame.shape[:2], landmarks, contributions)), force=force)
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
    height, width = shape[:2]
    size = float(face_height(landmarks))
    grow = max(1, round(0.04 * size))
    oval = region(landmarks, lm.FACE_OVAL, (height, width))
    eyes = region(landmarks, lm.LEFT_EYE, oval.shape, grow=grow) | region(
        landmarks, lm.RIGHT_EYE, oval.shape, grow=grow
    )
    mouth = region(landmarks, lm.LIPS_OUTER, oval.shape, grow=grow)
    outline = region(landmarks, lm.FACE_OVAL, oval.shape, grow=2 * grow) & (
        1 - region(landmarks, lm.FACE_OVAL, oval.shape, grow=-2 * grow)
    )
    around = 1 - region(landmarks, lm.FACE_OVAL, oval.shape, grow=2 * grow)
    skin = oval & (1 - eyes) & (1 - mouth)
    found = np.zeros(oval.shape, np.float32)
    for family, value in contributions.items():
        place = (
            eyes if family in _EYES
            else mouth if family in _MOUTH
            else outline if family in _OUTLINE
            else around if family in _AROUND
            else skin
        )  # fmt: skip
        found += np.float32(value) * place
    return np.asarray(cv2.GaussianBlur(found, (0, 0), max(1.0, 0.03 * size)), np.float32)


def overlay(frame: U8, values: F32) -> U8:
    """The frame under a veil: red where tells speak for a fake, blue where they speak against it."""
    strength = np.clip(np.abs(values) / _FULL, 0, 1)[..., None] * 0.6
    colour = np.where(values[..., None] > 0, (230, 40, 30), (40, 90, 230))
    return np.asarray(frame * (1 - strength) + colour * strength, np.uint8)
