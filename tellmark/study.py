"""What a report is made of, measured on a dataset and kept in its folder: the numbers, before anybody reads them.

    gap.json            scores of every clip by models that never saw its person; doses of dials; distances between sets
    evaluation.json     the detector as a whole, in the same folds (kept as it is where `tellmark evaluate` wrote one)
    motion.jsonl        how each clip moves, and how that goes with its sound
    verification.jsonl  what is left of mark and credentials after each channel, for some marked clips

`tellmark audit` adds audit.json. A record is measured again when clips, tells or settings have changed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tellmark.clip_records import VERIFICATION, motion_missing, write_motion, write_verification
from tellmark.detector import distance, doses, heldout, train
from tellmark.detector.distance import embed, interval, kernel_distance
from tellmark.detector.doses import dial_of, judge_doses
from tellmark.detector.evaluate import measured, record
from tellmark.detector.features import ClipFeatures, code_version, version
from tellmark.detector.heldout import HeldOut, Pairs, judge_held_out
from tellmark.detector.models import additive, calibration, discriminant, model, rows, trees
from tellmark.errors import InputError
from tellmark.given_scores import write_scores
from tellmark.manifest import PARQUET, read_clips
from tellmark.media import sha256_of
from tellmark.runs import Progress
from tellmark.study_files import ARMS, DATASET, EVALUATION, GAP, OURS, SCHEMA, arm_of, read_json, write_json
from tellmark.types import Clip, Failure, Label

FEWEST = 4  # clips of a set, below which no distance is given
Bar = Callable[[str], Any]
"""``console.progress``: a context manager that yields a callback, or None."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a study is told."""

    seed: int = 0
    verified: int = 6  # marked clips that go through every channel; 0: none
    motion: bool = True
    scores: Path | None = None  # CSV of clip_id and score: somebody else's detector, instead of models of the tells


