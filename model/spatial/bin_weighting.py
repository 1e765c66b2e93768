"""Our spatial branch: weights for time-frequency bins; the direction is mixed of weighted means of active intensity.

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
        factors = nn.Linear(self.MIXING, 2 * self.MEANS)
        # At first the direction is the first mean's.
        nn.init.zeros_(factors.weight)
        nn.init.zeros_(factors.bias)
        self.mixing = nn.Sequential(
            nn.Linear(config.spatial_hidden + 2 * self.MEANS**2, self.MIXING), nn.GELU(), factors
        )
        self.features = nn.Linear(3 + config.spatial_hidden, config.spatial_size)

    def forward(self, spectra: Spectra) -> SpatialOutput:
        """Spectra of B clips → SpatialOutput; any number of frames."""
        spectra = spectra.up_to(self.bins)
        maps, coherence = invariant_maps(spectra)
        cells = torch.cat([_cells(maps), coherence, coordinates(coherence)[:, :1]], dim=1)
        hidden = self.look(cells.contiguous(memory_format=torch.channels_last))
        logits = self.weight(hidden)
        first = functional.normalize(weighted_means(spectra, bin_weights(spectra, logits))[:, 0], dim=1, eps=1e-6)
        hidden = self.second_look(torch.cat([hidden, _cells(maps_to(spectra, first.detach()))], dim=1))
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
        last = nn.Linear(2 * channels, 2 * channels)
        # At first it changes nothing.
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.layers = nn.Sequential(nn.Linear(2 * channels, 2 * channels), nn.ReLU(), last)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, F, T) → the same."""
        scale, shift = self.layers(torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1)).chunk(2, dim=1)
        return maps * (1 + scale)[:, :, None, None] + shift[:, :, None, None]


def bin_weights(spectra: Spectra, logits: Tensor) -> Tensor:
    """Softmax over all bins of a clip; (B, K, F, T), whose K weights of a clip sum to 1 each.

    Args:
        logits: (B, 4 · K, ⌈F/2⌉, ⌈T/2⌉), for each of K weights the four bins of each cell.
    """
    bins, frames = spectra.power_w.shape[1:]
    logits = functional.pixel_shuffle(logits, 2)[:, :, :bins, :frames].float()
    # A bin of silence has no say, whatever the network makes of it.
    logits = logits + torch.log(spectra.energy / (spectra.energy + POWER_FLOOR) + 1e-6).unsqueeze(1)
    return logits.flatten(2).softmax(dim=2).reshape(logits.shape)


def weighted_means(spectra: Spectra, weights: Tensor) -> Tensor:
    """Means of active intensity over energy by each of the weights (B, K, F, T); (B, K, 3), at most 1 long."""
    over_energy = weights / (spectra.energy + POWER_FLOOR).unsqueeze(1)
    # In half precision the product would cost the direction its precision.
    with torch.autocast(weights.device.type, enabled=False):
        return over_energy.flatten(2) @ spectra.active.flatten(2).transpose(1, 2)


def looked_at(cells: Tensor, weights: Tensor) -> Tensor:
    """Means of maps of cells (B, C, ⌈F/2⌉, ⌈T/2⌉) by each of the weights of bins (B, K, F, T); (B, K, C)."""
    of_cells = functional.avg_pool2d(weights, 2, ceil_mode=True, divisor_override=1)
    return of_cells.flatten(2) @ cells.flatten(2).transpose(1, 2).to(of_cells.dtype)


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
