"""Whether two fingerprints show the same content, although one may be trimmed, cropped, mirrored or re-encoded.

Two clips of one person in one room look the same on a coarse grid, so the picture is taken away and the motion
compared: each cell minus its mean over about a second. Trimming and cropping are found by trying all time offsets (by
FFT) and a grid of crops, the best of them refined. Under the best alignment the mean pictures have to correlate, and
the motion has to agree at every place (``tellmark.watermark.content.agreement``). Thresholds:
``benchmarks/fingerprint.py``.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import cv2
import numpy as np
from scipy import fft

from tellmark.types import F32, F64, U8
from tellmark.watermark.content.agreement import detail
from tellmark.watermark.content.bars import without_bars
from tellmark.watermark.content.fingerprint import GRID, RATE, Fingerprint

MATCH = 0.6  # agreement at the worst places from which on two clips are the same content
MATCH_PICTURE = 0.8  # correlation of the mean pictures that a match needs as well

_CELLS = 8  # cells a side, as compared: leaves room to crop
_SLOW = 13  # bins of the running mean that is taken away: what changes within about a second is motion
_NOISE = 0.1  # variance of a cell's motion, after tempering, below which nothing is said to move
_OUTSIDE = 0.1  # part of the shorter clip that may reach beyond the longer one
_MIN_BINS = 25  # two seconds; less cannot be compared
_LONG_BINS, _PIECE_BINS = 750, 250  # a clip longer than a minute is compared by pieces of 20 s
_FADE_BINS = 13  # about a second
_CLEAR = 0.9  # a similarity that needs no better alignment
_HOPELESS = 0.4  # one that no better alignment makes a match
_ONE, _SMOOTH = np.ones(1, np.float32), np.array([0.25, 0.5, 0.25], np.float32)


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of the reference's frame, in parts of its width and height, and whether it is mirrored."""

    width: float = 1.0
    height: float = 1.0
    x: float = 0.5  # 0: at the left, 1: at the right
    y: float = 0.5
    mirrored: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """How alike two clips are under the alignment that suits them best.

    motion: similarity of the motion as a whole, at most 1. picture: correlation of the mean pictures. detail: agreement
    at the worst places, at most 1. offset_s: where the query starts in the reference. matches: None where a clip is too
    short to say.
    """

    motion: float
    picture: float
    offset_s: float = 0.0
    crop: Crop = Crop()
    detail: float = -1.0

    @property
    def matches(self) -> bool | None:
        """Whether the content is the same."""
        return None if np.isnan(self.detail) else self.detail >= MATCH and self.picture >= MATCH_PICTURE


def compare(reference: Fingerprint, query: Fingerprint) -> Match:
    """Whether ``query`` shows ``reference``, or a part of it in time and frame.

    Of a query longer than a minute up to three pieces of 20 s are compared, and the majority counts.
    """
    frames = query.frames
    if min(len(frames), len(reference.frames)) < _MIN_BINS:
        return Match(float("nan"), float("nan"), detail=float("nan"))
    if len(frames) <= _LONG_BINS:
        return _compare_bare(reference, query)
    starts = np.linspace(0, len(frames) - _PIECE_BINS, 5).astype(int)[1:4]
    matches: list[Match] = []
    for start in starts:
        match = _compare_bare(reference, replace(query, frames=frames[start : start + _PIECE_BINS]))
        if any(earlier.matches == match.matches for earlier in matches):
            break
        matches.append(match)
    return match


def _compare_bare(reference: Fingerprint, query: Fingerprint) -> Match:
    """As it is; where that does not match, without bars around the picture, and without a fade at either end."""
    match = _compare(reference, query.frames, query.aspect)
    if not match.matches and (bare := without_bars(query)) is not query:
        match = max(match, _compare(reference, bare.frames, bare.aspect), key=lambda found: found.detail)
    if not match.matches and len(query.frames) >= _MIN_BINS + 2 * _FADE_BINS:
        inner = _compare(reference, query.frames[_FADE_BINS:-_FADE_BINS], query.aspect)
        inner = replace(inner, offset_s=inner.offset_s - _FADE_BINS / RATE)
        match = max(match, inner, key=lambda found: found.detail)
    return match


def _compare(reference: Fingerprint, frames: U8, aspect: float) -> Match:
    query = _Query(frames)
    stored = reference.frames.astype(np.float32)
    best = max((query.align(stored, crop) for crop in (Crop(), Crop(mirrored=True))), key=_rank)
    if best.motion < _CLEAR:
        best = max([best, *(query.align(stored, crop) for crop in _crops(reference.aspect, aspect))], key=_rank)
    for step in (1.0, 0.5):
        if _HOPELESS < best.motion < _CLEAR:
            best = max([best, *(query.align(stored, crop) for crop in _near(best.crop, step))], key=_rank)
    if best.motion < _HOPELESS or best.picture < MATCH_PICTURE:
        return best
    return replace(best, detail=detail(reference.frames, frames, best.offset_s * RATE, _placed(best.crop)))


def _placed(crop: Crop) -> F32:
    """(2, 3): from the middle of a cell of the query to its place in the reference, in cells."""
    left, top = (1 - crop.width) * GRID * crop.x, (1 - crop.height) * GRID * crop.y
    across = [crop.width, 0, left + crop.width / 2 - 0.5]
    if crop.mirrored:
        across = [-crop.width, 0, left + crop.width * (GRID - 0.5) - 0.5]
    return np.array([across, [0, crop.height, top + crop.height / 2 - 0.5]], np.float32)


def _rank(match: Match) -> float:
    """Alignments whose pictures disagree count last: motion alone would find company somewhere."""
    return match.motion if match.picture >= MATCH_PICTURE else match.motion - 2.0


