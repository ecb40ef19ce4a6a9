"""What a mark carries: 64 bits that say what made the clip and which clip it is.

Layout, most significant bit first: version (4), kind (4), id (56). Written out it is 16 hexadecimal digits. The id is
random and means nothing by itself: a registry leads from it to a signed manifest.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Self

import numpy as np

from tellmark.types import U8, Kind

VERSION = 1
PAYLOAD_BITS = 64
ID_BITS = 56

_KIND_CODES: dict[Kind, int] = {Kind.SYNTHETIC: 1, Kind.CONTROL: 2}
_KINDS = {code: kind for kind, code in _KIND_CODES.items()}
PREFIX = (0, 0, 0, VERSION, 0, 0)  # the bits that every payload of this version starts with


@dataclass(frozen=True, slots=True)
class Payload:
    """The content of a mark.

    kind: what the mark says of its clip.
    id: 0 <= id < 2**56.
    version: layout of the payload, 0..15.

    Raises ValueError when a field does not fit its bits.
    """

    kind: Kind
    id: int
    version: int = VERSION

    def __post_init__(self) -> None:
        if not 0 <= self.id < 1 << ID_BITS:
            raise ValueError(f"payload id {self.id}: must be a whole number of at most {ID_BITS} bits")
        if not 0 <= self.version < 16:
            raise ValueError(f"payload version {self.version}: must lie between 0 and 15")

    @classmethod
    def new(cls, kind: Kind) -> Self:
        """A payload with a random id from the operating system's source of randomness."""
        return cls(kind, secrets.randbits(ID_BITS))

    @classmethod
    def from_int(cls, value: int) -> Self:
        """The inverse of ``int(payload)``; ValueError when the kind is unknown or the value exceeds 64 bits."""
        if not 0 <= value < 1 << PAYLOAD_BITS:
            raise ValueError(f"payload {value}: must be a whole number of at most {PAYLOAD_BITS} bits")
        code = value >> ID_BITS & 15
        if code not in _KINDS:
            raise ValueError(f"payload {value:016x}: unknown kind {code}; it may come from a newer version")
        return cls(_KINDS[code], value & ((1 << ID_BITS) - 1), value >> (PAYLOAD_BITS - 4))

    @classmethod
    def from_hex(cls, digits: str) -> Self:
        """The inverse of :meth:`hex`; ValueError when it is not 16 hexadecimal digits of a known kind."""
        if len(digits) != PAYLOAD_BITS // 4:
            raise ValueError(f"payload {digits!r}: expected {PAYLOAD_BITS // 4} hexadecimal digits")
        return cls.from_int(int(digits, 16))

    @classmethod
    def from_bits(cls, bits: U8) -> Self:
        """The inverse of :meth:`bits`."""
        return cls.from_int(int.from_bytes(np.packbits(bits).tobytes(), "big"))

    def __int__(self) -> int:
        return self.version << (PAYLOAD_BITS - 4) | _KIND_CODES[self.kind] << ID_BITS | self.id

    def hex(self) -> str:
        """16 lower-case hexadecimal digits."""
        return f"{int(self):016x}"

    def bits(self) -> U8:
        """(64,) uint8 of 0 and 1, most significant first."""
        return np.unpackbits(np.frombuffer(int(self).to_bytes(PAYLOAD_BITS // 8, "big"), np.uint8))
