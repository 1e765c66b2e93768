"""The image sources of a response as a receiver hears them: each with the filters of its direction."""

from __future__ import annotations

import numpy as np
import scipy.fft
import scipy.sparse
from numpy.typing import NDArray

from transforms.receivers.direction_table import DirectionTable
from transforms.records import Placement, Room
from transforms.rooms.acoustics import SPEED_OF_SOUND_M_S
from transforms.rooms.image_sources import (
    corrected_losses_per_s,
    early_samples,
    gate,
    image_sources,
    pulse_kernels,
)
from transforms.rooms.octaves import band_gains, fade_out
from transforms.rooms.room_design import natural_t30_ms

#: Silence before the emission, for what filters without a delay ring before a sound arrives.
LEAD = 1024


class ReceivedImages:
    """The image sources of a response through a table; otherwise as `EarlyField`.

    Args:
        room: the room.
        placement: the positions of source and receiver.
        table: what the receiver hears from each direction.
        fade_s: when the fade-out of the image sources begins and ends, in seconds after the emission.
        sample_rate: in hertz.
        direct_only: whether all reflections are left out.
    """

    def __init__(
        self,
        room: Room,
        placement: Placement,
        table: DirectionTable,
        fade_s: tuple[float, float],
        sample_rate: int,
        *,
        direct_only: bool = False,
    ) -> None:
        images = image_sources(room, placement, SPEED_OF_SOUND_M_S * fade_s[1])
        arrival = images.distance_m * (sample_rate / SPEED_OF_SOUND_M_S)
        amplitude = images.amplitude * fade_out(arrival / sample_rate, *fade_s)[:, None]
        heard = slice(0, 1) if direct_only else slice(0, arrival.size)
        self.n_samples = LEAD + early_samples(fade_s[1], sample_rate) + table.taps
        # Time since the direct sound's arrival, for which a corrected decay changes the reflections.
        self._decaying_s = np.maximum(np.arange(self.n_samples) - LEAD - arrival[0], 0.0) / sample_rate
        self._natural_ms = natural_t30_ms(room)
        self._table = table
        self._gains = band_gains(2 * scipy.fft.next_fast_len(self.n_samples, real=True), sample_rate)
        self._filters, delays = table.look_up(images.direction[heard])
        self._arrival = LEAD + arrival[heard, None] + delays
        self._amplitude = amplitude[heard]
        self._gate: NDArray[np.float64] | float = 1.0
        if self._amplitude.shape[0] > 1:
            self._gate = gate(self.n_samples, LEAD + float(arrival[1]) - table.early_samples)

    def channel(self, channel: int, decays_ms: NDArray[np.float64]) -> NDArray[np.float64]:
        """A channel (samples,), which begins `LEAD` samples before the emission, with its reflections changed from the
        room's own T30s in ms to `decays_ms` (bands,)."""
        starts, kernels = pulse_kernels(self._arrival[:, channel])
        kernels = _convolved(kernels, self._filters[:, channel])
        starts -= self._table.centre
        direct = _pulse_trains(starts[:1], kernels[:1], self._amplitude[:1], self.n_samples)
        heard = self._filtered(direct).sum(axis=0)
        if len(starts) > 1:
            trains = _pulse_trains(starts[1:], kernels[1:], self._amplitude[1:], self.n_samples)
            per_s = corrected_losses_per_s(self._natural_ms, decays_ms)
            decays = np.exp(-per_s[:, None] * self._decaying_s)
            heard += self._gate * np.sum(self._filtered(trains) * decays, axis=0)
        return np.asarray(heard)

    def _filtered(self, trains: NDArray[np.float64]) -> NDArray[np.float64]:
        size = 2 * (self._gains.shape[1] - 1)
        spectra = scipy.fft.rfft(trains, size, axis=1) * self._gains
        return np.asarray(scipy.fft.irfft(spectra, size, axis=1)[:, : self.n_samples])


def _convolved(kernels: NDArray[np.float64], filters: NDArray[np.float32]) -> NDArray[np.float64]:
    """Each kernel (images, taps) with its filter (images, other taps), (images, all taps)."""
    taps = kernels.shape[1] + filters.shape[1] - 1
    if filters.shape[1] == 1:
        return kernels * filters
    size = scipy.fft.next_fast_len(taps, real=True)
    spectra = scipy.fft.rfft(kernels, size, axis=1) * scipy.fft.rfft(filters, size, axis=1)
    return np.asarray(scipy.fft.irfft(spectra, size, axis=1)[:, :taps])


def _pulse_trains(
    starts: NDArray[np.int64], kernels: NDArray[np.float64], weights: NDArray[np.float64], n_samples: int
) -> NDArray[np.float64]:
    """Adds up kernels.

    Args:
        starts: the first sample (images,) of each kernel.
        kernels: kernels (images, taps).
        weights: amplitudes (images, bands).
        n_samples: the length of the result; kernels are cut off at its beginning and end.

    Returns:
        Trains (bands, n_samples).
    """
    images, taps = kernels.shape
    columns = starts[:, None] + np.arange(taps)
    kept = (columns >= 0) & (columns < n_samples)
    matrix = scipy.sparse.csc_array(
        (np.where(kept, kernels, 0.0).ravel(), np.where(kept, columns, 0).ravel(), np.arange(images + 1) * taps),
        shape=(n_samples, images),
    )
    # A sparse product adds in a fixed order, on one thread.
    return np.ascontiguousarray((matrix @ weights).T)
