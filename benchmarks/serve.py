"""The service under load: fifty uploads at once, every answer matched with its file by hash and verdict.

The files are all different, and of five kinds: signed and marked, the same with the manifest stripped, without any
provenance, signed and then damaged, and no media at all. What the server and its workers take in memory is read from
the kernel while they work.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tellmark.benchmarks.channels import remux, tamper
from tellmark.encoding import VideoWriter
from tellmark.media import rgb_to_i420
from tellmark.runs import Progress
from tellmark.types import U8, Kind
from tellmark.watermark.claims import Provenance
from tellmark.watermark.writer import ClipWriter

UPLOADS = 50
SIZE, FRAMES = 192, 50
KINDS = {"signed": "intact", "stripped": "recovered", "plain": "none", "damaged": "altered", "text": "415"}
TIMEOUT_S = 1200.0
_SAMPLE_S = 0.05
_SERVER = (
    "import sys; from tellmark.web import serve; "
    "serve(port=0, workers=int(sys.argv[2]), registry=sys.argv[1], ready=lambda address: print(address, flush=True))"
)


@dataclass(frozen=True, slots=True)
class File:
    """What is uploaded, and what should come back: a verdict, or a status."""

    name: str
    data: bytes
    kind: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def run(
    *, quick: bool = False, uploads: int | str | None = None, workers: int | str = 2, progress: Progress | None = None
) -> list[dict[str, Any]]:
    """One row a kind of file, and one of all with time and memory. quick: five uploads. workers: verified at once."""
    count = 5 if quick else UPLOADS if uploads is None else int(uploads)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        registry = folder / "registry.sqlite"
        files = [_file(number, folder, registry) for number in range(count)]
        command = [sys.executable, "-c", _SERVER, str(registry), str(workers)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            address = urllib.parse.urlsplit(server.stdout.readline().strip()).netloc
            try:
                with _Memory(server.pid) as memory:
                    start = time.perf_counter()
                    answers = _upload_all(address, files, progress)
                    seconds = time.perf_counter() - start
            finally:
                server.terminate()
    rows = []
    for kind, wanted in KINDS.items():
        mine = [(file, answer) for file, answer in zip(files, answers, strict=True) if file.kind == kind]
        rows.append({"what": kind, **_counts([_outcome(file, answer) for file, answer in mine]), "wanted": wanted})
    outcomes = [_outcome(file, answer) for file, answer in zip(files, answers, strict=True)]
    return [
        *rows,
        {
            "what": "all",
            **_counts(outcomes),
            "workers": int(workers),
            "seconds": round(seconds, 1),
            "server_peak_mb": round(memory.server / 1e6),
            "worker_peak_mb": round(memory.worker / 1e6),
            "together_peak_mb": round(memory.together / 1e6),
        },
    ]


def _counts(outcomes: list[str]) -> dict[str, int]:
    tally = Counter(outcomes)
    return {"uploads": len(outcomes), **{name: tally[name] for name in ("right", "lost", "mixed_up", "wrong")}}


def _outcome(file: File, answer: tuple[int, dict[str, Any]] | None) -> str:
    """``right``; ``lost`` without an answer; ``mixed_up`` with that of another file; ``wrong`` with another verdict."""
    if answer is None:
        return "lost"
    status, body = answer
    wanted = KINDS[file.kind]
    if wanted.isdigit():
        named = file.name in body.get("error", "")
        return "right" if status == int(wanted) and named else "mixed_up" if status == int(wanted) else "wrong"
    if status != 200:
        return "wrong"
    if (body["sha256"], body["file"]) != (file.sha256, file.name):
        return "mixed_up"
    return "right" if body["verdict"] == wanted else "wrong"


def _upload_all(address: str, files: list[File], progress: Progress | None) -> list[tuple[int, dict[str, Any]] | None]:
    """All at the same moment; None for what was not answered."""
    gate, lock, done = threading.Barrier(len(files)), threading.Lock(), 0

    def upload(file: File) -> tuple[int, dict[str, Any]] | None:
        nonlocal done
        gate.wait()
        answer = None
        with suppress(OSError, http.client.HTTPException, ValueError):
            connection = http.client.HTTPConnection(address, timeout=TIMEOUT_S)
            try:
                query = urllib.parse.urlencode({"wait": "true", "name": file.name})
                connection.request("POST", f"/api/verify?{query}", file.data)
                response = connection.getresponse()
                answer = response.status, json.loads(response.read())
            finally:
                connection.close()
        with lock:
            done += 1
            if progress is not None:
                progress(done, len(files))
        return answer

    with ThreadPoolExecutor(len(files)) as pool:
        return list(pool.map(upload, files))


def _file(number: int, folder: Path, registry: Path) -> File:
    kind = list(KINDS)[number % len(KINDS)]
    name = f"{number}-{kind}.mp4"
    if kind == "text":
        return File(name, f"these are words, {number}. ".encode() * 50, kind)
    clip, out = folder / f"{number}.mp4", folder / f"{number}-out.mp4"
    if kind == "plain":
        with VideoWriter(clip, width=SIZE, height=SIZE, fps=25.0) as writer:
            for rgb in _pictures(number):
                writer.write(rgb_to_i420(rgb))
        return File(name, clip.read_bytes(), kind)
    provenance = Provenance(Kind.SYNTHETIC, name)
    with ClipWriter(clip, width=SIZE, height=SIZE, fps=25.0, provenance=provenance, registry=registry) as marking:
        for rgb in _pictures(number):
            marking.write(rgb)
    if kind == "signed":
        return File(name, clip.read_bytes(), kind)
    (remux if kind == "stripped" else tamper)(clip, out)
    return File(name, out.read_bytes(), kind)


def _pictures(number: int) -> list[U8]:
    """Discs that wander over a ground of their own."""
    rng = np.random.default_rng(number)
    shades = rng.integers(50, 186, (24, 24, 1), dtype=np.uint8)  # brightness varies from near to near, colour little
    ground = cv2.resize(shades + rng.integers(0, 20, 3, dtype=np.uint8), (SIZE, SIZE))
    places = SIZE / 2 + np.cumsum(cv2.blur(rng.normal(0, 8, (FRAMES, 6)), (1, 7)), axis=0).reshape(FRAMES, 3, 2)
    pictures = []
    for frame in places:
        picture = ground.copy()
        for x, y in frame:
            cv2.circle(picture, (int(x), int(y)), 18, (200, 60, 30), -1, cv2.LINE_AA)
        pictures.append(picture)
    return pictures


class _Memory:
    """Peaks of resident memory, bytes: of the server, of one worker, and of all of them together at one moment."""

    def __init__(self, process: int) -> None:
        self.server = self.worker = self.together = 0
        self._process = process
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> _Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_SAMPLE_S):
            children = [_resident(child) for child in _children(self._process)]
            server = _resident(self._process)
            self.server = max(self.server, server)
            self.worker = max([self.worker, *children])
            self.together = max(self.together, server + sum(children))


def _children(process: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def _resident(process: int) -> int:
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024
    return 0
