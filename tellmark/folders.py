"""Two folders of anybody's videos, real and fake, become a dataset that can be measured like one of ours.

Every clip is cut to its face and written by one encoder (``detector.footage``). Real clips are written a second time
with their face resampled and blended as our fakes are, and nothing forged: the null arm that a gap is corrected by.
"""

from __future__ import annotations

import csv
import importlib.metadata
import json
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np

from tellmark.detector import footage
from tellmark.detector.windows.window import FPS, FRAMES
from tellmark.errors import FaceError, InputError, UsageError
from tellmark.generator.factory.face_tracks import follow
from tellmark.generator.methods.null import resampled
from tellmark.generator.types import SIZE
from tellmark.manifest import PARQUET
from tellmark.runs import Progress, atomic_path, machine
from tellmark.types import U8, Failure
from tellmark.video_folders import find_both

SHORTEST_S = FRAMES / FPS  # of one look of the detector
INDEX = "index.csv"
_PACKAGES = ("numpy", "scikit-learn", "opencv-contrib-python", "mediapipe", "av")  # which decide the numbers
_COLUMNS = ("path", "kind", "system", "person_id", "licence")


def gather(
    real: Path,
    fake: Path,
    out: Path,
    *,
    persons: Path | None = None,
    seconds: float = 6.4,
    variants: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Write the dataset of two folders to ``out`` and return it; one of the same files and settings is kept, unless
    a file was written since. Files that cannot be read are left out, and listed in its dataset.json as ``unreadable``.

    Who is in each and what made it: :mod:`tellmark.video_folders`. Raises :class:`UsageError` for too few
    ``seconds``, and :class:`InputError` for a folder without videos or where no clip of a class shows a face.
    """
    if not seconds >= SHORTEST_S:  # nor a number
        raise UsageError(f"--seconds {seconds:g}: the detector looks at {SHORTEST_S} s at once; give that or more")
    rows = index_rows(real, fake, persons)
    state = [[found.st_size, found.st_mtime_ns] for found in (Path(row["path"]).stat() for row in rows)]
    about = {"schema": "tellmark.folders/1", "rows": rows, "state": state, "seconds": seconds, "variants": variants}
    record = out / "dataset.json"
    if (out / PARQUET).exists() and record.exists() and json.loads(record.read_text()).get("folders") == about:
        return out
    out.mkdir(parents=True, exist_ok=True)
    with atomic_path(out / INDEX, force=True) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    failed: list[Failure] = []
    clips = footage.build(
        out / INDEX,
        out,
        variants=variants,
        seconds=seconds,
        arms={"null": null_rendered},
        failed=failed.append,
        progress=progress,
    )
    for kind, found in (("real", real), ("fake", fake)):
        if not any((clip.label == "fake") == (kind == "fake") for clip in clips):
            closer = f"no video of {found} shows a face of 64 px or more; give closer views of one face"
            raise InputError(closer + (f" ({len(failed)} files cannot be read: {failed[0].error})" if failed else ""))
    with atomic_path(record, force=True) as temporary:
        versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
        facts = {
            "schema": "tellmark.dataset/1",
            "name": f"{fake.name} against {real.name}",
            "unreadable": [asdict(failure) for failure in failed],
        }
        temporary.write_text(
            json.dumps({**facts, "versions": versions, "machine": machine(), "folders": about}, indent=1)
        )
    return out


def index_rows(real: Path, fake: Path, persons: Path | None = None) -> list[dict[str, str]]:
    """A row of the index for each video: path, kind, system, person_id, licence; see :func:`find_both`."""
    return [
        {
            "path": str(source.path.resolve()),
            "kind": "real" if source.system is None else "fake",
            "system": source.system or "",
            "person_id": source.person_id,
            "licence": "as given",
        }
        for source in find_both(real, fake, persons)
    ]


def null_rendered(frames: list[U8]) -> list[U8]:
    """Square frames of one face, resampled and blended as fakes are; none where the face cannot be followed."""
    how = cv2.INTER_AREA if frames[0].shape[0] > SIZE else cv2.INTER_CUBIC
    large = np.stack([np.asarray(cv2.resize(frame, (SIZE, SIZE), interpolation=how), np.uint8) for frame in frames])
    try:
        track = follow(large)
    except FaceError:
        return []
    return [frame for frame, _ in resampled(large, track, np.random.default_rng(0))]
