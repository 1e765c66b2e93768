"""Filters between channels: of each channel alone, or from every channel to every other, as a diffuse field needs."""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

# The length of a transform, which fits the cache.
_BLOCK = 16_384


def filter_channels(samples: NDArray[np.float32], filters: NDArray[np.float32], centre: int) -> NDArray[np.float32]:
    """Filters each channel.

    Args:
        samples: samples (channels, n).
        filters: the filter of each channel, (channels, taps).
        centre: the tap that stands for no delay.

    Returns:
        Samples (channels, n).
    """
    return _by_blocks(samples, filters[:, None], centre, diagonal=True)


def mix_channels(samples: NDArray[np.float32], filters: NDArray[np.float32], centre: int) -> NDArray[np.float32]:
    """Mixes channels.

    Args:
        samples: samples (inputs, n).
        filters: the filters from each input to each output, (outputs, inputs, taps).
        centre: the tap that stands for no delay.

    Returns:
        Samples (outputs, n).
    """
    return _by_blocks(samples, filters, centre, diagonal=False)


def _by_blocks(
    samples: NDArray[np.float32], filters: NDArray[np.float32], centre: int, *, diagonal: bool
) -> NDArray[np.float32]:
    """Convolution by overlap-save, in float32."""
    taps, n_samples = filters.shape[-1], samples.shape[1]
    size = min(_BLOCK, int(scipy.fft.next_fast_len(n_samples + taps - 1, real=True)))
    step = size - taps + 1
    n_blocks = -(-n_samples // step)
    padded = np.zeros((len(samples), (n_blocks - 1) * step + size), dtype=np.float32)
    before = taps - 1 - centre
    padded[:, before : before + n_samples] = samples[:, : padded.shape[1] - before]
    spectra = scipy.fft.rfft(filters, size, axis=-1)
    result = np.empty((len(filters), n_samples), dtype=np.float32)
    for block in range(n_blocks):
        start = block * step
        spectrum = scipy.fft.rfft(padded[:, start : start + size], axis=1)
        if diagonal:
            mixed = spectra[:, 0] * spectrum
        else:
            mixed = spectra[:, 0] * spectrum[0]
            for number in range(1, len(spectrum)):
                mixed += spectra[:, number] * spectrum[number]
        kept = scipy.fft.irfft(mixed, size, axis=1, overwrite_x=True)[:, taps - 1 :]
        result[:, start : start + step] = kept[:, : n_samples - start]
    return result


def square_roots(matrices: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """The square roots (..., n, n), themselves Hermitian, of Hermitian matrices without negative eigenvalues."""
    values, vectors = np.linalg.eigh(matrices)
    roots = np.sqrt(np.maximum(values, 0.0))
    return np.asarray(np.einsum("...ij,...j,...kj->...ik", vectors, roots, vectors.conj()))
