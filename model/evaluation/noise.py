"""Diffuse noise for measurements: pink, equal from all directions, at a ratio to the sound."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model.draws import keyed_generator

#: Below this frequency the noise has no power.
FROM_HZ = 50.0


def diffuse_noise(samples: int, sample_rate: int, *, key: str) -> NDArray[np.float32]:
    """Pink noise of a diffuse field as ambisonics (W, Y, Z, X; SN3D) with power 1 in W: (4, samples).

    In a field that is equal from all directions, the channels do not correlate. In SN3D, Y, Z and X each have a third
    of W's power.

    Args:
        samples: length.
        sample_rate: in hertz.
        key: the noise depends on it.
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
    """Adds diffuse noise to sound.

    Args:
        foa: (4, samples), W, Y, Z, X. Silence stays silent.
        sample_rate: in hertz.
        noise_db: signal-to-noise ratio, the power of W over that of the noise in W, both over the whole clip.
        key: the noise depends on it.
    """
    level = float(np.sqrt(np.mean(foa[0].astype(np.float64) ** 2))) * 10 ** (-noise_db / 20)
    return (foa + level * diffuse_noise(foa.shape[1], sample_rate, key=key)).astype(np.float32)
