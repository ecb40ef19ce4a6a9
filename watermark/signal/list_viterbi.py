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

from tellmark.types import F32
from tellmark.watermark.signal.fec import (
    BRANCH_SIGNS,
    MEMORY,
    MESSAGE_BITS,
    PREDECESSORS,
    RATE_INVERSE,
    STATES,
    Decoding,
    checked,
)
from tellmark.watermark.signal.payload import PREFIX

_PATHS = 1000  # at most: a tenth of a second
_NOWHERE = -1e9  # metric of a state that no path reaches: no detour to it is worth its cost
_KNOWN = len(PREFIX)
_ORDER = np.r_[_KNOWN:MESSAGE_BITS, :_KNOWN]  # the circle from the first unknown bit on
_NEWEST = sum(bit << (MEMORY - _KNOWN + age) for age, bit in enumerate(PREFIX))
_STARTS = _NEWEST | np.arange(1 << (MEMORY - _KNOWN))  # states after the known bits; the older bits are any


def decode_listed(soft: F32, least_z: float) -> Decoding | None:
    """The likeliest message whose checksum holds and whose correlation is at least ``least_z``; None if there is none.

    soft: (CODE_BITS,) as for :func:`tellmark.watermark.signal.fec.decode`. Takes some .2 s and 90 MB.
    """
    metrics, margins = _forward(soft.reshape(MESSAGE_BITS, RATE_INVERSE))
    least = least_z * float(np.sqrt(soft @ soft))
    heap = [(-float(metrics[n]), n, MESSAGE_BITS, int(_STARTS[n]), 0) for n in np.flatnonzero(metrics >= least)]
    heapq.heapify(heap)
    found = 0
    while heap and found < _PATHS:
        cost, start, step, state, bits = heapq.heappop(heap)
        while step:
            step -= 1
            margin = float(margins[step, start, state])
            second, loss = int(margin > 0), abs(margin)
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


def _forward(steps: F32) -> tuple[F32, F32]:
    """A Viterbi pass for each start: metrics (starts,) of the best path that ends where it began; and (steps, starts,
    states) by how much the second predecessor is better than the first, negative where it is worse.
    """
    branches = (steps @ BRANCH_SIGNS).reshape(MESSAGE_BITS, 2, STATES // 2, 2)
    one, other = (np.ascontiguousarray(branches[..., which]) for which in (0, 1))
    every = np.arange(len(_STARTS))
    metric = np.full((len(_STARTS), STATES), _NOWHERE, np.float32)
    metric[every, _STARTS] = 0
    margins = np.empty((MESSAGE_BITS, len(_STARTS), 2, STATES // 2), np.float32)
    for number, position in enumerate(_ORDER):
        first = metric[:, None, 0::2] + one[position]  # both halves of the states have the same predecessors
        second = metric[:, None, 1::2] + other[position]
        np.subtract(second, first, out=margins[number])
        best = np.maximum(first, second, out=first)
        if position < _KNOWN:
            best[:, 1 - PREFIX[position]] = _NOWHERE
        metric = best.reshape(metric.shape)
    ends: F32 = metric[every, _STARTS]
    return ends, margins.reshape(MESSAGE_BITS, len(_STARTS), STATES)
