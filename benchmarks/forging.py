"""`tellmark bench forging`: marks copied onto other content, and marks averaged out of many clips of one key.

Copying. The *blind* copy knows no key: it takes from a marked clip whatever a denoiser takes for noise, averages that
over the clip, and adds it to another one. The *informed* copy reads the payload, which the public key
lets anybody do, and embeds it anew.

Averaging. The residuals of many clips of one key are averaged, over time and over clips, and laid over one another tile
by tile: what is left are the sync waves, which all clips share. Subtracted they should hide a mark, added they should
make one appear where none is.

Each forgery is written to a file and given to ``verify`` with a registry that knows the genuine clips. ``--with
data=FOLDER`` takes real clips, ``clips=N`` victims, ``sources=1,5,20`` how many are averaged, ``seconds=6``.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import mean
from typing import Any

import cv2
import numpy as np

from tellmark.benchmarks.attacks import Frames
from tellmark.benchmarks.marks.hosts import SIDE, chosen
from tellmark.benchmarks.marks.imperceptibility import psnr
from tellmark.benchmarks.marks.marking import embedded
from tellmark.encoding import VideoWriter
from tellmark.errors import UsageError
from tellmark.media import VideoReader, rgb_to_i420
from tellmark.types import F32, U8, Kind, VerdictKind
from tellmark.watermark.credentials import Provenance
from tellmark.watermark.signal.pattern import TILE
from tellmark.watermark.signal.payload import Payload
from tellmark.watermark.verify import verify
from tellmark.watermark.writer import ClipWriter

Row = dict[str, Any]

SECONDS = 6.0
SOURCES = "1,5,20"
STRENGTHS = (1.0, 2.0, 3.0)
_GROUND_PX = (6.0, 20.0, 20.0)  # sigma of the denoiser in Y, Cr and Cb: wider than the waves that may be a mark's
_CLIP = 4.0  # code values: what differs by more is picture


@dataclass(frozen=True, slots=True)
class _Genuine:
    """A marked clip as others get it."""

    frames: Frames
    payload: str


def run(
    *,
    quick: bool = False,
    data: str | Path | None = None,
    clips: int | str | None = None,
    sources: str = SOURCES,
    seconds: float | str = SECONDS,
    hosts: str = "",
) -> list[Row]:
    """A row a forgery and strength: clips, present, payload, verdicts, PSNR. quick: two victims, five sources."""
    victims = int(clips) if clips else 2 if quick else 4
    counts = [int(count) for count in ("1,5" if quick else sources).split(",")]
    wanted = chosen(data, victims + max(counts), seconds)
    with tempfile.TemporaryDirectory() as name:
        bench = _Bench(Path(name))
        plain = list(islice(iter(wanted), victims))
        if len(plain) < 2:
            raise UsageError("forging needs at least two clips; give a folder that holds more")
        genuine = [bench.publish(clip) for clip in plain]
        rows = [*_copies(bench, plain, genuine), *_averages(bench, plain, genuine, iter(wanted), victims, counts)]
    said = hosts or wanted.kind
    return [{"measure": row["measure"], "condition": row["condition"], "hosts": said} | row for row in rows]


def _copies(bench: _Bench, plain: Sequence[Frames], genuine: Sequence[_Genuine]) -> Iterator[Row]:
    targets = [*plain[1:], plain[0]]  # each mark goes to the next clip
    estimates = [residual(source.frames) for source in genuine]
    for strength in STRENGTHS:
        tried = bench.tally("blind copy", f"strength {strength:g}")
        for source, estimate, target in zip(genuine, estimates, targets, strict=True):
            tried.judge(target, _changed(target, strength * estimate), source.payload)
        yield tried.row()
    tried = bench.tally("informed copy", "payload read and embedded")
    for source, target in zip(genuine, targets, strict=True):
        planes = list(embedded(target, Payload.from_hex(source.payload)))
        tried.judge(target, planes, source.payload)
    yield tried.row()


def _averages(
    bench: _Bench,
    plain: Sequence[Frames],
    genuine: Sequence[_Genuine],
    sources: Iterator[Frames],
    skipped: int,
    counts: Sequence[int],
) -> Iterator[Row]:
    total, used = np.zeros((TILE, TILE, 3), np.float32), 0
    for number, clip in enumerate(islice(sources, skipped, None)):
        sys.stderr.write(f"source {number}\n")
        total += tile(residual(bench.publish(clip).frames))
        used += 1
        if used not in counts:
            continue
        laid = _laid(total / used)
        for strength in STRENGTHS:
            removal = bench.tally("averaging, subtracted", f"{used} clips, strength {strength:g}")
            forgery = bench.tally("averaging, added", f"{used} clips, strength {strength:g}")
            for host, marked in zip(plain, genuine, strict=True):
                frames = marked.frames
                removal.judge(frames, _changed(frames, -strength * laid), marked.payload)
                forgery.judge(host, _changed(host, strength * laid), "")
            yield removal.row()
            yield forgery.row()


def residual(clip: Frames) -> F32:
    """The mean of what a denoiser takes away: float32 (H, W, 3), Y, Cr, Cb."""
    total: F32 = np.mean([_residual(frame) for frame in clip.frames], axis=0, dtype=np.float32)
    return total


def _residual(rgb: U8) -> F32:
    planes = cv2.split(cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb).astype(np.float32))
    detail = [plane - cv2.GaussianBlur(plane, (0, 0), sigma) for plane, sigma in zip(planes, _GROUND_PX, strict=True)]
    stacked: F32 = np.clip(np.dstack(detail), -_CLIP, _CLIP)
    return stacked


def tile(residual: F32) -> F32:
    """(TILE, TILE, 3): the mean over all tiles of a picture of SIDE pixels a side, which are canonical ones."""
    at = np.arange(SIDE) % TILE
    folded, times = np.zeros((TILE, TILE, 3), np.float32), np.zeros((TILE, TILE, 1), np.float32)
    np.add.at(folded, (at[:, None], at), residual)
    np.add.at(times, (at[:, None], at), 1.0)
    return folded / times


def _laid(one: F32) -> F32:
    at = np.arange(SIDE) % TILE
    laid: F32 = one[at[:, None], at]
    return laid


def _changed(clip: Frames, change: F32) -> list[U8]:
    """The clip's I420 planes with (H, W, 3) Y, Cr, Cb added to each frame."""
    made = []
    for frame in clip.frames:
        ycrcb = cv2.cvtColor(frame, cv2.COLOR_RGB2YCrCb) + change
        rgb = cv2.cvtColor(np.rint(np.clip(ycrcb, 0, 255)).astype(np.uint8), cv2.COLOR_YCrCb2RGB)
        made.append(rgb_to_i420(rgb))
    return made


