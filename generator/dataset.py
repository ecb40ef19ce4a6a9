"""Builds a dataset from a plan: takes in one or several processes, resumable at any moment, then the manifest.

A clip's record is written after the clip, atomically; a build that is killed loses at most the clips in the making, and
``resume`` goes on with those. ``.build`` holds the records: it belongs to the builder and is no part of the dataset.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import multiprocessing
import os
import platform
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tellmark
from tellmark.errors import InputError, InternalError, UsageError
from tellmark.generator.casting import Take, cast
from tellmark.generator.datasheet import datasheet
from tellmark.generator.plan import Plan, public_text
from tellmark.generator.takes import make_take, record_path, skip_path
from tellmark.manifest import from_row, write_manifest
from tellmark.media import sha256_of
from tellmark.runs import Progress, atomic_path, machine
from tellmark.types import Clip, Label

SCHEMA = "tellmark.dataset/1"
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_MADE_WITH = ("av", "mediapipe", "numpy", "opencv-contrib-python", "c2pa-python")


def build(
    plan: Plan, out: Path | str, *, resume: bool = False, workers: int = 1, progress: Progress | None = None
) -> dict[str, Any]:
    """Make every clip of ``plan`` in ``out``, then manifest, dataset.json, datasheet and SHA256SUMS.

    ``resume`` goes on with a folder that an earlier build of the same plan left; an empty one is started. Returns what
    was made. Raises :class:`UsageError` for a folder that is not empty (without ``resume``) or holds another plan,
    :class:`InputError` where a split stays without one of the classes, :class:`InternalError` if a worker dies.
    """
    out = Path(out)
    takes, left_out = cast(plan)
    _open(out, plan, resume=resume)
    total = sum(len(take.methods) for take in takes)
    todo = [take for take in takes if not _done(out, take)]
    done = total - sum(len(take.methods) for take in todo)
    sizes = {take.take_id: len(take.methods) for take in todo}
    if progress:
        progress(done, total)
    for take_id in _run(plan, todo, out, workers):
        done += sizes[take_id]
        if progress:
            progress(done, total)
    return _finish(plan, takes, out, len(left_out))


def _open(out: Path, plan: Plan, *, resume: bool) -> None:
    """Make the folder, or check that it can be gone on with, and remove what a killed build left half-written."""
    kept = out / ".build" / "plan.sha256"
    digest = hashlib.sha256(plan.text.encode()).hexdigest()
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; name a folder")
    if out.exists() and any(out.iterdir()):
        if not resume:
            raise UsageError(f"{out} is not empty; go on with --resume, or name another folder")
        if not kept.exists():
            raise UsageError(f"{out} holds no unfinished dataset; name another folder")
        if kept.read_text(encoding="utf-8") != digest:
            raise UsageError(f"{out} was begun with another plan; use that one, or name another folder")
    try:
        for folder in (out / "clips", record_path(out, "x").parent, skip_path(out, "x").parent):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out} cannot be written ({error.strerror}); name another folder") from error
    for folder in (out, out / "clips", record_path(out, "x").parent, skip_path(out, "x").parent):
        for stale in folder.glob(".*.part*"):
            stale.unlink(missing_ok=True)
    _write(kept, digest)


def _done(out: Path, take: Take) -> bool:
    """True if the take was left out or every clip of it is there and is what its record says; else forget the rest."""
    if skip_path(out, take.take_id).exists():
        return True
    whole = True
    for method in take.methods:
        record = record_path(out, take.clip_id(method))
        if not record.exists():
            whole = False
            continue
        clip = from_row(json.loads(record.read_text(encoding="utf-8")))
        path = out / clip.path
        if not path.exists() or sha256_of(path) != clip.sha256:
            record.unlink()
            whole = False
    return whole


def _run(plan: Plan, todo: Sequence[Take], out: Path, workers: int) -> Iterator[str]:
    """Make the takes; yields their ids as they are finished."""
    if workers == 1 or len(todo) < 2:
        for take in todo:
            yield make_take(plan, take, out)
        return
    with (
        _one_thread_each(),
        ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_prepare_worker) as pool,
    ):
        futures = [pool.submit(make_take, plan, take, out) for take in todo]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool as error:
            raise InternalError(
                "a worker died, perhaps for lack of memory; run again with --resume and fewer --workers"
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Workers are the parallelism: libraries that read these variables when loaded start no threads beside them."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _prepare_worker() -> None:
    import cv2

    cv2.setNumThreads(1)


def _finish(plan: Plan, takes: Sequence[Take], out: Path, left_out: int) -> dict[str, Any]:
    skipped = {}
    clips: list[Clip] = []
    for take in takes:
        reason = skip_path(out, take.take_id)
        if reason.exists():
            skipped[take.take_id] = json.loads(reason.read_text(encoding="utf-8"))["reason"]
            continue
        clips += [
            from_row(json.loads(record_path(out, take.clip_id(method)).read_text(encoding="utf-8")))
            for method in take.methods
        ]
    for split in plan.splits:
        fakes = sum(clip.label is Label.FAKE for clip in clips if clip.split == split)
        others = sum(clip.label is not Label.FAKE for clip in clips if clip.split == split)
        if not (fakes and others):
            why = "; ".join(sorted(set(skipped.values()))[:3])
            raise InputError(f"split {split} has {fakes} fakes and {others} other clips ({why}); add footage or actors")
    counts: dict[str, int] = Counter(clip.label.value for clip in clips)
    facts = {
        "schema": SCHEMA,
        "name": plan.name,
        "seed": plan.seed,
        "clips": len(clips),
        "labels": dict(sorted(counts.items())),
        "splits": {split: sum(clip.split == split for clip in clips) for split in plan.splits},
        "identities": len({clip.identity for clip in clips}),
        "voices": len({clip.voice_id for clip in clips}),
        "minutes": round(sum(clip.seconds for clip in clips) / 60, 3),
        "skipped": dict(Counter(skipped.values())),
        "files_left_out": left_out,
    }
    more = {
        "commands": ["tellmark dataset build PLAN.toml -o DIR"],
        "plan_text": public_text(plan),
        "versions": {"tellmark": tellmark.__version__, "python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in _MADE_WITH},
        "machine": machine(),
    }
    write_manifest(out, clips)
    _write(out / "dataset.json", json.dumps(facts | more, indent=1, ensure_ascii=False) + "\n")
    _write(out / "README.md", datasheet(plan, clips, facts))
    _write(out / "SHA256SUMS", "".join(f"{_sha256(out / name)}  {name}\n" for name in _listed(clips)))
    return {key: value for key, value in facts.items() if key != "schema"} | {"folder": str(out)}


def _listed(clips: Sequence[Clip]) -> list[str]:
    return ["README.md", "dataset.json", "manifest.jsonl", "manifest.parquet", *sorted(clip.path for clip in clips)]


def _sha256(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); run again with --resume") from error


def _write(path: Path, text: str) -> None:
    with atomic_path(path, force=True) as temporary:
        temporary.write_text(text, encoding="utf-8")
