"""The paper's spatial branch: convolutions on unit-norm active and reactive intensity (ELSA, section 4.1)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.configuration.elsa_config import ElsaConfig
from model.features import Spectra, frames_of, unit_norm
from model.spatial.interface import SpatialBranch, SpatialOutput, coordinates
from model.targets import MEASURES


class PaperSpatialBranch(SpatialBranch):
    """Two convolutional networks of six blocks, on unit-norm active and reactive intensity, then a three-layer MLP.

    ELSA, section 4.1, describes the design and gives 485,828 parameters with 44 outputs. It does not state widths,
    pooling or normalisation. 3×3 convolutions, batch norm, maximum over 2×2 and ELU are a reading of its figure, in
    which 201 by 1601 bins become 1200 numbers per network. Widths of 4, 4, 8, 8, 16, 16 and an MLP of 2400-192-64-44
    agree with that and have exactly the stated count. We assume that the fusion takes the 192 numbers of the MLP's
    first layer. The direction is a vector here and two angles in the paper, because angles wrap. The other outputs are
    MEASURES.
    """

    BLOCKS = 6

    def __init__(self, config: ElsaConfig) -> None:
        super().__init__(config)
        frames = frames_of(round(config.clip_s * config.spatial_rate), config.hop)
        # Six halvings would leave no frame of a short clip; one remains.
        self.grid = (max(1, self.bins >> self.BLOCKS), max(1, frames >> self.BLOCKS))
        widths = config.spatial_widths(self.BLOCKS)
        self.active = self._network(widths)
        self.reactive = self._network(widths)
        self.dropout = nn.Dropout(config.spatial_dropout)
        self.first = nn.Linear(2 * widths[-1] * math.prod(self.grid), config.spatial_size)
        self.second = nn.Linear(config.spatial_size, config.spatial_hidden)
        self.third = nn.Linear(config.spatial_hidden, 3 + len(MEASURES))

    def _network(self, widths: list[int]) -> nn.Sequential:
        layers: list[nn.Module] = []
        width = 3 + 2
        for channels in widths:
            layers += [
                nn.Conv2d(width, channels, 3, padding=1),
                nn.BatchNorm2d(channels),
                _HalvingMaximum(),
                nn.ELU(),
            ]
            width = channels
        return nn.Sequential(*layers)

    def forward(self, spectra: Spectra) -> SpatialOutput:
        """Computes the output for the spectra of B clips. Clips of any length are pooled to the grid of training."""
        spectra = spectra.up_to(self.bins)
        energy = spectra.energy
        flat = []
        for network, intensity in ((self.active, spectra.active), (self.reactive, spectra.reactive)):
            maps = torch.cat([unit_norm(intensity, energy), coordinates(intensity)], dim=1)
            maps = network(maps.contiguous(memory_format=torch.channels_last))
            flat.append(functional.elu(self.dropout(functional.adaptive_avg_pool2d(maps, self.grid).flatten(1))))
        features = self.first(torch.cat(flat, dim=1))
        out = self.third(functional.elu(self.second(functional.elu(features)))).float()
        return SpatialOutput(functional.normalize(out[:, :3], dim=1), out[:, 3:], features)


class _HalvingMaximum(nn.Module):
    """Maximum over 2×2. An axis of length 1 stays as it is."""

    def forward(self, maps: Tensor) -> Tensor:
        return functional.max_pool2d(maps, (min(2, maps.shape[2]), min(2, maps.shape[3])))