class _Bench:
    """A folder with a registry of its own: publishes genuine clips, and judges forged ones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry = folder / "registry.sqlite"

    def publish(self, clip: Frames) -> _Genuine:
        """Mark, sign, register, and read back what others would get."""
        path = self.folder / "genuine.mp4"
        height, width = clip.frames[0].shape[:2]
        with ClipWriter(
            path,
            width=width,
            height=height,
            fps=clip.fps,
            provenance=Provenance(Kind.SYNTHETIC, path.name),
            registry=self.registry,
            force=True,
        ) as writer:
            for frame in clip.frames:
                writer.write(frame)
        with VideoReader(path) as reader:
            return _Genuine(replace(clip, frames=[frame.rgb() for frame in reader]), writer.result.payload)

    def tally(self, measure: str, condition: str) -> _Tally:
        sys.stderr.write(f"{measure}, {condition}\n")
        return _Tally(self, measure, condition)


class _Tally:
    """Counts what became of the forgeries of one kind."""

    def __init__(self, bench: _Bench, measure: str, condition: str) -> None:
        self._bench, self._name = bench, {"measure": measure, "condition": condition}
        self._verdicts: list[VerdictKind] = []
        self._present = self._payload = 0
        self._psnr: list[float] = []

    def judge(self, before: Frames, planes: Sequence[U8], payload: str) -> None:
        """Write the forged planes to a file and verify it. payload: the one that the forger hopes to be read."""
        path = self._bench.folder / "forged.mp4"
        rows, width = planes[0].shape
        with VideoWriter(path, width=width, height=rows * 2 // 3, fps=before.fps) as writer:
            for frame in planes:
                writer.write(frame)
        verdict = verify(path, registry=self._bench.registry)
        self._verdicts.append(verdict.verdict)
        self._present += verdict.watermark.present
        self._payload += verdict.watermark.payload == payload
        plain = [rgb_to_i420(frame) for frame in before.frames]
        self._psnr.append(psnr([p[: len(p) * 2 // 3] for p in plain], [p[: len(p) * 2 // 3] for p in planes]))

    def row(self) -> Row:
        counted = {kind.value: self._verdicts.count(kind) for kind in VerdictKind}
        return self._name | {
            "clips": len(self._verdicts),
            "present": self._present,
            "payload": self._payload,
            **counted,
            "psnr y, dB": round(mean(self._psnr), 1),
        }
