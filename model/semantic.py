"""The semantic branch: what sounds, from the log-mel of W alone (ELSA, section 4.1).

The paper takes HTSAT with CLAP's weights. This is a small convolutional network trained with the rest; it has the same
place and the same interface.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from model.configuration import ElsaConfig


class SemanticBranch(nn.Module):
    """Blocks of two 3×3 convolutions, the first halving both axes; then mean and maximum over time and frequency."""

    def __init__(self, config: ElsaConfig) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        width = 1
        for channels in config.semantic_channels:
            blocks += [_convolution(width, channels, stride=2), _convolution(channels, channels)]
            width = channels
        self.blocks = nn.Sequential(*blocks)
        self.projection = nn.Linear(2 * width, config.semantic_size)

    def forward(self, mel: Tensor) -> Tensor:
        """(B, mel_bins, T) log-mel → (B, semantic_size)."""
        # From [-10, 0] of the common logarithm, where recordings lie, to about [-1, 1].
        maps = self.blocks((mel.unsqueeze(1) + 5) / 5)
        return self.projection(torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1))


def _convolution(width: int, channels: int, stride: int = 1) -> nn.Sequential:
    # Group norm, so that an embedding does not depend on the clips that share its batch.
    return nn.Sequential(
        nn.Conv2d(width, channels, 3, stride=stride, padding=1, bias=False),
        nn.GroupNorm(math.gcd(8, channels), channels),
        nn.GELU(),
    )
