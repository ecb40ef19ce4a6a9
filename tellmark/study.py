"""What a report is made of, measured on a dataset and kept in its folder: the numbers, before anybody reads them.

    gap.json            scores of every clip by models that never saw its person; doses of dials; distances between sets
    evaluation.json     the detector as a whole, in the same folds (kept as it is where `tellmark evaluate` wrote one)
    motion.jsonl        how each clip moves, and how that goes with its sound
    verification.jsonl  what is left of mark and credentials after each channel, for some marked clips

`tellmark audit` adds audit.json. A record is measured again when clips, tells or settings have changed.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tellmark.benchmarks.channels import CHANNELS
from tellmark.benchmarks.clip_motion import clip_motion
from tellmark.detector.distance import embed, interval, kernel_distance
from tellmark.detector.doses import dial_of, judge_doses
from tellmark.detector.evaluate import measured, record
from tellmark.detector.features import ClipFeatures, version
from tellmark.detector.heldout import HeldOut, judge_held_out
from tellmark.errors import TellmarkError
from tellmark.generator.face_tracks import read_track
from tellmark.generator.track import FPS, Track, track_video
from tellmark.manifest import PARQUET, read_clips
from tellmark.media import probe, sha256_of
from tellmark.runs import Progress, atomic_path
from tellmark.types import Clip, Label

GAP, EVALUATION, MOTION, VERIFICATION = "gap.json", "evaluation.json", "motion.jsonl", "verification.jsonl"
SCHEMA = "tellmark.gap/1"
ARMS = ("null", "plain")  # methods of clips that are no forgeries and that nobody learns from

Bar = Callable[[str], Any]
"""``console.progress``: a context manager that yields a callback, or None."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a study is told."""

    seed: int = 0
    verified: int = 6  # marked clips that go through every channel; 0: none
    motion: bool = True


