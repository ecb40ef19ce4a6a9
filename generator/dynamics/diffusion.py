"""A diffusion transformer over motion, one frame after the other: rectified flow on what changes from frame to frame.

The transformer reads the past as it was and the next frame as noise, and says which way the noise has to flow (Liu et
al. 2023, "Flow straight and fast"). As every frame sees only the past and its own sound, motion of any length comes out
as the sound comes in, offline and online alike, and there are no windows and so no seams. In training each sequence
runs beside itself, once clean as the past and once noisy as what is to be learned, under one attention mask; the clean
side is disturbed a little, so that the model mends its own errors instead of adding to them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

CONTEXT = 75  # frames of the past that are seen: 3 s
CLEAN = 2.0  # the noise level that marks frames of the past


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of a model."""

    channels: int  # of motion
    sound: int  # of speech features
    conditions: int
    width: int = 192
    layers: int = 4
    heads: int = 6


class MotionTransformer(nn.Module):
    """Velocity of the flow. B sequences of T frames; ``D`` channels; all float32."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        width = sizes.width
        self.past = nn.Linear(2 * sizes.channels, width)  # where things are, and how they got there
        self.noisy = nn.Linear(2 * sizes.channels, width)  # where things were, and the noise
        self.sound = nn.Linear(sizes.sound, width)
        self.silence = nn.Parameter(torch.zeros(width))  # stands for sound that is not to be heard
        self.conditions = nn.Linear(sizes.conditions, width)
        self.time = nn.Sequential(nn.Linear(_FREQUENCIES * 2, width), nn.SiLU(), nn.Linear(width, width))
        # One modulation for all layers (Chen et al. 2023, "PixArt-alpha"), shifted in each.
        self.modulate = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))
        self.blocks = nn.ModuleList(_Block(width, sizes.heads) for _ in range(sizes.layers))
        self.out = nn.Linear(width, sizes.channels)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(
        self, past: Tensor, before: Tensor, noisy: Tensor, time: Tensor, sound: Tensor, heard: Tensor, given: Tensor
    ) -> Tensor:
        """(B, T, D) velocity of every frame in training.

        past: (B, T, 2D) places and changes of the frames themselves. before: (B, T, D) places one frame earlier.
        noisy: (B, T, D) changes between noise (time 0) and truth (time 1). time: (B, T). sound: (B, T, S). heard:
        (B, T, 1), 0 hides the sound. given: (B, T, C) conditions.
        """
        common = self.common(sound, heard, given)
        steps = past.shape[1]
        tokens = torch.cat([common + self.past(past), common + self.noisy(torch.cat([before, noisy], 2))], 1)
        level = torch.cat([torch.full_like(time, CLEAN), time], 1)
        shift = self.modulate(self.time(_waves(level)))
        place = torch.arange(steps, device=past.device)
        place = torch.cat([place, place])
        mask = attention_mask(steps).to(past.device)
        for block in self.blocks:
            tokens = block(tokens, shift, place, mask)
        return torch.as_tensor(self.out(_norm(tokens[:, steps:])))

    def common(self, sound: Tensor, heard: Tensor, given: Tensor) -> Tensor:
        """(..., W) what the tokens of a frame have in common, whatever they say of its motion."""
        return torch.as_tensor(self.sound(sound) * heard + self.silence * (1 - heard) + self.conditions(given))

    def shifts(self, time: float) -> list[Tensor]:
        """(6, W) shift, scale and gate of attention and feed-forward in each layer at one noise level.

        Scales and gates are factors: the one they start from is added.
        """
        shift = self.modulate(self.time(_waves(torch.tensor(time))))
        return [torch.stack(_parts(shift + torch.as_tensor(block.shift))) for block in self.blocks]


_FREQUENCIES = 16


class _Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.shift = nn.Parameter(torch.zeros(6 * width))

    def forward(self, tokens: Tensor, shift: Tensor, place: Tensor, mask: Tensor) -> Tensor:
        move1, scale1, gate1, move2, scale2, gate2 = _parts(shift + self.shift)
        hidden = _norm(tokens) * scale1 + move1
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.qkv(hidden).chunk(3, -1)
        )
        query, key = _turned(query, place), _turned(key, place)
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        tokens = tokens + gate1 * self.proj(seen.transpose(1, 2).flatten(2))
        hidden = _norm(tokens) * scale2 + move2
        return torch.as_tensor(tokens + gate2 * self.feed(hidden))


def _parts(shift: Tensor) -> tuple[Tensor, ...]:
    move1, scale1, gate1, move2, scale2, gate2 = shift.chunk(6, -1)
    return move1, 1 + scale1, 1 + gate1, move2, 1 + scale2, 1 + gate2


def attention_mask(steps: int) -> Tensor:
    """(2T, 2T) true where a row may look: the past at itself, the noise at the past before it and at itself."""
    row, column = torch.arange(steps)[:, None], torch.arange(steps)[None]
    near = row - column <= CONTEXT
    none = torch.zeros(steps, steps, dtype=torch.bool)
    past = (column <= row) & (row - column < CONTEXT)
    return torch.cat([torch.cat([past, none], 1), torch.cat([(column < row) & near, torch.eye(steps).bool()], 1)], 0)


def _norm(tokens: Tensor) -> Tensor:
    return functional.layer_norm(tokens, tokens.shape[-1:])


def _waves(level: Tensor) -> Tensor:
    """(..., 2 * _FREQUENCIES) sines and cosines of a noise level."""
    rates = torch.exp(torch.linspace(0, 4, _FREQUENCIES, device=level.device))
    angles = level[..., None] * rates
    return torch.cat([angles.sin(), angles.cos()], -1)


def turn_rates(count: int) -> Tensor:
    """(count,) radians a frame of the rotary position embedding. In double precision: an hour has 90,000 frames."""
    return torch.exp(-torch.linspace(0, 5, count, dtype=torch.float64))


def _turned(tokens: Tensor, place: Tensor) -> Tensor:
    """Rotary position embedding (Su et al. 2021) of (B, H, T, C)."""
    angles = place[:, None] * turn_rates(tokens.shape[-1] // 2).to(tokens.device)
    cos, sin = angles.cos().to(tokens.dtype), angles.sin().to(tokens.dtype)
    first, second = tokens.chunk(2, -1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)
