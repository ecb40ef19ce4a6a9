"""`tellmark bench peers`: our watermark beside others on the same clips and attacks, and a plot of the ladder.

The peers are the image watermarks that install from the package registry, put on every frame: dwtDctSvd and rivaGan of
invisible-watermark, and blind-watermark. They hold 32 bits here, ours holds 64. They are no dependencies of tellmark,
and would bring another OpenCV: they run in a virtual environment of their own, which this benchmark makes in the user's
cache folder on its first run (some 150 MB are fetched), or in one of yours, ``--with python=PATH``.

Peers know no presence test. Their bits are averaged over ``frames=8`` frames of an excerpt, spread evenly, before they
are cut; every bit must be right. They are told the size of the marked clip and read pictures scaled back to it. rivaGan
takes one to four seconds a frame on one core, so the default is two clips and a selection of the ladder. Settings of
`tellmark bench watermark` apply: data, split, hosts, clips, seconds, starts, published, and group and only, which
choose from the whole ladder. judged=2 judges every rung on so many seconds, without a target where that is less than
it asks for. peers=NAME,.. chooses some; ours=no leaves ours out.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import venv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
import platformdirs

from tellmark.benchmarks.attacks import LADDER, Frames, Reading, Rung, Watermark, climb
from tellmark.benchmarks.marks import ladder_plot, marking, peer_worker, settings
from tellmark.benchmarks.marks.hosts import SECONDS, Hosts, chosen
from tellmark.benchmarks.marks.imperceptibility import fidelity
from tellmark.benchmarks.marks.peer_worker import PEERS
from tellmark.benchmarks.marks.settings import Row, say
from tellmark.errors import UsageError
from tellmark.runs import RESULTS, machine_slug
from tellmark.types import F64, U8

BITS = 32
_WORKER = Path(peer_worker.__file__)  # run as a script, where tellmark is not installed
_ALONE = ("invisible-watermark==0.2.0", "blind-watermark==0.4.4")  # their own dependencies are not all needed
_NEEDED = ("numpy<2", "opencv-python-headless<4.12", "PyWavelets", "onnxruntime")
_QUICK = ("none", "h264 crf 23", "h264 crf 28", "half size + crf 23", "crop 5 % + crf 23", "rotate 2 deg + crf 23")
_SELECTION = (
    "none", "h264 crf 23", "h264 crf 28", "h264 crf 33", "h264 crf 40", "hevc crf 28", "half size + crf 23",
    "crop 25 % + crf 23", "rotate 5 deg + crf 23", "brightness 1.2 + crf 23", "blur 1 px + crf 23", "messenger",
)  # fmt: skip


def run(
    *,
    quick: bool = False,
    data: str | Path | None = None,
    split: str = "",
    hosts: str = "",
    clips: int | str | None = None,
    seconds: float | str = SECONDS,
    group: str = "",
    only: str = "",
    starts: int | str = 1,
    published: str = "yes",
    judged: float | str = 0,
    peers: str = ",".join(PEERS),
    ours: str = "yes",
    frames: int | str = 8,
    python: str | Path | None = None,
) -> list[Row]:
    """Rows of {measure, condition, hosts, watermark, ..}, and a plot beside the results. quick: one clip, six rungs."""
    used = chosen(data, clips or (1 if quick else 2), seconds, split)
    rungs = [LADDER[name] for name in (_QUICK if quick else _SELECTION)]
    if group or only:
        rungs = settings.rungs(settings.groups(group), only)
    if float(judged):
        rungs = [_judged_on(rung, float(judged)) for rung in rungs]
    wanted = [name for name in peers.split(",") if name]
    if unknown := set(wanted) - set(PEERS):
        raise UsageError(f"peers={','.join(sorted(unknown))}: choose among {', '.join(PEERS)}")
    first = marking.published if published == "yes" else None
    rows = list(_measured(Timed(marking.Tellmark()), used, rungs, int(starts), first)) if ours == "yes" else []
    interpreter = _interpreter(python) if wanted else Path()
    for name in wanted:
        with Peer(name, interpreter, int(frames)) as peer:
            rows += _measured(Timed(peer), used, rungs, int(starts), first)
    ladder_plot.draw(rows, RESULTS / f"watermark-ladder-{machine_slug()}")
    return settings.labelled(rows, hosts, used)


def _measured(mark: Timed, used: Hosts, rungs: Sequence[Rung], starts: int, first: Any) -> Iterator[Row]:
    yield from climb(mark, used, rungs, starts=starts, published=first, progress=say)
    costs = {"embed, ms a frame": mark.embed_ms, "detect, ms an excerpt": mark.detect_ms, **mark.looks()}
    for name, value in costs.items():
        yield {"measure": "cost", "condition": name, "watermark": mark.name, "mean": round(value, 4)}


def _judged_on(rung: Rung, seconds: float) -> Rung:
    """The rung on so much of a clip; its target is for what it asks for."""
    met = rung.target if seconds >= rung.seconds else None
    return replace(rung, seconds=seconds, source_s=seconds * rung.needed_s / rung.seconds, target=met)


@dataclass
class Timed:
    """A watermark, with what it takes and costs written down."""

    mark: Watermark
    _embed: list[float] = field(default_factory=list)
    _detect: list[float] = field(default_factory=list)
    _looks: list[dict[str, float]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """That of the watermark."""
        return self.mark.name

    def embed(self, clip: Frames) -> tuple[Frames, U8]:
        """As the watermark does."""
        start = time.perf_counter()
        marked, message = self.mark.embed(clip)
        self._embed.append(1000 * (time.perf_counter() - start) / len(clip.frames))
        plain = marking.unmarked(clip) if isinstance(self.mark, marking.Tellmark) else clip
        self._looks.append(fidelity(plain.frames[::10], marked.frames[::10]))
        return marked, message

    def detect(self, clip: Frames) -> Reading:
        """As the watermark does."""
        start = time.perf_counter()
        reading = self.mark.detect(clip)
        self._detect.append(1000 * (time.perf_counter() - start))
        return reading

    @property
    def embed_ms(self) -> float:
        """Mean a frame, conversions and pipes included."""
        return float(np.mean(self._embed))

    @property
    def detect_ms(self) -> float:
        """Median an excerpt."""
        return float(np.median(self._detect)) if self._detect else 0.0

    def looks(self) -> dict[str, float]:
        """PSNR and SSIM, means over the clips."""
        return {name: float(np.mean([one[name] for one in self._looks])) for name in self._looks[0]}


class Peer:
    """A ``Watermark`` of the attack suite that lives in another interpreter; a context manager."""

    def __init__(self, name: str, python: Path, frames: int) -> None:
        self.name = name
        self._frames = frames
        self._size = (0, 0)
        self._command = [str(python), str(_WORKER), name]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def embed(self, clip: Frames) -> tuple[Frames, U8]:
        """Every frame marked alike, with bits that the clip's seed chooses."""
        message = np.random.default_rng([clip.seed, 2]).integers(0, 2, BITS, dtype=np.uint8)
        made: list[U8] = []
        self._size = (clip.frames[0].shape[1], clip.frames[0].shape[0])
        for frame in clip.frames:  # one at a time: neither side then holds a clip in its pipe
            _, marked = self._asked("embed", [frame], message)
            made += marked
        return replace(clip, frames=made), message

    def detect(self, clip: Frames) -> Reading:
        """The soft bits of some frames, averaged, scaled back to the size of the clip that was marked last."""
        few = np.unique(np.linspace(0, len(clip.frames) - 1, self._frames).round().astype(int))
        frames = [cv2.resize(clip.frames[index], self._size) for index in few]
        soft, _ = self._asked("detect", frames, np.zeros(BITS, np.uint8))
        return Reading((soft > 0.5).astype(np.uint8))

    def _asked(self, what: str, frames: list[U8], bits: U8) -> tuple[F64, list[U8]]:
        writing, reading = self._process.stdin, self._process.stdout
        assert writing is not None
        assert reading is not None
        shape = (len(frames), *frames[0].shape)
        request = {"do": what, "shape": shape, "bits": bits.tolist(), "count": BITS}
        try:
            writing.write(json.dumps(request).encode() + b"\n")
            for frame in frames:
                writing.write(np.ascontiguousarray(frame).tobytes())
            writing.flush()
        except BrokenPipeError:
            pass  # what it has to say about that is on stderr
        line = reading.readline()
        if not line:
            raise UsageError(f"{self.name} does not run under {self._command[0]}; see its message above")
        size = int(np.prod(shape[1:])) if what == "embed" else 0
        made = [np.frombuffer(reading.read(size), np.uint8).reshape(shape[1:]) for _ in frames if size]
        return np.array(json.loads(line)["soft"]), made


def _interpreter(python: str | Path | None) -> Path:
    """The Python that has the peers: the one given, or one made now in the user's cache folder."""
    if python is not None:
        return Path(python)
    folder = Path(platformdirs.user_cache_dir("tellmark", appauthor=False)) / "peers"
    made = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    done = folder / "installed"
    if not done.exists():
        say(f"fetching the peers into {folder}")
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(made), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        try:
            subprocess.run([*pip, "--no-deps", *_ALONE], check=True)
            subprocess.run([*pip, *_NEEDED], check=True)
        except subprocess.CalledProcessError as error:
            raise UsageError(
                f"the peers could not be fetched into {folder}; give python=PATH of one that has"
            ) from error
        done.touch()
    return made
