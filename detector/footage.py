"""Make a dataset of existing footage in which nothing but the faces differs by class.

Real clips and other systems' fakes come in their own sizes, rates and encodings; a detector trained on them as they
are learns those. Here every clip, of either class, is cut to its face, brought to 25 frames per second and one size,
and written with settings of encoders that are drawn from one distribution. Variants of a clip differ in size and
compression, so that neither can stand for a class; nor can length, since every clip is cut to the shorter of its own
and that of a clip of the other class, drawn at random; nor the detail of the source, since every face is reduced in the
same way to the smaller of its own size and another's. Where a marker is given, every other variant of what has no mark
yet is marked, so that a mark cannot stand for a class either. A fake whose original is known gets the same looks.

    python -m tellmark.detector.footage INDEX.csv OUT

INDEX.csv has the columns path (beside it), kind (real | fake), system (of a fake; of a real clip, its arm), person_id
and licence, and may have original (path of the real row a fake was made from), marked (1: it carries a mark) and name:
what all draws of a row depend on instead of its path, so that the same set comes out wherever the footage lies.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
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
from tellmark.unreadable import Failed, left_out

_SIDE = 2.2  # of the crop over the face's height
_SIZES = (512, 384, 320)  # px
_LATEST_S = 1.0  # at which a clip begins: no class shall begin with the first picture of a file
_USUAL = Encoding(crf=23)
_ENCODINGS = (
    Encoding(crf=18),
    _USUAL,
    Encoding(crf=28),
    Encoding(crf=23, preset="ultrafast"),
    Encoding(codec="libx265", crf=26, preset="ultrafast"),
)

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


@dataclass(frozen=True, slots=True)
class _Source:
    """A row of the index that shows a face: all else of a clip is drawn by ``key``, of a fake by its original's."""

    row: dict[str, str]
    path: Path
    key: str
    pair: str
    seconds: float  # there are, up to what is asked for
    start_s: float
    box: tuple[int, int, int]  # left, top and side of a square around the face, px


def build(
    index: Path,
    out: Path,
    *,
    variants: int = 2,
    seconds: float = 6.4,
    seed: int = 0,
    arms: Mapping[str, Arm] | None = None,
    mark: Marker | None = None,
    failed: Failed | None = None,
    progress: Progress | None = None,
) -> list[Clip]:
    """Write ``variants`` clips for each real or fake row of ``index``, and the manifest.

    The first variant is 512 px and CRF 23; the others draw size and encoder at random. ``arms`` render the frames of
    real clips once more before they are encoded, each to a clip whose method is the arm's name. ``mark`` puts a
    watermark on half of the variants, the same half for a fake and its original. Rows without a usable face are left
    out; so are those whose file cannot be read, where ``failed`` is there to be told. Every clip has split ``train``:
    the set is made for cross-validation by person. Raises :class:`InputError` for an index without the columns.
    """
    table = pd.read_csv(index, dtype=str, keep_default_na=False)  # a system or person may be called "null"
    if missing := {"path", "kind", "system", "person_id", "licence"} - set(table):
        raise InputError(f"{index} lacks the columns {', '.join(sorted(missing))}")
    rows = table[table.kind.isin(["real", "fake"])].to_dict("records")
    (out / "clips").mkdir(parents=True, exist_ok=True)
    clips: list[Clip] = []
    sources = _sources(rows, index.parent, seconds, seed, failed)
    fake = [source.row["kind"] == "fake" for source in sources]
    pairs = [source.pair for source in sources]
    lengths = _alike([source.seconds for source in sources], fake, pairs, [seed, 1])
    sides = _alike([source.box[2] for source in sources], fake, pairs, [seed, 2])
    for done, (source, length, side) in enumerate(zip(sources, lengths, sides, strict=True)):
        looks = _looks(np.random.default_rng([seed, int(source.pair, 16)]), variants, marks=mark is not None)
        frames: list[U8] = []
        with left_out(source.path, failed):
            frames = list(_cut_to_face(source, round(length * FPS), round(side)))
        if frames:
            clips += _variants(frames, source, source.key, out, looks, mark)
            for arm, render in (arms or {}).items() if source.row["kind"] == "real" else ():
                if rendered := render(frames):
                    entry = source.row | {"system": arm, "original": source.row["path"]}
                    arm_source = replace(source, row=entry, pair=source.key)
                    clips += _variants(rendered, arm_source, f"{source.key}-{arm}", out, looks, mark)
        if progress:
            progress(done + 1, len(sources))
    known = {clip.clip_id for clip in clips}
    clips = [clip if clip.original in known else replace(clip, original=None) for clip in clips]
    write_manifest(out, clips)
    return clips


