"""Artifact dials: one known artifact added to a clip in a known dose, to measure what a detector sees of it.

A dial takes a finished fake, its masks and its tracked face, and a severity from 0 (nothing, to the bit) to 1. What it
does grows with the severity; every pixel it touches enters the mask. Random ones draw the same numbers for every
severity, so that doses of one clip differ in strength alone. ``lip_sync_offset`` moves the sound, and no pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from tellmark.generator.dynamics.behaviour import wander
from tellmark.generator.methods.warp import as_mask, blend, draw, hull, oval
from tellmark.generator.types import SIZE
from tellmark.landmarks import (
    LEFT_EYE,
    LEFT_IRIS,
    LIPS_INNER,
    LIPS_OUTER,
    RIGHT_EYE,
    RIGHT_IRIS,
    eye_opening,
    face_width,
    triangles,
)
from tellmark.types import F32, U8

MAX_OFFSET_S = 0.4  # of the sound, at severity 1

Changed = Iterator[tuple[U8, F32]]  # frames, and where each was touched: (512, 512) in [0, 1]


@dataclass(frozen=True, slots=True)
class Film:
    """A fake as it is kept in the making."""

    frames: U8  # (T, 512, 512, 3)
    masks: U8  # (T, 512, 512)
    track: F32  # (T, 478, 3) px
    fps: float

    def __iter__(self) -> Iterator[tuple[int, U8, F32, float]]:
        """(index, frame, landmarks, face width in px)."""
        for t, (frame, face) in enumerate(zip(self.frames, self.track, strict=True)):
            yield t, np.asarray(frame), face, float(face_width(face))


def turn(film: Film, name: str, severity: float, rng: np.random.Generator) -> Iterator[tuple[U8, U8]]:
    """The film with dial ``name`` at ``severity``: frames and masks."""
    if severity <= 0 or name == "lip_sync_offset":
        yield from zip(film.frames, film.masks, strict=True)
        return
    for mask, (frame, touched) in zip(film.masks, _DIALS[name](film, severity, rng), strict=True):
        yield frame, np.maximum(mask, as_mask(np.asarray(np.clip(touched, 0, 1), np.float32)))


def offset_s(name: str, severity: float) -> float:
    """By how much a dial delays the sound, s."""
    return MAX_OFFSET_S * severity if name == "lip_sync_offset" else 0.0


def delayed(samples: F32, offset: int, fade: int) -> F32:
    """Sound that comes ``offset`` samples late; its end comes first, so that no silence gives the delay away."""
    if offset <= 0:
        return samples
    late = np.roll(samples, offset)
    ramp = np.linspace(0, 1, min(fade, offset, len(samples) - offset), dtype=np.float32)
    late[offset : offset + len(ramp)] *= ramp
    late[offset - len(ramp) : offset] *= ramp[::-1]
    return late


def _temporal_jitter(film: Film, severity: float, rng: np.random.Generator) -> Changed:
    """The face trembles against the head: up to some hundredths of its width, anew in every frame."""
    steps = rng.normal(0, 0.012 * severity, (len(film.frames), 2))
    for t, frame, face, width in film:
        region = hull(oval(face), 0.15 * width, -0.05 * width)
        yield (
            _displaced(frame, region * np.float32(steps[t, 0] * width), region * np.float32(steps[t, 1] * width)),
            region,
        )


def _mouth_blur(film: Film, severity: float, rng: np.random.Generator) -> Changed:
    """Lips and teeth lose their detail."""
    for _, frame, face, width in film:
        region = _lips(face, width)
        yield blend(frame, cv2.GaussianBlur(frame, (0, 0), 0.3 + 0.028 * severity * width), region), region


def _teeth_flicker(film: Film, severity: float, rng: np.random.Generator) -> Changed:
    """The inside of the mouth is lighter in one frame and darker in the next."""
    gains = 1 + 0.55 * severity * np.clip(rng.normal(size=len(film.frames)), -1.6, 1.6)
    for t, frame, face, width in film:
        region = hull(face[list(LIPS_INNER)], 0.02 * width)
        yield blend(frame, frame * np.float32(gains[t]), region), region


def _blend_seam(film: Film, severity: float, rng: np.random.Generator) -> Changed:
    """A soft, lighter line around the face, as blending leaves it."""
    for _, frame, face, width in film:
        outer, inner = (hull(oval(face), 0.02 * width, grow * width) for grow in (-0.06, -0.11))
        line = np.clip(outer - inner, 0, 1) * np.float32(severity)
        yield blend(frame, cv2.GaussianBlur(frame, (0, 0), 2.0).astype(np.float32) + 14, line), line


def _texture_freeze(film: Film, severity: float, rng: np.random.Generator) -> Changed:
    """The skin's fine texture is that of the first frame, carried along by the face."""
    first, start = np.ascontiguousarray(film.frames[0]), film.track[0]
    for _, frame, face, width in film:
        carried, covered = draw(first, start, face, triangles())
        fine = carried.astype(np.float32) - cv2.GaussianBlur(carried, (0, 0), 3.0)
        coarse = cv2.GaussianBlur(frame, (0, 0), 3.0).astype(np.float32)
        edge = cv2.erode(covered, np.ones((13, 13), np.uint8))
        region = (
            hull(oval(face), 0.05 * width, -0.06 * width) * cv2.GaussianBlur(edge, (0, 0), 2.0) * covered * severity
        )
        yield blend(frame, coarse + fine, region), region


