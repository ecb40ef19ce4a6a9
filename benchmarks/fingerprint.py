"""How well the content fingerprint tells the same clip, however processed, from another: ROC on material held out.

Every clip is marked, encoded and then processed as platforms do: compressed, halved, cropped, slowed to 15 frames a
second; whole, and trimmed to 5 s and 3 s. The strangers are hard ones, what our own users make: clips of one virtual
actor, with one seed and other speech (the head moves alike), and with one speech and other seeds (the lips move alike);
and of real footage other parts of the same recording (same person, light and room), and other persons.

The settings of ``tellmark.watermark.content.comparison`` and ``agreement`` were chosen on actors and persons of the
split ``development``; what counts is ``held-out``. Persons are kept whole, by ``person_id`` of the data's index.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tellmark.benchmarks import kept_aside
from tellmark.encoding import Encoding, VideoWriter
from tellmark.errors import MediaError, UsageError
from tellmark.generator.actors import actor
from tellmark.generator.audio.sentences import sentences
from tellmark.generator.audio.voice import VARIANTS, synthesize
from tellmark.generator.clip import render_clip
from tellmark.generator.rules import RuleMotion
from tellmark.generator.speech import load_speech
from tellmark.media import VideoReader, probe, rgb_to_i420
from tellmark.runs import Progress
from tellmark.types import U8, Kind
from tellmark.watermark.content.comparison import MATCH, MATCH_PICTURE, Match, compare
from tellmark.watermark.content.fingerprint import Fingerprint, Fingerprinter
from tellmark.watermark.embed import Embedder
from tellmark.watermark.signal.payload import Payload

DATA = Path("../shared/data/real")
SECONDS = 10.0  # of each clip
MIN_SECONDS = 6.0  # shorter clips have no two halves worth comparing
SHORT_SIDE = 512
TRIMS = {"whole": (0.0, SECONDS), "5 s": (1.07, 6.07), "3 s": (1.33, 4.33)}
LENGTHS = {"3 s": 3.0, "5 s": 5.0}  # of the strangers' parts, taken a second apart
THRESHOLDS = (0.55, 0.6, 0.65, 0.7, 0.75)
SPLITS = {"development": (0, 100), "held-out": (1, 1000)}  # which half of the persons, and the first actor's seed
PERFORMANCES = ((0, 0), (0, 1), (1, 0), (2, 2))  # (text, seed) of an actor's clips
ACTORS = 40
_WORDS = 6  # sentences of a text


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
    actors: int | str | None = None,
    split: str = "held-out",
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Measure and return the table's rows.

    data: a folder of videos, searched recursively, its index beside or above it; none is needed. limit: so many of the
    videos. actors: how many are rendered. quick: two of each. split: see ``SPLITS``. All of it takes half an hour.

    Raises :class:`UsageError` for an unknown split.
    """
    if split not in SPLITS:
        raise UsageError(f"split {split}: choose one of {', '.join(SPLITS)}")
    half, first = SPLITS[split]
    clips = _clips(Path(data), half)[: 2 if quick else None if limit is None else int(limit)]
    seeds = range(first, first + (2 if quick else ACTORS if actors is None else int(actors)))
    same: _Matches = {}
    strangers: _Matches = {}
    previous: Fingerprint | None = None
    total = len(clips) + len(seeds)
    for number, path in enumerate(clips, 1):
        with tempfile.TemporaryDirectory() as name:
            marked = Path(name) / "marked.mp4"
            _write_marked(path, marked)
            reference = _processed(marked, same, "real")
            _halves(marked, strangers)
            if previous is not None:
                _strangers(previous, marked, strangers, "real, other clip")
            previous = reference
        if progress is not None:
            progress(number, total)
    for number, seed in enumerate(seeds, len(clips) + 1):
        _actor(seed, same, strangers)
        if progress is not None:
            progress(number, total)
    rows = [{"split": split, **_row("same content", *case, found)} for case, found in same.items()]
    rows += [{"split": split, **_row("other content", *case, found)} for case, found in strangers.items()]
    return rows + [{"split": split, **row} for row in _roc(same, strangers)]


_Matches = dict[tuple[str, str], list[Match]]  # by case and length


def _clips(folder: Path, half: int) -> list[Path]:
    """Videos long enough of one half of the persons."""
    persons = kept_aside.persons(folder)
    found = []
    for path in sorted(folder.rglob("*.mp4")):
        person = persons.get(path.name, path.name)
        try:
            if zlib.crc32(person.encode()) % 2 == half and probe(path).duration_s >= MIN_SECONDS:
                found.append(path)
        except MediaError:
            continue
    return found


