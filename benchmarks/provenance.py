"""How long signing and checking manifests takes: one clip of about 1 MB, and a folder of many."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tellmark.encoding import Encoding, VideoWriter
from tellmark.media import rgb_to_i420
from tellmark.runs import Progress
from tellmark.types import Kind, Verdict, VerdictKind
from tellmark.watermark.credentials import Provenance, sign
from tellmark.watermark.manifests import read
from tellmark.watermark.many import verify_many
from tellmark.watermark.verify import verify

SIZE, FRAMES = 512, 100
TIMES = 30
FILES = 1000


def run(
    *, quick: bool = False, jobs: int | str = 2, files: int | str | None = None, progress: Progress | None = None
) -> list[dict[str, Any]]:
    """One row a measurement: what, of how many bytes, seconds, and files a minute.

    jobs: processes for the folder. files: how many are in it, by default ``FILES``; quick: a tenth of them.
    """
    count = int(files) if files is not None else FILES // 10 if quick else FILES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain, signed = folder / "plain.mp4", folder / "signed.mp4"
        _video(plain)
        provenance = Provenance(Kind.SYNTHETIC, "clip.mp4")
        measured: dict[str, Callable[[], object]] = {
            "sign": lambda: sign(plain, signed, provenance, "1123456789abcdef"),
            "read the manifest": lambda: read(signed),
            "verify, manifest only": lambda: verify(signed, manifest_only=True),
        }
        rows = []
        for what, call in measured.items():
            call()  # the first one loads the library
            seconds = statistics.median(_seconds(call) for _ in range(TIMES))
            rows.append(_row(what, signed, seconds, 1))
        many = folder / "many"
        many.mkdir()
        for number in range(count):
            shutil.copy(signed, many / f"{number}.mp4")
        for processes in (1, int(jobs)):
            seconds = _seconds(lambda processes=processes: _all(many, processes, progress))  # type: ignore[misc]
            rows.append(_row(f"verify_many, manifest only, {processes} processes", signed, seconds, count))
    return rows


def _video(path: Path) -> None:
    """Noise over a gradient: some 1 MB, as a rendered clip of four seconds has."""
    rng = np.random.default_rng(0)
    ground = np.linspace(40, 200, SIZE, dtype=np.float32)[None, :, None] * np.ones((SIZE, 1, 3), np.float32)
    with VideoWriter(path, width=SIZE, height=SIZE, fps=25.0, encoding=Encoding(crf=25)) as writer:
        for _ in range(FRAMES):
            noise = rng.normal(0, 7, (SIZE, SIZE, 1)).astype(np.float32)
            writer.write(rgb_to_i420(np.clip(ground + noise, 0, 255).astype(np.uint8)))


def _all(folder: Path, jobs: int, progress: Progress | None) -> None:
    for result in verify_many([folder], jobs=jobs, manifest_only=True, progress=progress):
        if not isinstance(result, Verdict) or result.verdict is not VerdictKind.INTACT:
            raise AssertionError(f"a signed clip was not found intact: {result}")


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _row(what: str, path: Path, seconds: float, files: int) -> dict[str, Any]:
    return {
        "what": what,
        "file_mb": round(path.stat().st_size / 1e6, 2),
        "files": files,
        "seconds": round(seconds, 4),
        "files_a_minute": round(files / seconds * 60),
    }
