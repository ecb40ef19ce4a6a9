"""Builds a dataset from a plan: takes in one or several processes, resumable at any moment, then the manifest.

A clip's record is written after the clip, atomically; a build that is killed loses at most the clips in the making, and
``resume`` goes on with those. ``.build`` holds the records: it belongs to the builder and is no part of the dataset.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tellmark
from tellmark.errors import InputError, UsageError
from tellmark.generator.factory.casting import cast
from tellmark.generator.factory.datasheet import datasheet
from tellmark.generator.factory.occupancy import building, sweep_scratch
from tellmark.generator.factory.plan import Plan, public_text
from tellmark.generator.factory.roles import Take, versions
from tellmark.generator.factory.takes import record_path, skip_path, withdraw
from tellmark.generator.factory.workers import full_disk, run_here, run_on_ray
from tellmark.manifest import from_row, write_manifest
from tellmark.media import sha256_of
from tellmark.runs import Progress, atomic_path, machine
from tellmark.types import Clip, Label

SCHEMA = "tellmark.dataset/1"
_FOLDERS = ("clips", "masks", "tracks")
_RECORDS = ("README.md", "dataset.json", "manifest.jsonl", "manifest.parquet")
_MADE_WITH = ("av", "mediapipe", "numpy", "opencv-contrib-python", "c2pa-python")


def build(
    plan: Plan,
    out: Path | str,
    *,
    resume: bool = False,
    workers: int = 1,
    ray: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Make every clip of ``plan`` in ``out``, then manifest, dataset.json, datasheet and SHA256SUMS.

    ``workers``: processes of this machine. ``ray``: address of a Ray cluster whose nodes see ``out`` under the same
    path (``local`` starts one here). ``resume`` goes on with a folder that an earlier build of the same plan left; an
    empty one is started. Returns what was made. Raises :class:`UsageError` for a folder that is not empty (without
    ``resume``) or holds another plan, :class:`InputError` where a split stays without one of the classes or the disk is
    full, :class:`InternalError` if a worker dies.
    """
    out = Path(out)
    takes, left_out = cast(plan)
    _open(out, plan, resume=resume)
    with building(out):
        return _build(plan, out, takes, len(left_out), workers, ray, progress)


def _build(
    plan: Plan,
    out: Path,
    takes: Sequence[Take],
    left_out: int,
    workers: int,
    ray: str | None,
    progress: Progress | None,
) -> dict[str, Any]:
    _sweep(out)
    counts = {take.take_id: len(versions(plan, take)) for take in takes}
    total = sum(counts.values())
    todo = [take for take in takes if not _done(plan, out, take)]
    done = total - sum(counts[take.take_id] for take in todo)
    if progress:
        progress(done, total)
    try:
        for take_id in run_on_ray(plan, todo, out, ray) if ray else run_here(plan, todo, out, workers):
            done += counts[take_id]
            if progress:
                progress(done, total)
        return _finish(plan, takes, out, left_out)
    except Exception as error:
        if full_disk(error):
            raise InputError(
                f"the disk of {out}, or of {tempfile.gettempdir()} where clips are prepared, is full; make room and "
                "run again with --resume"
            ) from error
        raise


def _open(out: Path, plan: Plan, *, resume: bool) -> None:
    """Make the folder, or check that it can be gone on with."""
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
        for folder in _folders(out):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out} cannot be written ({error.strerror}); name another folder") from error
    _write(kept, digest)


def _folders(out: Path) -> list[Path]:
    return [*(out / name for name in _FOLDERS), record_path(out, "x").parent, skip_path(out, "x").parent]


def _sweep(out: Path) -> None:
    """Remove what a killed build left half-written; clips that it signed and did not note are made again."""
    sweep_scratch()
    for clip in (out / "clips").glob("*.mp4"):  # hidden ones, too: signed, and not renamed yet
        if not record_path(out, clip.stem).exists():
            withdraw(clip)
    for folder in (out, *_folders(out)):
        for stale in folder.glob(".*.part*"):
            stale.unlink(missing_ok=True)


def _done(plan: Plan, out: Path, take: Take) -> bool:
    """True if the take was left out or every clip of it is there and is what its record says; else forget the rest."""
    if skip_path(out, take.take_id).exists():
        return True
    whole = True
    for version in versions(plan, take):
        record = record_path(out, take.clip_id(version))
        if not record.exists():
            whole = False
            continue
        clip, files = read_record(record)
        if not all(_intact(out / name, digest) for name, digest in ((clip.path, clip.sha256), *files.items())):
            record.unlink()
            whole = False
    return whole


def read_record(path: Path) -> tuple[Clip, dict[str, str]]:
    """The clip of a record, and the checksums of the files that belong to it."""
    value = json.loads(path.read_text(encoding="utf-8"))
    return from_row(value["clip"]), value["files"]


def _intact(path: Path, digest: str) -> bool:
    return path.exists() and sha256_of(path) == digest


def _finish(plan: Plan, takes: Sequence[Take], out: Path, left_out: int) -> dict[str, Any]:
    skipped = {}
    clips: list[Clip] = []
    files: dict[str, str] = {}
    for take in takes:
        reason = skip_path(out, take.take_id)
        if reason.exists():
            skipped[take.take_id] = json.loads(reason.read_text(encoding="utf-8"))["reason"]
            continue
        for version in versions(plan, take):
            clip, beside = read_record(record_path(out, take.clip_id(version)))
            clips.append(clip)
            files |= {clip.path: clip.sha256, **beside}
    for split in plan.splits:
        fakes = sum(clip.label is Label.FAKE for clip in clips if clip.split == split)
        others = sum(clip.label is not Label.FAKE for clip in clips if clip.split == split)
        if not (fakes and others):
            why = "; ".join(sorted(set(skipped.values()))[:3])
            raise InputError(f"split {split} has {fakes} fakes and {others} other clips ({why}); add footage or actors")
    labels: dict[str, int] = Counter(clip.label.value for clip in clips)
    facts = {
        "schema": SCHEMA,
        "name": plan.name,
        "seed": plan.seed,
        "clips": len(clips),
        "labels": dict(sorted(labels.items())),
        "methods": dict(sorted(Counter(clip.method for clip in clips).items())),
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
    sums = {name: sha256_of(out / name) for name in _RECORDS} | dict(sorted(files.items()))
    _write(out / "SHA256SUMS", "".join(f"{digest}  {name}\n" for name, digest in sums.items()))
    return {key: value for key, value in facts.items() if key != "schema"} | {"folder": str(out)}


def say_in_datasheet(folder: Path, title: str, text: str) -> None:
    """Add a section to the datasheet of a finished dataset, and its new checksum to SHA256SUMS."""
    sheet, sums = folder / "README.md", folder / "SHA256SUMS"
    _write(sheet, sheet.read_text(encoding="utf-8") + f"\n## {title}\n\n{text}\n")
    lines = sums.read_text(encoding="utf-8").splitlines()
    kept = [f"{sha256_of(sheet)}  {sheet.name}" if line.endswith(f"  {sheet.name}") else line for line in lines]
    _write(sums, "\n".join(kept) + "\n")


def _write(path: Path, text: str) -> None:
    with atomic_path(path, force=True) as temporary:
        temporary.write_text(text, encoding="utf-8")
