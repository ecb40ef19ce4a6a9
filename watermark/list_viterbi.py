"""The likeliest messages of a reception in order, until one passes its checksum.

The single best path through the code's trellis ignores the checksum; the best of those that pass it is right about
two times in three where the single best one still fails (list decoding, Seshadri and Sundberg 1994). The circle of the
tail-biting code is cut after the bits that every payload starts with: the state there has few unknown bits, and for
each of its values an ordinary Viterbi pass is exact. Walking back from the end, the best path and all detours from it
are kept in a heap by what they cost (the tree-trellis algorithm, Soong and Huang 1991).
"""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from tellmark.types import F32
from tellmark.watermark.fec import (
    BRANCH_SIGNS,
    MEMORY,
    MESSAGE_BITS,
    PREDECESSORS,
    RATE_INVERSE,
    STATES,
    Decoding,
    checked,
)
from tellmark.watermark.payload import PREFIX

_PATHS = 1000  # at most: a tenth of a second
_KNOWN = len(PREFIX)
_ORDER = np.r_[_KNOWN:MESSAGE_BITS, :_KNOWN]  # the circle from the first unknown bit on
_NEWEST = sum(bit << (MEMORY - _KNOWN + age) for age, bit in enumerate(PREFIX))
_STARTS = _NEWEST | np.arange(1 << (MEMORY - _KNOWN))  # states after the known bits; the older bits are any

Bool = NDArray[np.bool_]
F16 = NDArray[np.float16]


def decode_listed(soft: F32, least_z: float) -> Decoding | None:
    """The likeliest message whose checksum holds and whose correlation is at least ``least_z``; None if there is none.

    soft: (CODE_BITS,) as for :func:`tellmark.watermark.fec.decode`. Takes some .3 s and 70 MB.
    """
    metrics, later, losses = _forward(soft.reshape(MESSAGE_BITS, RATE_INVERSE))
    least = least_z * float(np.sqrt(soft @ soft))
    heap = [(-float(metrics[n]), n, MESSAGE_BITS, int(_STARTS[n]), 0) for n in np.flatnonzero(metrics >= least)]
    heapq.heapify(heap)
    found = 0
    while heap and found < _PATHS:
        cost, start, step, state, bits = heapq.heappop(heap)
        while step:
            step -= 1
            second = int(later[step, start, state])
            loss = float(losses[step, start, state])
            bits |= (state >> (MEMORY - 1)) << step
            if cost + loss <= -least:
                other = int(PREDECESSORS[state, 1 - second])
                heapq.heappush(heap, (cost + loss, start, step, other, bits))
            state = int(PREDECESSORS[state, second])
        found += 1
        message = np.empty(MESSAGE_BITS, np.uint8)
        message[_ORDER] = [bits >> position & 1 for position in range(MESSAGE_BITS)]
        decoding = checked(message, soft)
        if decoding.payload is not None:
            return decoding
    return None


def _forward(steps: F32) -> tuple[F32, Bool, F16]:
    """A Viterbi pass for each start: metrics (starts,) of the best path that ends where it began; and for each step,
    start and state which predecessor is better, and what the other one loses (infinite where there is none).
    """
    count, half = len(_STARTS), STATES // 2
    metric = np.full((count, STATES), -np.inf, np.float32)
    metric[np.arange(count), _STARTS] = 0
    later = np.empty((MESSAGE_BITS, count, STATES), np.bool_)
    losses = np.empty((MESSAGE_BITS, count, STATES), np.float16)
    for number, position in enumerate(_ORDER):
        branch = (steps[position] @ BRANCH_SIGNS).reshape(2, half, 2)
        reached = metric.reshape(count, 1, half, 2) + branch
        first, second = reached[..., 0], reached[..., 1]
        later[number] = (second > first).reshape(count, STATES)
        best = np.maximum(first, second)
        with np.errstate(invalid="ignore"):  # two states that no path reaches
            losses[number] = np.nan_to_num(np.abs(first - second), nan=np.inf, posinf=np.inf).reshape(count, STATES)
        metric = best.reshape(count, STATES)
        if position < _KNOWN:
            metric.reshape(count, 2, half)[:, 1 - PREFIX[position]] = -np.inf
    ends: F32 = metric[np.arange(count), _STARTS]
    return ends, later, losses
