"""The spatial branch: where a sound comes from and what the room does to it, from intensities (ELSA, section 4.1).

Two designs behind one interface. ``paper`` is the paper's: convolutions on unit-norm active and reactive intensity.
``bin-weighting`` is ours: a network that sees only maps which do not change when the sound field is turned gives every
time-frequency bin a weight, and the direction is the weighted mean of active intensity over energy. Turning the field
turns its direction by construction, and a few hundred clips are enough to train it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.configuration import ElsaConfig
from model.features import POWER_FLOOR, Spectra, bins_up_to, frames_of, length, unit_norm
from model.statistics import STATISTICS_PER_BAND, field_statistics, octave_bands


@dataclass(frozen=True)
class Measure:
    """A number of a row that a head is trained on, and the scale on which it is predicted: near 0, spread near 1.

    The paper does not state its scaling (ELSA, section 4.3); centres and spreads are ours, from its ranges.
    """

    column: str
    centre: float
    spread: float
    logarithmic: bool = True

    def to_scale(self, value: Tensor) -> Tensor:
        """The column's unit → the scale of the head."""
        return ((value / self.centre).log() if self.logarithmic else value - self.centre) / self.spread

    def from_scale(self, value: Tensor) -> Tensor:
        """The scale of the head → the column's unit."""
        return (value * self.spread).exp() * self.centre if self.logarithmic else value * self.spread + self.centre


DISTANCE = Measure("distance_m", centre=1.4, spread=0.6)
AREA = Measure("floor_area_m2", centre=60.0, spread=0.9)
#: What a spatial branch predicts beside the direction. The paper's has volume and third-octave T30 and DRR instead.
MEASURES = (
    DISTANCE,
    AREA,
    Measure("t30_ms", centre=550.0, spread=0.9),
    Measure("drr_db", centre=0.0, spread=6.0, logarithmic=False),
)


@dataclass(frozen=True)
class SpatialOutput:
    """What a spatial branch says of B clips.

    Attributes:
        direction: (B, 3), unit vectors x, y, z to the source; zero for silence in ``bin-weighting``.
        measures: (B, len(MEASURES)), on the scales of MEASURES.
        features: (B, spatial_size), for the fusion.
    """

    direction: Tensor
    measures: Tensor
    features: Tensor


class SpatialBranch(nn.Module):
    """The interface of both designs: spectra in, SpatialOutput out. ``bins`` is how many bins it reads, from 0 Hz."""

    def __init__(self, config: ElsaConfig) -> None:
        super().__init__()
        self.bins = bins_up_to(config.spatial_to_hz, sample_rate=config.spatial_rate, n_fft=config.n_fft)

    def forward(self, spectra: Spectra) -> SpatialOutput:
        """Spectra of B clips → SpatialOutput."""
        raise NotImplementedError


class PaperSpatialBranch(SpatialBranch):
    """Two convolutional networks of six blocks, on unit-norm active and reactive intensity, then a three-layer MLP.

    ELSA, section 4.1, for the design and the count of 485,828 parameters with 44 outputs. Widths, pooling and
    normalisation are not printed. 3×3 convolutions, batch norm, maximum over 2×2 and ELU are a reading of its figure,
    in which 201 by 1601 bins leave 1200 numbers a network. Widths of 4, 4, 8, 8, 16, 16 and an MLP of 2400-192-64-44
    keep that and have exactly its count; that its first layer is what the fusion takes, 192 numbers, is our guess. The
    direction is a vector, where the paper has two angles: angles wrap. The other outputs are MEASURES.
    """

    BLOCKS = 6

    def __init__(self, config: ElsaConfig) -> None:
        super().__init__(config)
        frames = frames_of(round(config.clip_s * config.spatial_rate), config.hop)
        # A short clip has no frame left after six halvings; it keeps one.
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
        """Spectra of B clips → SpatialOutput. A clip of another length than training's is pooled to its grid."""
        spectra = spectra.up_to(self.bins)
        energy = spectra.energy
        flat = []
        for network, intensity in ((self.active, spectra.active), (self.reactive, spectra.reactive)):
            maps = torch.cat([unit_norm(intensity, energy), _coordinates(intensity)], dim=1)
            maps = network(maps.contiguous(memory_format=torch.channels_last))
            flat.append(functional.elu(self.dropout(functional.adaptive_avg_pool2d(maps, self.grid).flatten(1))))
        features = self.first(torch.cat(flat, dim=1))
        out = self.third(functional.elu(self.second(functional.elu(features)))).float()
        return SpatialOutput(functional.normalize(out[:, :3], dim=1), out[:, 3:], features)


class _HalvingMaximum(nn.Module):
    """Maximum over 2×2; an axis that is already one long stays."""

    def forward(self, maps: Tensor) -> Tensor:
        return functional.max_pool2d(maps, (min(2, maps.shape[2]), min(2, maps.shape[3])))


def _coordinates(maps: Tensor) -> Tensor:
    """Two channels with the place of each bin on both axes, from −1 to 1; (B, 2, F, T) for (B, C, F, T)."""
    batch, _, bins, frames = maps.shape
    frequency = torch.linspace(-1, 1, bins, dtype=maps.dtype, device=maps.device)
    time = torch.linspace(-1, 1, frames, dtype=maps.dtype, device=maps.device)
    return torch.stack(torch.meshgrid(frequency, time, indexing="ij")).expand(batch, -1, -1, -1)


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
        frequency = _coordinates(coherence)[:, :1]
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


SPATIAL_BRANCHES: dict[str, type[SpatialBranch]] = {
    "bin-weighting": BinWeightingSpatialBranch,
    "paper": PaperSpatialBranch,
}


def spatial_branch(config: ElsaConfig) -> SpatialBranch:
    """The branch that a configuration names."""
    return SPATIAL_BRANCHES[config.spatial_branch](config)
