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
from model.features import POWER_FLOOR, Spectra, bins_up_to, frames_of, length, over_energy, unit_norm


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
        self.bins = bins_up_to(config.spatial_to_hz, sample_rate=config.sample_rate, n_fft=config.n_fft)

    def forward(self, spectra: Spectra) -> SpatialOutput:
        """Spectra of B clips → SpatialOutput."""
        raise NotImplementedError


class PaperSpatialBranch(SpatialBranch):
    """Two convolutional networks of six blocks, on unit-norm active and reactive intensity, then a three-layer MLP.

    ELSA, section 4.1, for the design. Widths, pooling and normalisation are not printed; they follow the reading of the
    figure that is known to us: 3×3 convolutions, batch norm, maximum over 2×2, ELU. The features for the fusion are the
    MLP's second layer. The direction is a vector, where the paper has two angles: angles wrap.
    """

    BLOCKS = 6

    def __init__(self, config: ElsaConfig) -> None:
        super().__init__(config)
        frames = frames_of(config.clip_samples, config.hop)
        self.grid = (self.bins >> self.BLOCKS, frames >> self.BLOCKS)
        # A short clip has no frame left after six halvings; it keeps one.
        self.grid = (max(1, self.grid[0]), max(1, self.grid[1]))
        self.active = self._network(config.spatial_channels)
        self.reactive = self._network(config.spatial_channels)
        self.dropout = nn.Dropout(config.spatial_dropout)
        flat = 2 * config.spatial_channels * math.prod(self.grid)
        self.first = nn.Linear(flat, config.spatial_hidden)
        self.second = nn.Linear(config.spatial_hidden, config.spatial_size)
        self.third = nn.Linear(config.spatial_size, 3 + len(MEASURES))

    def _network(self, channels: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        width = 3 + 2
        for _ in range(self.BLOCKS):
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
            maps = network(torch.cat([unit_norm(intensity, energy), _coordinates(intensity)], dim=1))
            flat.append(functional.elu(self.dropout(functional.adaptive_avg_pool2d(maps, self.grid).flatten(1))))
        features = self.second(functional.elu(self.first(torch.cat(flat, dim=1))))
        out = self.third(functional.elu(features))
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
    """A weight for each bin from maps that do not turn with the sound field; the direction is the weighted mean."""

    MAPS = 6

    def __init__(self, config: ElsaConfig) -> None:
        super().__init__(config)
        channels = config.spatial_channels
        # One more channel than maps: the frequency, which a filter cannot know otherwise.
        self.hidden = nn.Sequential(
            _normed_convolution(self.MAPS + 1, channels),
            _normed_convolution(channels, channels),
            _normed_convolution(channels, channels),
        )
        self.weight = nn.Conv2d(channels, 1, 1)
        self.summary = nn.Sequential(
            nn.AvgPool2d(4, ceil_mode=True),
            _normed_convolution(channels, 2 * channels),
            nn.AvgPool2d(2, ceil_mode=True),
            _normed_convolution(2 * channels, 4 * channels),
        )
        # Mean and spread of every map, the clip's level and the length of the mean vector.
        self.invariants = nn.Sequential(
            nn.Linear(8 * channels + 2, config.spatial_hidden), nn.GELU(), nn.LayerNorm(config.spatial_hidden)
        )
        self.measures = nn.Linear(config.spatial_hidden, len(MEASURES))
        self.features = nn.Linear(3 + config.spatial_hidden, config.spatial_size)

    def forward(self, spectra: Spectra) -> SpatialOutput:
        """Spectra of B clips → SpatialOutput; any number of frames."""
        spectra = spectra.up_to(self.bins)
        vectors = over_energy(spectra.active, spectra.energy)
        maps = invariant_maps(spectra)
        frequency = _coordinates(maps)[:, :1]
        hidden = self.hidden(torch.cat([maps, frequency], dim=1))
        # A bin of silence has no say, whatever the network makes of it.
        audible = spectra.energy / (spectra.energy + POWER_FLOOR)
        logits = self.weight(hidden).squeeze(1) + torch.log(audible + 1e-6)
        weights = logits.flatten(1).softmax(dim=1).reshape(logits.shape)
        mean = torch.einsum("bft,bcft->bc", weights, vectors)
        direction = functional.normalize(mean, dim=1, eps=1e-6)
        summary = self.summary(hidden)
        level = torch.log10(spectra.power_w.mean((1, 2)) + POWER_FLOOR) / 4 + 1
        invariants = self.invariants(
            torch.cat(
                [
                    summary.mean((2, 3)),
                    (summary.var((2, 3), correction=0) + 1e-6).sqrt(),
                    level.unsqueeze(1),
                    mean.norm(dim=1, keepdim=True),
                ],
                dim=1,
            )
        )
        features = self.features(torch.cat([direction, invariants], dim=1))
        return SpatialOutput(direction, self.measures(invariants), features)


def invariant_maps(spectra: Spectra) -> Tensor:
    """Six maps that stay as they are when the sound field is turned: (B, 6, F, T).

    |active| over energy, |reactive| over energy, log |W|² against the clip's mean, |XYZ| over |W|, local coherence
    (length of the mean of active intensity over 3×3 bins against their mean energy), onset (rise of log |W|²).
    """
    energy = spectra.energy
    active = length(over_energy(spectra.active, energy))
    reactive = length(over_energy(spectra.reactive, energy))
    mean = spectra.power_w.mean((1, 2), keepdim=True)
    level = torch.log10((spectra.power_w + POWER_FLOOR) / (mean + POWER_FLOOR))
    ratio = torch.sqrt(spectra.power_xyz / (spectra.power_w + POWER_FLOOR)).clamp(max=4.0)
    coherence = length(over_energy(_local_mean(spectra.active), _local_mean(energy.unsqueeze(1)).squeeze(1)))
    onset = functional.pad((level[:, :, 1:] - level[:, :, :-1]).clamp(min=0), (1, 0))
    return torch.stack([active, reactive, level / 2, ratio - 1, coherence, onset], dim=1)


def _local_mean(maps: Tensor) -> Tensor:
    return functional.avg_pool2d(maps, 3, stride=1, padding=1, count_include_pad=False)


def _normed_convolution(width: int, channels: int) -> nn.Sequential:
    # Group norm, so that an embedding does not depend on the clips that share its batch.
    return nn.Sequential(
        nn.Conv2d(width, channels, 3, padding=1, bias=False), nn.GroupNorm(math.gcd(4, channels), channels), nn.GELU()
    )


SPATIAL_BRANCHES: dict[str, type[SpatialBranch]] = {
    "bin-weighting": BinWeightingSpatialBranch,
    "paper": PaperSpatialBranch,
}


def spatial_branch(config: ElsaConfig) -> SpatialBranch:
    """The branch that a configuration names."""
    return SPATIAL_BRANCHES[config.spatial_branch](config)
