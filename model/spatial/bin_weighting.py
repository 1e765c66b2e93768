"""Our spatial branch: a weight for every time-frequency bin; the direction is the weighted mean of active intensity.

The network sees only maps which do not change when the sound field is turned. Turning the field turns its direction by
construction, and a few hundred clips are enough to train it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.configuration import ElsaConfig
from model.features import POWER_FLOOR, Spectra, length
from model.spatial.interface import MEASURES, SpatialBranch, SpatialOutput, coordinates
from model.statistics import STATISTICS_PER_BAND, field_statistics, octave_bands


class BinWeightingSpatialBranch(SpatialBranch):
    """A weight for each bin from maps that do not turn with the sound field; the direction is the weighted mean.

    The network works on cells of two by two bins, which it sees whole and to each bin of which it gives a weight, so
    that its maps have a quarter of the size.
    """

    #: Maps of single bins, four for each cell; maps of cells: local coherence and the cell's frequency.
    MAPS, CELL_MAPS = 5, 2
    LAYERS = 3

    def __init__(self, config: ElsaConfig) -> None:
        super().__init__(config)
        self.config = config
        first, second, third = config.spatial_widths(self.LAYERS)
        self.hidden = nn.Sequential(
            _normed_convolution(4 * self.MAPS + self.CELL_MAPS, first),
            _normed_convolution(first, second),
            _normed_convolution(second, third),
        )
        self.weight = nn.Conv2d(third, 4, 1)
        self.summary = nn.Sequential(
            nn.AvgPool2d(2, ceil_mode=True),
            _normed_convolution(third, 2 * third),
            nn.AvgPool2d(2, ceil_mode=True),
            _normed_convolution(2 * third, 4 * third),
        )
        statistics = STATISTICS_PER_BAND * len(octave_bands(config.spatial_to_hz))
        # Mean and spread of every map, the statistics by band, the length of the mean vector, the level.
        self.invariants = nn.Sequential(
            nn.Linear(8 * third + statistics + 2, config.spatial_hidden),
            nn.GELU(),
            nn.LayerNorm(config.spatial_hidden),
            nn.Dropout(config.spatial_dropout),
            nn.Linear(config.spatial_hidden, config.spatial_hidden),
            nn.GELU(),
        )
        self.measures = nn.Linear(config.spatial_hidden, len(MEASURES))
        self.features = nn.Linear(3 + config.spatial_hidden, config.spatial_size)

    def forward(self, spectra: Spectra) -> SpatialOutput:
        """Spectra of B clips → SpatialOutput; any number of frames."""
        spectra = spectra.up_to(self.bins)
        maps, coherence = invariant_maps(spectra)
        frequency = coordinates(coherence)[:, :1]
        cells = torch.cat([functional.pixel_unshuffle(_even(maps), 2), coherence, frequency], dim=1)
        hidden = self.hidden(cells.contiguous(memory_format=torch.channels_last))
        bins, frames = spectra.power_w.shape[1:]
        logits = functional.pixel_shuffle(self.weight(hidden), 2)[:, 0, :bins, :frames].float()
        # A bin of silence has no say, whatever the network makes of it.
        floored = spectra.energy + POWER_FLOOR
        logits = logits + torch.log(spectra.energy / floored + 1e-6)
        weights = logits.flatten(1).softmax(dim=1).reshape(logits.shape) / floored
        # A product and a sum: in half precision a matrix product would cost the direction its precision.
        mean = (weights.unsqueeze(1) * spectra.active).sum((2, 3))
        direction = functional.normalize(mean, dim=1, eps=1e-6)
        summary = self.summary(hidden)
        config = self.config
        statistics = field_statistics(
            spectra, sample_rate=config.spatial_rate, n_fft=config.n_fft, to_hz=config.spatial_to_hz
        )
        level = torch.log10(spectra.power_w.mean((1, 2)) + POWER_FLOOR) / 4 + 1
        invariants = self.invariants(
            torch.cat(
                [
                    summary.mean((2, 3)),
                    (summary.float().var((2, 3), correction=0) + 1e-6).sqrt(),
                    statistics,
                    mean.norm(dim=1, keepdim=True),
                    level.unsqueeze(1) if config.spatial_level else torch.zeros_like(level).unsqueeze(1),
                ],
                dim=1,
            )
        )
        features = self.features(torch.cat([direction, invariants], dim=1))
        return SpatialOutput(direction, self.measures(invariants).float(), features)


def invariant_maps(spectra: Spectra) -> tuple[Tensor, Tensor]:
    """Maps that stay as they are when the sound field is turned: (B, 5, F, T) of bins, (B, 1, ⌈F/2⌉, ⌈T/2⌉) of cells.

    Of bins: |active| over energy, |reactive| over energy, log |W|² against the clip's mean, |XYZ| over |W|, onset (rise
    of log |W|²). Of cells of two by two bins: coherence, the length of the mean active intensity over the mean energy.
    """
    power, energy = spectra.power_w, spectra.energy
    per_energy = 1 / (energy + POWER_FLOOR)
    mean = power.mean((1, 2), keepdim=True)
    level = torch.log10((power + POWER_FLOOR) / (mean + POWER_FLOOR)) / 2
    ratio = torch.sqrt(spectra.power_xyz / (power + POWER_FLOOR)).clamp(max=4.0)
    onset = functional.pad((level[:, :, 1:] - level[:, :, :-1]).clamp(min=0) * 2, (1, 0))
    maps = torch.stack(
        [length(spectra.active) * per_energy, length(spectra.reactive) * per_energy, level, ratio - 1, onset], dim=1
    )
    pooled = functional.avg_pool2d(torch.cat([spectra.active, energy.unsqueeze(1)], dim=1), 2, ceil_mode=True)
    coherence = length(pooled[:, :3]) / (pooled[:, 3] + POWER_FLOOR)
    return maps, coherence.unsqueeze(1)


def _even(maps: Tensor) -> Tensor:
    """Zeros after the last bin and the last frame where their number is odd."""
    return functional.pad(maps, (0, maps.shape[3] % 2, 0, maps.shape[2] % 2))


def _normed_convolution(width: int, channels: int) -> nn.Sequential:
    # Group norm, so that an embedding does not depend on the clips that share its batch.
    return nn.Sequential(
        nn.Conv2d(width, channels, 3, padding=1, bias=False),
        nn.GroupNorm(math.gcd(4, channels), channels),
        nn.ReLU(inplace=True),
    )
