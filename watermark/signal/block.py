"""Searches one block of windows for the mark, reads it, and says which of the windows carry it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np
from scipy.special import ndtr, ndtri

from tellmark.types import F32
from tellmark.watermark.signal import places, search
from tellmark.watermark.signal.analysis import Window, averaged, flattened
from tellmark.watermark.signal.chance import log_signs
from tellmark.watermark.signal.demodulate import channel_patterns_of, fit, soft_bits, wave_samples
from tellmark.watermark.signal.fec import UNKNOWN_BITS, Decoding, decode, encode
from tellmark.watermark.signal.insets import insets
from tellmark.watermark.signal.known import KnownPayloads
from tellmark.watermark.signal.list_viterbi import decode_listed
from tellmark.watermark.signal.pattern import WatermarkKey
from tellmark.watermark.signal.payload import Payload
from tellmark.watermark.signal.search import Match
from tellmark.watermark.signal.spectrum import Part, Spectrum, View, frequencies

P_PRESENT = 1e-6  # a mark is reported below this
SMALLEST_P = 1e-300  # what smaller chances are told as: a float would make them 0, which no chance is
P_READING = 1e-5  # a payload is believed below this: where a mark is present, a wrong one has no other guard
_P_LISTED = 0.01  # of the sync waves: below it a reading whose checksum fails is worth a list of the next likeliest
_LISTED_Z = 9.0  # what correlates less is not believed anyway
_LISTED_PLACES = 6  # the likeliest of those where a crop may lie
P_SEGMENT = 1e-4  # a window belongs to a segment below this

Segment = tuple[float, float, float]
_Spectra = Callable[[View], Spectrum]


@dataclass(frozen=True, slots=True)
class BlockReading:
    """What one block holds: where the sync waves fit best, how sure that is, and what could be read there."""

    match: Match
    p_value: float
    payload: Payload | None = None
    segments: tuple[Segment, ...] = ()
    matched: bool = False  # the payload is one of those that were known, and could not be read without


@dataclass(frozen=True, slots=True)
class _Reception:
    """Soft bits under one geometry, and the p-value of the sync waves there."""

    match: Match
    p_value: float
    soft: F32


def read_block(
    block: Sequence[Window], key: WatermarkKey, thorough: bool, known: KnownPayloads | None = None
) -> BlockReading:
    """Search, demodulate, decode. The block's windows must share one shape and not be empty.

    A reading is evidence of its own, independent of how the sync waves fit (:func:`_reading`); it is often the stronger
    one, so every candidate is read, and its chance multiplied by the readings so far (:func:`_together`). What is not
    read there is looked for where sync waves alone would not have it: it is compared with ``known`` payloads, and
    (``thorough``) read where a code fits best.
    """
    received: list[_Reception] = []
    readings: list[BlockReading] = []
    spectra = _spectra(block)
    for reception in _receptions(block, spectra, key, thorough):
        received.append(reception)
        payload, chance = _reading(reception.soft, reception.p_value < _P_LISTED)
        if payload is not None and chance * len(received) < P_READING:
            readings.append(_read(block, reception, payload, chance * len(received), key))
            if readings[-1].p_value < P_PRESENT:
                return readings[-1]
    if thorough or known:
        more = places.further(spectra, key, thorough)
        there = [_received(spectra, place.match, place.p_value, key) for place in more]
        if known:
            compared = received + there
            fit = known.likeliest(np.stack([reception.soft for reception in compared]))
            if 2 * fit.chance < P_READING:  # twice: decoding could have erred as well
                made = _read(block, compared[fit.reception], fit.payload, 2 * fit.chance, key)
                readings.append(replace(made, matched=True))
        for rank, (place, reception) in enumerate(zip(more, there, strict=True) if thorough else ()):
            payload, single = _reading(reception.soft, listed=rank < _LISTED_PLACES)
            chance = 2 * single / place.share  # twice: candidates could have erred as well
            if payload is not None and chance < P_READING:
                readings.append(_read(block, reception, payload, chance, key))
                if readings[-1].p_value < P_PRESENT:
                    break
    if readings:
        return min(readings, key=lambda reading: reading.p_value)
    best = min(received, key=lambda reception: reception.p_value)
    segments = _segments(block, best.match, None, key) if best.p_value < P_PRESENT else ()
    return BlockReading(best.match, best.p_value, None, segments)


def _receptions(block: Sequence[Window], together: _Spectra, key: WatermarkKey, thorough: bool) -> Iterator[_Reception]:
    """Of every candidate, and at last of scales beside the likeliest. together: of all windows of the block."""
    keyframes = [window for window in block if window.keyframe]
    sources = [block, keyframes] if 0 < len(keyframes) < len(block) else [block]
    patterns = channel_patterns_of(key)
    best: tuple[float, Match, _Spectra] | None = None
    for source in sources:
        spectra = together if source is block else _spectra(source)
        # Keyframes alone help where the picture pans; the grid, which takes longest, is for all windows together.
        for found, p in search.candidates(spectra, patterns, thorough and source is block, partial(_insets, block)):
            p = min(1.0, p * len(sources))
            if best is None or p < best[0]:
                best = (p, found, spectra)
            yield _received(spectra, found, p, key)
    assert best is not None  # the search always yields
    p, likeliest, spectra = best
    if p < _P_LISTED:
        for found in search.beside(spectra(likeliest.geometry.view), patterns, likeliest):
            yield _received(spectra, found, p, key)


def _read(
    block: Sequence[Window], where: _Reception, payload: Payload, chance: float, key: WatermarkKey
) -> BlockReading:
    segments = _segments(block, where.match, payload, key)
    return BlockReading(where.match, _together(where.p_value, chance), payload, segments)


def carries(block: Sequence[Window], before: BlockReading, key: WatermarkKey) -> tuple[Segment, ...]:
    """Segments of a later block that carry the mark already read."""
    return _segments(block, before.match, before.payload, key)


def _spectra(source: Sequence[Window]) -> _Spectra:
    """view -> spectrum of all windows together, made once."""
    maps = cache(lambda zoom: averaged(source, zoom))
    return cache(lambda view: Spectrum(view.of(maps(view.zoom))))


def _insets(block: Sequence[Window]) -> list[Part]:
    return insets(np.mean([window.residual for window in block], axis=0))


def _received(spectra: _Spectra, found: Match, p: float, key: WatermarkKey) -> _Reception:
    waves = wave_samples(spectra(found.geometry.view), channel_patterns_of(key), found)
    return _Reception(found, p, soft_bits(waves, key))


def _reading(soft: F32, listed: bool) -> tuple[Payload | None, float]:
    """The payload, if its checksum holds and it is of a known kind; and the chance of a fit like that without a mark.

    Each of 2**UNKNOWN_BITS payloads fits as well as this one with the chance that :func:`log_signs` tells; all of them
    together at most so many times as often, however the one was found. listed: look among the next likeliest as well.
    """
    reading: Decoding | None = decode(soft)
    if listed and reading is not None and reading.payload is None:
        reading = decode_listed(soft, _LISTED_Z)
    if reading is None or reading.payload is None:
        return None, 1.0
    chance = float(np.exp(np.log(2.0) * UNKNOWN_BITS + log_signs(np.abs(soft), reading.z)))
    try:
        return Payload.from_bits(reading.payload), chance
    except ValueError:
        return None, chance


def _together(sync: float, reading: float, most: float = P_READING) -> float:
    """p-value of the better of two: the sync waves alone, or their p-value times that of a reading.

    A reading counts below ``most`` only, so the product of the two is below q with a chance of at most
    q (1 + ln(most / q)), Fisher's rule for two independent p-values where most is 1. Twice that pays for the choice.
    """
    product = max(sync * reading, SMALLEST_P)
    return min(1.0, 2 * product * (1 + float(np.log(most / product))))


def _segments(block: Sequence[Window], found: Match, payload: Payload | None, key: WatermarkKey) -> tuple[Segment, ...]:
    """Runs of windows that fit the payload's pattern (without one: the sync waves), each with Stouffer's p-value."""
    code = encode(payload.bits()) if payload is not None else None
    waves = np.concatenate([frequencies(channel.waves, found.geometry) for channel in channel_patterns_of(key)])
    reach = float(np.abs(waves[:, 1]).max())
    view = found.geometry.view
    spectra = (Spectrum(view.of(flattened(window.residual, view.zoom)), reach) for window in block)
    p_values = np.array([fit(wave_samples(s, channel_patterns_of(key), found), code, key) for s in spectra])
    runs: list[list[int]] = []
    for number in np.flatnonzero(p_values < P_SEGMENT):
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(int(number))
        else:
            runs.append([int(number)])
    return tuple(
        (
            round(block[run[0]].start_s, 3),
            round(block[run[-1]].end_s, 3),
            max(float(ndtr(ndtri(np.maximum(p_values[run], SMALLEST_P)).sum() / np.sqrt(len(run)))), SMALLEST_P),
        )
        for run in runs
    )