def _upsampling_grid(film: Film, severity: float, rng: np.random.Generator) -> Changed:
    """The face as from half the resolution, with the checkerboard of strided upsampling."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    board = (np.where((rows // 2 + columns // 2) % 2, 4.0, -4.0)[..., None]).astype(np.float32)
    for _, frame, face, width in film:
        region = hull(oval(face), 0.06 * width, -0.04 * width) * severity
        small = cv2.resize(frame, (SIZE // 2, SIZE // 2), interpolation=cv2.INTER_AREA)
        large = cv2.resize(small, (SIZE, SIZE), interpolation=cv2.INTER_NEAREST).astype(np.float32)
        yield blend(frame, large + board, region), region


def _blink_absence(film: Film, severity: float, rng: np.random.Generator) -> Changed:
    """Lids that close stay open: the eyes as they were before, faded in by the severity."""
    opening = np.minimum(*eye_opening(film.track))
    shut = opening < 0.8 * float(np.median(opening))
    last = 0 if not shut.all() else None
    if last is not None and shut[0]:
        last = int(np.flatnonzero(~shut)[0])
    nothing = np.zeros((SIZE, SIZE), np.float32)
    for t, frame, face, width in film:
        if not shut[t]:
            last = t
        if not shut[t] or last is None:
            yield frame, nothing
            continue
        kept, before = np.asarray(film.frames[last]), film.track[last]
        result, touched = frame, nothing
        for eye in (RIGHT_EYE, LEFT_EYE):
            corners = [eye[0], eye[8]]
            move = (face[corners, :2] - before[corners, :2]).mean(0)
            matrix = np.array([[1, 0, move[0]], [0, 1, move[1]]], np.float64)
            patch = cv2.warpAffine(kept, matrix, (SIZE, SIZE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
            around = before[list(eye)] + np.append(move, 0).astype(np.float32)
            region = hull(around, 0.03 * width, 0.045 * width) * severity
            result, touched = blend(result, patch, region), np.maximum(touched, region)
        yield result, touched


def _gaze_drift(film: Film, severity: float, rng: np.random.Generator) -> Changed:
    """The irises slide to one side and back, whatever is looked at."""
    phase = rng.uniform(0, 2 * np.pi)
    side = np.sin(2 * np.pi * 0.45 * np.arange(len(film.frames)) / film.fps + phase)
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    for t, frame, face, width in film:
        push = np.zeros((SIZE, SIZE), np.float32)
        touched = np.zeros((SIZE, SIZE), np.float32)
        for eye, iris in ((RIGHT_EYE, RIGHT_IRIS), (LEFT_EYE, LEFT_IRIS)):
            span = float(np.linalg.norm(face[eye[0], :2] - face[eye[8], :2]))
            x, y = face[iris[0], :2]
            lens = np.exp(-(np.square(columns - x) + np.square(rows - y)) / (2 * (0.28 * span) ** 2))
            region = lens * hull(face[list(eye)], 0.02 * width, 0.02 * width)
            push += region * np.float32(0.16 * span * side[t] * severity)
            touched = np.maximum(touched, region)
        yield _displaced(frame, push, np.zeros_like(push)), touched * abs(np.float32(side[t]))


def _colour_mismatch(film: Film, severity: float, rng: np.random.Generator) -> Changed:
    """The face has another tint than the neck."""
    tint = np.array([1.0, -0.3, -0.8]) * rng.choice([-1, 1]) + rng.uniform(-0.2, 0.2, 3)
    gain = (1 + 0.14 * severity * tint).astype(np.float32)
    for _, frame, face, width in film:
        region = hull(oval(face), 0.08 * width, -0.03 * width)
        yield blend(frame, frame * gain, region), region


def _background_swim(film: Film, severity: float, rng: np.random.Generator) -> Changed:
    """What is around the head moves in slow waves."""
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float32) / SIZE
    waves = [(rng.uniform(1, 3, 2), rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 0.9)) for _ in range(4)]
    for t, frame, face, width in film:
        still = np.minimum(1.05 * hull(oval(face), 0.5 * width, 0.22 * width), 1)
        fields = []
        for pair in (waves[:2], waves[2:]):
            field = sum(
                np.sin(2 * np.pi * (across * columns + down * rows + rate * t / film.fps) + phase)
                for (across, down), phase, rate in pair
            )
            fields.append(np.asarray((1 - still) * (0.009 * SIZE / 2 * severity) * field, np.float32))
        yield _displaced(frame, *fields), np.asarray(1 - still, np.float32)


def _noise_mismatch(film: Film, severity: float, rng: np.random.Generator) -> Changed:
    """The face has noise of its own, finer and stronger than the camera's."""
    for _, frame, face, width in film:
        region = hull(oval(face), 0.06 * width, -0.04 * width)
        noise = rng.standard_normal((SIZE, SIZE, 1), np.float32) * np.float32(9 * severity)
        yield blend(frame, frame + noise, region), region


