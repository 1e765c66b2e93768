"""Directions without learning, as baselines: two means of the active intensity."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from model.features import Spectra, unit_norm

#: The band of the onset-weighted mean, in hertz: above rumble, below where small arrays alias.
ONSET_FROM_HZ, ONSET_TO_HZ = 80.0, 3000.0


class ClosedForm(Protocol):
    """A method that computes directions of B clips (B, 3): unit vectors x, y, z; zero for silence."""

    def __call__(self, spectra: Spectra, *, sample_rate: int, n_fft: int) -> Tensor:
        """Computes the directions of spectra: (B, 3)."""
        ...


def mean_intensity(spectra: Spectra, *, sample_rate: int, n_fft: int) -> Tensor:
    """The mean of unit-norm active intensity over all bins and frames."""
    return functional.normalize(unit_norm(spectra.active, spectra.energy).mean((2, 3)), dim=1, eps=1e-6)


def onset_weighted_intensity(spectra: Spectra, *, sample_rate: int, n_fft: int) -> Tensor:
    """The mean of unit-norm active intensity, weighted by the rise of |W| between frames, from 80 Hz to 3 kHz.

    The first wave front of a sound comes directly from its source; later ones come from the walls.
    """
    magnitude = spectra.power_w.sqrt()
    rise = functional.pad((magnitude[:, :, 1:] - magnitude[:, :, :-1]).clamp(min=0), (1, 0))
    frequency = torch.arange(magnitude.shape[1], device=magnitude.device) * sample_rate / n_fft
    band = ((frequency >= ONSET_FROM_HZ) & (frequency <= ONSET_TO_HZ)).to(magnitude.dtype)
    weighted = unit_norm(spectra.active, spectra.energy) * (rise * band[:, None]).unsqueeze(1)
    # The rises of quiet clips are small, and the mean must not fall below the floor of the normalisation.
    total = rise.sum((1, 2)).clamp(min=torch.finfo(rise.dtype).tiny)
    return functional.normalize(weighted.sum((2, 3)) / total.unsqueeze(1), dim=1, eps=1e-6)


CLOSED_FORMS: dict[str, ClosedForm] = {
    "mean_intensity": mean_intensity,
    "onset_weighted_intensity": onset_weighted_intensity,
}
