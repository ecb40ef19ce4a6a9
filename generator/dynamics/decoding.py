"""The motion transformer one token at a time, with the keys and values of its past kept: how it is used.

The same computation as :meth:`~tellmark.generator.dynamics.diffusion.MotionTransformer.forward`. Compiled, with
products left to BLAS: for one or two rows, what a matrix library does around a product costs more than the product.
"""

from __future__ import annotations

import math

import numba
import numpy as np
import torch

from tellmark.generator.dynamics import diffusion
from tellmark.generator.dynamics.diffusion import CLEAN, MotionTransformer
from tellmark.types import F32

_PRODUCTS = ("qkv", "proj", "feed.0", "feed.2")
_EPS = np.float32(1e-5)
_ONE, _HALF, _ROOT_HALF = np.float32(1), np.float32(0.5), np.float32(0.5**0.5)


class Decoder:
    """``streams`` sequences side by side, each with its own past of up to ``CONTEXT`` frames. float32 throughout."""

    def __init__(self, network: MotionTransformer, streams: int) -> None:
        self._network, self._context = network, diffusion.CONTEXT
        sizes, tensors = network.sizes, {name: tensor.numpy() for name, tensor in network.state_dict().items()}
        layers, channels = range(sizes.layers), sizes.width // sizes.heads
        stack = [[np.stack([tensors[f"blocks.{layer}.{name}.{part}"] for layer in layers]) for name in _PRODUCTS]
                 for part in ("weight", "bias")]  # fmt: skip
        self._weights = tuple(np.ascontiguousarray(weight.swapaxes(1, 2)) for weight in stack[0])  # (L, I, O)
        self._biases = tuple(stack[1])  # (L, O)
        # A ring of the past, and a free place for the token under way.
        size = (sizes.layers, streams, sizes.heads, self._context + 1, channels)
        self._keys, self._values = np.zeros(size, np.float32), np.zeros(size, np.float32)
        self._ends = {n: (tensors[f"{n}.weight"].T.copy(), tensors[f"{n}.bias"]) for n in ("past", "noisy", "out")}
        self._shifts: dict[float, F32] = {}
        self._rates = diffusion.turn_rates(channels // 2).numpy()
        self._frame = 0

    def flow(self, common: F32, before: F32, noisy: F32, time: float) -> F32:
        """(B, D) velocity of the next frame. common: (B, W) of the frame; before: (D,) places; noisy: (D,) changes."""
        seen = min(self._frame, self._context)
        # The past is a ring whose order does not matter: keys know their places.
        hidden = self._run(common + self._end("noisy", np.concatenate([before, noisy])), time, seen, seen + 1)
        centred = hidden - hidden.mean(-1, keepdims=True)
        return self._end("out", centred / np.sqrt((centred * centred).mean(-1, keepdims=True) + _EPS))

    def keep(self, common: F32, place: F32, change: F32) -> None:
        """Make a frame part of the past: its places and changes, (D,) each."""
        token = common + self._end("past", np.concatenate([place, change]))
        self._run(token, CLEAN, self._frame % self._context, min(self._frame + 1, self._context))
        self._frame += 1

    def _end(self, name: str, rows: F32) -> F32:
        weight, bias = self._ends[name]
        return np.asarray(rows @ weight + bias)

    def _run(self, tokens: F32, time: float, place: int, seen: int) -> F32:
        """Tokens (B, W) after all layers; keys and values go to ``place``, and they see the first ``seen``."""
        angles = self._frame * self._rates
        turn = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
        tokens = np.ascontiguousarray(tokens)
        _layers(tokens, self._shift(time), turn, self._keys, self._values, place, seen, self._weights, self._biases)
        return tokens

    def _shift(self, time: float) -> F32:
        """(L, 6, W) at a noise level; there are few levels, so each is computed once."""
        if time not in self._shifts:
            with torch.inference_mode():
                self._shifts[time] = np.stack([shift.numpy() for shift in self._network.shifts(time)])
        return self._shifts[time]


@numba.njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator]
def _layers(
    tokens: F32,
    shifts: F32,
    turn: tuple[F32, F32],
    keys: F32,
    values: F32,
    place: int,
    seen: int,
    weights: tuple[F32, ...],
    biases: tuple[F32, ...],
) -> None:
    """Tokens (B, W) through the blocks, in place. keys, values: (L, B, H, places, C)."""
    rows = np.empty_like(tokens)
    for layer in range(len(keys)):
        shift = shifts[layer]
        _norm(tokens, shift[0], shift[1], rows)
        qkv = np.dot(rows, weights[0][layer]) + biases[0][layer]
        _attend(qkv, turn, keys[layer], values[layer], place, seen, rows)
        tokens += shift[2] * (np.dot(rows, weights[1][layer]) + biases[1][layer])
        _norm(tokens, shift[3], shift[4], rows)
        wide = np.dot(rows, weights[2][layer]) + biases[2][layer]
        for row in range(wide.shape[0]):
            for column in range(wide.shape[1]):
                x = wide[row, column]
                wide[row, column] = x * (_HALF + _HALF * np.float32(math.erf(x * _ROOT_HALF)))
        tokens += shift[5] * (np.dot(wide, weights[3][layer]) + biases[3][layer])


