"""Microphone arrays against series that are written out here, and against the theory of diffuse fields."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest
import scipy.signal

from tests.transforms.receivers.series import (
    RATE,
    capsule_pressure,
    direction_errors_deg,
    directions,
    encoded,
    equaliser_gains,
    even_directions,
    heard_by,
)
from transforms.receivers.array_receiver import ArrayFilters, array_filters
from transforms.receivers.known_arrays import KNOWN_ARRAYS
from transforms.receivers.mixing import ChannelFilters
from transforms.rooms.diffuse_tail import white_noise
from transforms.rooms.image_sources import sn3d_harmonics

FREQUENCIES_HZ = np.array([125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 6000.0, 8000.0])
arrays = pytest.mark.parametrize(("name", "order"), [("tetrahedron", 1), ("zylia", 1), ("zylia", 3), ("em32", 3)])


@functools.cache
def filters_of(name: str, order: int) -> ArrayFilters:
    array = KNOWN_ARRAYS[name]
    return array_filters(array, order, (1.0,) * len(array.capsules), RATE)


@arrays
def test_the_table_is_the_series_to_40_db_up_to_8_khz(name: str, order: int) -> None:
    direction = directions(100)
    wanted = encoded(KNOWN_ARRAYS[name], order, capsule_pressure(KNOWN_ARRAYS[name], direction, FREQUENCIES_HZ))
    # What the equaliser raises, it raises in the errors too.
    equalised = equaliser_gains(filters_of(name, order), FREQUENCIES_HZ)
    found = filters_of(name, order).table.gains(direction, FREQUENCIES_HZ, RATE) * equalised
    wanted = wanted * equalised
    error = np.sum(np.abs(found - wanted) ** 2, axis=(0, 1)) / np.sum(np.abs(wanted) ** 2, axis=(0, 1))
    assert 10.0 * np.log10(error.max()) < -55.0


@arrays
def test_low_frequencies_are_those_of_an_ideal_receiver(name: str, order: int) -> None:
    direction = directions(50)
    found = heard_by(filters_of(name, order), direction, FREQUENCIES_HZ)
    first = found[:, :4, 3] / sn3d_harmonics(1, direction)
    assert np.abs(20.0 * np.log10(np.abs(first[:, 0]))).max() < 0.2
    # The limited gain costs the first degree a little, and no phase.
    assert np.median(np.abs(first[:, 1:])) == pytest.approx(0.98, abs=0.03)
    assert np.abs(np.median(np.angle(first[:, 1:]))) < 0.01


def test_high_degrees_fade_at_low_frequencies_and_no_gain_exceeds_the_limit() -> None:
    gains_db = 20.0 * np.log10(np.abs(equaliser_gains(filters_of("em32", 3), FREQUENCIES_HZ)) + 1e-12)
    assert gains_db.max() < KNOWN_ARRAYS["em32"].gain_limit_db + 0.1
    quiet = replace(KNOWN_ARRAYS["em32"], gain_limit_db=3.0)
    gains = equaliser_gains(array_filters(quiet, 1, (1.0,) * 32, RATE), FREQUENCIES_HZ)
    assert 20.0 * np.log10(np.abs(gains).max()) < 3.1
    heard = heard_by(filters_of("em32", 3), directions(200), FREQUENCIES_HZ)
    power = np.mean(np.abs(heard) ** 2, axis=0)
    level_db = [10.0 * np.log10(power[degree**2 : (degree + 1) ** 2].mean(axis=0)) for degree in range(4)]
    # At 500 Hz, each degree is weaker than the one below it by more.
    assert level_db[2][2] < level_db[1][2] - 15.0
    assert level_db[3][2] < level_db[2][2] - 30.0


def test_aliasing_spoils_the_direction_above_the_array_s_limit() -> None:
    direction = directions(200)
    for name, right_hz, wrong_hz in (("tetrahedron", 1000.0, 8000.0), ("zylia", 2000.0, 6000.0)):
        heard = heard_by(filters_of(name, 1), direction, FREQUENCIES_HZ)
        error_deg = np.median(direction_errors_deg(heard, direction), axis=0)
        assert error_deg[right_hz == FREQUENCIES_HZ] < 2.0
        assert error_deg[wrong_hz == FREQUENCIES_HZ] > 10.0


@arrays
def test_a_diffuse_field_has_the_coherence_of_theory(name: str, order: int) -> None:
    """Theory: plane waves from all directions, without phase between them, through the series."""
    channels = (order + 1) ** 2
    spread = even_directions(2000)
    waves = encoded(KNOWN_ARRAYS[name], order, capsule_pressure(KNOWN_ARRAYS[name], spread, FREQUENCIES_HZ))
    waves = waves * equaliser_gains(filters_of(name, order), FREQUENCIES_HZ)
    theory = np.einsum("ncf,ndf->fcd", waves, waves.conj()) / len(spread)
    filters = filters_of(name, order).diffuse
    turns = -2j * np.pi * FREQUENCIES_HZ / RATE * (np.arange(filters.shape[2]) - filters.shape[2] // 2)[:, None]
    mixed = np.einsum("cdt,tf->fcd", filters, np.exp(turns))
    found = np.einsum("fce,fde->fcd", mixed, mixed.conj())
    scale = np.sqrt(np.einsum("fcc->fc", theory).real)
    scale = scale[:, :, None] * scale[:, None, :]
    heard = np.arange(channels) < (4 if order > 1 else channels)
    # High degrees at low frequencies are far below what is heard.
    audible = np.where(scale > 1e-3, 1.0, 0.0)
    assert np.abs((found - theory) / scale * audible)[:, heard][:, :, heard].max() < 0.05


def test_a_diffuse_field_of_noise_has_that_coherence_too() -> None:
    filters = filters_of("zylia", 1).diffuse
    noise = np.stack([white_noise(1, channel, 1 << 19) for channel in range(4)])
    heard = ChannelFilters(filters).apply(noise)
    frames = heard.reshape(4, -1, 1024) * np.hanning(1024).astype(np.float32)
    spectra = np.fft.rfft(frames, axis=2)
    cross = np.einsum("cnf,dnf->fcd", spectra, spectra.conj()).real
    power = np.einsum("fcc->fc", cross)
    coherence = cross / np.sqrt(power[:, :, None] * power[:, None, :])
    turns = -2j * np.pi * np.arange(513) / 1024 * (np.arange(filters.shape[2]) - filters.shape[2] // 2)[:, None]
    mixed = np.einsum("cdt,tf->fcd", filters, np.exp(turns))
    theory = np.einsum("fce,fde->fcd", mixed, mixed.conj()).real
    level = np.einsum("fcc->fc", theory)
    theory = theory / np.sqrt(level[:, :, None] * level[:, None, :])
    bands = [slice(low, low * 2) for low in (8, 16, 32, 64, 128)]
    for band in bands:
        assert np.abs(coherence[band].mean(axis=0) - theory[band].mean(axis=0)).max() < 0.05


def test_specimens_differ_by_their_capsules() -> None:
    array = KNOWN_ARRAYS["tetrahedron"]
    louder = array_filters(array, 1, (1.1, 1.0, 1.0, 1.0), RATE)
    change = louder.table.filters - filters_of("tetrahedron", 1).table.filters
    assert 0.0 < np.abs(change).max() < 0.1 * np.abs(louder.table.filters).max()
    assert np.array_equal(louder.equaliser, filters_of("tetrahedron", 1).equaliser)


def test_filters_are_a_convolution() -> None:
    generator = np.random.default_rng(0)
    for samples in (1, 700, 9000, 20_000):
        taps = generator.standard_normal((2, 3, 1024)).astype(np.float32)
        noise = generator.standard_normal((3, samples)).astype(np.float32)
        wanted = scipy.signal.fftconvolve(noise[None], taps.astype(np.float64), axes=2).sum(axis=1)[
            :, 512 : 512 + samples
        ]
        assert np.abs(ChannelFilters(taps).apply(noise) - wanted).max() < 1e-4 * np.abs(wanted).max()
        alone = scipy.signal.fftconvolve(noise, taps[0].astype(np.float64), axes=1)[:, 512 : 512 + samples]
        assert np.abs(ChannelFilters(taps[0]).apply(noise) - alone).max() < 1e-4 * np.abs(alone).max()
