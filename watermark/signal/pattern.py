"""The mark as a signal: a keyed sum of plane waves that repeats in space and stands still in time.

The pattern repeats every ``TILE`` canonical pixels in both directions; a canonical pixel is 1/512 of the frame's short
side, so the pattern scales with the picture. Each channel (Y, Cb, Cr) owns the plane waves of one ring of
wavelengths: where chroma survives compression best, and where luma stays readable in a grey picture. Some of a
channel's waves are *sync*: their phases are fixed by the key, and the detector finds the picture's geometry and the
mark's presence by them. The others are *data*: two coded bits each, in quadrature.

The pattern is the same in every frame. An encoder that is short of bits codes it with a keyframe and mends it wherever
the picture moves; one pattern lets all of that add up, and leaves no frame rate, speed or cut to search for. A pattern
that changes over time reads better at low compression, and not at all where it is needed (docs/log.md).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tellmark.types import F32, F64, U8
from tellmark.watermark.signal.fec import CODE_BITS

C64 = NDArray[np.complex64]
I64 = NDArray[np.int64]

CANONICAL = 512  # the short side of every frame, in canonical pixels
TILE = 384  # period of the pattern, canonical pixels
CHANNELS = ("y", "cb", "cr")

_WAVELENGTHS = {"y": (8.5, 14.0), "cb": (35.0, 70.0), "cr": (35.0, 70.0)}  # canonical pixels
_SYNC_SHARE = {"y": 0.15, "cb": 0.22, "cr": 0.22}


@dataclass(frozen=True, slots=True)
class WatermarkKey:
    """What a pattern is derived from. Marks made with one key are invisible to a detector that holds another.

    id: a public name, for logs and manifests. secret: the bytes that seed the pattern.
    """

    id: str
    secret: bytes

    @classmethod
    def private(cls, secret: bytes) -> WatermarkKey:
        """A key of one's own from at least 16 secret bytes; its id is a short hash of them."""
        if len(secret) < 16:
            raise ValueError(f"a private watermark key needs at least 16 bytes, got {len(secret)}")
        return cls("private-" + hashlib.sha256(b"tellmark key id\0" + secret).hexdigest()[:12], secret)


PUBLIC_KEY = WatermarkKey("public-1", b"tellmark public watermark key 1")  # every installation can check this one


@dataclass(frozen=True, slots=True, eq=False)
class ChannelPattern:
    """The plane waves of one channel: n of them, the first ``sync`` carry no data.

    waves: (n, 2) whole periods a tile (y, x), in the half plane x > 0 or (x = 0 and y > 0).
    amplitude: (n,) such that the whole pattern has unit RMS.
    phase: (n,) keyed unit phasors.
    code_index: (n - sync, 2) which coded bit rides on the in-phase and the quadrature part.
    """

    name: str
    sync: int
    waves: I64
    amplitude: F64
    phase: C64
    code_index: I64

    def coefficients(self, code: U8) -> C64:
        """(n,) complex amplitudes of the waves when ``code`` (CODE_BITS,) is sent."""
        symbols = np.ones(len(self.waves), np.complex64)
        signs = 1.0 - 2.0 * code[self.code_index]
        symbols[self.sync :] = (signs[:, 0] + 1j * signs[:, 1]) / np.sqrt(2)
        sent: C64 = (self.amplitude * self.phase * symbols).astype(np.complex64)
        return sent


class _KeyStream:
    """Uniform numbers from SHAKE-256, so that a key gives the same pattern with every version of every library."""

    def __init__(self, key: WatermarkKey, purpose: str) -> None:
        self._seed = purpose.encode() + b"\0" + key.secret
        self._calls = 0

    def integers(self, count: int) -> NDArray[np.uint64]:
        self._calls += 1
        stream = hashlib.shake_256(self._seed + self._calls.to_bytes(4, "big")).digest(8 * count)
        return np.frombuffer(stream, ">u8").astype(np.uint64)

    def phasors(self, count: int) -> C64:
        turns = (self.integers(count) >> np.uint64(11)) * 2.0**-53
        phasors: C64 = np.exp(2j * np.pi * turns).astype(np.complex64)
        return phasors

    def permutation(self, count: int) -> I64:
        return np.argsort(self.integers(count), kind="stable")


def _ring(shortest: float, longest: float) -> I64:
    """(n, 2) all waves (y, x) of a tile with a wavelength in [shortest, longest] canonical pixels, half plane."""
    limit = int(TILE / shortest)
    y, x = np.meshgrid(np.arange(-limit, limit + 1), np.arange(limit + 1), indexing="ij")
    frequency = np.hypot(y, x)
    inside = (frequency >= TILE / longest) & (frequency <= TILE / shortest) & ((x > 0) | (y > 0))
    return np.stack([y[inside], x[inside]], axis=1)


def channel_patterns(key: WatermarkKey) -> tuple[ChannelPattern, ChannelPattern, ChannelPattern]:
    """The patterns of Y, Cb and Cr under ``key``."""
    made = []
    interleaver = _KeyStream(key, "tellmark pattern 3 code").permutation(CODE_BITS)
    offset = 0  # each channel goes on in the code where the last one ended, so that its bits are spread evenly
    for name in CHANNELS:
        stream = _KeyStream(key, f"tellmark pattern 3 {name}")
        waves = _ring(*_WAVELENGTHS[name])
        waves = waves[stream.permutation(len(waves))]
        sync = int(_SYNC_SHARE[name] * len(waves))
        slots = 2 * (len(waves) - sync)
        amplitude = np.full(len(waves), np.sqrt(2.0 / len(waves)))
        index = interleaver[(np.arange(slots) + offset) % CODE_BITS].reshape(-1, 2)
        made.append(ChannelPattern(name, sync, waves, amplitude, stream.phasors(len(waves)), index))
        offset += slots
    return made[0], made[1], made[2]


def synthesize(channel: ChannelPattern, coefficients: C64, y: F64, x: F64) -> F32:
    """Values of the pattern at rows ``y`` and columns ``x`` (canonical pixels): float32, (len(y), len(x)).

    The sum over waves of Re(c exp(2 pi i (k_y y + k_x x) / TILE)) factors into two matrix products, exact at any size.
    """
    limit = int(np.abs(channel.waves).max())
    grid = np.zeros((2 * limit + 1, limit + 1), np.complex64)
    grid[channel.waves[:, 0] + limit, channel.waves[:, 1]] = coefficients
    rows = np.exp(2j * np.pi / TILE * np.outer(y, np.arange(-limit, limit + 1))).astype(np.complex64)
    columns = np.exp(2j * np.pi / TILE * np.outer(np.arange(limit + 1), x)).astype(np.complex64)
    half = rows @ grid
    values: F32 = half.real @ columns.real - half.imag @ columns.imag
    return values