def _actor(seed: int, same: _Matches, strangers: _Matches) -> None:
    """Four clips of one actor: each is a stranger to the others, and the first is processed."""
    texts = sentences("en-us")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        face = actor(seed)
        clips = []
        for number, (text, performance) in enumerate(PERFORMANCES):
            voice, clip = folder / f"{text}.wav", folder / f"{number}.mp4"
            if not voice.exists():
                said = [texts[(3 * seed + 5 * text + place) % len(texts)] for place in range(_WORDS)]
                synthesize(" ".join(said), voice, variant=VARIANTS[seed % len(VARIANTS)])
            speech = load_speech(voice)
            render_clip(
                face, speech, clip, motion_model=RuleMotion(), seed=performance, max_seconds=SECONDS,
                registry=folder / "registry.sqlite",
            )  # fmt: skip
            clips.append(clip)
        references = [_processed(clips[0], same, "actor"), *(_read(clip, (0.0, SECONDS))[0] for clip in clips[1:])]
        for one, (text, performance) in enumerate(PERFORMANCES):
            for other, (other_text, other_performance) in enumerate(PERFORMANCES):
                if one != other:
                    alike = [f"{word} {'same' if equal else 'other'}" for word, equal in
                             (("speech", text == other_text), ("seed", performance == other_performance))]  # fmt: skip
                    _strangers(references[one], clips[other], strangers, f"actor, {', '.join(alike)}")


def _processed(marked: Path, same: _Matches, kind: str) -> Fingerprint:
    """Compare a clip with all that becomes of it; its own fingerprint."""
    (reference,) = _read(marked, (0.0, SECONDS))
    with tempfile.TemporaryDirectory() as folder:
        outputs = {attack: Path(folder) / f"{number}.mp4" for number, attack in enumerate(ATTACKS)}
        _write_attacks(marked, outputs)
        for attack, output in outputs.items():
            for trim, query in zip(TRIMS, _read(output, *TRIMS.values()), strict=True):
                same.setdefault((f"{kind}, {attack.name}", trim), []).append(compare(reference, query))
    return reference


def _halves(marked: Path, strangers: _Matches) -> None:
    """Parts of each half of a recording against the other half."""
    middle = probe(marked).duration_s / 2
    first, second = _read(marked, (0.0, middle), (middle, SECONDS))
    _strangers(first, marked, strangers, "real, same recording", middle, SECONDS)
    _strangers(second, marked, strangers, "real, same recording", 0.0, middle)


def _strangers(
    reference: Fingerprint, path: Path, strangers: _Matches, case: str, start: float = 0.0, stop: float = SECONDS
) -> None:
    stop = min(stop, probe(path).duration_s)
    for name, length in LENGTHS.items():
        parts = [(at, at + length) for at in np.arange(start, stop - length + 1e-3, 1.0)]
        for query in _read(path, *parts):
            strangers.setdefault((case, name), []).append(compare(reference, query))


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
    embedder = Embedder(Payload.new(Kind.CONTROL), width=width, height=height)
    with VideoWriter(target, width=width, height=height, fps=fps) as writer:
        writer.write(embedder.embed(rgb_to_i420(first)))
        for rgb in frames:
            writer.write(embedder.embed(rgb_to_i420(rgb)))


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
    """Agreement where the pictures agree, as a verdict takes it."""
    return match.detail if match.picture >= MATCH_PICTURE else -1.0


def _row(group: str, case: str, trim: str, matches: list[Match]) -> dict[str, Any]:
    scores = np.array([_score(match) for match in matches])
    quantiles = {"min": 0.0, "p01": 0.01, "median": 0.5, "p99": 0.99, "max": 1.0}
    return {
        "group": group,
        "case": case,
        "length": trim,
        "compared": len(scores),
        "matched": round(float(np.mean([bool(match.matches) for match in matches])), 5),
        **{name: round(float(np.quantile(scores, part)), 3) for name, part in quantiles.items()},
    }


def _roc(same: _Matches, strangers: _Matches) -> list[dict[str, Any]]:
    """For each length: all that is the same against all strangers but those of other persons, which are easy."""
    rows = []
    for trim in LENGTHS:
        good = np.array([_score(match) for case, found in same.items() if case[1] == trim for match in found])
        hard = np.array(
            [
                _score(match)
                for (case, length), found in strangers.items()
                if length == trim and "other clip" not in case
                for match in found
            ]
        )
        wins = (good[:, None] > hard).mean() + 0.5 * (good[:, None] == hard).mean()
        for threshold in sorted({*THRESHOLDS, MATCH}):
            rows.append(
                {
                    "group": "ROC",
                    "case": f"threshold {threshold:g}",
                    "length": trim,
                    "compared": len(good) + len(hard),
                    "true_positives": round(float((good >= threshold).mean()), 5),
                    "false_positives": round(float((hard >= threshold).mean()), 5),
                    "auc": round(float(wins), 6),
                }
            )
    return rows
