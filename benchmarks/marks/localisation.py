"""Where the mark says it is, against the truth: a stretch spliced into a clip, a face spliced into a picture.

Both splices come from unmarked footage of the same host, which is the hardest case there is: same camera, same light,
same person. The spliced clip is recompressed, in several qualities. The intact control is the same clip without the
splice, scored at the same places: a detector that answers to faces or to motion instead of the mark shows there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from tellmark.benchmarks.attacks import Frames, recompress
from tellmark.benchmarks.marks.marking import Tellmark, payload_of, read, timed, unmarked
from tellmark.types import F32, F64, U8
from tellmark.watermark.localisation.localise import localise
from tellmark.watermark.localisation.missing import missing
from tellmark.watermark.signal.payload import Payload

Row = dict[str, Any]

_QUALITIES: dict[str, dict[str, Any]] = {
    "crf 23": {"crf": 23},
    "crf 18": {"crf": 18},
    "crf 28": {"crf": 28},
    "crf 28, medium": {"crf": 28, "preset": "medium"},
    "crf 33": {"crf": 33},
    "hevc crf 28": {"crf": 28, "codec": "libx265", "preset": "fast"},
    "vp9 crf 33": {"crf": 33, "codec": "libvpx-vp9"},
    "av1 crf 35": {"crf": 35, "codec": "libsvtav1"},
}
_USUAL = "crf 23"
_CLIP_S = 6.0
_APART_S = 2.0  # between a frame and the one that is spliced in, at least; an encoder would repeat the same picture
_SPLICES_S = ((0.7, 2.0), (2.2, 3.5), (4.2, 5.5))  # what is replaced, one at a time; begins within a span
_SPAN_S = 0.5
_ROWS = 8  # blocks of 64 pixels at 512x512
_TARGET = 0.95


def rows(hosts: Iterable[Frames], progress: Callable[[str], None], only: str = "") -> Iterator[Row]:
    """AUC over half-second spans, by the map and by a verdict's segments, and over blocks, with intact controls.

    only: of the qualities, those whose name contains this, or one of several texts with ``|`` between them.
    """
    found = {name: _Found() for name in _QUALITIES if any(text in name for text in only.split("|"))}
    for number, clip in enumerate(hosts):
        if clip.duration_s < _CLIP_S + _APART_S:
            continue
        marked, _ = Tellmark().embed(clip)
        length = round(_CLIP_S * clip.fps)
        marked = replace(marked, frames=marked.frames[:length])
        donor = unmarked(clip).frames[-length:]
        for quality, each in found.items():
            progress(f"clip {number}, localisation, {quality}")
            places = _SPLICES_S if quality == _USUAL else (_SPLICES_S[number % len(_SPLICES_S)],)
            each.add(number, marked, donor, payload_of(clip), partial(recompress, **_QUALITIES[quality]), places)
    for quality, each in found.items():
        yield from each.rows(quality)


class _Found:
    """What was found in clips of one quality."""

    def __init__(self) -> None:
        self._spans, self._segments, self._blocks = _Scores(), _Scores(), _Scores()
        self._stretches, self._faces = _Told(), _Told()

    def add(
        self,
        number: int,
        marked: Frames,
        donor: list[U8],
        payload: Payload,
        recompressed: Callable[[Frames], Frames],
        places: Sequence[tuple[float, float]],
    ) -> None:
        """One clip, with stretches spliced in at these places, one at a time, and with a face."""
        intact = recompressed(marked)
        whole, uncovered = localise(timed(intact), payload, rows=_ROWS), _uncovered(intact)
        self._stretches.intact.append(bool(missing(whole).spans))
        self._faces.intact.append(bool(missing(whole).regions))
        for splice_s in places:
            seen = recompressed(_stretch(marked, donor, splice_s))
            found = localise(timed(seen), payload, rows=_ROWS)
            truth, clear = _spliced_spans(splice_s)
            self._spans.add(number, truth[clear], -found.reached[clear], -whole.reached[clear])
            self._segments.add(number, truth[clear], _uncovered(seen)[clear], uncovered[clear])
            told = missing(found).spans
            self._stretches.spliced.append(any(a < splice_s[1] and b > splice_s[0] for a, b, _ in told))
        found = localise(timed(recompressed(_face(marked, donor))), payload, rows=_ROWS)
        truth, clear = _spliced_blocks()
        self._blocks.add(number, truth[clear], found.missing()[clear], whole.missing()[clear])
        self._faces.spliced.append(any(a < 0.5 < c and b < 0.4 < d for _, _, a, b, c, d in missing(found).regions))

    def rows(self, quality: str) -> Iterator[Row]:
        """Of all clips."""
        yield from self._spans.rows(f"half-second spans, 1.3 s spliced in, {quality}")
        yield from self._segments.rows(f"half-second spans by the segments of a verdict, 1.3 s spliced in, {quality}")
        yield from self._blocks.rows(f"{_ROWS} x {_ROWS} blocks, face spliced in, {quality}")
        yield from self._stretches.rows(f"verify --localise, 1.3 s spliced in, {quality}")
        yield from self._faces.rows(f"verify --localise, face spliced in, {quality}")


@dataclass
class _Told:
    """Whether a verdict tells of the splice where it is, and whether it tells of any in an intact clip."""

    spliced: list[bool] = field(default_factory=list)
    intact: list[bool] = field(default_factory=list)

    def rows(self, condition: str) -> Iterator[Row]:
        for name, said in (("told", self.spliced), ("told of an intact clip", self.intact)):
            row: Row = {"measure": "localisation", "condition": f"{condition}: {name}"}
            yield row | {"told": sum(said), "of": len(said)}


class _Scores:
    """By clip: the truth, the scores of what was spliced, and those of the intact control at the same places."""

    def __init__(self) -> None:
        self._clips: dict[int, list[F64]] = {}

    def add(self, clip: int, truth: NDArray[np.bool_], spliced: F64, intact: F64) -> None:
        self._clips.setdefault(clip, []).append(np.stack([truth, spliced, intact]))

    def rows(self, condition: str) -> Iterator[Row]:
        if not self._clips:
            yield {"measure": "localisation", "condition": condition, "clips": 0, "met": "no clip is long enough"}
            return
        clips = [np.concatenate(parts, axis=1) for parts in self._clips.values()]
        truth, *scores = np.concatenate(clips, axis=1)
        for name, number, score in (("auc", 1, scores[0]), ("auc, intact control", 2, scores[1])):
            each = [float(roc_auc_score(clip[0], clip[number])) for clip in clips]
            pooled = float(roc_auc_score(truth, score))
            row: Row = {"measure": "localisation", "condition": f"{condition}: {name}", "clips": len(clips)}
            row |= {"mean": round(pooled, 4), "min": round(min(each), 4), "max": round(max(each), 4)}
            if name == "auc":
                row |= {"target": _TARGET, "met": "yes" if pooled >= _TARGET else "no"}
            yield row


def _stretch(marked: Frames, donor: list[U8], splice_s: tuple[float, float]) -> Frames:
    first, last = (round(time_s * marked.fps) for time_s in splice_s)
    return replace(marked, frames=[*marked.frames[:first], *donor[first:last], *marked.frames[last:]])


def _spliced_spans(splice_s: tuple[float, float]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(spans,) whether it is spliced in, and whether that is clear: a span spliced in part carries the mark in part."""
    starts = _starts()
    overlap = np.minimum(starts + _SPAN_S, splice_s[1]) - np.maximum(starts, splice_s[0])
    share = np.clip(overlap / _SPAN_S, 0, 1).round(6)
    return share == 1, (share == 0) | (share == 1)


