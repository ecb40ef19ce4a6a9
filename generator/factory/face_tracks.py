"""The tracked face of a clip: found frame by frame, kept beside the clip as a file of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tellmark.errors import FaceError
from tellmark.faces import MediapipeTracker
from tellmark.generator.retarget import bridged
from tellmark.landmarks import head_rotation_deg
from tellmark.types import F32, U8


def follow(frames: U8) -> F32:
    """(T, 478, 3) px, the tracked face; frames without one get what lies between their neighbours.

    Raises :class:`FaceError` where more than one frame in ten shows no face.
    """
    found = np.full((len(frames), 478, 3), np.nan, np.float32)
    with MediapipeTracker() as tracker:
        for index, frame in enumerate(frames):
            faces = tracker.track(np.ascontiguousarray(frame))
            if faces:
                found[index] = faces[0].landmarks
    seen = np.isfinite(found[:, 0, 0])
    if seen.mean() < 0.9:
        raise FaceError(f"no face in {np.count_nonzero(~seen)} of {len(frames)} frames")
    return bridged(found, seen)


def write_track(path: Path, track: F32) -> None:
    """``landmarks`` (T, 478, 3) int16 in 1/32 px and ``pose_deg`` (T, 3) yaw, pitch, roll, as NumPy's .npz."""
    pose = np.stack(head_rotation_deg(track), axis=1)
    np.savez_compressed(path, landmarks=np.rint(track * 32).astype(np.int16), pose_deg=pose)


def read_track(path: Path) -> F32:
    """(T, 478, 3) px, the inverse of :func:`write_track` but for rounding."""
    with np.load(path) as stored:
        return np.asarray(stored["landmarks"], np.float32) / 32


def track_frames(path: Path) -> int:
    """How many frames a track has."""
    with np.load(path) as stored:
        return len(stored["pose_deg"])
