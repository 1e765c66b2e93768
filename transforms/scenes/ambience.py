"""The ambience of a scene: diffuse pink noise, independent in the four channels."""

from __future__ import annotations

import math

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from transforms.rooms.diffuse_tail import white_noise
from transforms.seeds import derive_seed
from transforms.sound.render import GAIN_DECIMALS

# Below this the noise is as weak as at it: half of the power of pink noise would lie where nothing is heard.
_PINK_FROM_HZ = 50.0


def diffuse_noise(row_seed: int, n_samples: int, sample_rate: int, channels: int = 4) -> NDArray[np.float32]:
    """Pink noise of a diffuse field, (channels, n_samples) in ACN order.

    In SN3D a diffuse field has on each channel of degree n the variance 1/(2n + 1) of that on W. The power falls by
    3 dB an octave from 50 Hz on.
    """
    size = scipy.fft.next_fast_len(n_samples, real=True)
    frequencies_hz = np.maximum(np.arange(size // 2 + 1) * (sample_rate / size), _PINK_FROM_HZ)
    shape = (frequencies_hz / 1000.0) ** -0.5
    shape[0] = 0.0
    noise = np.empty((channels, n_samples), dtype=np.float32)
    seed = derive_seed(row_seed, "ambience")
    for channel in range(channels):
        spectrum = scipy.fft.rfft(white_noise(seed, channel, size)) * shape.astype(np.float32)
        noise[channel] = scipy.fft.irfft(spectrum, size)[:n_samples] / math.sqrt(2 * math.isqrt(channel) + 1)
    return noise


def ambience_gain_db(sources_w: NDArray[np.float32], noise_w: NDArray[np.float32], snr_db: float) -> float | None:
    """The gain in dB with which noise is `snr_db` below sources, by the mean power of W over the whole scene.

    Args:
        sources_w: W of all sources, (n,).
        noise_w: W of the noise, (n,).
        snr_db: the signal-to-noise ratio in dB.

    Returns:
        A multiple of 0.001 dB; None where there is nothing to compare with.
    """
    signal, noise = (float(np.einsum("i,i->", each, each, dtype=np.float64)) for each in (sources_w, noise_w))
    if signal <= 0.0 or noise <= 0.0:
        return None
    return round(10.0 * math.log10(signal / noise) - snr_db, GAIN_DECIMALS)
