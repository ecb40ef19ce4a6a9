"""The speech encoder: sound as it comes to what a face has to know, 25 rows a second.

A small causal convolutional network over what ``hearing`` hears. Row t describes the moment t / 25 s and knows nothing
later than ``LOOK_AHEAD_S`` after it. Offline and streaming are one path: the offline encoder pushes the whole sound
through a stream. Trained by ``train_encoder``; weights in ``encoder.safetensors``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Self

import numpy as np
import torch
from safetensors.torch import load as load_tensors
from torch import Tensor, nn
from torch.nn import functional

from tellmark.generator.audio.acoustics import SAMPLE_RATE_HZ
from tellmark.generator.audio.hearing import COLUMNS, Hearing
from tellmark.generator.audio.visemes import GESTURES, PHONEME_GROUPS
from tellmark.generator.types import Encoded
from tellmark.types import F32

__all__ = ["FEATURES", "LOOK_AHEAD_S", "ROWS_PER_S", "Encoded", "EncoderStream", "SpeechEncoder"]

ROWS_PER_S = 25.0
FEATURES = 64
LOOK_AHEAD_S = 0.080

_PER_ROW = round(SAMPLE_RATE_HZ / ROWS_PER_S)  # samples
_LATE = round(LOOK_AHEAD_S * SAMPLE_RATE_HZ)
_CHANNELS = 96
_KERNEL = 3
_FAST, _SLOW = (1, 2, 4, 8), (1, 2, 4)  # dilations of the layers at 50 and at 25 rows a second
_PITCH_ST = 6.0  # one unit of the pitch output
_SEGMENT = 20 * SAMPLE_RATE_HZ  # the offline encoder works through the sound in pieces of this size


@dataclass(slots=True)
class Outputs:
    """What the network says, before the squashing functions; (B, T, ...)."""

    features: Tensor
    gestures: Tensor
    phonemes: Tensor
    scalars: Tensor  # (B, T, 4) speaking, energy, voiced as logits, pitch in ``_PITCH_ST``


class Network(nn.Module):
    """(B, hops, COLUMNS) to rows. Every layer pads on the left alone: with zeros at first, later with what it kept."""

    def __init__(self) -> None:
        super().__init__()
        self.listen = nn.Conv1d(COLUMNS, _CHANNELS, 5, stride=2)
        self.fast = nn.ModuleList(nn.Conv1d(_CHANNELS, _CHANNELS, _KERNEL, dilation=d) for d in _FAST)
        self.fold = nn.Conv1d(_CHANNELS, _CHANNELS, 4, stride=2)
        self.slow = nn.ModuleList(nn.Conv1d(_CHANNELS, _CHANNELS, _KERNEL, dilation=d) for d in _SLOW)
        self.features = nn.Linear(_CHANNELS, FEATURES)
        self.gestures = nn.Linear(FEATURES, len(GESTURES))
        self.phonemes = nn.Linear(FEATURES, len(PHONEME_GROUPS))
        self.scalars = nn.Linear(FEATURES, 4)

    def start(self, batch: int = 1) -> list[Tensor]:
        """The memory of every layer before the first hop."""
        # With these two, row t ends at hop 4 t + 6: 60 ms later, and REACH makes it 80.
        first, fold = torch.zeros(batch, COLUMNS, 2), torch.zeros(batch, _CHANNELS, 1)
        fast = [torch.zeros(batch, _CHANNELS, (_KERNEL - 1) * d) for d in _FAST]
        slow = [torch.zeros(batch, _CHANNELS, (_KERNEL - 1) * d) for d in _SLOW]
        return [first, *fast, fold, *slow]

    def forward(self, hops: Tensor, memory: list[Tensor]) -> Outputs | None:
        """Rows that these hops complete, or None; ``memory`` is replaced by what the next call needs."""
        layers = iter(range(len(memory)))
        x = _remembering(self.listen, hops.transpose(1, 2), memory, next(layers))
        x = functional.silu(x)
        for layer in self.fast:
            x = x + functional.silu(_remembering(layer, _level(x), memory, next(layers)))
        x = functional.silu(_remembering(self.fold, _level(x), memory, next(layers)))
        for layer in self.slow:
            x = x + functional.silu(_remembering(layer, _level(x), memory, next(layers)))
        if not x.shape[2]:
            return None
        features = torch.tanh(self.features(_level(x).transpose(1, 2)))
        return Outputs(features, self.gestures(features), self.phonemes(features), self.scalars(features))


def _level(x: Tensor) -> Tensor:
    """Every moment scaled to a root mean square of 1 over its channels (RMSNorm, Zhang & Sennrich 2019)."""
    return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-4)


def _remembering(layer: nn.Module, x: Tensor, memory: list[Tensor], place: int) -> Tensor:
    """The layer over what it kept and what is new; keeps what the next call needs."""
    assert isinstance(layer, nn.Conv1d)
    stride, reach = layer.stride[0], layer.dilation[0] * (layer.kernel_size[0] - 1) + 1
    held = torch.cat([memory[place], x], dim=2)
    done = max(0, (held.shape[2] - reach) // stride + 1)
    memory[place] = held[:, :, done * stride :]
    if not done:
        return x.new_zeros(x.shape[0], layer.out_channels, 0)
    return torch.as_tensor(layer(held))


class SpeechEncoder:
    """A trained network, ready to encode."""

    def __init__(self, network: Network) -> None:
        torch.set_num_threads(1)  # the layers are small: a second thread makes them many times slower
        self._network = network.eval()

    @classmethod
    def load(cls) -> Self:
        """The encoder that ships; read once a process."""
        return cls(_shipped())

    def encode(self, samples: F32) -> Encoded:
        """(N,) mono samples at ``SAMPLE_RATE_HZ`` to round(N / SAMPLE_RATE_HZ * ROWS_PER_S) rows."""
        stream = self.stream()
        parts = [stream.push(samples[start : start + _SEGMENT]) for start in range(0, len(samples), _SEGMENT)]
        return Encoded.joined([*parts, stream.finish()])

    def stream(self) -> EncoderStream:
        """An encoder of one sound that is still coming."""
        return EncoderStream(self._network)


class EncoderStream:
    """Takes sound in pieces and gives rows as soon as they are known."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._hearing = Hearing()
        self._memory = network.start()
        self._waiting: list[F32] = []
        self._samples = 0
        self._rows = 0

    def push(self, samples: F32) -> Encoded:
        """(N,) mono samples at ``SAMPLE_RATE_HZ``, in [-1, 1], any N; returns the rows they complete, perhaps none."""
        self._samples += len(samples)
        self._waiting.append(samples)
        if self._samples < self._rows * _PER_ROW + _LATE:  # nothing can be said yet
            return _NOTHING
        return self._encode(self._take())

    def finish(self) -> Encoded:
        """The rows that were waiting for what comes after the end: silence."""
        missing = round(self._samples / _PER_ROW) - self._rows
        return self._encode(np.append(self._take(), np.zeros(_LATE, np.float32)))[:missing]

    def _take(self) -> F32:
        taken = np.concatenate([_SILENCE, *self._waiting])
        self._waiting.clear()
        return np.asarray(taken, np.float32)

    @torch.inference_mode()
    def _encode(self, samples: F32) -> Encoded:
        hops = self._hearing.push(samples)
        heard = self._network(torch.from_numpy(hops)[None], self._memory) if len(hops) else None
        encoded = _NOTHING if heard is None else _encoded(heard)
        self._rows += len(encoded)
        return encoded


def _encoded(outputs: Outputs) -> Encoded:
    chances = torch.sigmoid(outputs.scalars[0, :, :3])
    tracks = (
        outputs.features[0],
        torch.sigmoid(outputs.gestures[0]),
        torch.softmax(outputs.phonemes[0], dim=1),
        *(chances[:, column] for column in range(3)),
        _PITCH_ST * outputs.scalars[0, :, 3] * chances[:, 2],
    )
    return Encoded(*(track.numpy().astype(np.float32) for track in tracks))


_SILENCE = np.zeros(0, np.float32)
_NOTHING = Encoded(
    *(np.zeros((0, columns), np.float32) for columns in (FEATURES, len(GESTURES), len(PHONEME_GROUPS))),
    *(np.zeros(0, np.float32) for _ in range(4)),
)


@cache
def _shipped() -> Network:
    network = Network()
    stored = load_tensors(resources.files("tellmark.generator.audio").joinpath("encoder.safetensors").read_bytes())
    network.load_state_dict({name: tensor.float() for name, tensor in stored.items()})
    return network
