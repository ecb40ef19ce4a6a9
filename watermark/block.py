"""Searches one block of windows for the mark, reads it, and says which of the windows carry it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from tellmark.types import F32
from tellmark.watermark import search
from tellmark.watermark.analysis import WINDOW_S, Window, flattened
from tellmark.watermark.demodulate import Waves, channel_patterns_of, fit, read_payload, wave_samples
from tellmark.watermark.fec import encode
from tellmark.watermark.pattern import WatermarkKey
from tellmark.watermark.payload import Payload
from tellmark.watermark.search import Match
from tellmark.watermark.spectrum import Spectrum

P_PRESENT = 1e-6  # a mark is reported below this
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
    """Search, demodulate, decode. The block's windows must share one shape and not be empty."""
    patterns = channel_patterns_of(key)
    total: F32 = np.zeros(block[0].residual.shape, np.float32)
    for window in block:
        total += flattened(window.residual)
    found, p = search.find(Spectrum(total), patterns, thorough, P_PRESENT)
    if p >= P_PRESENT:
        return BlockReading(found, p)
    waves = _sampled(block, found, key)
    slots = np.array([int(window.start_s / WINDOW_S + 1e-6) for window in block])
    bits = read_payload(waves, slots, key)
    payload = _known_kind(bits)
    return BlockReading(found, p, payload, _segments(block, waves, payload, key))


def carries(block: Sequence[Window], known: BlockReading, key: WatermarkKey) -> tuple[Segment, ...]:
    """Segments of a later block that carry the mark already read."""
    return _segments(block, _sampled(block, known.match, key), known.payload, key)


def _sampled(block: Sequence[Window], found: Match, key: WatermarkKey) -> Waves:
    patterns = channel_patterns_of(key)
    samples = [wave_samples(flattened(window.residual), patterns, found) for window in block]
    y, cb, cr = (np.concatenate(channel) for channel in zip(*samples, strict=True))
    return y, cb, cr


def _known_kind(bits: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | None) -> Payload | None:
    """None also for a payload of a kind that this version does not know."""
    if bits is None:
        return None
    try:
        return Payload.from_bits(bits)
    except ValueError:
        return None


def _segments(block: Sequence[Window], waves: Waves, payload: Payload | None, key: WatermarkKey) -> tuple[Segment, ...]:
    """Runs of windows that fit the payload's pattern (without one: the sync waves), with Stouffer's combined p-value."""
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
            float(norm.sf(norm.isf(np.clip(p_values[run], 1e-300, 0.5)).sum() / np.sqrt(len(run)))),
        )
        for run in runs
    )
