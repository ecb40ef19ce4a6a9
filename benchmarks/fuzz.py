"""Damages signed files at random and checks that verifying them neither crashes, hangs nor vouches for a change.

A case is a number, which picks the file and the damage (``benchmarks/damage.py``), so that it can be had again. Each
case runs in a worker process with a limit on memory and time. What is counted:

* crash: the worker died, or an error got out that is none of ``tellmark.errors``;
* hang: no answer within ``LIMIT_S``;
* wrong: the verdict is ``intact`` although the signed content or what the manifest says has changed.

Not all bytes of a signed file are signed: C2PA leaves out the box, segment or chunk the manifest is in, of which only
the assertions, the claim and the signature are protected, and an MP4's ``ftyp`` box. A change there is wrong if the
manifest as read says anything else than before; a change anywhere else is wrong in itself.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tellmark.benchmarks.damage import Sample, content, damage
from tellmark.errors import TellmarkError
from tellmark.runs import Progress
from tellmark.types import Kind, VerdictKind
from tellmark.watermark import formats
from tellmark.watermark.claims import Provenance
from tellmark.watermark.credentials import sign
from tellmark.watermark.manifests import examine_store
from tellmark.watermark.verify import verify
from tellmark.watermark.writer import ClipWriter

CASES, FULL_CASES = 3000, 300
MEMORY_BYTES = 8 << 30  # address space of a worker; libraries alone map some 3 GB
LIMIT_S = {"manifest": 10.0, "full": 60.0}
SIZE, FRAMES = 128, 15
SUFFIXES = ("mp4", "jpg", "png", "c2pa")  # the last: a manifest store alone, as a registry keeps it


def run(
    *,
    quick: bool = False,
    cases: int | str | None = None,
    full_cases: int | str | None = None,
    seed: int | str = 0,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """One row for each format and depth: cases, verdicts, crashes, hangs, wrong ones, and the numbers of the bad cases.

    cases: with the manifest alone; full_cases: with the search for the mark; quick: a tenth of the default numbers.
    seed: the number of the first case.
    """
    part = 10 if quick else 1
    counts = {
        "manifest": int(cases) if cases is not None else CASES // part,
        "full": int(full_cases) if full_cases is not None else FULL_CASES // part,
    }
    tally: dict[tuple[str, str], Counter[str]] = {}
    bad: dict[tuple[str, str], list[int]] = {}
    total, done = sum(counts.values()), 0
    with tempfile.TemporaryDirectory() as folder:
        samples = make_samples(Path(folder))
        for depth, count in counts.items():
            numbers = range(int(seed), int(seed) + count)
            for number, outcome in _outcomes(samples, depth, numbers, Path(folder)):
                key = (depth, SUFFIXES[number % len(SUFFIXES)])
                tally.setdefault(key, Counter())[outcome.split(":")[0]] += 1
                if outcome.startswith(("crash", "hang", "wrong")):
                    bad.setdefault(key, []).append(number)
                done += 1
                if progress is not None:
                    progress(done, total)
    outcomes = ("crash", "hang", "wrong", *map(str, VerdictKind), "refused")
    return [
        {"depth": depth, "format": suffix, "cases": counter.total()}
        | {outcome: counter[outcome] for outcome in outcomes}
        | {"bad_cases": " ".join(map(str, bad.get((depth, suffix), [])))}
        for (depth, suffix), counter in tally.items()
    ]


def make_samples(folder: Path) -> list[Sample]:
    """A signed file of each of ``SUFFIXES``, the last a picture's store; no case's registry knows the video's mark."""
    rng = np.random.default_rng(0)
    ground = cv2.resize(rng.integers(40, 216, (12, 12, 3), dtype=np.uint8), (SIZE, SIZE))
    provenance = Provenance(Kind.SYNTHETIC, "sample")
    paths = [folder / f"sample.{suffix}" for suffix in SUFFIXES]
    with ClipWriter(
        paths[0], width=SIZE, height=SIZE, fps=25.0, provenance=provenance, registry=folder / "registry.sqlite"
    ) as writer:
        for number in range(FRAMES):
            writer.write(np.roll(ground, 3 * number, axis=1))
    for path in paths[1:3]:
        plain = folder / f"plain{path.suffix}"
        cv2.imwrite(str(plain), ground)
        store = sign(plain, path, provenance, "1123456789abcdef")
    paths[3].write_bytes(store)
    return [Sample(path, path.read_bytes()) for path in paths]


