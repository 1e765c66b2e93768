"""Octave bands of a response: their filters, and the cross-fade from image sources to the diffuse tail."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from transforms.rooms.acoustics import octave_crossover, spectrum_fade_out

Float = TypeVar("Float", np.float32, np.float64)


def filter_bands(bands: NDArray[Float], gains: NDArray[Float]) -> NDArray[Float]:
    """Filters each band (bands, samples) with its gain (bands, bins); returns (bands, samples)."""
    spectrum = scipy.fft.rfft(bands, 2 * (gains.shape[1] - 1), axis=1) * gains
    return np.asarray(scipy.fft.irfft(spectrum, 2 * (gains.shape[1] - 1), axis=1)[:, : bands.shape[1]])


def band_gains(length: int, sample_rate: int) -> NDArray[np.float64]:
    """Amplitude gains (bands, bins) that split a spectrum of ``length`` samples into octaves and fade out its end."""
    frequencies = scipy.fft.rfftfreq(length, 1.0 / sample_rate)
    return octave_crossover(frequencies) * spectrum_fade_out(frequencies, sample_rate)


def fade_out(times_s: NDArray[np.float64], from_s: float, to_s: float) -> NDArray[np.float64]:
    """Amplitude of the image sources at these times: a quarter of a cosine from one to zero.

    The tail fades in with the complementary power, so that the powers of both add up to one.
    """
    return np.asarray(np.cos(0.5 * np.pi * np.clip((times_s - from_s) / (to_s - from_s), 0.0, 1.0)))
