"""The direct sound of a response: when it arrives, and from where by its active intensity."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from transforms.rooms.measured.response import ResponseRejected
from transforms.sofa.coordinates import Vector

#: The direct sound begins where W first comes this close to its peak (ISO 3382-1, A.2.1 asks for 20 dB at least).
ONSET_DB = -20.0
#: Its own peak follows within this time.
_RISE_S = 0.0015
# The share of the loudest that it reaches at least, and how long after that it peaks.
_OWN_PEAK, _PEAK_S = 0.5, 0.00025
#: The window of the direct sound, before and after its peak. The floor's reflection comes later from 2 m away.
WINDOW_BEFORE_S, WINDOW_AFTER_S = 0.0007, 0.0013
#: The band in which microphone arrays are close to ideal, in hertz.
BAND_HZ = (500.0, 4_000.0)
#: How far the energy around the direct sound has to lie above the mean energy, in dB; steady noise is at 0.
_STANDS_OUT_DB = 5.0
# Half the length, in samples, of the kernel that interpolates between samples.
_KERNEL_HALF = 24


@dataclass(frozen=True)
class Intensity:
    """The active intensity of a direct sound.

    Attributes:
        direction: the unit vector to where the sound comes from, as the channels read it: x front, y left, z up.
        gain_db: the level of X, Y and Z together over W; 0 dB for SN3D, 3.0 for FuMa, 4.8 for N3D.
        certainty: 1 for a plane wave; less where X, Y and Z hold what W does not.
    """

    direction: Vector
    gain_db: float
    certainty: float


def find_direct_sample(response_w: NDArray[np.float32], sample_rate: int) -> float:
    """When the direct sound arrives in W (samples,), in samples; not rounded.

    Raises:
        ResponseRejected: no_direct_sound.
    """
    magnitude = np.abs(response_w)
    peak = float(magnitude.max())
    onset = int(np.argmax(magnitude >= peak * 10 ** (ONSET_DB / 20)))
    after = magnitude[onset : onset + max(2, round(_RISE_S * sample_rate))]
    # A reflection may follow at once, and be louder.
    first_loud = onset + int(np.argmax(after >= _OWN_PEAK * after.max()))
    loudest = first_loud + int(np.argmax(magnitude[first_loud : first_loud + max(2, round(_PEAK_S * sample_rate))]))
    first, last = max(0, loudest - round(0.001 * sample_rate)), loudest + round(0.002 * sample_rate) + 1
    near = float(np.mean(np.square(response_w[first:last], dtype=np.float64)))
    mean = float(np.mean(np.square(response_w, dtype=np.float64)))
    before = float(np.mean(np.square(response_w[:first], dtype=np.float64))) if first else 0.0
    if near < 10 ** (_STANDS_OUT_DB / 10) * max(mean, before):
        raise ResponseRejected("no_direct_sound", "no sound stands out of W as the first to arrive")
    return loudest + _between_samples(response_w, loudest)


def _between_samples(response_w: NDArray[np.float32], at: int) -> float:
    """Where the waveform around a sample has its peak, from −0.6 to 0.6 samples beside it."""
    offsets = np.arange(max(0, at - _KERNEL_HALF), min(response_w.size, at + _KERNEL_HALF + 1)) - at
    beside = np.linspace(-0.6, 0.6, 121)
    away = beside[:, None] - offsets
    kernel = np.sinc(away) * (0.5 + 0.5 * np.cos(np.pi * np.clip(away / (_KERNEL_HALF + 1), -1.0, 1.0)))
    waveform = np.abs(np.sum(kernel * response_w[offsets + at], axis=1))
    return float(beside[int(np.argmax(waveform))])


def direct_intensity(samples: NDArray[np.float32], sample_rate: int, direct_sample: float) -> Intensity | None:
    """The active intensity of the direct sound, in a short window and a band.

    Args:
        samples: (channels, n) in ACN order.
        sample_rate: in hertz.
        direct_sample: when the direct sound arrives, in samples.

    Returns:
        None if the window holds no intensity.
    """
    first = round(direct_sample) - round(WINDOW_BEFORE_S * sample_rate)
    length = round((WINDOW_BEFORE_S + WINDOW_AFTER_S) * sample_rate)
    window = np.zeros((4, length))
    inside = slice(max(0, first), max(0, first + length))
    cut = samples[:4, inside]
    window[:, max(0, -first) : max(0, -first) + cut.shape[1]] = cut
    window *= _fade(length)
    n_bins = scipy.fft.next_fast_len(4 * length, real=True)
    spectrum = scipy.fft.rfft(window, n_bins)
    frequencies = np.arange(spectrum.shape[1]) * (sample_rate / n_bins)
    band = (frequencies >= BAND_HZ[0]) & (frequencies <= BAND_HZ[1])
    spectrum = spectrum[:, band]
    pressure = spectrum[0]
    intensity = np.sum(np.real(np.conj(pressure) * spectrum[1:4]), axis=1)
    energy_w = float(np.sum(np.abs(pressure) ** 2))
    energy_v = float(np.sum(np.abs(spectrum[1:4]) ** 2))
    y, z, x = (float(value) for value in intensity)
    length_of = math.sqrt(x * x + y * y + z * z)
    if not (energy_w > 0.0 and energy_v > 0.0 and length_of > 0.0):
        return None
    direction = (x / length_of, y / length_of, z / length_of)
    certainty = length_of / math.sqrt(energy_w * energy_v)
    return Intensity(direction, 20.0 * math.log10(length_of / energy_w), min(1.0, certainty))


def _fade(length: int) -> NDArray[np.float64]:
    """A window (length,) that is one in its middle half and has cosine slopes."""
    position = (np.arange(length) + 0.5) / length
    rise = np.clip(4.0 * np.minimum(position, 1.0 - position), 0.0, 1.0)
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * rise))
