"""Our spatial branch: a weight for every time-frequency bin; the direction is the weighted mean of active intensity.

The network sees only maps which stay as they are when the room is turned about the vertical or mirrored, as rooms may
be. Turning the sound field then turns its direction by construction, and a few hundred clips are enough to train it.
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

#: Frames of the maps that the room is told from.
SUMMARY_MS = 64


class BinWeightingSpatialBranch(SpatialBranch):
    """Weights for the bins in two looks; the direction is the weighted mean of active intensity over energy.

    The first look knows no direction. The second sees besides how each bin's intensity lies to the direction that the
    first has found: a reflection stands apart from the direct sound, in the vertical or beside it. The network works on
    cells of two by two bins, which it sees whole and to each bin of which it gives a weight, so that its maps have a
    quarter of the size.
    """

    #: Maps of single bins, four for each cell; maps of cells: local coherence and the cell's frequency.
    MAPS, CELL_MAPS = 6, 2
    #: Maps of single bins for the second look: the cosine to the first direction, and the vertical's part of it.
    MAPS_OF_SECOND_LOOK = 2
    LAYERS = 5

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
        # Mean and spread of every map, the statistics by band, the length of the mean vector, the level.
        self.invariants = nn.Sequential(
            nn.Linear(8 * last + statistics + 2, config.spatial_hidden),
            nn.GELU(),
            nn.LayerNorm(config.spatial_hidden),
            nn.Dropout(config.spatial_dropout),
            nn.Linear(config.spatial_hidden, config.spatial_hidden),
            nn.GELU(),
        )
        self.measures = nn.Linear(config.spatial_hidden, len(MEASURES))
        # Floor and ceiling pull the mean to the horizontal: how far, what is heard of the room tells.
        self.stretch = nn.Linear(config.spatial_hidden + 1, 1)
        nn.init.zeros_(self.stretch.weight)
        nn.init.zeros_(self.stretch.bias)
        self.features = nn.Linear(3 + config.spatial_hidden, config.spatial_size)

    def forward(self, spectra: Spectra) -> SpatialOutput:
        """Spectra of B clips → SpatialOutput; any number of frames."""
        spectra = spectra.up_to(self.bins)
        maps, coherence = invariant_maps(spectra)
        cells = torch.cat([_cells(maps), coherence, coordinates(coherence)[:, :1]], dim=1)
        hidden = self.look(cells.contiguous(memory_format=torch.channels_last))
        logits = self.weight(hidden)
        first = functional.normalize(weighted_mean(spectra, logits), dim=1, eps=1e-6)
        hidden = self.second_look(torch.cat([hidden, _cells(maps_to(spectra, first.detach()))], dim=1))
        mean = weighted_mean(spectra, logits + self.second_weight(hidden))
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
                    statistics,
                    mean.norm(dim=1, keepdim=True),
                    level.unsqueeze(1) if config.spatial_level else torch.zeros_like(level).unsqueeze(1),
                ],
                dim=1,
            )
        )
        direction = self._stretched(functional.normalize(mean, dim=1, eps=1e-6), invariants)
        features = self.features(torch.cat([direction, invariants], dim=1))
        return SpatialOutput(direction, self.measures(invariants).float(), features, first=first)

    def _stretched(self, direction: Tensor, invariants: Tensor) -> Tensor:
        """A direction with its vertical part scaled by what is known of the clip; (B, 3) → (B, 3)."""
        height = direction[:, 2:]
        scale = self.stretch(torch.cat([invariants, height.abs()], dim=1)).float().clamp(-2, 2).exp()
        return functional.normalize(torch.cat([direction[:, :2], height * scale], dim=1), dim=1, eps=1e-6)


class _Context(nn.Module):
    """Scales and shifts each map by what all maps are over the whole clip: mean and maximum.

    A weight that fits a room full of reverberation does not fit a dry one. Source: Hu et al., Squeeze-and-excitation
    networks, 2018; the maximum and the shift are ours.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        last = nn.Linear(2 * channels, 2 * channels)
        # At first it changes nothing.
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.layers = nn.Sequential(nn.Linear(2 * channels, 2 * channels), nn.ReLU(), last)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, F, T) → the same."""
        scale, shift = self.layers(torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1)).chunk(2, dim=1)
        return maps * (1 + scale)[:, :, None, None] + shift[:, :, None, None]


def weighted_mean(spectra: Spectra, logits: Tensor) -> Tensor:
    """The mean of active intensity over energy, each bin weighted by the softmax over the clip; (B, 3), at most 1 long.

    Args:
        logits: (B, 4, ⌈F/2⌉, ⌈T/2⌉), the four bins of each cell.
    """
    bins, frames = spectra.power_w.shape[1:]
    logits = functional.pixel_shuffle(logits, 2)[:, 0, :bins, :frames].float()
    # A bin of silence has no say, whatever the network makes of it.
    floored = spectra.energy + POWER_FLOOR
    logits = logits + torch.log(spectra.energy / floored + 1e-6)
    weights = logits.flatten(1).softmax(dim=1).reshape(logits.shape) / floored
    # A product and a sum: in half precision a matrix product would cost the direction its precision.
    return (weights.unsqueeze(1) * spectra.active).sum((2, 3))


def maps_to(spectra: Spectra, direction: Tensor) -> Tensor:
    """How the active intensity of each bin lies to a direction (B, 3): the cosine, and the vertical's part of it.

    (B, 2, F, T); zero in silence. Both stay as they are when field and direction are turned about the vertical, or
    mirrored.
    """
    unit = spectra.active / (length(spectra.active).unsqueeze(1) + POWER_FLOOR)
    products = unit * direction[:, :, None, None]
    return torch.stack([products.sum(1), products[:, 2]], dim=1)


def invariant_maps(spectra: Spectra) -> tuple[Tensor, Tensor]:
    """Maps that stay as they are when the sound field is turned about the vertical, or mirrored.

    Of bins, (B, 6, F, T): |active| over energy, |reactive| over energy, log |W|² against the clip's mean, |XYZ| over
    |W|, onset (rise of log |W|²), how steep the active intensity is. Of cells of two by two bins, (B, 1, ⌈F/2⌉, ⌈T/2⌉):
    coherence, the length of the mean active intensity over the mean energy. Only the steepness would change if the
    field were turned about another axis.
    """
    power, energy = spectra.power_w, spectra.energy
    per_energy = 1 / (energy + POWER_FLOOR)
    mean = power.mean((1, 2), keepdim=True)
    level = torch.log10((power + POWER_FLOOR) / (mean + POWER_FLOOR)) / 2
    ratio = torch.sqrt(spectra.power_xyz / (power + POWER_FLOOR)).clamp(max=4.0)
    onset = functional.pad((level[:, :, 1:] - level[:, :, :-1]).clamp(min=0) * 2, (1, 0))
    strength = length(spectra.active)
    steepness = spectra.active[:, 2].abs() / (strength + POWER_FLOOR)
    maps = torch.stack(
        [strength * per_energy, length(spectra.reactive) * per_energy, level, ratio - 1, onset, steepness], dim=1
    )
    pooled = functional.avg_pool2d(torch.cat([spectra.active, energy.unsqueeze(1)], dim=1), 2, ceil_mode=True)
    coherence = length(pooled[:, :3]) / (pooled[:, 3] + POWER_FLOOR)
    return maps, coherence.unsqueeze(1)


def _cells(maps: Tensor) -> Tensor:
    """(B, C, F, T) → (B, 4 · C, ⌈F/2⌉, ⌈T/2⌉), with zeros after the last bin and frame where their number is odd."""
    return functional.pixel_unshuffle(functional.pad(maps, (0, maps.shape[3] % 2, 0, maps.shape[2] % 2)), 2)


def _normed_convolution(width: int, channels: int) -> nn.Sequential:
    # Group norm, so that an embedding does not depend on the clips that share its batch.
    return nn.Sequential(
        nn.Conv2d(width, channels, 3, padding=1, bias=False),
        nn.GroupNorm(math.gcd(4, channels), channels),
        nn.ReLU(inplace=True),
    )
