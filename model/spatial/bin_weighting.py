"""Our spatial branch: weights for time-frequency bins; the direction is mixed of weighted means of active intensity.

The network sees only maps which stay as they are when the room is turned about the vertical or mirrored, as rooms may
be. Turning the sound field then turns its direction by construction, and a few hundred clips are enough to train it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.configuration.elsa_config import ElsaConfig
from model.features import POWER_FLOOR, Spectra
from model.spatial.bins import bin_weights, cells_of, invariant_maps, looked_at, maps_to, weighted_means
from model.spatial.field_statistics import STATISTICS_PER_BAND, field_statistics, octave_bands
from model.spatial.interface import SpatialBranch, SpatialOutput, coordinates
from model.targets import MEASURES

#: Frames of the maps that the room is told from.
SUMMARY_MS = 64
#: Against which squares of the means are nothing.
MEANS_FLOOR = 1e-6


class BinWeightingSpatialBranch(SpatialBranch):
    """Weights for the bins in two looks; the direction is mixed from weighted means of active intensity over energy.

    The first look knows no direction. The second sees besides how each bin's intensity lies to the direction that the
    first has found: a reflection stands apart from the direct sound, in the vertical or beside it. It weights the bins
    in several ways, which gives a mean each: one is to find the source, the others are free to find what comes by way
    of the walls and pulls the first away, to be taken off. Floor and ceiling pull otherwise than walls, so the parts in
    the horizontal and in the vertical have factors of their own. The network works on cells of two by two bins, which
    it sees whole and to each bin of which it gives a weight, so that its maps have a quarter of the size.
    """

    #: Maps of single bins, four for each cell; maps of cells: local coherence and the cell's frequency.
    MAPS, CELL_MAPS = 6, 2
    #: Maps of single bins for the second look: the cosine to the first direction, and the vertical's part of it.
    MAPS_OF_SECOND_LOOK = 2
    LAYERS = 5
    #: Means that the direction is mixed from.
    MEANS = 4
    #: Numbers between what is heard and the factors of the means.
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
            _normed_convolution(widths[2] + 4 * self.MAPS_OF_SECOND_LOOK, widths[3]),
            _Context(widths[3]),
            _normed_convolution(widths[3], widths[4]),
        )
        self.second_weight = nn.Conv2d(widths[4], 4, 1)
        self.other_weights = nn.Conv2d(widths[4], 4 * (self.MEANS - 1), 1)
        last = widths[4]
        # Rooms answer over longer times than those that directions are found in.
        cell_ms = 2000 * config.hop / config.spatial_rate
        pooled = max(1, round(SUMMARY_MS / cell_ms))
        self.summary = nn.Sequential(
            nn.AvgPool2d((2, pooled), ceil_mode=True),
            _normed_convolution(last, 2 * last),
            nn.AvgPool2d(2, ceil_mode=True),
            _normed_convolution(2 * last, 4 * last),
        )
        statistics = STATISTICS_PER_BAND * len(octave_bands(config.spatial_to_hz))
        # Mean and spread of every map, what each mean's bins look like, the statistics by band, the first mean's
        # length, the level.
        self.invariants = nn.Sequential(
            nn.Linear((8 + self.MEANS) * last + statistics + 2, config.spatial_hidden),
            nn.GELU(),
            nn.LayerNorm(config.spatial_hidden),
            nn.Dropout(config.spatial_dropout),
            nn.Linear(config.spatial_hidden, config.spatial_hidden),
            nn.GELU(),
        )
        self.measures = nn.Linear(config.spatial_hidden, len(MEASURES))
        # At first the direction is the first mean's.
        factors = _zero_at_first(nn.Linear(self.MIXING, 2 * self.MEANS))
        self.mixing = nn.Sequential(
            nn.Linear(config.spatial_hidden + 2 * self.MEANS**2, self.MIXING), nn.GELU(), factors
        )
        self.features = nn.Linear(3 + config.spatial_hidden, config.spatial_size)

    def forward(self, spectra: Spectra) -> SpatialOutput:
        """Spectra of B clips → SpatialOutput; any number of frames."""
        spectra = spectra.up_to(self.bins)
        maps, coherence = invariant_maps(spectra)
        cells = torch.cat([cells_of(maps), coherence, coordinates(coherence)[:, :1]], dim=1)
        hidden = self.look(cells.contiguous(memory_format=torch.channels_last))
        logits = self.weight(hidden)
        first = functional.normalize(weighted_means(spectra, bin_weights(spectra, logits))[:, 0], dim=1, eps=1e-6)
        hidden = self.second_look(torch.cat([hidden, cells_of(maps_to(spectra, first.detach()))], dim=1))
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
                    looked_at(hidden, weights).flatten(1),
                    statistics,
                    means[:, :1].norm(dim=2),
                    level.unsqueeze(1) if config.spatial_level else torch.zeros_like(level).unsqueeze(1),
                ],
                dim=1,
            )
        )
        direction = functional.normalize(self._mixed(means, invariants), dim=1, eps=1e-6)
        features = self.features(torch.cat([direction, invariants], dim=1))
        return SpatialOutput(direction, self.measures(invariants).float(), features, first=first)

    def _mixed(self, means: Tensor, invariants: Tensor) -> Tensor:
        """The first of the means and of all what they count for; (B, MEANS, 3) → (B, 3).

        The factors see of the means only how they lie to each other, in the horizontal and in the vertical, which stays
        when the field is turned about the vertical or mirrored.
        """
        parts = torch.stack([means * means.new_tensor(part) for part in ((1, 1, 0), (0, 0, 1))], dim=1)
        products = (parts.unsqueeze(3) * parts.unsqueeze(2)).sum(4).flatten(1)
        products = products / (means.square().sum((1, 2)) + MEANS_FLOOR).unsqueeze(1)
        factors = self.mixing(torch.cat([invariants, products], dim=1)).float().unflatten(1, (2, self.MEANS))
        return means[:, 0] + (factors.unsqueeze(3) * parts).sum((1, 2))


class _Context(nn.Module):
    """Scales and shifts each map by what all maps are over the whole clip: mean and maximum.

    A weight that fits a room full of reverberation does not fit a dry one. Source: Hu et al., Squeeze-and-excitation
    networks, 2018; the maximum and the shift are ours.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        # At first it changes nothing.
        last = _zero_at_first(nn.Linear(2 * channels, 2 * channels))
        self.layers = nn.Sequential(nn.Linear(2 * channels, 2 * channels), nn.ReLU(), last)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, F, T) → the same."""
        scale, shift = self.layers(torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1)).chunk(2, dim=1)
        return maps * (1 + scale)[:, :, None, None] + shift[:, :, None, None]


def _zero_at_first(layer: nn.Linear) -> nn.Linear:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def _normed_convolution(width: int, channels: int) -> nn.Sequential:
    # Group norm, so that an embedding does not depend on the clips that share its batch.
    return nn.Sequential(
        nn.Conv2d(width, channels, 3, padding=1, bias=False),
        nn.GroupNorm(math.gcd(4, channels), channels),
        nn.ReLU(inplace=True),
    )
