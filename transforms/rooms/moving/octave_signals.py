"""The octaves of a signal: as they are, or oversampled for a spline."""

from __future__ import annotations

import functools

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from transforms.rooms.acoustics import octave_crossover, spectrum_fade_out

#: Silence of so many samples surrounds a signal, in which the filters of octaves ring.
LEAD = 2048
#: The octaves for a spline have so many samples for each sample of the signal.
OVERSAMPLING = 2
#: The length of octaves is a multiple of so many samples of the signal.
LENGTH_UNIT = 128


class OctaveSignals:
    """A signal that splits into octaves with the filters of the image sources.

    Args:
        signal: the signal, (n,).
        sample_rate: in hertz.
    """

    def __init__(self, signal: NDArray[np.float32], sample_rate: int) -> None:
        self.samples = signal
        units = -(-(signal.size + 2 * LEAD) // LENGTH_UNIT)
        self._length = LENGTH_UNIT * scipy.fft.next_fast_len(units, real=True)
        padded = np.zeros(self._length, dtype=np.float32)
        padded[LEAD : LEAD + signal.size] = signal
        self._spectrum = scipy.fft.rfft(padded)
        self._sample_rate = sample_rate

    def octaves(self) -> NDArray[np.float32]:
        """The octaves (bands, n), whose sum is the signal."""
        gains = _gains(self._length, self._sample_rate)
        octaves = np.empty((len(gains), self.samples.size), dtype=np.float32)
        for octave, gain in zip(octaves, gains, strict=True):
            octave[:] = scipy.fft.irfft(self._spectrum * gain, self._length, overwrite_x=True)[LEAD:][: octave.size]
        return octaves

    def spline_coefficients(self) -> NDArray[np.float32]:
        """The octaves (bands, samples) as coefficients of a cubic spline, oversampled.

        The end of the spectrum fades out as that of image sources does. The signal begins at sample
        OVERSAMPLING · LEAD.
        """
        gains = _gains(self._length, self._sample_rate)
        frequencies = scipy.fft.rfftfreq(self._length)
        fade = spectrum_fade_out(frequencies, 1)
        # The spectrum of the spline is divided out beforehand.
        spline = np.sinc(frequencies / OVERSAMPLING) ** 4
        spectrum = self._spectrum * (OVERSAMPLING * fade / spline).astype(np.float32)
        n_samples = OVERSAMPLING * self._length
        octaves = np.empty((len(gains), n_samples), dtype=np.float32)
        for octave, gain in zip(octaves, gains, strict=True):
            octave[:] = scipy.fft.irfft(spectrum * gain, n_samples, overwrite_x=True)
        return octaves


@functools.lru_cache(maxsize=2)
def _gains(length: int, sample_rate: int) -> NDArray[np.float32]:
    """As `octave_crossover`, in float32, and kept, because the sounds of scenes are often equally long."""
    return octave_crossover(scipy.fft.rfftfreq(length, 1.0 / sample_rate)).astype(np.float32)
