"""Controls for the spatial branch: intensity vectors without a network, and no spatial branch at all.

ELSA's appendix A.6 replaces the learnt encoder by static intensity vectors. A model without a branch shows what spatial
information costs or gains in semantic retrieval.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.configuration.elsa_config import ElsaConfig
from model.features import Spectra, unit_norm
from model.spatial.field_statistics import band_matrix, octave_bands
from model.spatial.interface import SpatialBranch, SpatialOutput
from model.targets import MEASURES


class StaticSpatialBranch(SpatialBranch):
    """Unit-norm active and reactive intensity, averaged over the clip and each octave band, through linear layers.

    The paper says only "static intensity vectors"; the bands are ours. The direction is a closed form: the mean of all
    unit-norm active intensity.
    """

    def __init__(self, config: ElsaConfig) -> None:
        super().__init__(config)
        self.config = config
        vectors = 2 * 3 * len(octave_bands(config.spatial_to_hz))
        self.features = nn.Linear(vectors, config.spatial_size)
        self.measures = nn.Linear(vectors, len(MEASURES))

    def forward(self, spectra: Spectra) -> SpatialOutput:
        """Computes the output for the spectra of B clips with any number of frames."""
        spectra = spectra.up_to(self.bins)
        config, energy = self.config, spectra.energy
        active, reactive = (unit_norm(part, energy) for part in (spectra.active, spectra.reactive))
        bands = band_matrix(
            self.bins, config.spatial_rate, config.n_fft, float(config.spatial_to_hz), active.dtype, active.device
        )
        means = torch.cat([part.mean(3) @ (bands / bands.sum(0)) for part in (active, reactive)], dim=1).flatten(1)
        direction = functional.normalize(active.mean((2, 3)), dim=1, eps=1e-6)
        return SpatialOutput(direction, self.measures(means).float(), self.features(means))


class NoSpatialBranch(SpatialBranch):
    """Outputs zeros for every sound."""

    def __init__(self, config: ElsaConfig) -> None:
        super().__init__(config)
        self.size = config.spatial_size

    def forward(self, spectra: Spectra) -> SpatialOutput:
        """Returns zeros for the spectra of B clips."""
        clips: Tensor = spectra.power_w.new_zeros(len(spectra.power_w), 3 + len(MEASURES) + self.size)
        direction, measures, features = clips.split([3, len(MEASURES), self.size], dim=1)
        return SpatialOutput(direction, measures, features)
