"""The features against a NumPy reference in float64, written from their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers.audio_utils import mel_filter_bank

from model import features

N_FFT, HOP, RATE = 512, 256, 16000


def reference(foa: np.ndarray) -> dict[str, np.ndarray]:
    """The features of one clip (4, samples), frame by frame: Hann window, centred frames, zeros outside."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)
    window /= np.sqrt(np.sum(window**2))
    padded = np.pad(foa, ((0, 0), (N_FFT // 2, N_FFT // 2)))
    starts = range(0, foa.shape[1] + 1, HOP)
    w, y, z, x = np.stack([np.fft.rfft(padded[:, s : s + N_FFT] * window, axis=1) for s in starts], axis=-1)
    cross = np.conj(w) * np.stack([x, y, z])
    energy = 0.5 * sum(np.abs(channel) ** 2 for channel in (w, x, y, z))
    filters = mel_filter_bank(N_FFT // 2 + 1, 64, 50.0, 8000.0, RATE, norm="slaney", mel_scale="slaney")
    quantisation = 10 * 2.0**-30 / 12
    floor = quantisation + 1e-4 * energy
    return {
        "log_mel": np.log10(filters.T @ np.abs(w) ** 2 + 1e-10),
        "unit_active": cross.real / (np.linalg.norm(cross.real, axis=0) + floor),
        "unit_reactive": cross.imag / (np.linalg.norm(cross.imag, axis=0) + floor),
        "active_over_energy": cross.real / (energy + quantisation),
        "reactive_over_energy": cross.imag / (energy + quantisation),
    }


def over_energy(intensity: torch.Tensor, energy: torch.Tensor) -> torch.Tensor:
    return intensity / (energy.unsqueeze(1) + features.POWER_FLOOR)


def computed(foa: torch.Tensor) -> dict[str, np.ndarray]:
    s = features.spectra(foa, n_fft=N_FFT, hop=HOP)
    found = {
        "log_mel": features.log_mel(s.power_w, sample_rate=RATE, mel_bins=64, from_hz=50, to_hz=8000),
        "unit_active": features.unit_norm(s.active, s.energy),
        "unit_reactive": features.unit_norm(s.reactive, s.energy),
        "active_over_energy": over_energy(s.active, s.energy),
        "reactive_over_energy": over_energy(s.reactive, s.energy),
    }
    return {name: value.numpy() for name, value in found.items()}


@pytest.fixture(scope="module")
def clips(make_plane_wave):
    return np.stack(
        [make_plane_wave(40, 20, seconds=0.5, noise=0.5), make_plane_wave(-120, -30, seconds=0.5, noise=0.1, seed=1)]
    )


def test_float64_agrees_with_the_reference_in_every_bin(clips):
    found = computed(torch.from_numpy(clips))
    for clip in range(2):
        for name, expected in reference(clips[clip]).items():
            np.testing.assert_allclose(found[name][clip], expected, atol=1e-9, rtol=0, err_msg=name)


def test_float32_agrees_to_1e_5(clips):
    found = computed(torch.from_numpy(clips).float())
    for clip in range(2):
        expected = reference(clips[clip])
        for name in ("log_mel", "active_over_energy", "reactive_over_energy"):
            np.testing.assert_allclose(found[name][clip], expected[name], atol=1e-5, rtol=0, err_msg=name)
    # Unit norm divides by a length that can be almost zero, so rounding shows in such bins.
    for name in ("unit_active", "unit_reactive"):
        error = np.abs(found[name][0] - reference(clips[0])[name])
        assert np.quantile(error, 0.99) < 1e-5
        assert error.max() < 1e-3


def test_shapes_and_counts(clips):
    s = features.spectra(torch.from_numpy(clips), n_fft=N_FFT, hop=HOP)
    frames = features.frames_of(clips.shape[2], HOP)
    assert s.power_w.shape == (2, 257, frames)
    assert s.active.shape == (2, 3, 257, frames)
    assert s.up_to(features.bins_up_to(4000, sample_rate=RATE, n_fft=N_FFT)).active.shape == (2, 3, 129, frames)


@pytest.mark.parametrize(("azimuth", "axis", "sign"), [(0, 0, 1), (90, 1, 1), (180, 0, -1), (-90, 1, -1)])
def test_active_intensity_points_to_the_source(make_plane_wave, azimuth, axis, sign):
    s = features.spectra(torch.from_numpy(make_plane_wave(azimuth, 0, seconds=0.2)[None]), n_fft=N_FFT, hop=HOP)
    vectors = over_energy(s.active, s.energy).mean((2, 3))[0].numpy()
    expected = np.zeros(3)
    expected[axis] = sign
    np.testing.assert_allclose(vectors, expected, atol=1e-3)


def test_up_is_positive_z(make_plane_wave):
    s = features.spectra(torch.from_numpy(make_plane_wave(0, 90, seconds=0.2)[None]), n_fft=N_FFT, hop=HOP)
    np.testing.assert_allclose(features.unit_norm(s.active, s.energy).mean((2, 3))[0].numpy(), [0, 0, 1], atol=1e-3)


def test_mono_in_all_channels_points_along_the_diagonal_and_has_no_reactive_part(make_plane_wave):
    mono = np.repeat(make_plane_wave(seconds=0.2)[:1], 4, axis=0)
    s = features.spectra(torch.from_numpy(mono[None]), n_fft=N_FFT, hop=HOP)
    np.testing.assert_allclose(features.unit_norm(s.active, s.energy).numpy(), 3**-0.5, atol=1e-3)
    np.testing.assert_allclose(features.unit_norm(s.reactive, s.energy).numpy(), 0, atol=1e-3)


def test_rounding_is_not_amplified_to_a_reactive_part(make_plane_wave):
    s = features.spectra(torch.from_numpy(make_plane_wave(seconds=0.2)[None]).float(), n_fft=N_FFT, hop=HOP)
    assert features.unit_norm(s.reactive, s.energy).abs().max() < 0.1


def test_silence_and_quantisation_noise_stay_small():
    silent = computed(torch.zeros(1, 4, 4096))
    assert all(np.isfinite(value).all() for value in silent.values())
    assert np.abs(silent["unit_active"]).max() == 0
    assert silent["log_mel"].max() == pytest.approx(-10)
    generator = torch.Generator().manual_seed(0)
    faint = computed(1e-7 * torch.randn(1, 4, 4096, generator=generator))
    assert np.abs(faint["unit_active"]).max() < 0.01


def test_quantisation_noise_is_not_amplified_to_unit_vectors():
    """The sound is only dither rounded to 16 bits, whose intensities have random directions."""
    dither = np.random.Generator(np.random.Philox(key=3)).uniform(-0.5, 0.5, (1, 4, 8192)) / 2**15
    found = computed(torch.from_numpy(dither).float())
    for name in ("unit_active", "unit_reactive", "active_over_energy", "reactive_over_energy"):
        assert np.linalg.norm(found[name], axis=1).mean() < 0.15, name


def test_half_precision_is_computed_in_single_precision(clips):
    for kind in (torch.bfloat16, torch.float16):
        audio = torch.from_numpy(clips).to(kind)
        s = features.spectra(audio, n_fft=N_FFT, hop=HOP)
        assert s.active.dtype == torch.float32
        assert torch.equal(s.active, features.spectra(audio.float(), n_fft=N_FFT, hop=HOP).active)
    with torch.autocast("cpu", torch.bfloat16):
        inside = computed(torch.from_numpy(clips).float())
    for name, expected in computed(torch.from_numpy(clips).float()).items():
        np.testing.assert_array_equal(inside[name], expected, err_msg=name)


def test_another_shape_is_rejected():
    with pytest.raises(ValueError, match=r"\(batch, 4, samples\)"):
        features.spectra(torch.zeros(4, 4096), n_fft=N_FFT, hop=HOP)


def test_constants_cached_in_inference_mode_work_in_training():
    with torch.inference_mode():
        computed(torch.zeros(1, 4, 4096, dtype=torch.float64))
    audio = torch.ones(1, 4, 4096, dtype=torch.float64, requires_grad=True)
    s = features.spectra(audio, n_fft=N_FFT, hop=HOP)
    features.log_mel(s.power_w, sample_rate=RATE, mel_bins=64, from_hz=50, to_hz=8000).sum().backward()
    assert audio.grad is not None
    assert torch.isfinite(audio.grad).all()
