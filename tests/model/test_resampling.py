"""Resampling on the device: tones below the lower Nyquist frequency remain, others vanish, and soxr agrees."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
import torch

from model.resampling import resample

RATES = [(48000, 16000), (48000, 44100), (16000, 48000), (44100, 48000), (44100, 16000), (32000, 44100)]


@pytest.mark.parametrize(("from_rate", "to_rate"), RATES)
def test_a_tone_keeps_its_frequency_and_phase(from_rate, to_rate):
    time = torch.arange(from_rate // 4, dtype=torch.float64) / from_rate
    out = resample(torch.sin(2 * torch.pi * 1234.5 * time)[None, None], from_rate, to_rate)
    assert out.shape == (1, 1, -(-len(time) * to_rate // from_rate))
    expected = torch.sin(2 * torch.pi * 1234.5 * torch.arange(out.shape[-1], dtype=torch.float64) / to_rate)
    middle = slice(to_rate // 50, -to_rate // 50)
    torch.testing.assert_close(out[0, 0, middle], expected[middle], atol=1e-4, rtol=0)


@pytest.mark.parametrize(("from_rate", "to_rate"), [(48000, 16000), (48000, 44100)])
def test_a_tone_above_the_lower_nyquist_frequency_is_removed(from_rate, to_rate):
    time = torch.arange(from_rate // 4, dtype=torch.float64) / from_rate
    out = resample(torch.sin(2 * torch.pi * 0.53 * to_rate * time)[None], from_rate, to_rate)
    assert out[0, to_rate // 50 : -to_rate // 50].abs().max() < 1e-3


@pytest.mark.parametrize(("from_rate", "to_rate"), RATES)
def test_soxr_agrees_below_both_nyquist_frequencies(from_rate, to_rate):
    generator = np.random.Generator(np.random.Philox(key=2))
    samples = from_rate // 8 * 2
    spectrum = np.fft.rfft(generator.standard_normal(samples))
    spectrum[np.fft.rfftfreq(samples, 1 / from_rate) > 0.4 * min(from_rate, to_rate)] = 0
    sound = np.fft.irfft(spectrum) * np.hanning(samples)
    expected = soxr.resample(sound, from_rate, to_rate, quality="VHQ")
    out = resample(torch.from_numpy(sound)[None], from_rate, to_rate)[0].numpy()
    shorter = min(len(out), len(expected))
    np.testing.assert_allclose(out[:shorter], expected[:shorter], atol=1e-3)


def test_equal_rates_give_the_same_tensor_and_short_sound_works():
    sound = torch.ones(2, 4, 7)
    assert resample(sound, 16000, 16000) is sound
    assert resample(sound, 48000, 16000).shape == (2, 4, 3)
    assert resample(sound.bfloat16().float(), 16000, 48000).shape == (2, 4, 21)
