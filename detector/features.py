"""From a clip to one vector of all tells a window, with a cache for datasets."""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from types import ModuleType

import numpy as np

from tellmark.ahead import ahead
from tellmark.detector import tells
from tellmark.detector.windows import sound, stats, tracks, window
from tellmark.detector.windows.sound import Sound
from tellmark.detector.windows.tracks import Frames, WindowReader, read_frames
from tellmark.detector.windows.window import FRAMES, Window
from tellmark.runs import atomic_path
from tellmark.types import F64

NAMES = tuple(f"{family}.{name}" for family, tell in tells.FAMILIES.items() for name in tell.FEATURES)
"""The columns of every feature matrix, ``family.feature``, families side by side."""


@dataclass(frozen=True, slots=True)
class ClipFeatures:
    """The tells of one clip, and what was met while reading it."""

    times_s: F64  # (N,) middle of each window
    x: F64  # (N, len(NAMES)); NaN where a tell says nothing
    frames: int  # at 25 per second
    faces: int  # most faces in one frame
    followed: int  # frames with a face that was large enough
    largest_px: float  # size of the largest face


def measure(part: Window) -> F64:
    """(len(NAMES),) all tells of one window."""
    values = np.concatenate([tell.compute(part) for tell in tells.FAMILIES.values()])
    # Vectorised sums differ in their last bits with where arrays lie in memory; single precision hides that, so that
    # the same pictures give the same scores.
    return np.where(np.isfinite(values), values, np.nan).astype(np.float32).astype(np.float64)


def clip_features(source: Path | str | Frames, *, length: int = FRAMES, limit: int | None = None) -> ClipFeatures:
    """Track the face of a video file, or of (time_s, rgb) frames, and measure it window by window.

    ``length`` is that of a window in frames at 25 per second, ``limit`` the largest number of windows.
    Memory stays constant. Raises :class:`~tellmark.errors.MediaError` for a file that is no video.
    """
    if isinstance(source, Path | str):
        reader = WindowReader(read_frames(source), sound=Sound(source), length=length)
    else:
        reader = WindowReader(source, length=length)
    times, rows = [], []
    with closing(ahead(islice(reader, limit), 1)) as parts:
        for part in parts:
            times.append(part.start_s + len(part) / 2 / window.FPS)
            rows.append(measure(part))
    x = np.array(rows) if rows else np.zeros((0, len(NAMES)))
    return ClipFeatures(np.array(times), x, reader.frames, reader.faces, reader.followed, reader.largest_px)


def cached_features(
    path: Path, sha256: str, folder: Path, compute: Callable[[Path], ClipFeatures] = clip_features
) -> ClipFeatures:
    """``compute(path)``, kept in ``folder`` under the clip's SHA-256 and the version of the features."""
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise ValueError(f"{sha256!r} is not a SHA-256")
    store = folder / f"{sha256}-{version()}.npz"
    if store.exists():
        with np.load(store, allow_pickle=False) as saved:
            counts = {name: int(saved[name]) for name in ("frames", "faces", "followed")}
            return ClipFeatures(saved["times_s"], saved["x"], **counts, largest_px=float(saved["largest_px"]))
    found = compute(path)
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(store, force=True) as temporary, temporary.open("wb") as handle:
        np.savez(handle, **{name: getattr(found, name) for name in ClipFeatures.__slots__})
    return found


@cache
def version() -> str:
    """Eight hex digits that change with the code of the tells, so that a cache never serves an older definition."""
    return code_version(stats, sound, window, tracks, *tells.MODULES)


def code_version(*modules: ModuleType) -> str:
    """Eight hex digits that change with what the code of these modules does: not with comments, docstrings, imports."""
    digest = hashlib.sha256()
    for module in modules:
        tree = ast.parse(inspect.getsource(module))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                said = node.body and isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)
                node.body = [n for n in node.body[bool(said) :] if not isinstance(n, ast.Import | ast.ImportFrom)]
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()[:8]
