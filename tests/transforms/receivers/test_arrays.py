"""Microphone arrays against series that are written out here, and against the theory of diffuse fields."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import eval_legendre, spherical_jn, spherical_yn

from tests.transforms.receivers.heads import C, unit_vectors
from transforms.receivers.array_description import ArrayDescription
from transforms.receivers.array_receiver import EQUALISER_TAPS, ArrayFilters, array_filters
from transforms.receivers.known_arrays import KNOWN_ARRAYS
from transforms.receivers.mixing import mix_channels
from transforms.rooms.diffuse_tail import white_noise
from transforms.rooms.image_sources import sn3d_harmonics

RATE = 48_000
FREQUENCIES_HZ = np.array([125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 6000.0, 8000.0])
arrays = pytest.mark.parametrize(("name", "order"), [("tetrahedron", 1), ("zylia", 1), ("zylia", 3), ("em32", 3)])


@functools.cache
def filters_of(name: str, order: int) -> ArrayFilters:
    array = KNOWN_ARRAYS[name]
    return array_filters(array, order, (1.0,) * len(array.capsules), RATE)


def directions(count: int, seed: int = 0) -> NDArray[np.float64]:
    vectors = np.random.default_rng(seed).standard_normal((count, 3))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def capsule_pressure(
    array: ArrayDescription, direction: NDArray[np.float64], frequency_hz: NDArray[np.float64]
) -> NDArray[np.complex128]:
    """What each capsule hears of plane waves, (directions, capsules, frequencies), relative to the middle."""
    positions = unit_vectors(*np.array(array.capsules).T)
    cosine = np.clip(direction @ positions.T, -1.0, 1.0)
    x = 2.0 * np.pi * frequency_hz * array.radius_m / C
    if array.baffle == "open":
        # In free air, a wave has but a delay, and a capsule its pattern.
        pattern = array.pattern + (1.0 - array.pattern) * cosine
        return np.asarray(pattern[:, :, None] * np.exp(1j * x * cosine[:, :, None]))
    total = np.zeros((*cosine.shape, x.size), dtype=np.complex128)
    for degree in range(int(x.max()) + 20):
        incoming, slope = spherical_jn(degree, x), spherical_jn(degree, x, True)
        outgoing = incoming - 1j * spherical_yn(degree, x)
        outgoing_slope = slope - 1j * spherical_yn(degree, x, True)
        scattered = incoming - slope / outgoing_slope * outgoing
        total += (2 * degree + 1) * 1j**degree * eval_legendre(degree, cosine)[:, :, None] * scattered
    return total


def encoded(array: ArrayDescription, order: int, capsules: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Capsules (..., capsules, frequencies) as spherical harmonics in SN3D, without equalisation."""
    harmonics = sn3d_harmonics(array.order, unit_vectors(*np.array(array.capsules).T))
    degree = np.repeat(np.arange(array.order + 1), 2 * np.arange(array.order + 1) + 1)
    encoder = np.linalg.pinv(harmonics * np.sqrt(2 * degree + 1)) / np.sqrt(2 * degree + 1)[:, None]
    return np.asarray(np.einsum("cq,...qf->...cf", encoder[: (order + 1) ** 2], capsules))


def equaliser(filters: ArrayFilters) -> NDArray[np.complex128]:
    turns = -2j * np.pi * FREQUENCIES_HZ / RATE * (np.arange(EQUALISER_TAPS) - EQUALISER_TAPS // 2)[:, None]
    return np.asarray(filters.equaliser @ np.exp(turns))


@arrays
def test_the_table_is_the_series_to_40_db_up_to_8_khz(name: str, order: int) -> None:
    direction = directions(100)
    wanted = encoded(KNOWN_ARRAYS[name], order, capsule_pressure(KNOWN_ARRAYS[name], direction, FREQUENCIES_HZ))
    # What the equaliser raises, it raises in the errors too.
    equalised = equaliser(filters_of(name, order))
    found = filters_of(name, order).table.gains(direction, FREQUENCIES_HZ, RATE) * equalised
    wanted = wanted * equalised
    error = np.sum(np.abs(found - wanted) ** 2, axis=(0, 1)) / np.sum(np.abs(wanted) ** 2, axis=(0, 1))
    assert 10.0 * np.log10(error.max()) < -55.0


@arrays
def test_low_frequencies_are_those_of_an_ideal_receiver(name: str, order: int) -> None:
    direction = directions(50)
    found = filters_of(name, order).table.gains(direction, FREQUENCIES_HZ, RATE) * equaliser(filters_of(name, order))
    first = found[:, :4, 3] / sn3d_harmonics(1, direction)
    assert np.abs(20.0 * np.log10(np.abs(first[:, 0]))).max() < 0.2
    # The limited gain costs the first degree a little, and no phase.
    assert np.median(np.abs(first[:, 1:])) == pytest.approx(0.98, abs=0.03)
    assert np.abs(np.median(np.angle(first[:, 1:]))) < 0.01


def test_high_degrees_fade_at_low_frequencies_and_no_gain_exceeds_the_limit() -> None:
    gains_db = 20.0 * np.log10(np.abs(equaliser(filters_of("em32", 3))) + 1e-12)
    assert gains_db.max() < KNOWN_ARRAYS["em32"].gain_limit_db + 0.1
    heard = filters_of("em32", 3).table.gains(directions(200), FREQUENCIES_HZ, RATE) * equaliser(filters_of("em32", 3))
    power = np.mean(np.abs(heard) ** 2, axis=0)
    level_db = [10.0 * np.log10(power[degree**2 : (degree + 1) ** 2].mean(axis=0)) for degree in range(4)]
    # At 500 Hz, each degree is weaker than the one below it by more.
    assert level_db[2][2] < level_db[1][2] - 15.0
    assert level_db[3][2] < level_db[2][2] - 30.0


def test_aliasing_spoils_the_direction_above_the_array_s_limit() -> None:
    direction = directions(200)
    for name, right_hz, wrong_hz in (("tetrahedron", 1000.0, 8000.0), ("zylia", 2000.0, 6000.0)):
        heard = filters_of(name, 1).table.gains(direction, FREQUENCIES_HZ, RATE) * equaliser(filters_of(name, 1))
        intensity = np.real(heard[:, :1].conj() * heard[:, 1:])[:, [2, 0, 1]]
        cosine = np.einsum("nif,ni->nf", intensity, direction) / np.linalg.norm(intensity, axis=1)
        error_deg = np.median(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))), axis=0)
        assert error_deg[right_hz == FREQUENCIES_HZ] < 2.0
        assert error_deg[wrong_hz == FREQUENCIES_HZ] > 10.0


@arrays
def test_a_diffuse_field_has_the_coherence_of_theory(name: str, order: int) -> None:
    """Theory: plane waves from all directions, without phase between them, through the series."""
    channels = (order + 1) ** 2
    spread = directions(3000, seed=1)
    waves = encoded(KNOWN_ARRAYS[name], order, capsule_pressure(KNOWN_ARRAYS[name], spread, FREQUENCIES_HZ))
    waves = waves * equaliser(filters_of(name, order))
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
    heard = mix_channels(noise, filters, filters.shape[2] // 2)
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
