"""Our spatial branch: it weights time-frequency bins, and mixes the direction from weighted means of active intensity.

The network reads only maps that do not change when the room is rotated about the vertical axis or reflected. So by
construction its direction rotates with the sound field, and a few hundred clips are enough to train it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.configuration.elsa_config import ElsaConfig
from model.features import POWER_FLOOR, Spectra
from model.spatial.bins import (
    bin_weights,
    cells_of,
    invariant_maps,
    maps_relative_to,
    weighted_cell_means,
    weighted_means,
)
from model.spatial.field_statistics import STATISTICS_PER_BAND, field_statistics, octave_bands
from model.spatial.interface import SpatialBranch, SpatialOutput, coordinates
from model.targets import MEASURES

#: Length of the frames of the maps from which the room is estimated.
SUMMARY_MS = 64
#: Squares of the means are small against this in silence.
MEANS_FLOOR = 1e-6


class BinWeightingSpatialBranch(SpatialBranch):
    """Weights the bins in two passes, and mixes the direction from weighted means of active intensity over energy.

    The first pass has no direction. The second also reads the angle between each bin's intensity and the direction that
    the first pass found, because a reflection differs from the direct sound in height or in azimuth. It makes several
    weightings with a mean each. One is trained to find the source. The others are free to find reflections that pull
    the first mean away, so that these can be subtracted. Floor and ceiling pull in another way than walls, so the
    horizontal and vertical parts have separate factors. The network works on cells of two by two bins: it reads all
    bins of a cell and gives each of them a weight, on maps of a quarter of the size.
    """

    #: Maps of single bins, four numbers a cell; and maps of cells: local coherence and frequency.
    MAPS, CELL_MAPS = 6, 2
    #: Maps of single bins in the second pass: the cosine to the first direction, and the vertical part of it.
    MAPS_OF_SECOND_PASS = 2
    LAYERS = 5
    #: Means that the direction is mixed from.
    MEANS = 4
    #: Hidden width of the layers that give the factors of the means.
    MIXING = 64

    def __init__(self, config: ElsaConfig) -> None:
        super().__init__(config)
        self.config = config
        widths = config.spatial_widths(self.LAYERS)
        self.look = nn.Sequential(
            _normed_convolution(4 * self.MAPS + self.CELL_MAPS, widths[0]),
            _normed_convolution(widths[0], widths[1]),
            _Context(widths[1]),
            _normed_convolution(widths[1], widths[2]),
        )
        self.weight = nn.Conv2d(widths[2], 4, 1)
        self.second_look = nn.Sequential(
            _normed_convolution(widths[2] + 4 * self.MAPS_OF_SECOND_PASS, widths[3]),
            _Context(widths[3]),
            _normed_convolution(widths[3], widths[4]),
        )
        self.second_weight = nn.Conv2d(widths[4], 4, 1)
        self.other_weights = nn.Conv2d(widths[4], 4 * (self.MEANS - 1), 1)
        last = widths[4]
        # The room shows over longer times than the direction.
        cell_ms = 2000 * config.hop / config.spatial_rate
        pooled = max(1, round(SUMMARY_MS / cell_ms))
        self.summary = nn.Sequential(
            nn.AvgPool2d((2, pooled), ceil_mode=True),
            _normed_convolution(last, 2 * last),
            nn.AvgPool2d(2, ceil_mode=True),
            _normed_convolution(2 * last, 4 * last),
        )
        statistics = STATISTICS_PER_BAND * len(octave_bands(config.spatial_to_hz))
        # Mean and spread of every map, the weighted mean of the maps by each weighting, the statistics by band, the
        # length of the first mean, and the level.
        self.invariants = nn.Sequential(
            nn.Linear((8 + self.MEANS) * last + statistics + 2, config.spatial_hidden),
            nn.GELU(),
            nn.LayerNorm(config.spatial_hidden),
            nn.Dropout(config.spatial_dropout),
            nn.Linear(config.spatial_hidden, config.spatial_hidden),
            nn.GELU(),
        )
        self.measures = nn.Linear(config.spatial_hidden, len(MEASURES))
        # Before training, the direction is that of the first mean.
        factors = _start_at_zero(nn.Linear(self.MIXING, 2 * self.MEANS))
        self.mixing = nn.Sequential(
            nn.Linear(config.spatial_hidden + 2 * self.MEANS**2, self.MIXING), nn.GELU(), factors
        )
        self.features = nn.Linear(3 + config.spatial_hidden, config.spatial_size)

    def forward(self, spectra: Spectra) -> SpatialOutput:
        """Computes the output for the spectra of B clips with any number of frames."""
        spectra = spectra.up_to(self.bins)
        maps, coherence = invariant_maps(spectra)
        cells = torch.cat([cells_of(maps), coherence, coordinates(coherence)[:, :1]], dim=1)
        hidden = self.look(cells.contiguous(memory_format=torch.channels_last))
        logits = self.weight(hidden)
        first = functional.normalize(weighted_means(spectra, bin_weights(spectra, logits))[:, 0], dim=1, eps=1e-6)
        hidden = self.second_look(torch.cat([hidden, cells_of(maps_relative_to(spectra, first.detach()))], dim=1))
        logits = torch.cat([logits + self.second_weight(hidden), self.other_weights(hidden)], dim=1)
        weights = bin_weights(spectra, logits)
        means = weighted_means(spectra, weights)
        summary = self.summary(hidden)
        config = self.config
        statistics = field_statistics(
            spectra, sample_rate=config.spatial_rate, n_fft=config.n_fft, hop=config.hop, to_hz=config.spatial_to_hz
        )
        level = torch.log10(spectra.power_w.mean((1, 2)) + POWER_FLOOR) / 4 + 1
        invariants = self.invariants(
            torch.cat(
                [
                    summary.mean((2, 3)),
                    (summary.float().var((2, 3), correction=0) + 1e-6).sqrt(),
                    weighted_cell_means(hidden, weights).flatten(1),
                    statistics,
                    means[:, :1].norm(dim=2),
                    level.unsqueeze(1) if config.spatial_level else torch.zeros_like(level).unsqueeze(1),
                ],
                dim=1,
            )
        )
        direction = functional.normalize(self._mix(means, invariants), dim=1, eps=1e-6)
        features = self.features(torch.cat([direction, invariants], dim=1))
        return SpatialOutput(direction, self.measures(invariants).float(), features, first=first)

    def _mix(self, means: Tensor, invariants: Tensor) -> Tensor:
        """Adds all means (B, MEANS, 3), times their factors, to the first: (B, 3).

        The factors depend on the means only through their products in the horizontal plane and in the vertical axis,
        which do not change when the field is rotated about the vertical axis or reflected.
        """
        parts = torch.stack([means * means.new_tensor(part) for part in ((1, 1, 0), (0, 0, 1))], dim=1)
        products = (parts.unsqueeze(3) * parts.unsqueeze(2)).sum(4).flatten(1)
        products = products / (means.square().sum((1, 2)) + MEANS_FLOOR).unsqueeze(1)
        factors = self.mixing(torch.cat([invariants, products], dim=1)).float().unflatten(1, (2, self.MEANS))
        return means[:, 0] + (factors.unsqueeze(3) * parts).sum((1, 2))


class _Context(nn.Module):
    """Scales and shifts each map by a function of the mean and maximum of all maps over the clip.

    Weights for a reverberant room do not fit a dry one. Source: Hu et al., Squeeze-and-excitation networks, 2018; the
    maximum and the shift are ours.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        # Before training, it changes nothing.
        last = _start_at_zero(nn.Linear(2 * channels, 2 * channels))
        self.layers = nn.Sequential(nn.Linear(2 * channels, 2 * channels), nn.ReLU(), last)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (B, C, F, T), scaled and shifted."""
        scale, shift = self.layers(torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1)).chunk(2, dim=1)
        return maps * (1 + scale)[:, :, None, None] + shift[:, :, None, None]


def _start_at_zero(layer: nn.Linear) -> nn.Linear:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def _normed_convolution(width: int, channels: int) -> nn.Sequential:
    # Group norm, so that an embedding does not depend on the other clips of its batch.
    return nn.Sequential(
        nn.Conv2d(width, channels, 3, padding=1, bias=False),
        nn.GroupNorm(math.gcd(4, channels), channels),
        nn.ReLU(inplace=True),
    )
