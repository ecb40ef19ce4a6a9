"""How fast this machine is at the kind of work a build consists of: a few frames warped, tracked, marked and encoded.

In CPU time, so that other work on the machine counts only as far as it slows this one down, as it will the build.
"""

from __future__ import annotations

import tempfile
import time
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from tellmark.faces import MediapipeTracker
from tellmark.generator.types import SIZE
from tellmark.types import U8, Kind
from tellmark.watermark.claims import Provenance
from tellmark.watermark.writer import ClipWriter

UNIT_S = 0.040  # of the machine that the costs of `estimate` were measured on
_FRAMES, _TIMES = 10, 3


@cache
def unit_s() -> float:
    """CPU seconds that a frame of a fixed piece of work takes: the middle of three measurements, made once a process.

    Takes a second or two. Nothing of it is kept: the clip, its row and its signature lie in a temporary folder.
    """
    picture = _picture()
    with tempfile.TemporaryDirectory(prefix="tellmark-") as folder, MediapipeTracker() as tracker:
        spent = [_work(picture, tracker, Path(folder) / f"{k}.mp4") for k in range(_TIMES + 1)]
    return sorted(spent[1:])[_TIMES // 2] / _FRAMES


def _work(picture: U8, tracker: MediapipeTracker, path: Path) -> float:
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    started = time.process_time()
    with ClipWriter(
        path,
        width=SIZE,
        height=SIZE,
        fps=25,
        provenance=Provenance(Kind.SYNTHETIC, path.name, "trainedAlgorithmicMedia"),
        registry=path.with_suffix(".sqlite"),
    ) as writer:
        for k in range(_FRAMES):
            moved = cv2.remap(picture, columns + 3 * np.sin(k + rows / 90), rows, cv2.INTER_CUBIC)
            soft = cv2.GaussianBlur(moved.astype(np.float32), (0, 0), 3.0)
            frame = np.clip(np.rint(soft + 0.8 * (moved - soft)), 0, 255).astype(np.uint8)
            tracker.track(frame)
            writer.write(frame)
    return time.process_time() - started


def _picture() -> U8:
    """Coarse and fine noise, as busy as a filmed face."""
    rng = np.random.default_rng(0)
    coarse = cv2.resize(
        rng.normal(128, 40, (16, 16, 3)).astype(np.float32), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC
    )
    fine = cv2.GaussianBlur(rng.normal(0, 12, (SIZE, SIZE, 3)).astype(np.float32), (0, 0), 1.2)
    return np.asarray(np.clip(coarse + fine, 0, 255), np.uint8)
