"""Meso4 and MesoInception-4 (Afchar et al. 2018), written after the paper: small networks to compare with."""

from __future__ import annotations

import torch
from torch import nn


def meso4() -> nn.Module:
    """Four convolutions of 8 to 16 channels, each pooled; one log-odds."""
    return nn.Sequential(_block(3, 8, 3, 2), _block(8, 8, 5, 2), _block(8, 16, 5, 2), _block(16, 16, 5, 4), _head())


def meso_inception() -> nn.Module:
    """The same with two inception blocks in front."""
    return nn.Sequential(
        _Inception(3, (1, 4, 4, 2)), nn.BatchNorm2d(11), nn.MaxPool2d(2),
        _Inception(11, (2, 4, 4, 2)), nn.BatchNorm2d(12), nn.MaxPool2d(2),
        _block(12, 16, 5, 2), _block(16, 16, 5, 4), _head(),
    )  # fmt: skip


def _block(given: int, made: int, kernel: int, pool: int) -> nn.Module:
    convolution = nn.Conv2d(given, made, kernel, padding=kernel // 2)
    return nn.Sequential(convolution, nn.ReLU(), nn.BatchNorm2d(made), nn.MaxPool2d(pool))


def _head() -> nn.Module:
    dense = nn.Sequential(nn.Linear(16 * 4 * 4, 16), nn.LeakyReLU(0.1), nn.Dropout(0.5), nn.Linear(16, 1))
    return nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Dropout(0.5), dense)


class _Inception(nn.Module):
    """A 1 x 1 convolution beside three of 3 x 3, dilated by 1, 2 and 3."""

    def __init__(self, given: int, made: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.branches = nn.ModuleList([nn.Conv2d(given, made[0], 1)])
        for dilation, count in enumerate(made[1:], 1):
            spread = nn.Conv2d(count, count, 3, padding=dilation, dilation=dilation)
            self.branches.append(nn.Sequential(nn.Conv2d(given, count, 1), nn.ReLU(), spread))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, sum of made, h, w)."""
        return torch.relu(torch.cat([branch(x) for branch in self.branches], 1))
