"""Maps of time-frequency bins that do not turn with the sound field, and means over bins that do.

Cells are two by two bins: a network that works on them has maps of a quarter of the size.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from model.features import POWER_FLOOR, Spectra, length


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


def maps_to(spectra: Spectra, direction: Tensor) -> Tensor:
    """How the active intensity of each bin lies to a direction (B, 3): the cosine, and the vertical's part of it.

    (B, 2, F, T); zero in silence. Both stay as they are when field and direction are turned about the vertical, or
    mirrored.
    """
    unit = spectra.active / (length(spectra.active).unsqueeze(1) + POWER_FLOOR)
    products = unit * direction[:, :, None, None]
    return torch.stack([products.sum(1), products[:, 2]], dim=1)


def cells_of(maps: Tensor) -> Tensor:
    """(B, C, F, T) → (B, 4 · C, ⌈F/2⌉, ⌈T/2⌉), with zeros after the last bin and frame where their number is odd."""
    return functional.pixel_unshuffle(functional.pad(maps, (0, maps.shape[3] % 2, 0, maps.shape[2] % 2)), 2)


def bin_weights(spectra: Spectra, logits: Tensor) -> Tensor:
    """Softmax over all bins of a clip; (B, K, F, T), whose K weights of a clip sum to 1 each.

    Args:
        logits: (B, 4 · K, ⌈F/2⌉, ⌈T/2⌉), for each of K weights the four bins of each cell.
    """
    bins, frames = spectra.power_w.shape[1:]
    logits = functional.pixel_shuffle(logits, 2)[:, :, :bins, :frames].float()
    # A bin of silence has no say, whatever the network makes of it.
    energy = spectra.energy
    logits = logits + torch.log(energy / (energy + POWER_FLOOR) + 1e-6).unsqueeze(1)
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
