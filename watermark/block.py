"""Searches one block of windows for the mark, reads it, and says which of the windows carry it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from scipy.special import ndtr, ndtri

from tellmark.types import F32, U8
from tellmark.watermark import search
from tellmark.watermark.analysis import F16, Window, flattened
from tellmark.watermark.demodulate import PHASES, SPEEDS, Waves, channel_patterns_of, fit, soft_bits, wave_samples
from tellmark.watermark.fec import CRC_BITS, decode, encode
from tellmark.watermark.pattern import WatermarkKey
from tellmark.watermark.payload import Payload
from tellmark.watermark.search import Match
from tellmark.watermark.spectrum import Spectrum

P_PRESENT = 1e-6  # a mark is reported below this
P_TRY = 0.01  # a reading is tried below this
READINGS = len(SPEEDS) + 3  # of one match, each under all start phases
P_SEGMENT = 1e-4  # a window belongs to a segment below this

Segment = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class BlockReading:
    """What one block holds: where the sync waves fit best, how sure that is, and what could be read there."""

    match: Match
    p_value: float
    payload: Payload | None = None
    segments: tuple[Segment, ...] = ()


def read_block(block: Sequence[Window], key: WatermarkKey, thorough: bool) -> BlockReading:
    """Search, demodulate, decode. The block's windows must share one shape and not be empty.

    A checksum that holds is evidence of its own: under the null it holds once in 2**32 trials, independently of how the
    sync waves fit. The p-value of a payload is twice the product of both chances, which keeps it valid: the event is
    either a small p-value of the sync waves alone, or a reading among the few that P_TRY lets through.
    """
    keyframes = [window for window in block if window.keyframe]
    sources = [block, keyframes] if 0 < len(keyframes) < len(block) else [block]
    best: tuple[float, Match] | None = None
    chance = 0.0
    for source in sources:
        spectra = cache(partial(_spectrum, source))
        for found, p in search.candidates(spectra, channel_patterns_of(key), thorough):
            p = min(1.0, p * len(sources))
            if best is None or p < best[0]:
                best = (p, found)
            if p < P_TRY:
                payload = _decoded(source, found, key)
                chance += READINGS * PHASES / 2**CRC_BITS
                if payload is not None:
                    return BlockReading(found, 2 * p * chance, payload, _segments(block, found, payload, key))
    assert best is not None  # the search always yields
    p, found = best
    return BlockReading(found, p, None, _segments(block, found, None, key) if p < P_PRESENT else ())


def carries(block: Sequence[Window], known: BlockReading, key: WatermarkKey) -> tuple[Segment, ...]:
    """Segments of a later block that carry the mark already read."""
    return _segments(block, known.match, known.payload, key)


def _spectrum(block: Sequence[Window], zoom: int) -> Spectrum:
    """Of all windows together."""
    total: F32 = np.zeros(block[0].residual.shape, np.float32)
    for window in block:
        total += flattened(window.residual, zoom)
    return Spectrum(total)


def _decoded(block: Sequence[Window], found: Match, key: WatermarkKey) -> Payload | None:
    """The payload, if its checksum holds under some start phase of the hopping cycle."""
    for soft in _receptions(block, found, key):
        bits = next((bits for bits in decode(soft) if bits is not None), None)
        if bits is not None:
            return _known_kind(bits)
    return None


def _receptions(block: Sequence[Window], found: Match, key: WatermarkKey) -> Iterator[F32]:
    """READINGS soft receptions, from the likeliest on: as it is; without what stands still; frozen; at other speeds.

    What stands still in the picture is gone from the difference to the block's mean, and of the mark only the sync
    waves. An encoder that is short of bits repeats what it has of a still background until the next keyframe: the
    layout of that moment then shows throughout, besides or instead of the later ones.
    """
    times_s = np.array([(window.start_s + window.end_s) / 2 for window in block])
    residuals = [window.residual for window in block]
    waves = _sampled(residuals, found, key)
    soft = soft_bits(waves, times_s, key)
    yield soft
    if len(block) > 1:
        still = np.mean(residuals, axis=0, dtype=np.float32)
        moving = _sampled([residual - still for residual in residuals], found, key)
        yield soft + np.float32(0.5) * soft_bits(moving, times_s, key, sync=False)
        frozen = soft_bits(waves, times_s, key, speed=0.0)
        yield frozen
        yield soft + frozen
        for speed in SPEEDS[1:]:
            yield soft_bits(waves, times_s, key, speed=speed)


def _sampled(residuals: Sequence[F16 | F32], found: Match, key: WatermarkKey) -> Waves:
    patterns = channel_patterns_of(key)
    samples = [wave_samples(flattened(residual, found.geometry.zoom), patterns, found) for residual in residuals]
    y, cb, cr = (np.concatenate(channel) for channel in zip(*samples, strict=True))
    return y, cb, cr


def _known_kind(bits: U8 | None) -> Payload | None:
    """None also for a payload of a kind that this version does not know."""
    if bits is None:
        return None
    try:
        return Payload.from_bits(bits)
    except ValueError:
        return None


def _segments(block: Sequence[Window], found: Match, payload: Payload | None, key: WatermarkKey) -> tuple[Segment, ...]:
    """Runs of windows that fit the payload's pattern (without one: the sync waves), each with Stouffer's p-value."""
    waves = _sampled([window.residual for window in block], found, key)
    p_values = fit(waves, encode(payload.bits()) if payload is not None else None, key)
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
            float(ndtr(ndtri(np.maximum(p_values[run], 1e-300)).sum() / np.sqrt(len(run)))),
        )
        for run in runs
    )
