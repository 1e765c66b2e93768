"""The interface of spatial branches: spectra in; a direction, measures and features out (ELSA, section 4.1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.configuration.elsa_config import ElsaConfig
from model.features import Spectra, bins_up_to


@dataclass(frozen=True)
class SpatialOutput:
    """The output of a spatial branch for B clips.

    Attributes:
        direction: (B, 3), unit vectors x, y, z to the source; zero in silence and from the branch ``none``.
        measures: (B, len(MEASURES)), on the scales of MEASURES.
        features: (B, spatial_size), for the fusion.
        first: (B, 3), a first estimate of the direction that the loss also trains; None if the branch has none.
    """

    direction: Tensor
    measures: Tensor
    features: Tensor
    first: Tensor | None = None


class SpatialBranch(nn.Module):
    """The interface of all designs. A branch reads the lowest ``bins`` frequency bins."""

    def __init__(self, config: ElsaConfig) -> None:
        super().__init__()
        self.bins = bins_up_to(config.spatial_to_hz, sample_rate=config.spatial_rate, n_fft=config.n_fft)

    def forward(self, spectra: Spectra) -> SpatialOutput:
        """Computes the output for the spectra of B clips."""
        raise NotImplementedError


def coordinates(maps: Tensor) -> Tensor:
    """The coordinates of each bin on both axes, from −1 to 1: (B, 2, F, T) for maps (B, C, F, T)."""
    batch, _, bins, frames = maps.shape
    frequency = torch.linspace(-1, 1, bins, dtype=maps.dtype, device=maps.device)
    time = torch.linspace(-1, 1, frames, dtype=maps.dtype, device=maps.device)
    return torch.stack(torch.meshgrid(frequency, time, indexing="ij")).expand(batch, -1, -1, -1)
