"""How well the content fingerprint tells the same clip, however processed, from another: ROC on real footage.

Every clip is marked, encoded and then processed as platforms do: compressed, halved, cropped, slowed to 15 frames a
second; whole, and trimmed to 3 s and 2 s. Two kinds of strangers: another part of the same recording (same person,
light and room), the hard case, and another person. The threshold ``comparison.MATCH`` was chosen from this table.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tellmark.encoding import Encoding, VideoWriter
from tellmark.errors import MediaError, UsageError
from tellmark.media import VideoReader, probe, rgb_to_i420
from tellmark.runs import Progress
from tellmark.types import U8, Kind
from tellmark.watermark.comparison import MATCH, MATCH_PICTURE, Match, compare
from tellmark.watermark.embed import Embedder
from tellmark.watermark.fingerprint import Fingerprint, Fingerprinter
from tellmark.watermark.payload import Payload

DATA = Path("../shared/data/real")
SECONDS = 12.0  # of each clip
MIN_SECONDS = 6.0  # shorter clips have no two halves worth comparing
SHORT_SIDE = 512
TRIMS = {"whole": (0.0, SECONDS), "3 s": (1.33, 4.33), "2 s": (2.07, 4.07)}
THRESHOLDS = (0.6, 0.65, 0.7, 0.75, 0.8, 0.85)


@dataclass(frozen=True, slots=True)
class Attack:
    """One way of processing: keep is the part of each side that a crop at (x, y) leaves."""

    name: str
    crf: int
    scale: float = 1.0
    keep: float = 1.0
    x: float = 0.5
    y: float = 0.5
    every: int = 1  # keep every n-th frame

    def apply(self, rgb: U8) -> U8:
        """(H, W, 3) -> the processed frame, of even size."""
        height, width, _ = rgb.shape
        rows, columns = round(height * self.keep), round(width * self.keep)
        top, left = round((height - rows) * self.y), round((width - columns) * self.x)
        part = rgb[top : top + rows, left : left + columns]
        size = (round(columns * self.scale / 2) * 2, round(rows * self.scale / 2) * 2)
        return cv2.resize(part, size, interpolation=cv2.INTER_AREA) if size != (columns, rows) else part.copy()


ATTACKS = (
    Attack("CRF 28", 28),
    Attack("CRF 33", 33),
    Attack("half size, CRF 28", 28, scale=0.5),
    Attack("half the frames, CRF 28", 28, every=2),
    Attack("crop 10 %, corner, CRF 28", 28, keep=0.9, x=0.0, y=1.0),
    Attack("crop 25 %, CRF 28", 28, keep=0.75),
    Attack("crop 25 %, off centre, CRF 28", 28, keep=0.75, x=0.9, y=0.2),
)


def run(
    *,
    quick: bool = False,
    data: Path | str = DATA,
    limit: int | str | None = None,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Measure on the videos in ``data`` (searched recursively) and return the table's rows.

    quick: four videos. limit: so many of the videos, spread over the list; all of them take about half an hour.

    Raises :class:`UsageError` where there are fewer than two videos of ``MIN_SECONDS``.
    """
    clips = _clips(Path(data))
    wanted = 4 if quick else int(limit) if limit is not None else len(clips)
    clips = clips[:: max(1, len(clips) // max(1, wanted))][:wanted]
    if len(clips) < 2:
        raise UsageError(f"{data} holds fewer than two videos of {MIN_SECONDS:g} s; give a folder of talking heads")
    same: dict[tuple[str, str], list[Match]] = {}
    strangers: dict[tuple[str, str], list[Match]] = {}
    previous: Fingerprint | None = None
    for number, path in enumerate(clips):
        reference, halves, queries = _fingerprints(path)
        for case, query in queries.items():
            same.setdefault(case, []).append(compare(reference, query))
        for trim, (first, second) in halves.items():
            strangers.setdefault(("same person, other part", trim), []).append(compare(first, second))
        if previous is not None:
            for trim in TRIMS:
                strangers.setdefault(("other clip", trim), []).append(compare(previous, queries["CRF 28", trim]))
        previous = reference
        if progress is not None:
            progress(number + 1, len(clips))
    rows = [_row("same content", *case, matches) for case, matches in same.items()]
    rows += [_row("other content", *case, matches) for case, matches in strangers.items()]
    return rows + _roc(same, strangers)


def _clips(folder: Path) -> list[Path]:
    found = []
    for path in sorted(folder.rglob("*.mp4")):
        try:
            if probe(path).duration_s >= MIN_SECONDS:
                found.append(path)
        except MediaError:
            continue
    return found


def _fingerprints(
    path: Path,
) -> tuple[Fingerprint, dict[str, tuple[Fingerprint, Fingerprint]], dict[tuple[str, str], Fingerprint]]:
    """Of one clip: the fingerprint of the marked clip; pairs of different parts of it; those of what became of it."""
    with tempfile.TemporaryDirectory() as folder:
        marked = Path(folder) / "marked.mp4"
        _write_marked(path, marked)
        outputs = {attack: Path(folder) / f"{number}.mp4" for number, attack in enumerate(ATTACKS)}
        _write_attacks(marked, outputs)
        length = probe(marked).duration_s
        (reference, first) = _read(marked, (0.0, SECONDS), (0.0, length / 2))
        queries = {
            (attack.name, trim): fingerprint
            for attack, output in outputs.items()
            for trim, fingerprint in zip(TRIMS, _read(output, *TRIMS.values()), strict=True)
        }
        rest = {trim: (length / 2, length / 2 + end - start) for trim, (start, end) in TRIMS.items()}
        seconds = _read(outputs[ATTACKS[0]], *rest.values())
        return reference, {trim: (first, second) for trim, second in zip(rest, seconds, strict=True)}, queries


def _source(path: Path) -> Iterator[U8]:
    with VideoReader(path) as reader:
        for frame in reader:
            if frame.time_s >= SECONDS:
                return
            rgb = frame.rgb()
            scale = SHORT_SIDE / min(rgb.shape[:2])
            size = (round(rgb.shape[1] * scale / 2) * 2, round(rgb.shape[0] * scale / 2) * 2)
            yield cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) if scale < 1 else rgb


def _write_marked(path: Path, target: Path) -> None:
    frames, fps = _source(path), probe(path).fps
    first = next(frames)
    height, width, _ = first.shape
    embedder = Embedder(Payload.new(Kind.CONTROL), width=width, height=height, fps=fps)
    with VideoWriter(target, width=width, height=height, fps=fps) as writer:
        writer.write(embedder.embed(rgb_to_i420(first), 0))
        for index, rgb in enumerate(frames, 1):
            writer.write(embedder.embed(rgb_to_i420(rgb), index))


def _write_attacks(marked: Path, outputs: dict[Attack, Path]) -> None:
    """All attacks in one pass over the marked clip."""
    with ExitStack() as stack, VideoReader(marked) as reader:
        writers: dict[Attack, VideoWriter] = {}
        for frame in reader:
            rgb = frame.rgb()
            for attack, output in outputs.items():
                if frame.index % attack.every:
                    continue
                processed = attack.apply(rgb)
                if attack not in writers:
                    height, width, _ = processed.shape
                    fps, encoding = reader.info.fps / attack.every, Encoding(crf=attack.crf)
                    writer = VideoWriter(output, width=width, height=height, fps=fps, encoding=encoding)
                    writers[attack] = stack.enter_context(writer)
                writers[attack].write(rgb_to_i420(processed))


def _read(path: Path, *spans: tuple[float, float]) -> list[Fingerprint]:
    """The fingerprint of each span (start_s, end_s) of a video, as if it had been cut out."""
    makers, starts = [Fingerprinter() for _ in spans], [-1.0] * len(spans)
    with VideoReader(path) as reader:
        for frame in reader:
            i420 = frame.i420()
            for number, (start, end) in enumerate(spans):
                if start <= frame.time_s < end:
                    starts[number] = frame.time_s if starts[number] < 0 else starts[number]
                    makers[number].add(i420[: len(i420) * 2 // 3], frame.time_s - starts[number])
    return [maker.finish() for maker in makers]


def _score(match: Match) -> float:
    """Motion where the pictures agree, as a verdict takes it."""
    return match.motion if match.picture >= MATCH_PICTURE else 0.0


def _row(group: str, case: str, trim: str, matches: list[Match]) -> dict[str, Any]:
    scores = np.array([_score(match) for match in matches])
    low, middle, high = np.quantile(scores, (0.05, 0.5, 0.95))
    return {
        "group": group,
        "case": case,
        "length": trim,
        "clips": len(scores),
        "matched": round(float(np.mean([bool(match.matches) for match in matches])), 4),
        "min": round(float(scores.min()), 3),
        "p05": round(float(low), 3),
        "median": round(float(middle), 3),
        "p95": round(float(high), 3),
        "max": round(float(scores.max()), 3),
    }


def _roc(
    same: dict[tuple[str, str], list[Match]], strangers: dict[tuple[str, str], list[Match]]
) -> list[dict[str, Any]]:
    rows = []
    for trim in TRIMS:
        good = np.array([_score(match) for case, matches in same.items() if case[1] == trim for match in matches])
        hard = np.array([_score(match) for match in strangers["same person, other part", trim]])
        wins = (good[:, None] > hard).mean() + 0.5 * (good[:, None] == hard).mean()
        for threshold in sorted({*THRESHOLDS, MATCH}):
            rows.append(
                {
                    "group": "ROC",
                    "case": f"threshold {threshold:g}",
                    "length": trim,
                    "clips": len(good),
                    "true_positives": round(float((good >= threshold).mean()), 4),
                    "false_positives": round(float((hard >= threshold).mean()), 4),
                    "auc": round(float(wins), 5),
                }
            )
    return rows
