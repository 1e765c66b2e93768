"""The octaves of a signal: as they are, or oversampled for a spline."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from transforms.records import OCTAVE_BANDS_HZ
from transforms.rooms.acoustics import octave_crossover, spectrum_fade_out

#: Silence of so many samples surrounds a signal, in which the filters of octaves ring.
LEAD = 4096
#: The octaves for a spline have so many samples for each sample of the signal.
OVERSAMPLING = 2
# The length of a transform, which fits the cache, and what is kept of it: filters ring at both of its ends.
_BLOCK = 65_536
_STEP = _BLOCK - 2 * LEAD


class OctaveSignals:
    """A signal that splits into octaves with the filters of the image sources.

    Args:
        signal: the signal, (n,).
        sample_rate: in hertz.
    """

    def __init__(self, signal: NDArray[np.float32], sample_rate: int) -> None:
        self.samples = signal
        self._sample_rate = sample_rate
        n_blocks = -(-(signal.size + 2 * LEAD) // _STEP)
        self.n_samples = n_blocks * _STEP
        """The length of the signal with the silence around it, which begins `LEAD` samples before the signal."""
        padded = np.zeros(self.n_samples + 2 * LEAD, dtype=np.float32)
        padded[2 * LEAD : 2 * LEAD + signal.size] = signal
        self._spectra = scipy.fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, _BLOCK)[::_STEP], axis=1)
        self._kept: tuple[int, NDArray[np.float32]] | None = None

    def octaves(self, start: int, stop: int) -> NDArray[np.float32]:
        """The octaves (bands, stop − start) of a part of the signal; those of all its octaves add up to it."""
        first, last = start + LEAD, stop + LEAD
        parts = [
            self._block(block)[:, max(first - block * _STEP, 0) : last - block * _STEP]
            for block in range(first // _STEP, -(-last // _STEP))
        ]
        return np.concatenate(parts, axis=1) if parts else np.zeros((len(OCTAVE_BANDS_HZ), 0), dtype=np.float32)

    def spline_blocks(self) -> Iterator[NDArray[np.float32]]:
        """The octaves as coefficients of a cubic spline, oversampled, block after block, (bands, samples) each.

        The end of the spectrum fades out as that of image sources does. All blocks together begin `LEAD` samples before
        the signal.
        """
        gains = _spline_gains(self._sample_rate)
        for spectrum in self._spectra:
            filtered = scipy.fft.irfft(spectrum * gains, OVERSAMPLING * _BLOCK, axis=1, overwrite_x=True)
            yield filtered[:, OVERSAMPLING * LEAD : OVERSAMPLING * (LEAD + _STEP)]

    def _block(self, block: int) -> NDArray[np.float32]:
        """The octaves of one block; the last one is kept, because parts of a signal are read one after another."""
        if self._kept is None or self._kept[0] != block:
            filtered = scipy.fft.irfft(
                self._spectra[block] * _gains(self._sample_rate), _BLOCK, axis=1, overwrite_x=True
            )
            self._kept = block, filtered[:, LEAD : LEAD + _STEP]
        return self._kept[1]


@functools.lru_cache(maxsize=2)
def _gains(sample_rate: int) -> NDArray[np.float32]:
    """The gain (bands, bins) of each octave."""
    return octave_crossover(scipy.fft.rfftfreq(_BLOCK, 1.0 / sample_rate)).astype(np.float32)


@functools.lru_cache(maxsize=2)
def _spline_gains(sample_rate: int) -> NDArray[np.float32]:
    """As `_gains`, with the fade of the spectrum, and divided by the spectrum of a cubic spline."""
    frequencies = scipy.fft.rfftfreq(_BLOCK)
    spline = np.sinc(frequencies / OVERSAMPLING) ** 4
    return _gains(sample_rate) * (OVERSAMPLING * spectrum_fade_out(frequencies, 1) / spline).astype(np.float32)
