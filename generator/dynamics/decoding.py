"""The motion transformer one token at a time, with the keys and values of its past kept: how it is used.

The same computation as :meth:`~tellmark.generator.dynamics.diffusion.MotionTransformer.forward`, in NumPy: for products
of one or two rows, a matrix library's overhead costs more than the product, and NumPy has the least of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import erf
from torch import Tensor

from tellmark.generator.dynamics import diffusion
from tellmark.generator.dynamics.diffusion import CLEAN, MotionTransformer
from tellmark.types import F32

_EPS = 1e-5


@dataclass(frozen=True, slots=True)
class _Linear:
    weight: F32  # (I, O)
    bias: F32  # (O,)

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor], name: str) -> _Linear:
        weight, bias = (tensors[f"{name}.{part}"].numpy() for part in ("weight", "bias"))
        return cls(np.ascontiguousarray(weight.T), bias)

    def __call__(self, rows: F32) -> F32:
        return np.asarray(rows @ self.weight + self.bias)


class _Layer:
    """One block with its past: a ring of keys and values, and a free place for the token under way."""

    def __init__(self, tensors: Mapping[str, Tensor], name: str, heads: int, streams: int, context: int) -> None:
        parts = ("qkv", "proj", "feed.0", "feed.2")
        self._qkv, self._proj, self._feed, self._back = (_Linear.of(tensors, f"{name}.{part}") for part in parts)
        self._heads = heads
        size = (streams, heads, context + 1, len(self._proj.bias) // heads)
        self._keys, self._values = np.zeros(size, np.float32), np.zeros(size, np.float32)
        self._scale = np.float32(size[3] ** -0.5)

    def __call__(self, tokens: F32, shift: F32, turn: tuple[F32, F32], place: int, seen: int) -> F32:
        """Tokens (B, W) after this block; their keys and values go to ``place``, and they see the first ``seen``."""
        qkv = self._qkv(_norm(tokens) * shift[1] + shift[0]).reshape(len(tokens), 3, self._heads, -1)
        turned = _turned(qkv[:, :2], turn)
        self._keys[:, :, place], self._values[:, :, place] = turned[:, 1], qkv[:, 2]
        weights = (self._keys[:, :, :seen] @ (turned[:, 0] * self._scale)[..., None])[..., 0]
        weights = np.exp(weights - weights.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        heard = (weights[:, :, None] @ self._values[:, :, :seen]).reshape(len(tokens), -1)
        tokens = tokens + shift[2] * self._proj(heard)
        return np.asarray(tokens + shift[5] * self._back(_gelu(self._feed(_norm(tokens) * shift[4] + shift[3]))))


class Decoder:
    """``streams`` sequences side by side, each with its own past of up to ``CONTEXT`` frames. float32 throughout."""

    def __init__(self, network: MotionTransformer, streams: int) -> None:
        self._network, self._context = network, diffusion.CONTEXT
        sizes, tensors = network.sizes, network.state_dict()
        names = [f"blocks.{index}" for index in range(sizes.layers)]
        self._layers = [_Layer(tensors, name, sizes.heads, streams, self._context) for name in names]
        self._past, self._noisy, self._out = (_Linear.of(tensors, name) for name in ("past", "noisy", "out"))
        self._shifts: dict[float, list[F32]] = {}
        self._rates = diffusion.turn_rates(sizes.width // sizes.heads // 2).numpy()
        self._frame = 0

    def flow(self, common: F32, before: F32, noisy: F32, time: float) -> F32:
        """(B, D) velocity of the next frame. common: (B, W) of the frame; before: (D,) places; noisy: (D,) changes."""
        seen = min(self._frame, self._context)
        # The past is a ring whose order does not matter: keys know their places.
        hidden = self._run(common + self._noisy(np.concatenate([before, noisy])), time, seen, seen + 1)
        return self._out(_norm(hidden))

    def keep(self, common: F32, place: F32, change: F32) -> None:
        """Make a frame part of the past: its places and changes, (D,) each."""
        token = common + self._past(np.concatenate([place, change]))
        self._run(token, CLEAN, self._frame % self._context, min(self._frame + 1, self._context))
        self._frame += 1

    def _run(self, tokens: F32, time: float, place: int, seen: int) -> F32:
        angles = self._frame * self._rates
        turn = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
        for layer, shift in zip(self._layers, self._shift(time), strict=True):
            tokens = layer(tokens, shift, turn, place, seen)
        return tokens

    def _shift(self, time: float) -> list[F32]:
        """(6, W) of each layer at a noise level; there are few levels, so each is computed once."""
        if time not in self._shifts:
            with torch.inference_mode():
                self._shifts[time] = [shift.numpy() for shift in self._network.shifts(time)]
        return self._shifts[time]


def _norm(rows: F32) -> F32:
    rows = rows - rows.mean(-1, keepdims=True)
    return np.asarray(rows / np.sqrt((rows * rows).mean(-1, keepdims=True) + np.float32(_EPS)))


def _gelu(rows: F32) -> F32:
    return np.asarray(rows * (np.float32(0.5) + np.float32(0.5) * erf(rows * np.float32(0.5**0.5))))


def _turned(rows: F32, turn: tuple[F32, F32]) -> F32:
    """Rotary position embedding of (..., C)."""
    half = rows.shape[-1] // 2
    first, second = rows[..., :half], rows[..., half:]
    cos, sin = turn
    return np.concatenate([first * cos - second * sin, first * sin + second * cos], -1)
