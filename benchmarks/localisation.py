"""Where the mark says it is, against the truth: a stretch spliced into a clip, a face spliced into a picture.

Both splices come from unmarked footage of the same host, which is the hardest case there is: same camera, same light,
same person. The spliced clip is recompressed at CRF 23. The intact control is the same clip without the splice, scored
at the same places: a detector that answers to faces or to motion instead of the mark shows there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from sklearn.metrics import roc_auc_score

from tellmark.benchmarks.attacks import Frames, recompress
from tellmark.benchmarks.marking import Tellmark, payload_of, read, timed, unmarked
from tellmark.types import F32, F64, U8
from tellmark.watermark.localise import localise
from tellmark.watermark.payload import Payload

Row = dict[str, Any]

_CRF = 23
_CLIP_S = 6.0
_APART_S = 2.0  # between a frame and the one that is spliced in, at least; an encoder would repeat the same picture
_SPLICE_S = (2.2, 3.5)  # what is replaced; begins within a span and between keyframes
_SPAN_S = 0.5
_ROWS = 8  # blocks of 64 pixels at 512x512
_TARGET = 0.95


def rows(hosts: Iterable[Frames], progress: Callable[[str], None]) -> Iterator[Row]:
    """AUC over half-second spans, by the map and by a verdict's segments, and over blocks, with intact controls."""
    spans, told, blocks = _Scores(), _Scores(), _Scores()
    for number, clip in enumerate(hosts):
        if clip.duration_s < _CLIP_S + _APART_S:
            continue
        progress(f"clip {number}, localisation")
        marked, _ = Tellmark().embed(clip)
        plain = unmarked(clip)
        length = round(_CLIP_S * clip.fps)
        marked = replace(marked, frames=marked.frames[:length])
        donor = plain.frames[-length:]
        _temporal(marked, donor, payload_of(clip), spans, told)
        _spatial(marked, donor, payload_of(clip), blocks)
    yield from spans.rows("half-second spans, 1.3 s spliced in")
    yield from told.rows("half-second spans by the segments of a verdict, 1.3 s spliced in")
    yield from blocks.rows(f"{_ROWS} x {_ROWS} blocks, face spliced in")


class _Scores:
    """Scores and truth of spliced clips and of their intact controls."""

    def __init__(self) -> None:
        self.clips = 0
        self._spliced: list[tuple[F64, F64]] = []
        self._intact: list[tuple[F64, F64]] = []

    def add(self, truth: F64, spliced: F64, intact: F64) -> None:
        self.clips += 1
        self._spliced.append((truth, spliced))
        self._intact.append((truth, intact))

    def rows(self, condition: str) -> Iterator[Row]:
        if not self.clips:
            yield {"measure": "localisation", "condition": condition, "clips": 0, "met": "no clip is long enough"}
            return
        for name, pairs in (("auc", self._spliced), ("auc, intact control", self._intact)):
            each = [float(roc_auc_score(truth, score)) for truth, score in pairs]
            pooled = float(roc_auc_score(*(np.concatenate(part) for part in zip(*pairs, strict=True))))
            row: Row = {"measure": "localisation", "condition": f"{condition}: {name}", "clips": self.clips}
            row |= {"mean": round(pooled, 4), "min": round(min(each), 4), "max": round(max(each), 4)}
            if name == "auc":
                row |= {"target": _TARGET, "met": "yes" if pooled >= _TARGET else "no"}
            yield row


def _temporal(marked: Frames, donor: list[U8], payload: Payload, spans: _Scores, told: _Scores) -> None:
    """Score of a span: how much of the mark it lacks; and how much of it no segment covers."""
    first, last = (round(time_s * marked.fps) for time_s in _SPLICE_S)
    spliced = replace(marked, frames=[*marked.frames[:first], *donor[first:last], *marked.frames[last:]])
    starts = np.arange(0, _CLIP_S - 1e-6, _SPAN_S)
    overlap = np.minimum(starts + _SPAN_S, _SPLICE_S[1]) - np.maximum(starts, _SPLICE_S[0])
    share = np.clip(overlap / _SPAN_S, 0, 1)
    clear = (share == 0) | (share == 1)  # a span that is spliced in part still carries the mark in part
    lacking, uncovered = [], []
    for clip in (spliced, marked):
        seen = recompress(clip, crf=_CRF)
        lacking.append(-localise(timed(seen), payload).reached[clear])
        segments = read(seen).segments
        covered = [sum(max(0.0, min(end, s + _SPAN_S) - max(start, s)) for start, end, _ in segments) for s in starts]
        uncovered.append(1 - np.array(covered)[clear] / _SPAN_S)
    spans.add(share[clear] == 1, lacking[0], lacking[1])
    told.add(share[clear] == 1, uncovered[0], uncovered[1])


def _spatial(marked: Frames, donor: list[U8], payload: Payload, scores: _Scores) -> None:
    """Score of a block: by how much the mark falls short of what the block should hold."""
    mask = _face(*marked.frames[0].shape[:2])
    spliced = replace(marked, frames=[_blend(a, b, mask) for a, b in zip(marked.frames, donor, strict=True)])
    share = cv2.resize(mask, (_ROWS, _ROWS), interpolation=cv2.INTER_AREA)
    clear = (share < 0.1) | (share > 0.5)  # blocks on the edge are neither
    found = [
        localise(timed(recompress(clip, crf=_CRF)), payload, rows=_ROWS).missing()[clear] for clip in (spliced, marked)
    ]
    scores.add(share[clear] > 0.5, found[0], found[1])


def _face(height: int, width: int) -> F32:
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
