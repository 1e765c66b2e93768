"""Octave bands of a response: their gains, and the cross-fade from images to tail."""

from __future__ import annotations

import numpy as np
import scipy.fft
import scipy.ndimage
import scipy.sparse
from numpy.typing import NDArray

from transforms.rooms.acoustics import (
    end_of_spectrum,
    octave_crossover,
)


def filter_bands(bands: NDArray[np.float64], gains: NDArray[np.float64]) -> NDArray[np.float64]:
    """Trains of pulses (bands, samples), each through its octave's gain (bands, bins)."""
    spectrum = scipy.fft.rfft(bands, 2 * (gains.shape[1] - 1), axis=1) * gains
    return np.asarray(scipy.fft.irfft(spectrum, 2 * (gains.shape[1] - 1), axis=1)[:, : bands.shape[1]])


def band_gains(length: int, sample_rate: int) -> NDArray[np.float64]:
    """Gains (bands, bins) of the octaves with the soft end of the spectrum, for a transform of ``length`` samples."""
    frequencies = scipy.fft.rfftfreq(length, 1.0 / sample_rate)
    return octave_crossover(frequencies) * end_of_spectrum(frequencies, sample_rate)


def fade_out(times_s: NDArray[np.float64], from_s: float, to_s: float) -> NDArray[np.float64]:
    """Amplitude of the images over time: a quarter of a cosine, whose power and the tail's add up to one."""
    return np.asarray(np.cos(0.5 * np.pi * np.clip((times_s - from_s) / (to_s - from_s), 0.0, 1.0)))
