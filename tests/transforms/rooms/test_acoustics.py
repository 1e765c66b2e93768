"""Room acoustics on decays whose answer is known."""

import math

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from transforms.records import OCTAVE_BANDS_HZ
from transforms.rooms.acoustics import (
    DECAY_60_DB,
    c50_db,
    drr_db,
    edt_ms,
    full_band_t30_ms,
    measure,
    octave_crossover,
    octave_energies,
    octave_filter_gain,
    predicted_bands_t30_ms,
    predicted_t30_ms,
    schroeder_decay,
    spectrum_fade_out,
    t30_bands_ms,
    t30_ms,
)

RATE = 48_000


def decaying(decay_s: float, length_s: float = 3.0) -> np.ndarray:
    """An exponential decay without chance in it: its sign alternates, its energy falls by 60 dB in ``decay_s``."""
    times = np.arange(round(length_s * RATE)) / RATE
    return np.exp(-0.5 * DECAY_60_DB * times / decay_s) * (-1.0) ** np.arange(times.size)


def decaying_noise(decay_s: float, seed: int = 0) -> np.ndarray:
    """White noise under an exponential decay."""
    return np.abs(decaying(decay_s)) * np.random.default_rng(seed).standard_normal(3 * RATE)


@pytest.mark.parametrize("decay_s", [0.1145, 0.2, 0.5, 1.0])
def test_t30_and_edt_of_an_exponential_are_its_decay(decay_s):
    assert t30_ms(decaying(decay_s), RATE) == pytest.approx(1000 * decay_s, rel=1e-3)
    assert edt_ms(decaying(decay_s), RATE, 0.0) == pytest.approx(1000 * decay_s, rel=1e-3)


def test_t30_of_noise_is_its_decay_within_chance():
    values = [t30_ms(decaying_noise(0.6, seed), RATE) for seed in range(10)]
    assert np.mean(values) == pytest.approx(600, rel=0.005)


@pytest.mark.parametrize("decay_s", [0.2, 1.0])
def test_bands_of_noise_decay_alike(decay_s):
    values = np.mean([t30_bands_ms(decaying_noise(decay_s, seed), RATE) for seed in range(12)], axis=0)
    assert values == pytest.approx(np.full(8, 1000 * decay_s), rel=0.08)


def test_bands_tell_two_decays_apart():
    low = sosfilt(butter(8, 1000, "low", fs=RATE, output="sos"), decaying_noise(1.2, 1))
    high = sosfilt(butter(8, 1000, "high", fs=RATE, output="sos"), decaying_noise(0.4, 2))
    bands = t30_bands_ms(low + high, RATE)
    assert bands[2] == pytest.approx(1200, rel=0.1)
    assert bands[5] == pytest.approx(400, rel=0.1)


def test_t30_does_not_depend_on_level():
    noise = decaying_noise(0.5)
    assert t30_ms(1e-4 * noise, RATE) == pytest.approx(t30_ms(noise, RATE))


def test_c50_and_drr_split_at_their_times():
    response = np.zeros(RATE)
    response[[100, 100 + 47, 100 + 49, 100 + 2399, 100 + 2401]] = 1.0
    assert drr_db(response, RATE, 100.0) == pytest.approx(10 * math.log10(2 / 3))
    assert c50_db(response, RATE, 100.0) == pytest.approx(10 * math.log10(4 / 1))


def test_direct_sound_alone_has_no_late_energy():
    click = np.zeros(RATE)
    click[100] = 1.0
    assert drr_db(click, RATE, 100.0) == math.inf
    assert math.isnan(t30_ms(click, RATE))
    assert math.isnan(t30_ms(np.zeros(RATE), RATE))


def test_schroeder_decay_is_the_energy_to_come():
    assert schroeder_decay([1.0, 2.0, 4.0]).tolist() == [7.0, 6.0, 4.0]


def test_full_band_of_equal_bands_is_theirs():
    assert full_band_t30_ms(np.full(8, 700.0), np.arange(1.0, 9.0)) == pytest.approx(700.0, rel=1e-9)