@functools.lru_cache(maxsize=32)
def _crops(reference: float, query: float) -> tuple[Crop, ...]:
    """The largest frame of the query's shape inside the reference's, and smaller ones, at nine places each."""
    wide, high = min(1.0, query / reference), min(1.0, reference / query)
    return tuple(
        Crop(wide * part, high * part, x, y, mirrored)
        for mirrored, part in product((False, True), (1.0, 0.9, 0.8, 0.7, 0.6))
        for x, y in product((0.0, 0.5, 1.0), repeat=2)
    )


def _near(crop: Crop, step: float) -> list[Crop]:
    return [
        Crop(
            min(1.0, crop.width * (1 + 0.06 * step * size)),
            min(1.0, crop.height * (1 + 0.06 * step * size)),
            min(1.0, max(0.0, crop.x + 0.25 * step * x)),
            min(1.0, max(0.0, crop.y + 0.25 * step * y)),
            crop.mirrored,
        )
        for size, x, y in product((-1, 0, 1), repeat=3)
    ]


class _Query:
    """The clip in question, made ready to be compared under many crops of the reference."""

    def __init__(self, frames: U8) -> None:
        self.view = _view(frames.astype(np.float32), Crop())
        self.motion = _motion(self.view)
        self.energy = _running_energy(self.motion)
        self._spectra: dict[int, Any] = {}

    def align(self, reference: F32, crop: Crop) -> Match:
        """The best time offset under one crop, to half a bin."""
        view = _view(reference, crop)
        between = (view[:-1] + view[1:]) / 2
        return max((self._slide(view, crop, 0.0), self._slide(between, crop, 0.5)), key=_rank)

    def _slide(self, view: F32, crop: Crop, shift: float) -> Match:
        """All offsets at once by FFT, then the best one exactly: both clips cut alike, so that their ends agree too."""
        bins, total = len(self.motion), len(view)
        beyond = int(min(bins, total) * _OUTSIDE)
        low, high = sorted((0, total - bins))
        offsets = np.arange(low - beyond, high + beyond + 1)
        start, stop = np.maximum(offsets, 0), np.minimum(offsets + bins, total)
        motion = _motion(view)
        size = fft.next_fast_len(total + bins, real=True)
        if size not in self._spectra:
            self._spectra[size] = fft.rfft(self.motion, size, axis=0).conj()
        spectrum = np.einsum("fc,fc->f", fft.rfft(motion, size, axis=0), self._spectra[size])
        products = fft.irfft(spectrum, size)[offsets % size]
        energy = _running_energy(motion)
        energies = energy[stop] - energy[start] + self.energy[stop - offsets] - self.energy[start - offsets]
        best = int(np.argmax(_similarity(products, energies, stop - start)))
        here = view[start[best] : stop[best]]
        there = self.view[start[best] - offsets[best] : stop[best] - offsets[best]]
        a, b = _motion(here), _motion(there)
        exact = _similarity(np.vdot(a, b), np.vdot(a, a) + np.vdot(b, b), len(a))
        return Match(float(exact), _correlation(here, there), (float(offsets[best]) + shift) / RATE, crop)


def _similarity(products: Any, energies: Any, bins: Any) -> Any:
    """2(ab + e) / (aa + bb + 2e), of sums over ``bins`` and all cells."""
    noise = _NOISE * _CELLS * _CELLS * bins
    return (2 * products + noise) / (energies + noise)


def _motion(view: F32) -> F32:
    """(T, cells) -> the same, without what stays: smoothed a little, less the running mean, large swings tempered.

    The square root keeps one big gesture from outweighing everything else that happens.
    """
    if len(view) < 2:
        return np.zeros_like(view)
    smooth = cv2.sepFilter2D(view, -1, _ONE, _SMOOTH, borderType=cv2.BORDER_REFLECT)
    moving = smooth - cv2.blur(smooth, (1, _SLOW), borderType=cv2.BORDER_REFLECT)
    tempered: F32 = moving / np.sqrt(np.abs(moving) + 0.5)
    return tempered


def _running_energy(motion: F32) -> F64:
    energy: F64 = np.concatenate([[0.0], np.cumsum(np.einsum("tc,tc->t", motion, motion, dtype=np.float64))])
    return energy


def _correlation(a: F32, b: F32) -> float:
    """Pearson correlation of the mean pictures of two clips; 0 where one of them is uniform."""
    a, b = (clip.mean(axis=0) - clip.mean() for clip in (a, b))
    norm = np.sqrt(np.vdot(a, a) * np.vdot(b, b))
    return float(np.vdot(a, b) / norm) if norm > 1e-6 else 0.0


def _view(frames: F32, crop: Crop) -> F32:
    """(T, GRID, GRID) -> (T, cells): the mean of each of ``_CELLS`` x ``_CELLS`` cells of the cropped frame."""
    across, down = _weights(crop.width, crop.x), _weights(crop.height, crop.y)
    if crop.mirrored:
        across = across[::-1]
    view: F32 = np.matmul(np.matmul(down, frames), across.T).reshape(len(frames), -1)
    return view


@functools.lru_cache(maxsize=512)
def _weights(size: float, place: float) -> F32:
    """(_CELLS, GRID) share of each stored cell in each compared one, along one side of the frame."""
    edges = (GRID - size * GRID) * place + size * GRID * np.arange(_CELLS + 1) / _CELLS
    stored = np.arange(GRID)
    overlap = np.minimum(edges[1:, None], stored + 1) - np.maximum(edges[:-1, None], stored)
    weights = np.clip(overlap, 0, None)
    share: F32 = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return share
