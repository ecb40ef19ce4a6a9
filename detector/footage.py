"""Make a dataset of existing footage in which nothing but the faces differs by class.

Real clips and other systems' fakes come in their own sizes, rates and encodings; a detector trained on them as they
are learns those. Here every clip, of either class, is cut to its face, brought to 25 frames per second and one size,
and written by one encoder with settings drawn from one distribution. Variants of a clip differ in size and
compression, so that neither can stand for a class; nor can length, since every clip is cut to the shorter of its own
and that of a clip of the other class, drawn at random. Where a marker is given, every other variant of what has no mark
yet is marked, so that a mark cannot stand for a class either. A fake whose original is known gets the same looks.

    python -m tellmark.detector.footage INDEX.csv OUT

INDEX.csv has the columns path (beside it), kind (real | fake), system (of a fake; of a real clip, its arm), person_id
and licence, and may have original (path of the real row a fake was made from) and marked (1: it carries a mark).
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from tellmark.detector.windows.tracks import read_frames
from tellmark.detector.windows.window import FPS
from tellmark.encoding import Encoding, VideoWriter
from tellmark.errors import InputError
from tellmark.faces import MIN_FACE_PX, MediapipeTracker
from tellmark.landmarks import face_height
from tellmark.manifest import write_manifest
from tellmark.media import probe, rgb_to_i420, sha256_of
from tellmark.runs import Progress, atomic_path
from tellmark.types import U8, Clip, Label

_SIDE = 2.2  # of the crop over the face's height
_SIZES = (512, 384, 320)  # px
_CRFS = (18, 23, 28)

Marker = Callable[[int, int], Callable[[U8], U8]]
"""(width, height) -> a function that marks an I420 frame of that size in place and returns it."""

Arm = Callable[[list[U8]], list[U8]]
"""Square frames of one clip in, as many frames out: another rendering of the same footage; none where there is none."""


@dataclass(frozen=True, slots=True)
class _Look:
    """Size and compression of one variant, and whether it is marked once more."""

    size: int
    encoding: Encoding
    mark: bool


def build(
    index: Path,
    out: Path,
    *,
    variants: int = 2,
    seconds: float = 6.4,
    seed: int = 0,
    arms: Mapping[str, Arm] | None = None,
    mark: Marker | None = None,
    progress: Progress | None = None,
) -> list[Clip]:
    """Write ``variants`` clips for each real or fake row of ``index``, and the manifest.

    The first variant is 512 px and CRF 23; the others draw both at random. ``arms`` render the frames of real clips
    once more before they are encoded, each to a clip whose method is the arm's name. ``mark`` puts a watermark on half
    of the variants, the same half for a fake and its original. Rows without a usable face are left out. Every clip has
    split ``train``: the set is made for cross-validation by person. Raises :class:`InputError` for an index without
    the columns.
    """
    table = pd.read_csv(index, dtype=str, keep_default_na=False)  # a system or person may be called "null"
    if missing := {"path", "kind", "system", "person_id", "licence"} - set(table):
        raise InputError(f"{index} lacks the columns {', '.join(sorted(missing))}")
    rows = table[table.kind.isin(["real", "fake"])].to_dict("records")
    (out / "clips").mkdir(parents=True, exist_ok=True)
    clips: list[Clip] = []
    lengths = _lengths(rows, index.parent, seconds, seed)
    for done, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        key, pair = (_key(str(row["path"])), _key(str(row.get("original") or row["path"])))
        looks = _looks(np.random.default_rng([seed, int(pair, 16)]), variants, marks=mark is not None)
        cut = list(_cut_to_face(index.parent / str(row["path"]), round(length * FPS)))
        if cut:
            frames = [frame for _, frame in cut]
            entry = {str(name): str(value) for name, value in row.items()} | {"start_s": f"{cut[0][0]:.3f}"}
            clips += _variants(frames, entry, key, out, looks, mark)
            for arm, render in (arms or {}).items() if entry["kind"] == "real" else ():
                if rendered := render(frames):
                    arm_entry = entry | {"system": arm, "original": entry["path"]}
                    clips += _variants(rendered, arm_entry, f"{key}-{arm}", out, looks, mark)
        if progress:
            progress(done + 1, len(rows))
    known = {clip.clip_id for clip in clips}
    clips = [clip if clip.original in known else replace(clip, original=None) for clip in clips]
    write_manifest(out, clips)
    return clips


def _key(path: str) -> str:
    return hashlib.sha256(path.encode()).hexdigest()[:12]


def _lengths(rows: Sequence[Mapping[Any, Any]], folder: Path, seconds: float, seed: int) -> list[float]:
    """s of each row: the smaller of two draws, one from the lengths of either class, is distributed alike in both."""
    rng = np.random.default_rng(seed)
    own = np.array([min(seconds, probe(folder / str(row["path"])).duration_s) for row in rows])
    fake = np.array([row["kind"] == "fake" for row in rows])
    if fake.all() or not fake.any():
        return [float(length) for length in own]
    others = [float(rng.choice(own[fake != kind])) for kind in fake]
    return [float(min(pair)) for pair in zip(own, others, strict=True)]


def _looks(rng: np.random.Generator, count: int, *, marks: bool) -> list[_Look]:
    """The first is of one size and compression always; of each two, one is marked."""
    draws = [(512, 23), *((int(rng.choice(_SIZES)), int(rng.choice(_CRFS))) for _ in range(count - 1))][:count]
    first = bool(rng.integers(2))
    return [_Look(size, Encoding(crf=crf), marks and (k % 2 == 0) is first) for k, (size, crf) in enumerate(draws)]


def _variants(
    frames: list[U8], row: dict[str, str], key: str, out: Path, looks: list[_Look], mark: Marker | None
) -> list[Clip]:
    clips = []
    already = row.get("marked") == "1"
    for number, look in enumerate(looks):
        path = out / "clips" / f"{key}-{number}.mp4"
        adds = mark(look.size, look.size) if mark is not None and look.mark and not already else None
        with atomic_path(path, force=True) as temporary:
            _encode(frames, temporary, look, adds)
        fake = row["kind"] == "fake"
        original = row.get("original", "")
        clips.append(
            Clip(
                clip_id=path.stem,
                path=str(path.relative_to(out)),
                sha256=sha256_of(path),
                label=Label.FAKE if fake else Label.REAL,
                method=row["system"] or str(row["kind"]),
                identity=row["person_id"],
                source_id=key[:12],
                voice_id="",
                split="train",
                seed=0,
                width=look.size,
                height=look.size,
                fps=FPS,
                seconds=len(frames) / FPS,
                codec=look.encoding.codec,
                crf=look.encoding.crf,
                preset=look.encoding.preset,
                marked=already or adds is not None,
                payload=None,
                generator_version="",
                licence=row["licence"],
                original=f"{_key(original)}-{number}" if original else None,
                params=json.dumps({"variant": number, "start_s": float(row["start_s"])}),
            )
        )
    return clips


def _cut_to_face(source: Path, limit: int) -> Iterator[tuple[float, U8]]:
    """(time in s, square crop) around the face's place in the first frame that has one; nothing for small faces."""
    box: tuple[int, int, int] | None = None
    count = 0
    with MediapipeTracker() as tracker:
        for time_s, rgb in read_frames(source):
            if box is None:
                faces = tracker.track(rgb)
                if not faces or faces[0].size < MIN_FACE_PX:
                    continue
                side = int(min(_SIDE * float(face_height(faces[0].landmarks)), *rgb.shape[:2]))
                x0, y0, x1, y1 = faces[0].box
                left = int(np.clip((x0 + x1 - side) / 2, 0, rgb.shape[1] - side))
                top = int(np.clip((y0 + y1 - side) / 2, 0, rgb.shape[0] - side))
                box = (left, top, side)
            left, top, side = box
            yield time_s, rgb[top : top + side, left : left + side].copy()
            count += 1
            if count == limit:
                return


def _encode(frames: list[U8], path: Path, look: _Look, mark: Callable[[U8], U8] | None) -> None:
    with VideoWriter(path, width=look.size, height=look.size, fps=FPS, encoding=look.encoding) as writer:
        for frame in frames:
            shrink = frame.shape[0] > look.size
            resized = cv2.resize(
                frame, (look.size, look.size), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_CUBIC
            )
            i420 = np.ascontiguousarray(rgb_to_i420(np.asarray(resized, np.uint8)))
            writer.write(mark(i420) if mark else i420)


if __name__ == "__main__":
    made = build(Path(sys.argv[1]), Path(sys.argv[2]), progress=lambda done, total: print(done, total, file=sys.stderr))
    print(len(made))