@numba.njit(cache=True, fastmath=True, inline="always")  # type: ignore[untyped-decorator]
def _attend(qkv: F32, turn: tuple[F32, F32], keys: F32, values: F32, place: int, seen: int, out: F32) -> None:
    """What the queries of qkv (B, 3W) make of the first ``seen`` places, (B, W); their own is ``place``."""
    streams, heads, _, channels = keys.shape
    half, width = channels // 2, heads * channels
    cos, sin = turn
    scale = np.float32(channels**-0.5)
    query, weights = np.empty(channels, np.float32), np.empty(seen, np.float32)
    for stream in range(streams):
        for head in range(heads):
            past, at = keys[stream, head], head * channels
            q, k = qkv[stream, at : at + channels], qkv[stream, width + at : width + at + channels]
            own = past[place]
            for i in range(half):  # rotary position embedding
                query[i] = (q[i] * cos[i] - q[half + i] * sin[i]) * scale
                query[half + i] = (q[i] * sin[i] + q[half + i] * cos[i]) * scale
                own[i] = k[i] * cos[i] - k[half + i] * sin[i]
                own[half + i] = k[i] * sin[i] + k[half + i] * cos[i]
            values[stream, head, place] = qkv[stream, 2 * width + at : 2 * width + at + channels]
            for p in range(seen):
                key, agreed = past[p], np.float32(0)
                for i in range(channels):
                    agreed += key[i] * query[i]
                weights[p] = agreed
            top, total = weights.max(), np.float32(0)
            for p in range(seen):
                weights[p] = math.exp(weights[p] - top)
                total += weights[p]
            heard = out[stream, at : at + channels]
            heard[:] = 0
            for p in range(seen):
                value, share = values[stream, head, p], weights[p] / total
                for i in range(channels):
                    heard[i] += share * value[i]


@numba.njit(cache=True, fastmath=True, inline="always")  # type: ignore[untyped-decorator]
def _norm(tokens: F32, shift: F32, scale: F32, out: F32) -> None:
    """Each row of tokens (B, W) normalised, scaled and shifted."""
    width = tokens.shape[1]
    for row in range(len(tokens)):
        x = tokens[row]
        mean = x.sum() / np.float32(width)
        power = np.float32(0)
        for i in range(width):
            power += (x[i] - mean) * (x[i] - mean)
        size = _ONE / np.sqrt(power / np.float32(width) + _EPS)
        for i in range(width):
            out[row, i] = (x[i] - mean) * size * scale[i] + shift[i]
