"""Convolution in blocks: as exact as float32 allows, and as long as the signal."""

import numpy as np
import pytest
from scipy.signal import fftconvolve

from transforms.convolution import convolve


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(
    ("n_samples", "taps"), [(1, 1), (100, 7), (5, 400), (48_000, 1), (48_000, 30_001), (200_000, 9_000)]
)
def test_convolution_is_that_of_float64(n_samples, taps):
    signal, response = noise(n_samples), noise(3, taps, seed=1)
    expected = fftconvolve(signal[None].astype(np.float64), response.astype(np.float64), axes=1)[:, :n_samples]
    result = convolve(signal, response)
    assert result.dtype == np.float32
    assert result.shape == (3, n_samples)
    error = np.sqrt(np.mean((result - expected) ** 2) / np.mean(expected**2))
    assert 20 * np.log10(error) < -120


def test_nothing_convolved_is_nothing():
    assert convolve(noise(0), noise(4, 100)).shape == (4, 0)


def test_a_click_gives_the_response():
    response = noise(4, 500)
    click = np.zeros(20_000, dtype=np.float32)
    click[[0, 12_345]] = 1.0
    result = convolve(click, response)
    assert result[:, :500] == pytest.approx(response, abs=2e-6)
    assert result[:, 12_345:12_845] == pytest.approx(response, abs=2e-6)


def test_the_first_channels_are_the_same_whatever_channels_follow():
    signal, response = noise(60_000), noise(16, 9_000, seed=1)
    whole = convolve(signal, response)
    for channels in (4, 8, 9):
        np.testing.assert_array_equal(convolve(signal, response[:channels])[:4], whole[:4])
