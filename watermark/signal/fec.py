"""Forward error correction: a CRC-16 and a convolutional code of rate 1/4 and constraint length 13.

The code is tail-biting (Ma and Wolf, IEEE Trans. Commun. 34, 1986): the encoder starts in the state in which it will
end, so no bits go into a tail. The decoder goes once around the circle and a little further on both sides. The long
constraint length is affordable because few receptions are decoded; at 80 bits it needs .65 dB less than the usual
length 9. The generators came out best of four at random (docs/log.md).

The bits that every payload starts with are known to the decoder, and paths that contradict them are not followed.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tellmark.types import F32, U8
from tellmark.watermark.signal.payload import PAYLOAD_BITS, PREFIX

_GENERATORS = (0o12261, 0o14115, 0o12561, 0o13113)
MEMORY = 12
STATES = 1 << MEMORY
CRC_BITS = 16
MESSAGE_BITS = PAYLOAD_BITS + CRC_BITS
UNKNOWN_BITS = PAYLOAD_BITS - len(PREFIX)
_WRAP = 3 * (MEMORY + 1)  # steps beyond the circle on each side, until the unknown start no longer matters

RATE_INVERSE = len(_GENERATORS)
CODE_BITS = MESSAGE_BITS * RATE_INVERSE  # 320


@dataclass(frozen=True, slots=True)
class Decoding:
    """The likeliest message.

    payload: (64,) bits, None where the CRC fails. code: (CODE_BITS,) the message encoded again. z: correlation of the
    reception with the code, standard normal for a code chosen beforehand.
    """

    payload: U8 | None
    code: U8
    z: float


def _crc(payload: U8) -> U8:
    """CRC-16 (CCITT, start FFFF) of the payload's bytes, as bits."""
    value = binascii.crc_hqx(np.packbits(payload).tobytes(), 0xFFFF)
    return np.unpackbits(np.frombuffer(value.to_bytes(2, "big"), np.uint8))


def _output_bits(register: NDArray[np.int64]) -> U8:
    """Parity of register & generator, for each generator: shape (*register.shape, RATE_INVERSE)."""
    taps = register[..., None] & np.array(_GENERATORS)
    for shift in (8, 4, 2, 1):
        taps = taps ^ (taps >> shift)
    parity: U8 = (taps & 1).astype(np.uint8)
    return parity


# The register holds the newest bit above the older ones; the state is the newest MEMORY bits. State s is reached from
# predecessors 2s and 2s + 1 (modulo the number of states), with s's top bit as input in both cases.
_STATE = np.arange(STATES)
PREDECESSORS = np.stack([(_STATE << 1) % STATES, ((_STATE << 1) | 1) % STATES], axis=1)
_REGISTERS = (_STATE[:, None] >> (MEMORY - 1) << MEMORY) | PREDECESSORS
BRANCH_SIGNS: F32 = (2.0 * _output_bits(_REGISTERS) - 1.0).astype(np.float32).reshape(-1, RATE_INVERSE).T


def encode(payload: U8) -> U8:
    """(64,) bits -> (CODE_BITS,) coded bits."""
    return _encoded(np.concatenate([payload, _crc(payload)]))


def _encoded(message: U8) -> U8:
    circle = np.concatenate([message[-MEMORY:], message]).astype(np.int64)
    register = sum(circle[MEMORY - age : len(circle) - age] << (MEMORY - age) for age in range(MEMORY + 1))
    return _output_bits(np.asarray(register)).reshape(-1)


def decode(soft: F32) -> Decoding:
    """Decode one reception.

    soft: (CODE_BITS,) soft values, positive where a bit is more likely 1; their scale does not matter.
    """
    branches = (soft.reshape(MESSAGE_BITS, RATE_INVERSE) @ BRANCH_SIGNS).reshape(MESSAGE_BITS, 2, -1, 2)
    first, second = (np.ascontiguousarray(branches[..., which]) for which in (0, 1))
    order = np.arange(-_WRAP, MESSAGE_BITS + _WRAP) % MESSAGE_BITS
    metric = np.zeros((2, STATES // 2), np.float32)
    later = np.empty((len(order), *metric.shape), np.bool_)  # whether the second predecessor is the better one
    for step, position in enumerate(order):
        before = metric.reshape(-1)  # both halves of the states have the same predecessors
        one, other = before[0::2] + first[position], before[1::2] + second[position]
        np.greater(other, one, out=later[step])
        metric = np.maximum(one, other)
        if position < len(PREFIX):
            metric[1 - PREFIX[position]] = -np.inf
        metric -= metric.max()
    state = int(metric.argmax())
    bits = np.empty(len(order), np.uint8)
    for step in range(len(order) - 1, -1, -1):
        bits[step] = state >> (MEMORY - 1)
        state = int(PREDECESSORS[state, int(later[step].flat[state])])
    return checked(bits[_WRAP : _WRAP + MESSAGE_BITS], soft)


def checked(message: U8, soft: F32) -> Decoding:
    """What a message (MESSAGE_BITS,) says of the reception that it was taken from."""
    code = _encoded(message)
    payload = message[:PAYLOAD_BITS]
    z = float(soft @ (2.0 * code - 1.0) / (np.sqrt(soft @ soft) + 1e-12))
    return Decoding(payload if np.array_equal(_crc(payload), message[PAYLOAD_BITS:]) else None, code, z)
