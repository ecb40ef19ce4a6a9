"""How fast the mark is embedded and verified, on one core, beside what decoding the same file takes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import cv2

from tellmark.benchmarks.attacks import Frames
from tellmark.benchmarks.marks.marking import embedded, payload_of
from tellmark.encoding import VideoWriter
from tellmark.media import VideoReader, rgb_to_i420
from tellmark.types import U8
from tellmark.watermark.embed import Embedder
from tellmark.watermark.verify import verify

Row = dict[str, Any]

FILE_S = 60.0
_SIZES = ((256, 256), (512, 512), (1280, 720), (1920, 1080), (3840, 2160))
_EMBED_TARGET_MS = 1.5  # at 512x512
_TARGETS_S = {"plain mark": 3.0, "no mark, full search": 20.0}


def rows(host: Frames, progress: Callable[[str], None], file_s: float = FILE_S) -> Iterator[Row]:
    """Embedding at several sizes, then reading files of ``file_s`` seconds made of ``host``, there and back again."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield from _embedding(host)
        yield from _verifying(host, progress, file_s)
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


def _verifying(host: Frames, progress: Callable[[str], None], file_s: float) -> Iterator[Row]:
    length = round(file_s * host.fps)
    there_and_back = host.frames + host.frames[-2:0:-1]  # no cut where the clip starts again
    looped = replace(host, frames=[there_and_back[index % len(there_and_back)] for index in range(length)])
    with tempfile.TemporaryDirectory() as folder:
        for name in ("plain mark", "no mark, full search"):
            progress(f"verifying {file_s:g} s, {name}")
            path = Path(folder) / f"{name}.mp4"
            planes = embedded(looped, payload_of(host)) if name == "plain mark" else map(rgb_to_i420, looped.frames)
            _write(path, planes, host)
            decoding = min(_clocked(partial(_decode, path)) for _ in range(2))
            checked = partial(verify, path, registry=path.with_suffix(".sqlite"))
            seconds = min(_clocked(checked) for _ in range(2))
            yield {"measure": "speed", "condition": f"decode {file_s:g} s, {name}, s", "mean": round(decoding, 2)}
            yield {
                "measure": "speed",
                "condition": f"verify {file_s:g} s, {name}, s",
                "mean": round(seconds, 2),
                "ratio to decoding": round(seconds / decoding, 2),
                "target": _TARGETS_S[name],
                "met": "yes" if seconds <= _TARGETS_S[name] else "no",
            }


def _write(path: Path, planes: Iterator[U8], host: Frames) -> None:
    height, width = host.frames[0].shape[:2]
    with VideoWriter(path, width=width, height=height, fps=host.fps) as writer:
        for frame in planes:
            writer.write(frame)


def _decode(path: Path) -> None:
    with VideoReader(path) as reader:
        for frame in reader:
            frame.i420()


def _clocked(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start
