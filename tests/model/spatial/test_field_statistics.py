"""Statistics by octave band: equal to a NumPy reference in float64, and symmetric."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from model.features import Spectra, spectra
from model.spatial.field_statistics import STATISTICS_PER_BAND, field_statistics, octave_bands

N_FFT, HOP, RATE, TO_HZ = 512, 256, 16000, 4000.0


def computed(foa: np.ndarray, kind: torch.dtype = torch.float32) -> np.ndarray:
    s = spectra(torch.from_numpy(foa).to(kind), n_fft=N_FFT, hop=HOP).up_to(129)
    return field_statistics(s, sample_rate=RATE, n_fft=N_FFT, hop=HOP, to_hz=TO_HZ).numpy()


def reference(foa: np.ndarray) -> np.ndarray:
    """The statistics of one clip (4, samples), computed band by band from their definitions."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)
    window /= np.sqrt(np.sum(window**2))
    padded = np.pad(foa, ((0, 0), (N_FFT // 2, N_FFT // 2)))
    starts = range(0, foa.shape[1] + 1, HOP)
    bins = np.stack([np.fft.rfft(padded[:, s : s + N_FFT] * window, axis=1) for s in starts], axis=-1)[:, :129]
    w, y, z, x = bins
    cross = np.conj(w) * np.stack([x, y, z])
    frequency = np.arange(129) * RATE / N_FFT
    rows = []
    for low, high in octave_bands(TO_HZ):
        inside = (frequency >= low) & (frequency < high)
        floor = inside.sum() * 10 * 2.0**-30 / 12
        power = (np.abs(w[inside]) ** 2).sum(0)
        others = sum((np.abs(channel[inside]) ** 2).sum(0) for channel in (x, y, z))
        energy = (power + others) / 2
        active, reactive = cross[:, inside].real.sum(1), cross[:, inside].imag.sum(1)
        strength = np.linalg.norm(active, axis=0)
        directed = strength / (energy + floor)
        total = np.sum(energy + floor)
        level = np.log10((power + floor) / (power.mean() + floor))
        rise, slope = np.diff(level), level[4:] - level[:-4]
        up, down = np.maximum(rise, 0), np.maximum(-rise, 0)
        rows += [
            np.linalg.norm(active.sum(1)) / total,
            strength.sum() / total,
            np.linalg.norm(reactive, axis=0).sum() / total,
            np.log10(np.sum(others + floor) / np.sum(power + floor)),
            np.sum(up * directed[1:]) / (up.sum() + 1e-3),
            np.sum(down * directed[1:]) / (down.sum() + 1e-3),
            level.std(),
            *np.quantile(directed, [0.1, 0.5, 0.9]),
            *np.quantile(rise, [0.05, 0.25, 0.5, 0.75, 0.95]),
            *np.quantile(slope, [0.05, 0.1, 0.25, 0.5]),
            *(
                np.mean(np.sqrt(power[lag:] * power[: len(power) - lag])) / (power.mean() + floor)
                if lag < len(power)
                else 0.0
                for lag in (1, 2, 4, 8, 16, 32)
            ),
        ]
    return np.array(rows)


@pytest.fixture(scope="module")
def clips(make_plane_wave):
    return np.stack(
        [make_plane_wave(40, 20, seconds=0.7, noise=0.5), make_plane_wave(-120, -30, seconds=0.7, noise=0.1, seed=1)]
    )


@pytest.mark.parametrize(("kind", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
@pytest.mark.parametrize("seconds", [0.7, 0.2])
def test_agrees_with_the_reference(clips, kind, tolerance, seconds):
    foa = clips[:, :, : round(seconds * RATE)]
    found = computed(foa, kind)
    assert found.shape == (2, len(octave_bands(TO_HZ)) * STATISTICS_PER_BAND)
    for clip in range(2):
        np.testing.assert_allclose(found[clip], reference(foa[clip]), atol=tolerance, rtol=0)


def test_rotating_the_field_changes_nothing(clips):
    generator = np.random.Generator(np.random.Philox(key=4))
    here = computed(clips)
    for _ in range(4):
        matrix = np.linalg.qr(generator.standard_normal((3, 3)))[0]
        y, z, x = clips[:, 1], clips[:, 2], clips[:, 3]
        x, y, z = np.einsum("ij,jbn->ibn", matrix, np.stack([x, y, z]))
        np.testing.assert_allclose(computed(np.stack([clips[:, 0], y, z, x], axis=1)), here, atol=1e-5, rtol=0)


def test_the_level_changes_nothing(clips):
    np.testing.assert_allclose(computed(0.1 * clips), computed(clips), atol=1e-3)


def test_silence_and_few_frames_are_finite():
    for samples in (0, 1, 300, 4096):
        assert np.isfinite(computed(np.zeros((1, 4, max(1, samples))))).all()


def test_a_narrow_band_has_one_bin():
    foa = np.random.Generator(np.random.Philox(key=1)).standard_normal((1, 4, 2048))
    s = spectra(torch.from_numpy(foa), n_fft=64, hop=32)
    assert torch.isfinite(field_statistics(s, sample_rate=RATE, n_fft=64, hop=32, to_hz=TO_HZ)).all()


def test_short_frames_are_averaged(clips):
    """Groups of four frames of 4 ms; the three remaining frames are dropped."""
    s = spectra(torch.from_numpy(clips), n_fft=128, hop=64)
    frames = s.power_w.shape[-1]
    assert frames % 4 == 0
    cut = Spectra(*(value[..., :-1] for value in (s.power_w, s.power_xyz, s.active, s.reactive)))
    by_four = [
        sum(value[..., start : frames - 4 : 4] for start in range(4)) / 4
        for value in (s.power_w, s.power_xyz, s.active, s.reactive)
    ]
    options = {"sample_rate": RATE, "n_fft": 128, "to_hz": TO_HZ}
    expected = field_statistics(Spectra(*by_four), hop=256, **options)
    np.testing.assert_allclose(field_statistics(cut, hop=64, **options).numpy(), expected.numpy(), atol=1e-9)