# Running


def check(sample: Sample, number: int, depth: str, scratch: Path) -> str:
    """The outcome of one case: a verdict, ``refused`` where the file cannot be read, or ``wrong``/``crash`` and why."""
    data = damage(sample, number)
    path = scratch / f"case{sample.path.suffix}"
    path.write_bytes(data)
    if sample.path.suffix == ".c2pa":
        return _check_store(sample, path)
    try:
        registry = scratch / "registry.sqlite"
        verdict = verify(path, manifest_only=depth == "manifest", thorough=False, registry=registry)
    except TellmarkError:
        return "refused"
    except Exception as error:
        return f"crash: {type(error).__name__}: {error}"
    if verdict.verdict is not VerdictKind.INTACT:
        return str(verdict.verdict)
    if content(data) != content(sample.data):
        return "wrong: the content has changed"
    if _said(path) != _said(sample.path):
        return "wrong: the manifest says something else"
    return str(verdict.verdict)


def _check_store(sample: Sample, path: Path) -> str:
    """The same for a store that is kept apart: it must not count as signed once it says something else."""
    try:
        signed = examine_store(path.read_bytes()).signed
    except Exception as error:
        return f"crash: {type(error).__name__}: {error}"
    if not signed:
        return str(VerdictKind.ALTERED)
    if _said(path) != _said(sample.path):
        return "wrong: the manifest says something else"
    return str(VerdictKind.INTACT)


def _said(path: Path) -> object:
    """All that c2pa tells of the active manifest: claim, assertions, signature."""
    from c2pa import Reader

    mime = "application/c2pa" if path.suffix == ".c2pa" else formats.sniff(path)
    with path.open("rb") as stream, Reader(mime, stream) as reader:
        return reader.get_active_manifest()


def _outcomes(samples: list[Sample], depth: str, numbers: range, folder: Path) -> Iterator[tuple[int, str]]:
    """Feed the cases to a worker; a new one takes over where one has died or does not answer."""
    worker = _Worker(samples, depth, folder)
    try:
        for number in numbers:
            outcome = worker.ask(number)
            if outcome in ("crash", "hang"):
                worker.stop()
                worker = _Worker(samples, depth, folder)
            yield number, outcome
    finally:
        worker.stop()


class _Worker:
    """One process that checks cases by number."""

    def __init__(self, samples: list[Sample], depth: str, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._limit_s = LIMIT_S[depth]
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, samples, depth, folder), daemon=True)
        self._process.start()
        theirs.close()
        if not self._connection.poll(120) or self._connection.recv() != "ready":
            raise RuntimeError("the worker did not start")

    def ask(self, number: int) -> str:
        try:
            self._connection.send(number)
            if not self._connection.poll(self._limit_s):
                return "hang"
            return str(self._connection.recv())
        except (EOFError, OSError):
            return "crash"

    def stop(self) -> None:
        self._process.kill()
        self._process.join()
        self._connection.close()


def _serve(connection: Connection, samples: list[Sample], depth: str, folder: Path) -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    except (ImportError, ValueError):  # not on this system; the limit on time still holds
        pass
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        connection.send("ready")
        while True:
            number = connection.recv()
            connection.send(check(samples[number % len(samples)], number, depth, Path(scratch)))


def repeat(number: int, depth: str = "manifest") -> tuple[str, float]:
    """One case again, in this process: its outcome, and seconds."""
    with tempfile.TemporaryDirectory() as folder:
        samples = make_samples(Path(folder))
        start = time.perf_counter()
        outcome = check(samples[number % len(samples)], number, depth, Path(folder))
        return outcome, time.perf_counter() - start