def study(folder: Path, bar: Bar, settings: Settings | None = None) -> None:
    """Measure what is missing or outdated in ``folder``, a dataset of ours or of :mod:`tellmark.folders`.

    Raises :class:`~tellmark.errors.InputError` for a dataset without two persons a class.
    """
    chosen = settings or Settings()
    clips = read_clips(folder)
    stamp = {"manifest": sha256_of(folder / PARQUET), "tells": version(), "seed": chosen.seed}
    if _stamp_of(folder / GAP) != stamp:
        with bar("features") as progress:
            pairs, notes = measured(folder, clips, progress=progress)
        with bar("persons held out") as progress:
            _scores(folder, pairs, notes, stamp, progress)
    if chosen.motion and _outdated(folder / MOTION, clips):
        with bar("motion") as progress:
            _motion(folder, [clip for clip in clips if dial_of(clip) is None], progress)
    marked = [clip for clip in clips if clip.marked and clip.label is Label.FAKE and dial_of(clip) is None]
    if marked and chosen.verified and not (folder / VERIFICATION).exists():
        with bar("channels") as progress:
            _verify(folder, marked[:: max(1, len(marked) // chosen.verified)][: chosen.verified], progress)


def _scores(
    folder: Path,
    pairs: Sequence[tuple[Clip, ClipFeatures]],
    notes: Sequence[str],
    stamp: Mapping[str, Any],
    progress: Progress | None,
) -> None:
    """Write gap.json, and evaluation.json unless somebody else's evaluation is there."""
    seed = int(stamp["seed"])
    whole = [pair for pair in pairs if dial_of(pair[0]) is None]
    taught = [pair for pair in whole if pair[0].method not in ARMS]
    others = [pair for pair in whole if pair[0].method in ARMS]
    judged = judge_held_out(taught, others, seed=seed, progress=progress)
    doses = judge_doses([pair for pair in pairs if pair[0].label is Label.FAKE], seed=seed)
    _write_json(
        folder / GAP,
        {
            "schema": SCHEMA,
            **stamp,
            "rows": [_row(one) for one in judged],
            "doses": [
                {"dial": d.dial, "severity": d.severity, "clip_id": d.clip_id, "identity": d.identity,
                 "score": round(d.score, 9), "fold": d.fold}
                for d in doses
            ],
            "distances": _distances(whole, seed),
            "notes": list(notes),
        },
    )  # fmt: skip
    mine = _read_json(folder / EVALUATION)
    if mine and mine.get("model") != "persons held out":
        return
    kept = {clip.clip_id: one for one in judged if (clip := one.clip).method not in ARMS}
    ordered = [pair for pair in taught if pair[0].clip_id in kept]
    verdicts = [kept[clip.clip_id].judgement for clip, _ in ordered]
    found = record(
        ordered,
        np.array([verdict.p_synthetic for verdict in verdicts]),
        {name: np.array([v.tells[name]["score"] for v in verdicts]) for name in verdicts[0].tells},
        "persons held out",
        folder.name,
        seed=seed,
        notes=notes,
    )
    _write_json(folder / EVALUATION, found)


def _row(one: HeldOut) -> dict[str, Any]:
    clip = one.clip
    arm = "fake" if clip.label is Label.FAKE else clip.method if clip.method in ARMS else "negative"
    return {
        "clip_id": clip.clip_id,
        "arm": arm,
        "score": round(one.judgement.p_synthetic, 12),
        "tells": {name: round(tell["score"], 12) for name, tell in one.judgement.tells.items()},
        "windows": [round(float(p), 12) for p in one.judgement.windows],
        "fold": one.fold,
    }


def _distances(pairs: Sequence[tuple[Clip, ClipFeatures]], seed: int) -> list[dict[str, Any]]:
    """How far each method's clips are from the negatives, as sets; one half of these from the other is the floor."""
    sets: dict[str, list[tuple[Clip, ClipFeatures]]] = {}
    for clip, features in pairs:
        name = clip.method if clip.label is Label.FAKE or clip.method in ARMS else "negatives"
        sets.setdefault(name, []).append((clip, features))
    negatives = sets.pop("negatives", [])
    base = [features for _, features in negatives]
    if len(base) < 4:
        return []
    people = np.random.default_rng(seed).permutation(sorted({clip.identity for clip, _ in negatives}))
    half = set(people[: len(people) // 2].tolist())
    rows = [("negatives, one half from the other", [p for p in negatives if p[0].identity in half],
             [p for p in negatives if p[0].identity not in half])]  # fmt: skip
    rows += [(name, found, negatives) for name, found in sorted(sets.items())]
    result = []
    for name, left, right in rows:
        a, b = (embed([features for _, features in side], base) for side in (left, right))
        low, high = interval(a, b, [clip.identity for clip, _ in [*left, *right]], seed=seed)
        result.append({"set": name, "clips": len(left), "value": kernel_distance(a, b), "low": low, "high": high})
    return result


def _motion(folder: Path, clips: Sequence[Clip], progress: Progress | None) -> None:
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
        temporary.write_text("".join(json.dumps(_finite(row)) + "\n" for row in rows), encoding="utf-8")


def _sources(folder: Path) -> dict[str, Path]:
    """source_id -> the file it was cut from, for a dataset of two folders."""
    index = folder / "index.csv"
    if not index.exists():
        return {}
    with index.open(newline="", encoding="utf-8") as file:
        paths = [row["path"] for row in csv.DictReader(file)]
    return {hashlib.sha256(path.encode()).hexdigest()[:12]: Path(path) for path in paths}


def _verify(folder: Path, clips: Sequence[Clip], progress: Progress | None) -> None:
    """Write verification.jsonl: what is left of mark and credentials after each channel."""
    from tellmark.watermark.verify import verify

    rows, done = [], 0
    scratch = folder / ".channel.mp4"
    for clip in clips:
        payload = verify(folder / clip.path).watermark.payload
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


def _stamp_of(path: Path) -> dict[str, Any] | None:
    found = _read_json(path)
    return found and {key: found.get(key) for key in ("manifest", "tells", "seed")}


def _outdated(path: Path, clips: Sequence[Clip]) -> bool:
    if not path.exists():
        return True
    known = {json.loads(line)["clip_id"] for line in path.read_text(encoding="utf-8").splitlines()}
    return not known >= {clip.clip_id for clip in clips if dial_of(clip) is None}


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    with atomic_path(path, force=True) as temporary:
        temporary.write_text(json.dumps(_finite(value)), encoding="utf-8")


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
