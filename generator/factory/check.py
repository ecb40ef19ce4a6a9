"""Checks a dataset against its own manifest: files, checksums, labels, pairs, and that the splits are disjoint."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tellmark.errors import MediaError
from tellmark.generator.factory.face_tracks import track_frames
from tellmark.generator.factory.masks import mask_frames
from tellmark.generator.factory.plan import SPLITS
from tellmark.manifest import JSONL, from_row, read_rows
from tellmark.media import probe, sha256_of
from tellmark.runs import Progress
from tellmark.types import Clip, Label

_CODECS = {"libx264": "h264"}  # encoder -> what a container calls it
_SLACK_S = 0.1  # the sound may end an AAC frame or two after the picture


def check(folder: Path | str, *, progress: Progress | None = None) -> list[str]:
    """Every problem of a dataset, a sentence each; an empty list if there is none.

    Raises :class:`InputError` if ``folder`` holds no manifest that can be read.
    """
    folder = Path(folder)
    rows = read_rows(folder)
    clips, problems = _parse(rows)
    problems += [*_records(folder, rows), *_duplicates(clips), *_pairs(clips), *_splits(clips), *_classes(clips)]
    problems += _segments(clips)
    for done, clip in enumerate(clips, 1):
        problems += [*_file(folder, clip), *_beside(folder, clip)]
        if progress:
            progress(done, len(clips))
    known = {name for clip in clips for name in (clip.path, clip.mask_path, clip.track_path)}
    for path in sorted(path for name in ("clips", "masks", "tracks") for path in (folder / name).glob("[!.]*")):
        if (name := path.relative_to(folder).as_posix()) not in known:
            problems.append(f"{name} is not in the manifest")
    return problems


def _parse(rows: Sequence[dict[str, Any]]) -> tuple[list[Clip], list[str]]:
    clips, problems = [], []
    if not rows:
        problems.append("the manifest lists no clips")
    for row in rows:
        name = row.get("clip_id", "a row without clip_id")
        try:
            clip = from_row(row)
        except ValueError:
            problems.append(f"{name}: label {row['label']!r} is unknown; real, reference and fake are known")
        except (TypeError, KeyError) as error:
            problems.append(f"{name}: not a manifest row ({error})")
        else:
            clips.append(clip)
            if clip.split not in SPLITS:
                problems.append(f"{name}: split {clip.split!r} is unknown; train, val and test are known")
            plain = clip.label is Label.REAL and clip.method == "plain"
            if plain and (clip.marked or clip.payload is not None):
                problems.append(f"{name}: is marked, though it is the plain arm")
            if not plain and (not clip.marked or clip.payload is None):
                problems.append(f"{name}: is not marked; all but plain real clips must be")
    return clips, problems


def _records(folder: Path, rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """dataset.json is there, manifest.jsonl says the same, and the listed checksums of these files hold."""
    if not (folder / "dataset.json").is_file():
        yield "dataset.json is missing"
    try:
        lines = [json.loads(line) for line in (folder / JSONL).read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        yield f"{JSONL} cannot be read ({error})"
    else:
        if lines != list(rows):
            yield f"{JSONL} and manifest.parquet differ"
    try:
        sums = (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    except OSError:
        yield "SHA256SUMS is missing"
        return
    for line in sums:
        digest, _, name = line.partition("  ")
        path = folder / name
        if not name.startswith("clips/") and (not path.is_file() or sha256_of(path) != digest):
            yield f"{name} is missing or was changed: SHA256SUMS does not fit"


def _file(folder: Path, clip: Clip) -> Iterator[str]:
    """The clip is there, unchanged, and what its row says."""
    path = folder / clip.path
    if not path.resolve().is_relative_to(folder.resolve()):
        yield f"{clip.clip_id}: {clip.path} leads out of the dataset"
        return
    if not path.exists():
        yield f"{clip.clip_id}: {clip.path} is missing"
        return
    try:
        if sha256_of(path) != clip.sha256:
            yield f"{clip.clip_id}: {clip.path} was changed: SHA-256 does not fit"
        info = probe(path)
    except (OSError, MediaError) as error:
        yield f"{clip.clip_id}: {clip.path} cannot be read ({error})"
        return
    for name, found, stated in (
        ("size", (info.width, info.height), (clip.width, clip.height)),
        ("frame rate", round(info.fps, 2), round(clip.fps, 2)),
        ("codec", info.video_codec, _CODECS.get(clip.codec, clip.codec)),
        ("sound", info.has_audio, True),
    ):
        if found != stated:
            yield f"{clip.clip_id}: {name} is {found}, not {stated}"
    if abs(info.duration_s - clip.seconds) > _SLACK_S:
        yield f"{clip.clip_id}: lasts {info.duration_s:.2f} s, not {clip.seconds:.2f} s"


def _beside(folder: Path, clip: Clip) -> Iterator[str]:
    """Mask and track are there and as long as the clip; that they are unchanged, SHA256SUMS says."""
    frames = round(clip.seconds * clip.fps)
    for name, path, count in (("mask", clip.mask_path, mask_frames), ("track", clip.track_path, track_frames)):
        if path is None:
            continue
        try:
            found = count(folder / path)
        except (OSError, ValueError, KeyError) as error:
            yield f"{clip.clip_id}: its {name} {path} cannot be read ({error})"
        else:
            if found != frames:
                yield f"{clip.clip_id}: its {name} has {found} frames, the clip {frames}"


def _segments(clips: Sequence[Clip]) -> Iterator[str]:
    """Fakes say where they are forged, others that they are not."""
    for clip in clips:
        try:
            segments = [(float(start), float(end)) for start, end in json.loads(clip.fake_segments)]
        except (TypeError, ValueError):
            yield f"{clip.clip_id}: fake_segments is no list of [start_s, end_s]"
            continue
        if bool(segments) != (clip.label is Label.FAKE):
            yield f"{clip.clip_id}: {'no' if clip.label is Label.FAKE else 'has'} fake_segments as a {clip.label} clip"
        if not all(0 <= start < end <= clip.seconds + _SLACK_S for start, end in segments):
            yield f"{clip.clip_id}: fake_segments {clip.fake_segments} lie outside of its {clip.seconds:g} s"


def _duplicates(clips: Sequence[Clip]) -> Iterator[str]:
    for name in ("clip_id", "path", "sha256", "payload"):
        seen: dict[Any, str] = {}
        for clip in clips:
            value = getattr(clip, name)
            if value is not None and seen.setdefault(value, clip.clip_id) is not clip.clip_id:
                yield f"{clip.clip_id}: the same {name} as {seen[value]}"


def _pairs(clips: Sequence[Clip]) -> Iterator[str]:
    """Every fake names its original: another clip of the same person and split, or the still it was made from."""
    by_id = {clip.clip_id: clip for clip in clips}
    for clip in clips:
        if clip.label is not Label.FAKE:
            continue
        original = by_id.get(clip.original or "")
        if clip.original is None:
            yield f"{clip.clip_id}: a fake without original"
        elif original is None:
            if not (clip.original.startswith(("portrait:", "import:")) and clip.original == clip.source_id):
                yield f"{clip.clip_id}: its original {clip.original} is not in the manifest"
        elif original.label is Label.FAKE or (original.identity, original.split) != (clip.identity, clip.split):
            yield f"{clip.clip_id}: its original {clip.original} is a fake, or of another person or split"


def _splits(clips: Sequence[Clip]) -> Iterator[str]:
    for name, hidden in (("identity", "donor_identity"), ("source_id", None), ("voice_id", "words_voice_id")):
        splits: dict[str, set[str]] = defaultdict(set)
        for clip in clips:
            splits[getattr(clip, name)].add(clip.split)
            if hidden and (lent := json.loads(clip.params).get(hidden)):  # a face or words that a fake borrowed
                splits[lent].add(clip.split)
        for value, where in sorted(splits.items()):
            if len(where) > 1:
                yield f"{name} {value} is in several splits: {', '.join(sorted(where))}"
    for split in sorted({clip.split for clip in clips}):
        if len({clip.label is Label.FAKE for clip in clips if clip.split == split}) < 2:
            yield f"split {split} holds one class only"


def _classes(clips: Sequence[Clip]) -> Iterator[str]:
    """One encoding for all: else the encoder tells the classes apart."""
    encodings: dict[bool, set[tuple[Any, ...]]] = {True: set(), False: set()}
    for clip in clips:
        encodings[clip.label is Label.FAKE].add((clip.codec, clip.crf, clip.preset, clip.width, clip.height, clip.fps))
    if all(encodings.values()) and encodings[True] != encodings[False]:
        yield f"fakes and other clips are encoded differently: {sorted(encodings[True] ^ encodings[False])}"