def _sources(
    rows: Sequence[Mapping[Any, Any]], folder: Path, seconds: float, seed: int, failed: Failed | None
) -> list[_Source]:
    """The rows whose file can be read and shows a face."""
    keys = {str(row["path"]): _key(str(row.get("name") or row["path"])) for row in rows}
    found = []
    for row in rows:
        name = str(row["path"])
        original = str(row.get("original") or name)
        pair = keys.get(original) or _key(original)
        with left_out(folder / name, failed):
            whole = probe(folder / name).duration_s
            length = min(seconds, whole)
            latest = min(_LATEST_S, whole - length)
            start_s = latest * float(np.random.default_rng([seed, 3, int(pair, 16)]).random())
            if (place := _face_in(folder / name, start_s) or _face_in(folder / name, 0.0)) is not None:
                entry = {str(column): str(value) for column, value in row.items()}
                found.append(_Source(entry, folder / name, keys[name], pair, length, *place))
    return found


def _key(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:12]


def _alike(own: Sequence[float], fake: Sequence[bool], pairs: Sequence[str], seed: Sequence[int]) -> list[float]:
    """The smaller of each value and of one that is drawn from the other class: distributed alike in both classes."""
    values, kinds = np.array(own, np.float64), np.array(fake, np.bool_)
    if kinds.all() or not kinds.any():
        return [float(value) for value in values]
    drawn = [
        np.random.default_rng([*seed, int(pair, 16)]).choice(values[kinds != kind])
        for kind, pair in zip(kinds, pairs, strict=True)
    ]
    return [float(value) for value in np.minimum(values, drawn)]


def _looks(rng: np.random.Generator, count: int, *, marks: bool) -> list[_Look]:
    """The first is of one size and compression always; of each two, one is marked."""
    drawn = [(int(rng.choice(_SIZES)), _ENCODINGS[rng.integers(len(_ENCODINGS))]) for _ in range(count - 1)]
    first = bool(rng.integers(2))
    return [
        _Look(size, encoding, marks and (k % 2 == 0) is first)
        for k, (size, encoding) in enumerate([(512, _USUAL), *drawn][:count])
    ]


def _variants(
    frames: list[U8], source: _Source, key: str, out: Path, looks: list[_Look], mark: Marker | None
) -> list[Clip]:
    clips, row = [], source.row
    already = row.get("marked") == "1"
    for number, look in enumerate(looks):
        path = out / "clips" / f"{key}-{number}.mp4"
        adds = mark(look.size, look.size) if mark is not None and look.mark and not already else None
        with atomic_path(path, force=True) as temporary:
            _encode(frames, temporary, look, adds)
        fake = row["kind"] == "fake"
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
                original=f"{source.pair}-{number}" if row.get("original") else None,
                params=json.dumps({"variant": number, "start_s": round(source.start_s, 3), "side": len(frames[0])}),
            )
        )
    return clips


def _face_in(path: Path, start_s: float) -> tuple[float, tuple[int, int, int]] | None:
    """Time and place (left, top, side) of the first large enough face from ``start_s`` on: a square around it."""
    with MediapipeTracker() as tracker:
        for time_s, rgb in read_frames(path):
            if time_s < start_s:
                continue
            faces = tracker.track(rgb)
            if not faces or faces[0].size < MIN_FACE_PX:
                continue
            side = int(min(_SIDE * float(face_height(faces[0].landmarks)), *rgb.shape[:2]))
            x0, y0, x1, y1 = faces[0].box
            left = int(np.clip((x0 + x1 - side) / 2, 0, rgb.shape[1] - side))
            top = int(np.clip((y0 + y1 - side) / 2, 0, rgb.shape[0] - side))
            return time_s, (left, top, side)
    return None


def _cut_to_face(source: _Source, limit: int, reduced: int) -> Iterator[U8]:
    """Up to ``limit`` crops around where the face is first seen, from then on, of ``reduced`` px a side at most."""
    left, top, side = source.box
    after = (rgb for time_s, rgb in read_frames(source.path) if time_s >= source.start_s)
    for rgb in islice(after, limit):
        crop = rgb[top : top + side, left : left + side]
        if reduced < side:
            yield np.asarray(cv2.resize(crop, (reduced, reduced), interpolation=cv2.INTER_AREA), np.uint8)
        else:
            yield crop.copy()


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
