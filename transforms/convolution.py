"""Convolution of a clip with a response, in blocks."""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

# Sizes of transforms that were fastest for clips of 20 s and responses of 0.2 to 2.5 s.
_SMALLEST_BLOCK = 98_304
_BLOCK_OVER_TAPS = 2.15
# SciPy transforms four rows at a time. The first four channels are the same, whatever channels follow.
_CHANNELS_TOGETHER = 4


def convolve(signal: NDArray[np.float32], response: NDArray[np.float32]) -> NDArray[np.float32]:
    """Convolves a signal with each channel of a response, by overlap-save in float32.

    Args:
        signal: the samples of a clip, (samples,).
        response: the response, (channels, taps).

    Returns:
        Float32 samples (channels, samples); the tail after the end of the signal is dropped.
    """
    if signal.size == 0:
        return np.zeros((response.shape[0], 0), dtype=np.float32)
    taps = response.shape[1]
    size = _block_size(taps, signal.size)
    step = size - taps + 1
    groups = [slice(first, first + _CHANNELS_TOGETHER) for first in range(0, len(response), _CHANNELS_TOGETHER)]
    spectra = [scipy.fft.rfft(np.asarray(response[group], dtype=np.float32), size, axis=1) for group in groups]
    result = np.empty((response.shape[0], signal.size), dtype=np.float32)
    n_blocks = -(-signal.size // step)
    padded = np.zeros((n_blocks - 1) * step + size, dtype=np.float32)
    padded[taps - 1 : taps - 1 + signal.size] = signal
    overlapping = np.lib.stride_tricks.sliding_window_view(padded, size)[::step]
    # Blocks are transformed together, and then channels.
    for block, block_spectrum in enumerate(scipy.fft.rfft(overlapping, axis=1)):
        start = block * step
        kept = min(step, signal.size - start)
        for group, spectrum in zip(groups, spectra, strict=True):
            channels = scipy.fft.irfft(spectrum * block_spectrum, size, axis=1, overwrite_x=True)
            result[group, start : start + kept] = channels[:, taps - 1 : taps - 1 + kept]
    return result


def _block_size(taps: int, samples: int) -> int:
    """The length of a transform: it fits the cache if possible, and the response has less than half of it."""
    size = _SMALLEST_BLOCK
    while size < _BLOCK_OVER_TAPS * taps:
        # Sizes are 2ⁿ, 3 · 2ⁿ⁻¹, 2ⁿ⁺¹, …
        size = size * 3 // 2 if size & (size - 1) == 0 else size * 4 // 3
    whole = scipy.fft.next_fast_len(samples + taps - 1, real=True)
    return int(min(size, whole))
