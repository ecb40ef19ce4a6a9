"""What models see of a clip: per window the tells, aligned crops, or how the face and its sound move.

One walk over a clip takes all the views that are asked for; memory stays constant.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark import landmarks as lm
from tellmark.detector.features import code_version, measure
from tellmark.detector.features import version as tells_version
from tellmark.detector.windows.sound import RATE_HZ, Sound
from tellmark.detector.windows.tracks import WindowReader, read_frames
from tellmark.detector.windows.window import FPS, SIZE, Window
from tellmark.runs import atomic_path
from tellmark.types import F32, F64, U8

CROP = 128  # px
CROPS = 4  # a window
BANDS = 8
_POINTS = (*lm.LIPS_INNER, *lm.LIPS_OUTER, *lm.RIGHT_EYE, *lm.LEFT_EYE)

Views = Mapping[str, NDArray[Any]]
"""View -> (N windows, ..)."""


@dataclass(frozen=True, slots=True)
class ClipViews:
    """The views of one clip, and what was met while reading it."""

    times_s: F64  # (N,) middle of each window
    views: dict[str, NDArray[Any]]
    frames: int  # at 25 per second
    faces: int  # most faces in one frame

    def __len__(self) -> int:
        return len(self.times_s)


def crops(window: Window) -> U8:
    """(4, 128, 128, 3) aligned crops spread over the window."""
    chosen = np.linspace(0, len(window) - 1, CROPS).round().astype(int)
    small = [cv2.resize(window.crops[i], (CROP, CROP), interpolation=cv2.INTER_AREA) for i in chosen]
    return np.asarray(small, np.uint8)


def motion(window: Window) -> F32:
    """(T, 2 points + 3 + 8): lips and eyes in the aligned face, the head in the frame, bands of sound; steps in time.

    Points are in face sizes around their mean over the window; the head's place and size are against the first frame;
    bands are log10 power of 40 ms, 0 where there is no sound.
    """
    points = window.landmarks[:, list(_POINTS), :2] / SIZE
    inner = (points - points.mean(0)).reshape(len(window), -1)
    centre = window.source_landmarks[:, :468, :2].mean(1)
    size = np.linalg.norm(window.source_landmarks[:, 10, :2] - window.source_landmarks[:, 152, :2], axis=1)
    head = np.column_stack([(centre - centre[0]) / size[0], np.log(size / size[0])])
    return np.column_stack([inner * 20, head * 5, _bands(window.sound, len(window))]).astype(np.float32)


VIEWS: dict[str, Callable[[Window], NDArray[Any]]] = {
    "tells": measure,
    "crops": crops,
    "motion": motion,
}


def clip_views(path: Path, names: Sequence[str], *, limit: int | None = None) -> ClipViews:
    """The named views of the first ``limit`` windows of a video. Raises MediaError for a file that is no video."""
    reader = WindowReader(read_frames(path), sound=Sound(path))
    found: dict[str, list[NDArray[Any]]] = {name: [] for name in names}
    times: list[float] = []
    for window in reader:
        times.append(window.start_s + len(window) / 2 / FPS)
        for name in names:
            found[name].append(VIEWS[name](window))
        if len(times) == limit:
            break
    views = {name: np.stack(rows) if rows else np.zeros((0, 1)) for name, rows in found.items()}
    return ClipViews(np.array(times), views, reader.frames, reader.faces)


def cached_views(path: Path, sha256: str, folder: Path, names: Sequence[str]) -> ClipViews:
    """:func:`clip_views` of all windows, kept in ``folder`` under the clip's SHA-256 and the version of the views."""
    version = code_version(sys.modules[__name__]) + tells_version()
    store = folder / f"{sha256}-{'-'.join(sorted(names))}-{version}.npz"
    if store.exists():
        with np.load(store, allow_pickle=False) as saved:
            return ClipViews(
                saved["times_s"], {n: saved[f"view_{n}"] for n in names}, int(saved["frames"]), int(saved["faces"])
            )
    found = clip_views(path, names)
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(store, force=True) as temporary, temporary.open("wb") as handle:
        views = {f"view_{name}": view for name, view in found.views.items()}
        np.savez(handle, times_s=found.times_s, frames=found.frames, faces=found.faces, **views)
    return found


def _bands(sound: F32, frames: int) -> F32:
    """(frames, 8) log10 power in bands, 80 Hz to 8 kHz, in tens of dB above -60."""
    hop = round(RATE_HZ / FPS)
    if not len(sound):
        return np.zeros((frames, BANDS), np.float32)
    padded = np.zeros(hop * frames, np.float32)
    padded[: min(len(sound), len(padded))] = sound[: len(padded)]
    power = np.abs(np.fft.rfft(padded.reshape(frames, hop) * np.hanning(hop))) ** 2 / hop
    edges = np.geomspace(2, power.shape[1], BANDS + 1).astype(int)
    bands = [power[:, a : max(b, a + 1)].sum(1) for a, b in pairwise(edges)]
    return np.asarray(np.log10(np.array(bands).T + 1e-6) + 6, np.float32) / 2
