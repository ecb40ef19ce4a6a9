"""How fast the mark is embedded and verified, on one core, beside what decoding the same file takes.

Seconds are those of the clock, as a user sees them; on a machine that does other work, the processor's own are beside.
"""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np

from tellmark.benchmarks.attacks import Frames
from tellmark.benchmarks.marks.marking import embedded, payload_of
from tellmark.encoding import VideoWriter
from tellmark.media import VideoReader, rgb_to_i420
from tellmark.types import U8, Kind
from tellmark.watermark.embed import Embedder
from tellmark.watermark.registry import Registry
from tellmark.watermark.signal.payload import ID_BITS, Payload
from tellmark.watermark.verify import verify

Row = dict[str, Any]

FILE_S = 60.0
_SIZES = ((256, 256), (512, 512), (1280, 720), (1920, 1080), (3840, 2160))
_EMBED_TARGET_MS = 1.5  # at 512x512
_TARGETS_S = {"plain mark": 3.0, "no mark, full search": 20.0}


def rows(host: Frames, progress: Callable[[str], None], file_s: float = FILE_S, known: int = 0) -> Iterator[Row]:
    """Embedding at several sizes, then reading files of ``file_s`` seconds made of ``host``, there and back again.

    known: payloads in the registry that verifying asks, none of them that of ``host``.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield from _embedding(host)
        yield from _verifying(host, progress, file_s, known)
    finally:
        cv2.setNumThreads(threads)


def _embedding(host: Frames) -> Iterator[Row]:
    for width, height in _SIZES:
        embedder = Embedder(payload_of(host), width=width, height=height)
        planes = [rgb_to_i420(cv2.resize(frame, (width, height))) for frame in host.frames[:8]]
        fresh = [frame.copy() for frame in planes * 4]  # a mark on a mark on a mark would saturate
        times = [_clocked(partial(embedder.embed, frame)) for frame in fresh]
        ms = 1000 * median(times[4:])
        row: Row = {
            "measure": "speed",
            "condition": f"embed {width}x{height}, ms a frame",
            "mean": round(ms, 3),
            "per megapixel": round(ms / (width * height / 1e6), 3),
        }
        if width == 512:
            row |= {"target": _EMBED_TARGET_MS, "met": "yes" if ms <= _EMBED_TARGET_MS else "no"}
        yield row


def _verifying(host: Frames, progress: Callable[[str], None], file_s: float, known: int) -> Iterator[Row]:
    among = f", {known:,} payloads known" if known else ""
    length = round(file_s * host.fps)
    there_and_back = host.frames + host.frames[-2:0:-1]  # no cut where the clip starts again
    looped = replace(host, frames=[there_and_back[index % len(there_and_back)] for index in range(length)])
    with tempfile.TemporaryDirectory() as folder:
        for name in ("plain mark", "no mark, full search"):
            progress(f"verifying {file_s:g} s, {name}")
            path = Path(folder) / f"{name}.mp4"
            planes = embedded(looped, payload_of(host)) if name == "plain mark" else map(rgb_to_i420, looped.frames)
            _write(path, planes, host)
            registry = path.with_suffix(".sqlite")
            if known:
                _fill(registry, known)
            decoding, decoding_cpu = _fastest(partial(_decode, path))
            seconds, cpu = _fastest(partial(verify, path, registry=registry))
            yield {
                "measure": "speed",
                "condition": f"decode {file_s:g} s, {name}, s",
                "mean": round(decoding, 2),
                "processor": round(decoding_cpu, 2),
            }
            yield {
                "measure": "speed",
                "condition": f"verify {file_s:g} s, {name}{among}, s",
                "mean": round(seconds, 2),
                "processor": round(cpu, 2),
                "ratio to decoding": round(seconds / decoding, 2),
                "target": _TARGETS_S[name],
                "met": "yes" if seconds <= _TARGETS_S[name] else "no",
            }


def _fill(registry: Path, known: int) -> None:
    """Rows as marking writes them, but for what is looked up of one that was found."""
    with Registry(registry) as opened:
        opened.prepare()
    ids = np.random.default_rng(0).integers(1 << ID_BITS, size=known)
    with contextlib.closing(sqlite3.connect(registry)) as connection, connection:
        connection.executemany(
            "INSERT INTO clips (payload, manifest, fingerprint, title, sha256, created_at) "
            "VALUES (?, x'', x'', '', '', '')",
            ((Payload(Kind.SYNTHETIC, int(number)).hex(),) for number in ids),
        )


def _write(path: Path, planes: Iterator[U8], host: Frames) -> None:
    height, width = host.frames[0].shape[:2]
    with VideoWriter(path, width=width, height=height, fps=host.fps) as writer:
        for frame in planes:
            writer.write(frame)


def _decode(path: Path) -> None:
    with VideoReader(path) as reader:
        for frame in reader:
            frame.i420()


def _fastest(action: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock and of the processor, of two runs the least each."""
    runs = []
    for _ in range(2):
        before = time.process_time()
        runs.append((_clocked(action), time.process_time() - before))
    return min(clock for clock, _ in runs), min(processor for _, processor in runs)


def _clocked(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start
