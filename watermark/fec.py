"""Forward error correction: a CRC-32 and a rate-1/4 convolutional code of constraint length 9.

The generators 463, 535, 733, 745 (octal) are the code of maximum free distance (24) for this rate and memory
(Larsen, IEEE Trans. Inf. Theory 19, 1973). Decoding is soft Viterbi, run on many candidate receptions at once: the
detector tries every start phase of the hopping pattern, and one vectorised pass costs hardly more than one decoding.
"""

from __future__ import annotations

import binascii

import numpy as np
from numpy.typing import NDArray

from tellmark.types import F32, U8
from tellmark.watermark.payload import PAYLOAD_BITS

_GENERATORS = (0o463, 0o535, 0o733, 0o745)
_MEMORY = 8
_STATES = 1 << _MEMORY
CRC_BITS = 32
_MESSAGE_BITS = PAYLOAD_BITS + CRC_BITS

RATE_INVERSE = len(_GENERATORS)
CODE_BITS = (_MESSAGE_BITS + _MEMORY) * RATE_INVERSE  # 416: the tail of zeros brings the encoder back to state 0


def _crc(payload: U8) -> U8:
    """CRC-32 (IEEE 802.3) of the payload's bytes, as bits."""
    value = binascii.crc32(np.packbits(payload).tobytes())
    return np.unpackbits(np.frombuffer(value.to_bytes(4, "big"), np.uint8))


def _output_bits(register: NDArray[np.int64]) -> U8:
    """Parity of register & generator, for each generator: shape (*register.shape, RATE_INVERSE)."""
    taps = register[..., None] & np.array(_GENERATORS)
    for shift in (8, 4, 2, 1):
        taps = taps ^ (taps >> shift)
    parity: U8 = (taps & 1).astype(np.uint8)
    return parity


# The register holds the newest bit above the eight older ones; the state is the eight newest bits. State s is reached
# from predecessors (2s) mod 256 and (2s + 1) mod 256, with s's top bit as input in both cases.
_STATE = np.arange(_STATES)
_PREDECESSORS = np.stack([(_STATE << 1) % _STATES, ((_STATE << 1) | 1) % _STATES], axis=1)  # (256, 2)
_BRANCH_SIGNS: F32 = (2.0 * _output_bits((_STATE[:, None] >> 7 << 8) | _PREDECESSORS) - 1.0).astype(np.float32)


def encode(payload: U8) -> U8:
    """(64,) bits -> (CODE_BITS,) coded bits."""
    message = np.concatenate([payload, _crc(payload), np.zeros(_MEMORY, np.uint8)]).astype(np.int64)
    padded = np.concatenate([np.zeros(_MEMORY, np.int64), message])
    register = sum(padded[_MEMORY - age : len(padded) - age] << (_MEMORY - age) for age in range(_MEMORY + 1))
    return _output_bits(np.asarray(register)).reshape(-1)


def decode(soft: F32) -> list[U8 | None]:
    """Decode a batch of receptions.

    soft: (batch, CODE_BITS) soft values, positive where a bit is more likely 1; their scale does not matter.
    Returns for each the (64,) payload bits, or None where the CRC fails.
    """
    steps = soft.reshape(len(soft), -1, RATE_INVERSE)
    metric = np.full((len(soft), _STATES), -np.inf, np.float32)
    metric[:, 0] = 0.0
    branch = _BRANCH_SIGNS.reshape(-1, RATE_INVERSE).T  # (RATE_INVERSE, 2 * 256)
    came_from = np.empty((steps.shape[1], len(soft), _STATES), np.uint8)
    for step in range(steps.shape[1]):
        candidates = metric[:, _PREDECESSORS] + (steps[:, step] @ branch).reshape(len(soft), _STATES, 2)
        came_from[step] = candidates[..., 1] > candidates[..., 0]
        metric = candidates.max(axis=2)
    state = np.zeros(len(soft), np.int64)
    bits = np.empty((len(soft), steps.shape[1]), np.uint8)
    rows = np.arange(len(soft))
    for step in range(steps.shape[1] - 1, -1, -1):
        bits[:, step] = state >> 7
        state = _PREDECESSORS[state, came_from[step, rows, state]]
    return [_checked(message[:_MESSAGE_BITS]) for message in bits]


def _checked(message: U8) -> U8 | None:
    payload = message[:PAYLOAD_BITS]
    return payload if np.array_equal(_crc(payload), message[PAYLOAD_BITS:]) else None