def study(folder: Path | str, bar: Bar, settings: Settings | None = None) -> list[Failure]:
    """Measure what is missing or outdated in ``folder``, a dataset of ours or of :mod:`tellmark.folders`.

    Returns the files that could not be read, of clips or of the two folders, which take no part.

    Raises :class:`~tellmark.errors.InputError` for a dataset without two persons a class.
    """
    folder = Path(folder)
    chosen = settings or Settings()
    clips = read_clips(folder)
    stamp = {"manifest": sha256_of(folder / PARQUET), "tells": version(), "seed": chosen.seed, "ruler": _ruler()}
    if chosen.scores is not None:
        stamp["tells"] = f"scores {sha256_of(chosen.scores)[:12]}"
    if _stamp_of(folder / GAP) != stamp and chosen.scores is not None:
        write_scores(folder, clips, chosen.scores, stamp)
    elif _stamp_of(folder / GAP) != stamp:
        with bar("features") as progress:
            failed: list[Failure] = []
            pairs, notes = measured(folder, clips, failed=failed.append, progress=progress)
        with bar("persons held out") as progress:
            _scores(folder, pairs, notes, stamp | {"unreadable": [asdict(failure) for failure in failed]}, progress)
    undialled = [clip for clip in clips if dial_of(clip) is None]
    if chosen.motion and motion_missing(folder, undialled):
        with bar("motion") as progress:
            write_motion(folder, undialled, progress)
    marked = [clip for clip in undialled if clip.marked and clip.label is Label.FAKE]
    if marked and chosen.verified and not (folder / VERIFICATION).exists():
        with bar("channels") as progress:
            write_verification(folder, marked[:: max(1, len(marked) // chosen.verified)][: chosen.verified], progress)
    known = [read_json(folder / name) or {} for name in (DATASET, GAP)]
    return [Failure(**failure) for record in known for failure in record.get("unreadable", ())]


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
    if not whole:
        raise InputError(f"no clip of {folder} shows a face for 1.6 s; give longer clips of one visible face")
    taught = [pair for pair in whole if pair[0].method not in ARMS]
    others = [pair for pair in whole if pair[0].method in ARMS]
    judged = judge_held_out(taught, others, seed=seed, progress=progress)
    dosed = judge_doses([pair for pair in pairs if pair[0].label is Label.FAKE], seed=seed)
    write_json(
        folder / GAP,
        {
            "schema": SCHEMA,
            **stamp,
            "rows": [_row(one) for one in judged],
            "zero": _zero(taught, others, seed),
            "doses": [
                {"dial": d.dial, "severity": d.severity, "clip_id": d.clip_id, "identity": d.identity,
                 "score": round(d.score, 9), "fold": d.fold}
                for d in dosed
            ],
            "distances": _distances(whole, seed),
            "notes": list(notes),
        },
    )  # fmt: skip
    mine = read_json(folder / EVALUATION)
    if mine and mine.get("model") not in OURS:
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
    write_json(folder / EVALUATION, found)


def _zero(taught: Pairs, others: Pairs, seed: int) -> list[dict[str, Any]]:
    """Rows as if null renders were the forgeries, which should have no gap: those of half of the persons stand in for
    fakes, those of the other half are the null arm. Empty for fewer than sixteen persons.
    """
    nulls = [pair for pair in others if pair[0].method == "null"]
    people = np.random.default_rng(seed).permutation(sorted({clip.identity for clip, _ in nulls}))
    if len(people) < 16:  # of fewer, held-out scores of nothing lie below chance by themselves
        return []
    half = set(people[: len(people) // 2].tolist())
    fakes = [(replace(clip, label=Label.FAKE, method="pipeline"), f) for clip, f in nulls if clip.identity in half]
    negatives = [pair for pair in taught if pair[0].label is not Label.FAKE]
    rest = [pair for pair in nulls if pair[0].identity not in half]
    return [_row(one) | {"tells": {}, "windows": []} for one in judge_held_out([*fakes, *negatives], rest, seed=seed)]


def _row(one: HeldOut) -> dict[str, Any]:
    clip = one.clip
    return {
        "clip_id": clip.clip_id,
        "arm": arm_of(clip),
        "score": round(one.judgement.p_synthetic, 12),
        "tells": {name: round(tell["score"], 12) for name, tell in one.judgement.tells.items()},
        "windows": [round(float(p), 12) for p in one.judgement.windows],
        "fold": one.fold,
    }


def _distances(pairs: Sequence[tuple[Clip, ClipFeatures]], seed: int) -> list[dict[str, Any]]:
    """How far each method's clips are from the negatives, as sets; one half of these from the other is the floor."""
    sets: dict[str, list[tuple[Clip, ClipFeatures]]] = {"all forgeries": []}
    for clip, features in pairs:
        arm = arm_of(clip)
        sets.setdefault(clip.method if arm != "negative" else "negative", []).append((clip, features))
        if arm == "fake":
            sets["all forgeries"].append((clip, features))
    negatives = sets.pop("negative", [])
    fakes = [name for name in sets if name not in (*ARMS, "all forgeries")]
    only = sets[fakes[0]] if len(fakes) == 1 else None  # the same as all of them
    people = np.random.default_rng(seed).permutation(sorted({clip.identity for clip, _ in negatives}))
    half = set(people[: len(people) // 2].tolist())
    rows = [("no forgeries: one half from the other", [p for p in negatives if p[0].identity in half],
             [p for p in negatives if p[0].identity not in half])]  # fmt: skip
    rows += [(name, found, negatives) for name, found in sets.items() if len(found) >= FEWEST and found is not only]
    result = []
    for name, *sides in rows:
        a, b = (embed([f for _, f in side], [f for _, f in negatives]) for side in sides)
        who = [[clip.identity for clip, _ in side] for side in sides]
        low, high = interval(a, b, *who, seed=seed)
        value = kernel_distance(a, b, *who)
        result.append({"set": name, "clips": len(a), "value": value, "low": low, "high": high})
    return result


def _ruler() -> str:
    """Eight hex digits that change with the code that makes scores of features, as ``version`` does with the tells."""
    learning = (additive, calibration, discriminant, rows, train, trees, model)
    modules = (*learning, distance, doses, heldout, sys.modules[__name__])
    return code_version(*modules)


def _stamp_of(path: Path) -> dict[str, Any] | None:
    found = read_json(path)
    return found and {key: found.get(key) for key in ("manifest", "tells", "seed", "ruler")}