def _wobble(film: Film, severity: float, rng: np.random.Generator) -> Changed:
    """The face's shape drifts slowly, as from a generator that forgets whom it shows."""
    across, down = (wander(rng, len(film.frames), film.fps, 0.4) for _ in range(2))
    for t, frame, face, width in film:
        middle = oval(face)[:, :2].mean(0)
        region = hull(oval(face), 0.15 * width, -0.05 * width)
        rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float32)
        x = region * (columns - middle[0]) * np.float32(0.03 * severity * across[t])
        y = region * (rows - middle[1]) * np.float32(0.03 * severity * down[t])
        yield _displaced(frame, np.asarray(x, np.float32), np.asarray(y, np.float32)), region


def _lips(face: F32, width: float) -> F32:
    return hull(face[list(LIPS_OUTER)], 0.08 * width, 0.05 * width)


def _displaced(frame: U8, x: F32, y: F32) -> U8:
    """The frame with its content moved by (x, y) px."""
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    moved = cv2.remap(frame, columns - x, rows - y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(np.where(((x != 0) | (y != 0))[..., None], moved, frame), np.uint8)


_DIALS: dict[str, Callable[[Film, float, np.random.Generator], Changed]] = {
    "temporal_jitter": _temporal_jitter,
    "mouth_blur": _mouth_blur,
    "teeth_flicker": _teeth_flicker,
    "blend_seam": _blend_seam,
    "texture_freeze": _texture_freeze,
    "upsampling_grid": _upsampling_grid,
    "blink_absence": _blink_absence,
    "gaze_drift": _gaze_drift,
    "colour_mismatch": _colour_mismatch,
    "background_swim": _background_swim,
    "noise_mismatch": _noise_mismatch,
    "shape_wobble": _wobble,
}
DIALS = ("lip_sync_offset", *_DIALS)
