"""A table of filters over directions: what each channel of a receiver hears of a sound from there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from transforms.receivers.directions import Directions

_LEAST_ENERGY = np.float32(1e-20)


@dataclass(frozen=True)
class DirectionTable:
    """Filters over directions, interpolated between them."""

    directions: Directions
    filters: NDArray[np.float32]
    """What each channel hears from each direction, (directions, channels, taps)."""
    centre: int
    """The tap at which sound arrives in the middle of the receiver."""
    early_samples: int
    """How long before that a channel may hear it."""
    delays: NDArray[np.float32] | None = None
    """Delays in samples (directions, channels) that are taken out of the filters, so that those of neighbouring
    directions are alike; None for none."""
    energies: NDArray[np.float32] | None = None
    """The energy of each filter (directions, channels), which is interpolated too where filters of neighbouring
    directions cancel each other in part; None where they do not."""

    @property
    def channels(self) -> int:
        """How many channels there are."""
        return int(self.filters.shape[1])

    @property
    def taps(self) -> int:
        """The length of the filters."""
        return int(self.filters.shape[2])

    def look_up(self, direction: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """The filters (n, channels, taps) and the delays in samples (n, channels) at unit vectors (n, 3)."""
        weights = self.directions.weights(direction)
        # A sparse product adds in a fixed order, on one thread.
        filters = (weights @ self.filters.reshape(len(self.filters), -1)).reshape(-1, self.channels, self.taps)
        if self.energies is not None:
            energies = np.einsum("nct,nct->nc", filters, filters)
            filters *= np.sqrt((weights @ self.energies) / np.maximum(energies, _LEAST_ENERGY))[:, :, None]
        if self.delays is None:
            return filters, np.zeros((len(direction), self.channels))
        return filters, (weights @ self.delays).astype(np.float64)

    def gains(self, direction: NDArray[np.float64], frequency_hz: NDArray[np.float64], sample_rate: int) -> NDArray:
        """The complex gains (n, channels, frequencies) at unit vectors (n, 3), relative to the middle."""
        filters, delays = self.look_up(direction)
        turns = 2.0j * np.pi * frequency_hz / sample_rate
        phases = np.exp(-turns * (np.arange(self.taps) - self.centre)[:, None])
        return np.einsum("nct,tf->ncf", filters, phases) * np.exp(-turns * delays[:, :, None])


def filters_of_spectra(spectra: NDArray[np.complex128], taps: int, centre: int) -> NDArray[np.float64]:
    """Filters (..., taps) with these spectra (..., bins), whose time zero is the tap `centre`."""
    size = 2 * (spectra.shape[-1] - 1)
    return np.asarray(np.roll(scipy.fft.irfft(spectra, size, axis=-1), centre, axis=-1)[..., :taps])
