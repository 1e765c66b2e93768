"""Diffuse noise for measuring with: the same from all directions, pink, at a ratio to the sound."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model.draws import keyed_generator

#: Below it the noise has no power: the fan's rumble of a room, and no direct current.
FROM_HZ = 50.0


def diffuse_noise(samples: int, sample_rate: int, *, key: str) -> NDArray[np.float32]:
    """Pink noise of a diffuse field as ambisonics (W, Y, Z, X; SN3D), W of power 1. (4, samples).

    A field that comes evenly from all directions has no correlation between the channels, and in SN3D a third of W's
    power in each of Y, Z and X.
    """
    generator = keyed_generator("diffuse noise", key)
    frequency = np.fft.rfftfreq(samples, 1 / sample_rate)
    shape = np.where(frequency >= FROM_HZ, 1 / np.sqrt(np.maximum(frequency, FROM_HZ)), 0.0)
    spectrum = generator.standard_normal((4, len(frequency))) + 1j * generator.standard_normal((4, len(frequency)))
    noise = np.fft.irfft(spectrum * shape, samples, axis=1)
    noise /= np.sqrt(np.mean(noise**2, axis=1, keepdims=True)) + np.finfo(np.float64).tiny
    noise[1:] /= np.sqrt(3)
    return noise.astype(np.float32)


def with_noise(foa: NDArray[np.float32], sample_rate: int, noise_db: float, *, key: str) -> NDArray[np.float32]:
    """Sound with diffuse noise, ``noise_db`` its power in W over the noise's, both over the whole clip.

    Args:
        foa: (4, samples). Silence stays silent.
        noise_db: signal-to-noise ratio.
        key: what the noise depends on.
    """
    level = float(np.sqrt(np.mean(foa[0].astype(np.float64) ** 2))) * 10 ** (-noise_db / 20)
    return (foa + level * diffuse_noise(foa.shape[1], sample_rate, key=key)).astype(np.float32)