def test_full_band_agrees_with_a_sum_of_decays_in_samples():
    bands_ms, energies = np.array([900.0, 300.0]), np.array([0.2, 0.8])
    times = np.arange(2 * RATE) / RATE
    energy = sum(e * np.exp(-DECAY_60_DB * times / (t / 1000)) for e, t in zip(energies, bands_ms, strict=True))
    assert full_band_t30_ms(bands_ms, energies) == pytest.approx(t30_ms(np.sqrt(energy), RATE), rel=1e-3)


def test_full_band_takes_many_rooms_at_once():
    bands = np.array([[500.0, 250.0], [400.0, 800.0]])
    together = full_band_t30_ms(bands, [0.5, 0.5])
    assert together.shape == (2,)
    assert together[1] == pytest.approx(float(full_band_t30_ms(bands[1], [0.5, 0.5])))


def test_alike_octaves_are_heard_as_they_are():
    assert predicted_t30_ms(np.full(8, 640.0)) == pytest.approx(640.0)
    assert predicted_bands_t30_ms(np.full(8, 640.0)) == pytest.approx(np.full(8, 640.0))


def test_what_is_heard_of_octaves_is_what_is_measured_on_them():
    """Noise of octaves that decay each at its rate, through the filters, against the prediction without noise."""
    decays_ms = np.array([700.0, 500.0, 650.0, 800.0, 600.0, 700.0, 500.0, 300.0])
    times = np.arange(round(1.2 * RATE)) / RATE
    measured = []
    for seed in range(16):
        spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(times.size))
        frequencies = np.fft.rfftfreq(times.size, 1 / RATE)
        spectra = spectrum * octave_crossover(frequencies) * spectrum_fade_out(frequencies, RATE)
        envelopes = np.exp(-0.5 * DECAY_60_DB * times / (decays_ms[:, None] / 1000))
        noise = np.sum(np.fft.irfft(spectra, times.size, axis=1) * envelopes, axis=0)
        measured.append([t30_ms(noise, RATE), *t30_bands_ms(noise, RATE)])
    expected = [float(predicted_t30_ms(decays_ms)), *predicted_bands_t30_ms(decays_ms)]
    assert np.mean(measured, axis=0) == pytest.approx(expected, rel=0.04)
    # A dry octave between two that are not measures longer than it decays.
    assert expected[2] > 1.02 * 500
    assert expected[8] > 1.1 * 300


def test_the_end_of_the_spectrum_is_soft():
    assert spectrum_fade_out([0.0, 18_000.0, 21_000.0, 24_000.0], 48_000) == pytest.approx([1.0, 1.0, 0.5, 0.0])


def test_crossover_adds_up_to_one():
    frequencies = np.linspace(0.0, 24_000.0, 5001)
    gains = octave_crossover(frequencies)
    assert gains.sum(axis=0) == pytest.approx(np.ones(frequencies.size))
    assert octave_crossover(OCTAVE_BANDS_HZ) == pytest.approx(np.eye(8))


@pytest.mark.parametrize("centre", OCTAVE_BANDS_HZ)
def test_octave_filter_is_3_db_down_at_its_edges(centre):
    edges = octave_filter_gain([centre / math.sqrt(2), centre, centre * math.sqrt(2)], centre)
    assert edges == pytest.approx([math.sqrt(0.5), 1.0, math.sqrt(0.5)])


def test_octave_energies_keep_the_energy_at_a_lower_rate():
    tone = np.sin(2 * np.pi * 250.0 * np.arange(RATE) / RATE)
    energies, rate = octave_energies(tone, RATE)[1]
    assert rate < RATE
    assert energies.sum() / rate == pytest.approx(0.5, rel=0.01)


def test_measure_gives_all_and_rounds():
    measured = measure(decaying_noise(0.5), RATE, 0.0)
    assert len(measured.t30_bands_ms) == 8
    assert measured.t30_ms == round(measured.t30_ms, 2)
    assert measured.c50_db == pytest.approx(10 * math.log10(math.exp(DECAY_60_DB * 0.05 / 0.5) - 1), abs=0.3)


def test_low_sample_rates_are_refused():
    with pytest.raises(ValueError, match="16000 Hz"):
        measure(np.zeros(100), 16_000, 0.0)
