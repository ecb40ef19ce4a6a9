"""What a report needs from each clip itself: how it moves, and what is left of its mark after each channel."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tellmark.benchmarks.channels import CHANNELS
from tellmark.benchmarks.motions.clip_motion import clip_motion
from tellmark.errors import MediaError, TellmarkError
from tellmark.finite import finite
from tellmark.generator.factory.face_tracks import read_track
from tellmark.generator.track import FPS, Track, track_video
from tellmark.media import probe
from tellmark.runs import Progress, atomic_path
from tellmark.types import Clip
from tellmark.watermark.verify import verify

MOTION, VERIFICATION = "motion.jsonl", "verification.jsonl"


def motion_missing(folder: Path, clips: Sequence[Clip]) -> bool:
    """Whether motion.jsonl lacks one of ``clips``."""
    path = folder / MOTION
    if not path.exists():
        return True
    known = {json.loads(line)["clip_id"] for line in path.read_text(encoding="utf-8").splitlines()}
    return not known >= {clip.clip_id for clip in clips}


def write_motion(folder: Path, clips: Sequence[Clip], progress: Progress | None) -> None:
    """Write motion.jsonl, a row a clip with a face; the sound of two folders' clips is in their sources."""
    sources = _sources(folder)
    rows = []
    for done, clip in enumerate(clips):
        path = folder / clip.path
        heard = sources.get(clip.source_id, path)
        try:
            if clip.track_path and clip.fps == FPS:
                points = read_track(folder / clip.track_path)
                track = Track(points, np.ones(len(points), bool), FPS, 512, 512, clip.sha256, True)
            else:
                track = track_video(path)
            sound = heard if probe(heard).has_audio else None
            start = float(json.loads(clip.params).get("start_s", 0.0))
            rows.append({"clip_id": clip.clip_id, **clip_motion(track, sound, start)})
        except TellmarkError as error:
            rows.append({"clip_id": clip.clip_id, "note": type(error).__name__})
        if progress:
            progress(done + 1, len(clips))
    with atomic_path(folder / MOTION, force=True) as temporary:
        temporary.write_text("".join(json.dumps(finite(row)) + "\n" for row in rows), encoding="utf-8")


def _sources(folder: Path) -> dict[str, Path]:
    """source_id -> the file it was cut from, for a dataset of two folders."""
    index = folder / "index.csv"
    if not index.exists():
        return {}
    with index.open(newline="", encoding="utf-8") as file:
        paths = [row["path"] for row in csv.DictReader(file)]
    return {hashlib.sha256(path.encode()).hexdigest()[:12]: Path(path) for path in paths}


def write_verification(folder: Path, clips: Sequence[Clip], progress: Progress | None) -> None:
    """Write verification.jsonl: what is left of mark and credentials after each channel."""
    rows, done = [], 0
    scratch = folder / ".channel.mp4"
    for clip in clips:
        try:
            payload = verify(folder / clip.path).watermark.payload
        except MediaError:  # whoever read its features has named it
            continue
        for name, channel in CHANNELS.items():
            channel(folder / clip.path, scratch)
            verdict = verify(scratch)
            mark, done = verdict.watermark, done + 1
            rows.append(
                {"clip_id": clip.clip_id, "channel": name, "verdict": verdict.verdict, "p_value": mark.p_value,
                 "payload_ok": payload is not None and mark.payload == payload}
            )  # fmt: skip
            if progress:
                progress(done, len(clips) * len(CHANNELS))
    scratch.unlink(missing_ok=True)
    with atomic_path(folder / VERIFICATION, force=True) as temporary:
        temporary.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
