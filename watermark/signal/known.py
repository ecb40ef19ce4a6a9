"""Which of the payloads that a registry knows a video carries, where the mark is too weak to be read.

A reading singles out one of 2**58 payloads, and no code does that below a certain strength. A registry knows some
thousands: which of these fits best, and that it fits too well for chance, can be told of marks two thirds as strong.
The payloads have to be independent of the picture. Ids are random, so they are, unless somebody registers ids
that were searched for one picture: that person could as well have marked it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from tellmark.types import F32, U8
from tellmark.watermark.signal.chance import log_signs
from tellmark.watermark.signal.fec import CODE_BITS, encode
from tellmark.watermark.signal.payload import PAYLOAD_BITS, VERSION, Payload

MOST = 200_000  # payloads that are compared: .3 s
_TOGETHER = 8192  # of them at once: 10 MB
_BYTES = PAYLOAD_BITS // 8
_DIGITS = re.compile(f"{VERSION:x}[12][0-9a-f]{{14}}")  # of a kind that there is


@dataclass(frozen=True, slots=True)
class Fit:
    """The payload that fits best, which of the receptions it fits, and the chance that any fits any so well."""

    payload: Payload
    reception: int
    chance: float


class KnownPayloads:
    """Payloads that a video may carry.

    listed: asked once, when first needed, for payloads as :meth:`Payload.hex` writes them; what is none of this version
    is left out.
    """

    def __init__(self, listed: Callable[[], Sequence[str]]) -> None:
        self._listed = listed

    def __len__(self) -> int:
        """How many there are."""
        return len(self._payloads)

    def likeliest(self, receptions: F32) -> Fit:
        """The best fit to receptions (n, CODE_BITS), as :func:`tellmark.watermark.signal.fec.decode` takes them.

        Raises ValueError where no payload is known.
        """
        codes = self._codes
        if not len(codes):
            raise ValueError("no payload is known")
        unit = receptions / np.maximum(np.linalg.norm(receptions, axis=1, keepdims=True), 1e-12)
        best, where = -np.inf, (0, 0)
        for first, bits in _unpacked(codes):
            fits = 2 * (bits @ unit.T) - unit.sum(axis=1)
            place = divmod(int(fits.argmax()), len(unit))
            if fits[place] > best:
                best, where = float(fits[place]), (first + place[0], place[1])
        chance = len(codes) * sum(float(np.exp(log_signs(np.abs(one), best))) for one in unit)
        return Fit(Payload.from_hex(self._payloads[where[0]]), where[1], chance)

    @cached_property
    def _payloads(self) -> list[str]:
        return [digits for digits in dict.fromkeys(self._listed()) if _DIGITS.fullmatch(digits)]

    @cached_property
    def _codes(self) -> U8:
        """(payloads, CODE_BITS / 8): their codes, packed."""
        values = np.array([int(digits, 16) for digits in self._payloads], ">u8").view(np.uint8).reshape(-1, _BYTES)
        tables, constant = _tables()
        codes = np.tile(constant, (len(values), 1))
        for place, table in enumerate(tables):
            codes ^= table[values[:, place]]
        return codes


def _unpacked(codes: U8) -> Iterator[tuple[int, F32]]:
    """Parts of packed codes as (number of the first, (n, CODE_BITS) of 0 and 1)."""
    for first in range(0, len(codes), _TOGETHER):
        yield first, np.unpackbits(codes[first : first + _TOGETHER], axis=1).astype(np.float32)


@cache
def _tables() -> tuple[U8, U8]:
    """What each value of each byte of a payload turns over in its code, (bytes, 256, CODE_BITS / 8); and the code of
    zeros: codes are affine in the payload.
    """
    zero = encode(np.zeros(PAYLOAD_BITS, np.uint8))
    turned = np.stack([encode(unit) ^ zero for unit in np.eye(PAYLOAD_BITS, dtype=np.uint8)]).astype(np.float32)
    values = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.float32)
    bits = (values @ turned.reshape(_BYTES, 8, CODE_BITS)) % 2
    return np.packbits(bits.astype(np.uint8), axis=2), np.packbits(zero)