def _starts() -> F64:
    return np.arange(0, _CLIP_S - 1e-6, _SPAN_S)


def _uncovered(seen: Frames) -> F64:
    """(spans,) how much of each no segment of a verdict covers."""
    segments = read(seen).segments
    return np.array(
        [
            1 - sum(max(0.0, min(end, s + _SPAN_S) - max(start, s)) for start, end, _ in segments) / _SPAN_S
            for s in _starts()
        ]
    )


def _face(marked: Frames, donor: list[U8]) -> Frames:
    mask = _ellipse(*marked.frames[0].shape[:2])
    return replace(marked, frames=[_blend(a, b, mask) for a, b in zip(marked.frames, donor, strict=True)])


def _spliced_blocks() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(rows, columns): whether it is spliced in, and whether that is clear: blocks on the edge are neither."""
    share = cv2.resize(_ellipse(512, 512), (_ROWS, _ROWS), interpolation=cv2.INTER_AREA)
    return share > 0.5, (share < 0.1) | (share > 0.5)


def _ellipse(height: int, width: int) -> F32:
    """A feathered ellipse where portraits have their face."""
    mask: F32 = np.zeros((height, width), np.float32)
    centre, axes = (width // 2, round(0.4 * height)), (round(0.18 * width), round(0.24 * height))
    cv2.ellipse(mask, centre, axes, 0, 0, 360, 1.0, -1)
    feathered: F32 = cv2.GaussianBlur(mask, (0, 0), height / 85)
    return feathered


def _blend(ground: U8, face: U8, mask: F32) -> U8:
    blended = ground + (face.astype(np.float32) - ground) * mask[..., None]
    rounded: U8 = np.rint(blended).astype(np.uint8)
    return rounded
