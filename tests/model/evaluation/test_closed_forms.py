"""Closed forms on plane waves, in noise and in silence."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from model.data import unit_direction
from model.evaluation.angles import angles_deg
from model.evaluation.closed_form import CLOSED_FORMS
from model.evaluation.noise import diffuse_noise, with_noise
from model.features import spectra


def test_angles():
    one = np.array([[1.0, 0, 0], [1, 0, 0], [1, 0, 0], [0, 0, 0]])
    other = np.array([[1.0, 0, 0], [0, 2, 0], [-1, 0, 0], [1, 0, 0]])
    np.testing.assert_allclose(angles_deg(one, other), [0, 90, 180, 90], atol=1e-9)


@pytest.mark.parametrize("name", CLOSED_FORMS)
@pytest.mark.parametrize("azimuth", [0.0, 90.0, 180.0, -90.0, 37.0])
def test_closed_forms_find_plane_waves(make_plane_wave, name, azimuth):
    foa = torch.from_numpy(make_plane_wave(azimuth, 20, noise=0.2)[None]).float()
    found = CLOSED_FORMS[name](spectra(foa, n_fft=512, hop=256), sample_rate=16000, n_fft=512)
    assert angles_deg(found.numpy(), np.array([unit_direction(azimuth, 20)]))[0] < 3


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_closed_forms_of_silence_are_zero(name):
    found = CLOSED_FORMS[name](spectra(torch.zeros(1, 4, 4096), n_fft=512, hop=256), sample_rate=16000, n_fft=512)
    assert found.tolist() == [[0, 0, 0]]


def test_diffuse_noise_has_its_ratio_and_no_direction():
    noise = diffuse_noise(48000, 16000, key="a").astype(np.float64)
    power = np.mean(noise**2, axis=1)
    np.testing.assert_allclose(power, [1, 1 / 3, 1 / 3, 1 / 3], rtol=1e-4)
    likeness = np.corrcoef(noise)
    assert np.abs(likeness - np.eye(4)).max() < 0.1
    np.testing.assert_array_equal(noise, diffuse_noise(48000, 16000, key="a"))
    assert np.abs(noise - diffuse_noise(48000, 16000, key="b")).max() > 0.1


@pytest.mark.parametrize("noise_db", [20.0, 0.0, -5.0])
def test_noise_is_added_at_its_ratio(make_plane_wave, noise_db):
    foa = make_plane_wave(40, 10).astype(np.float32)
    noise = with_noise(foa, 16000, noise_db, key="a").astype(np.float64) - foa
    ratio = 10 * np.log10(np.mean(foa[0].astype(np.float64) ** 2) / np.mean(noise[0] ** 2))
    assert ratio == pytest.approx(noise_db, abs=0.01)
    assert not with_noise(np.zeros((4, 100), np.float32), 16000, noise_db, key="a").any()
