"""Maps of time-frequency bins that do not rotate with the sound field, and means over bins that do.

A cell is two by two bins. A network that works on cells has maps of a quarter of the size.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from model.features import POWER_FLOOR, Spectra, length


def invariant_maps(spectra: Spectra) -> tuple[Tensor, Tensor]:
    """Maps that do not change when the sound field is rotated about the vertical axis or reflected.

    Only the steepness would change under a rotation about another axis.

    Returns:
        Maps of bins (B, 6, F, T): |active| over energy, |reactive| over energy, log |W|² relative to the clip's mean,
        |XYZ| over |W|, onset (rise of log |W|²), and steepness of the active intensity. Maps of cells
        (B, 1, ⌈F/2⌉, ⌈T/2⌉): coherence, the length of the mean active intensity over the mean energy.
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


def maps_relative_to(spectra: Spectra, direction: Tensor) -> Tensor:
    """Maps of the active intensity of each bin relative to a direction.

    They do not change when field and direction are rotated about the vertical axis or reflected.

    Args:
        spectra: of B clips.
        direction: (B, 3), unit vectors.

    Returns:
        (B, 2, F, T): the cosine of the angle to the direction, and the vertical part of it; zero in silence.
    """
    unit = spectra.active / (length(spectra.active).unsqueeze(1) + POWER_FLOOR)
    products = unit * direction[:, :, None, None]
    return torch.stack([products.sum(1), products[:, 2]], dim=1)


def cells_of(maps: Tensor) -> Tensor:
    """Maps of bins (B, C, F, T) as maps of cells (B, 4 · C, ⌈F/2⌉, ⌈T/2⌉). An odd axis is padded with zeros."""
    return functional.pixel_unshuffle(functional.pad(maps, (0, maps.shape[3] % 2, 0, maps.shape[2] % 2)), 2)


def bin_weights(spectra: Spectra, logits: Tensor) -> Tensor:
    """K weightings of the bins of each clip: a softmax over all bins.

    Args:
        spectra: of B clips.
        logits: (B, 4 · K, ⌈F/2⌉, ⌈T/2⌉), for each weighting the four bins of each cell.

    Returns:
        (B, K, F, T); the weights of a weighting sum to 1 over the bins of a clip.
    """
    bins, frames = spectra.power_w.shape[1:]
    logits = functional.pixel_shuffle(logits, 2)[:, :, :bins, :frames].float()
    # A silent bin gets no weight, whatever the logits are.
    energy = spectra.energy
    logits = logits + torch.log(energy / (energy + POWER_FLOOR) + 1e-6).unsqueeze(1)
    return logits.flatten(2).softmax(dim=2).reshape(logits.shape)


def weighted_means(spectra: Spectra, weights: Tensor) -> Tensor:
    """Weighted means (B, K, 3) of active intensity over energy; weights are (B, K, F, T), lengths at most 1."""
    over_energy = weights / (spectra.energy + POWER_FLOOR).unsqueeze(1)
    # Half precision would make the direction inexact.
    with torch.autocast(weights.device.type, enabled=False):
        return over_energy.flatten(2) @ spectra.active.flatten(2).transpose(1, 2)


def weighted_cell_means(cells: Tensor, weights: Tensor) -> Tensor:
    """Means (B, K, C) of maps of cells (B, C, ⌈F/2⌉, ⌈T/2⌉), with weights of bins (B, K, F, T)."""
    cell_weights = functional.avg_pool2d(weights, 2, ceil_mode=True, divisor_override=1)
    return cell_weights.flatten(2) @ cells.flatten(2).transpose(1, 2).to(cell_weights.dtype)
