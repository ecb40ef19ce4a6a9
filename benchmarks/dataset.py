"""`tellmark bench dataset`: is nothing lost or doubled when a build is killed, and what does a build cost?

Parts, chosen with ``--with part=..``. ``kills`` sends SIGKILL at a random moment, to the builder and its workers, to
the builder alone or to one worker alone, goes on with --resume at once and compares with an undisturbed build. ``cost``
compares one worker with two, the time spent with the dry run's estimate, and what a finished build spends on being
resumed. ``large`` builds 504 clips with two workers and compares with the time of the dry run; ``keep=DIR`` keeps
them. ``check`` times `dataset check`. ``stages`` measures the constants of the dry run, with ``footage=FOLDER`` on a
film.

Files are compared by their coded pictures and sound, packet by packet: only the C2PA signature, whose numbers are drawn
anew, and with it the file's own SHA-256 may differ. Rows are compared but for that SHA-256, masks and tracks byte by
byte.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import av
import numpy as np

from tellmark.benchmarks.dataset_stages import stages
from tellmark.errors import UsageError
from tellmark.generator.factory.casting import cast
from tellmark.generator.factory.check import check
from tellmark.generator.factory.estimate import dry_run
from tellmark.generator.factory.plan import load_plan
from tellmark.generator.factory.roles import versions
from tellmark.manifest import read_rows
from tellmark.media import sha256_of

_SMALL = """
seed = 5
seconds = 1
fps = 10
actors = [11, 12]
[splits]
test = 1.0
[voices]
languages = ["en-us"]
variants = ["m1", "f2"]
"""
_KILLED = """
seed = 5
seconds = 1
fps = 10
methods = ["real", "talk"]
arms = ["null"]
compression = ["c23", "messenger"]
[splits]
test = 1.0
[footage]
folder = "films"
licence = "virtual actors"
consent = "virtual actors"
"""
_COST = """
seed = 6
seconds = {seconds}
actors = {actors}
methods = ["reference", "talk", "reenact", "lipsync", "swap", "selfblend", "splice"]
[splits]
test = 1.0
[voices]
languages = ["en-us"]
variants = ["m1", "f2"]
"""
_VICTIMS = (("the builder and its workers", 1), ("the builder and its workers", 2), ("the builder", 2), ("a worker", 2))
_PARTS = ("kills", "cost", "large", "check", "stages")
_FOUR, _TWO, _MANY = [11, 12, 13, 14], [11, 12], 72  # of actors, seven clips each


def run(
    *, quick: bool = False, part: str = "all", kills: str = "20", seconds: str = "5", footage: str = "", keep: str = ""
) -> list[dict[str, Any]]:
    """Rows of {measure, value, target}."""
    if part not in (*_PARTS, "all"):
        raise UsageError(f"--with part={part}: choose one of {', '.join((*_PARTS, 'all'))}")
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["TELLMARK_HOME"] = str(folder / "home")
        if part in ("kills", "all"):
            rows += _kills(folder, 2 if quick else int(kills))
        if part in ("cost", "all"):
            rows += _cost(folder, 1.0 if quick else float(seconds))
        if part == "large":
            rows += _large(folder, Path(keep) if keep else folder / "large", 1.0 if quick else float(seconds), quick)
        if part in ("check", "all"):
            rows += _check(folder)
        if part == "stages":
            rows += stages(footage, 2.0 if quick else 3.0)
    return rows


def _kills(folder: Path, times: int) -> list[dict[str, Any]]:
    (folder / "small.toml").write_text(_SMALL)
    _build(folder / "small.toml", folder / "small").wait()
    (folder / "films").mkdir()
    for path in (folder / "small" / "clips").glob("*-reference.mp4"):
        shutil.copy(path, folder / "films")
    plan = folder / "killed.toml"
    plan.write_text(_KILLED)  # of films, whose takes are made faster than those of actors
    _build(plan, folder / "whole").wait()
    total = len(read_rows(folder / "whole"))
    wanted = _contents(folder / "whole")
    rng = np.random.default_rng(7)
    same: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    clips_before = []
    for k in range(times):
        who, workers = _VICTIMS[k % len(_VICTIMS)]
        out = folder / f"killed-{k}"
        while not _killed(plan, out, who, workers, int(rng.integers(0, total)), float(rng.uniform(0, 2.0))):
            shutil.rmtree(out)
        clips_before.append(_finished(out))
        tried[who] += 1
        resumed = _build(plan, out, resume=True)
        wrong = [f"exit code {resumed.returncode}"] if resumed.wait() else [*check(out), *_differences(out, wanted)]
        same[who] += not wrong
        shutil.rmtree(out)
        done = f"{clips_before[-1]} clips were finished, {sum(same.values())} of {k + 1} the same {'; '.join(wrong)}"
        print(f"kill {k + 1} ({who}): {done}", file=sys.stderr, flush=True)
    spread = f"{min(clips_before)} to {max(clips_before)} of {total}"
    return [
        {"measure": f"same after SIGKILL and --resume, of {times}", "value": sum(same.values()), "target": times},
        *({"measure": f"of these to {who}, of {n}", "value": same[who], "target": n} for who, n in tried.items()),
        {"measure": "clips finished when killed", "value": spread, "target": ""},
    ]


def _killed(plan: Path, out: Path, who: str, workers: int, clips: int, later_s: float) -> bool:
    """Kill ``later_s`` after a build has finished ``clips`` clips; False if it was done before.

    By progress and not by the clock, which other work on the machine would slow down or speed up.
    """
    process = _build(plan, out, workers=workers)
    while process.poll() is None and _finished(out) < clips:
        time.sleep(0.02)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(later_s)
        return False
    if who == "the builder and its workers":
        os.killpg(process.pid, signal.SIGKILL)
    elif who == "the builder":
        process.kill()
    else:
        found = _workers(process.pid)
        if not found:  # none has been started yet
            process.kill()
        else:
            os.kill(found[0], signal.SIGKILL)
    return process.wait() != 0


def _workers(builder: int) -> list[int]:
    children = Path(f"/proc/{builder}/task/{builder}/children").read_text().split()
    return [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def _finished(out: Path) -> int:
    return len(list((out / ".build" / "records").glob("[!.]*.json")))


def _build(plan: Path, out: Path, *, resume: bool = False, workers: int = 1) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tellmark.cli", "dataset", "build", str(plan), "-o", str(out), "-q", "-v"]
    command += ["--no-audit", "--workers", str(workers), *(["--resume"] if resume else [])]
    with _words(out).open("wb") as words:
        return subprocess.Popen(command, stdout=words, stderr=words, start_new_session=True)


def _words(out: Path) -> Path:
    """What the last build of ``out`` said, kept outside the dataset."""
    return out.with_suffix(".log")


def _contents(folder: Path) -> dict[str, Any]:
    """Everything that must not differ between two builds of a plan."""
    found: dict[str, Any] = {"rows": [{**row, "sha256": None} for row in read_rows(folder)]}
    for path in sorted((folder / "clips").iterdir()):
        found[path.name] = essence(path)
    for path in sorted([*(folder / "masks").iterdir(), *(folder / "tracks").iterdir()]):
        found[path.name] = sha256_of(path)
    return found


def _differences(folder: Path, wanted: dict[str, Any]) -> list[str]:
    found = _contents(folder)
    return [f"{name} differs" for name in sorted(found.keys() | wanted.keys()) if found.get(name) != wanted.get(name)]


def essence(path: Path) -> str:
    """SHA-256 of all packets of a file, with their times."""
    digest = hashlib.sha256()
    with av.open(str(path)) as container:
        for packet in container.demux():
            digest.update(f"{packet.stream_index} {packet.pts} ".encode() + bytes(packet))
    return digest.hexdigest()


def _cost(folder: Path, seconds: float) -> list[dict[str, Any]]:
    path = folder / "cost.toml"
    path.write_text(_COST.format(seconds=seconds, actors=_FOUR))
    plan = load_plan(path)
    # A first clip of each kind compiles what numba compiles, so that neither count pays for it.
    warm = folder / "warm.toml"
    warm.write_text(_COST.format(seconds=1, actors=_TWO))
    _timed(warm, folder / "warm", 1)
    cpu_one, wall_one = _timed(path, folder / "one", 1)
    cpu_two, wall_two = _timed(path, folder / "two", 2)
    estimate = 60 * float(str(dry_run(plan)["estimated_cpu_minutes"]))
    clips = sum(len(versions(plan, take)) for take in cast(plan)[0])
    return [
        {"measure": "clips", "value": clips, "target": ""},
        {"measure": "clips a minute, one worker", "value": round(60 * clips / wall_one, 2), "target": ""},
        {"measure": "two workers over one, clips a minute", "value": round(wall_one / wall_two, 2), "target": ">= 1.7"},
        {"measure": "CPU s of two workers over one", "value": round(cpu_two / cpu_one, 3), "target": ""},
        {"measure": "CPU s, one worker", "value": round(cpu_one, 1), "target": ""},
        {"measure": "dry run, s", "value": round(estimate, 1), "target": ""},
        {"measure": "CPU s over the dry run's", "value": round(cpu_one / estimate, 2), "target": ".75 to 1.25"},
        {"measure": "wall s over the dry run's, one worker", "value": round(wall_one / estimate, 2), "target": ""},
        {
            "measure": "bookkeeping over making, CPU",
            "value": round(_bookkeeping(path, folder / "one") / cpu_one, 4),
            "target": "<= .10",
        },
    ]


def _large(folder: Path, out: Path, seconds: float, quick: bool) -> list[dict[str, Any]]:
    path = folder / "large.toml"
    path.write_text(_COST.format(seconds=seconds, actors=4 if quick else _MANY))
    estimate = dry_run(load_plan(path), workers=2)
    cpu, wall = _timed(path, out, 2)
    cpu_estimate, wall_estimate = (60 * float(str(estimate[f"estimated_{of}minutes"])) for of in ("cpu_", ""))
    return [
        {"measure": "clips, two workers", "value": len(read_rows(out)), "target": ">= 500"},
        {"measure": "s of each", "value": seconds, "target": 5},
        {"measure": "dry run, s", "value": round(wall_estimate, 1), "target": ""},
        {"measure": "wall s, two workers", "value": round(wall, 1), "target": ""},
        {"measure": "wall s over the dry run's", "value": round(wall / wall_estimate, 2), "target": ".75 to 1.25"},
        {"measure": "CPU s over the dry run's", "value": round(cpu / cpu_estimate, 2), "target": ".75 to 1.25"},
        {"measure": "problems that `dataset check` found", "value": len(check(out)), "target": 0},
    ]


def _timed(plan: Path, out: Path, workers: int) -> tuple[float, float]:
    """(CPU seconds, wall seconds) of a build."""
    before, started = os.times(), time.monotonic()
    if _build(plan, out, workers=workers).wait():
        raise RuntimeError(f"the build of {plan} failed: {_words(out).read_text()}")
    after = os.times()
    cpu = after.children_user - before.children_user + after.children_system - before.children_system
    return cpu, time.monotonic() - started


def _bookkeeping(plan: Path, out: Path) -> float:
    """CPU seconds of what a finished build does again when resumed: cast, checksums, manifest, datasheet."""
    before = os.times()
    _build(plan, out, resume=True).wait()
    after = os.times()
    return after.children_user - before.children_user + after.children_system - before.children_system


def _check(folder: Path) -> list[dict[str, Any]]:
    out = folder / "one"
    if not out.exists():
        path = folder / "cost.toml"
        path.write_text(_COST.format(seconds=1, actors=_FOUR))
        _timed(path, out, 1)
    started = time.process_time()
    problems = check(out)
    rate = 60 * len(read_rows(out)) / (time.process_time() - started)
    return [
        {"measure": "clips checked a minute (CPU)", "value": round(rate), "target": ">= 1000"},
        {"measure": "problems found", "value": len(problems), "target": 0},
    ]
