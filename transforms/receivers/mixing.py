"""Filters between channels: of each channel alone, or from every channel to every other, as a diffuse field needs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.fft
from numpy.typing import NDArray

# The length of a transform, which fits the cache.
_SIZE = 8192


@dataclass(frozen=True)
class ChannelFilters:
    """Filters of channels, whose middle tap stands for no delay."""

    taps: NDArray[np.float32]
    """A filter for each channel (channels, taps), or from each input to each output (outputs, inputs, taps)."""

    @property
    def centre(self) -> int:
        """The tap that stands for no delay."""
        return int(self.taps.shape[-1]) // 2

    def apply(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Filters samples (inputs, n) by overlap-save in float32; returns (outputs, n)."""
        taps, n_samples = self.taps.shape[-1], samples.shape[1]
        step = _SIZE - taps + 1
        n_blocks = -(-n_samples // step)
        # A sample of the result reads as many samples before it as there are taps after the middle one.
        before = taps - 1 - self.centre
        padded = np.zeros((len(samples), (n_blocks - 1) * step + _SIZE), dtype=np.float32)
        held = min(n_samples, padded.shape[1] - before)
        padded[:, before : before + held] = samples[:, :held]
        result = np.empty((len(self.taps), n_samples), dtype=np.float32)
        for block in range(n_blocks):
            start = block * step
            mixed = self._mixed(scipy.fft.rfft(padded[:, start : start + _SIZE], axis=1))
            kept = scipy.fft.irfft(mixed, _SIZE, axis=1, overwrite_x=True)[:, taps - 1 :]
            result[:, start : start + step] = kept[:, : n_samples - start]
        return result

    @cached_property
    def _spectra(self) -> NDArray[np.complex64]:
        return np.asarray(scipy.fft.rfft(self.taps, _SIZE, axis=-1))

    def _mixed(self, spectra: NDArray[np.complex64]) -> NDArray[np.complex64]:
        if self.taps.ndim == 2:
            return np.asarray(self._spectra * spectra)
        mixed = self._spectra[:, 0] * spectra[0]
        for number in range(1, len(spectra)):
            mixed += self._spectra[:, number] * spectra[number]
        return np.asarray(mixed)


def square_roots(matrices: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """The square roots (..., n, n), themselves Hermitian, of Hermitian matrices without negative eigenvalues."""
    values, vectors = np.linalg.eigh(matrices)
    roots = np.sqrt(np.maximum(values, 0.0))
    return np.asarray(np.einsum("...ij,...j,...kj->...ik", vectors, roots, vectors.conj()))
