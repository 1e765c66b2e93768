"""Moving sources: exact images, Doppler, directions, levels without dips, and the still rendering where they stand."""

import dataclasses
import math

import numpy as np
import pytest

from tests.benchmarks.moving_sources import (
    RATE,
    RECEIVER_M,
    direction_errors_deg,
    doppler_errors_percent,
    first_images_residuals_db,
    late_levels_db,
    noise,
    residual_db,
    shoebox,
)
from transforms.convolution import convolve
from transforms.paths import Arc, Line
from transforms.records import Placement
from transforms.rooms.moving.render_moving import MovingSound, render_moving
from transforms.rooms.simulate_response import direct_response, simulate_response

START_M = (5.0, 4.0, 1.8)
STILL = Line(START_M, START_M, 1.0)
START = Placement(RECEIVER_M, START_M, 36.9, 6.8, math.dist(RECEIVER_M, START_M))
PASSING = Line((2.0, 2.8, 1.5), (4.0, 2.8, 1.5), 0.5)


@pytest.fixture(scope="module")
def room():
    return shoebox()


def moved(room, signal, path, **settings) -> MovingSound:
    return render_moving(signal, room, RECEIVER_M, path, **{"seed": 5, "n_samples": signal.size} | settings)


@pytest.mark.parametrize("path", [STILL, dataclasses.replace(STILL, end_m=(5.0, 4.00001, 1.8))])
def test_a_source_that_stands_still_sounds_as_the_still_renderer_has_it(room, path):
    signal = noise(0.4, 1)
    response = simulate_response(room, START, seed=5)
    sound = moved(room, signal, path)
    assert sound.acoustics == response.acoustics
    assert sound.samples.dtype == sound.direct.dtype == np.float32
    assert residual_db(sound.samples, convolve(signal, response.samples)) < -50.0
    assert residual_db(sound.direct, convolve(signal, direct_response(room, START))) < -60.0


@pytest.mark.parametrize("speed_m_s", [0.3, 3.0])
def test_direct_sound_and_first_reflections_are_those_of_exact_images(speed_m_s):
    found = first_images_residuals_db(speed_m_s, 0.3, 500)
    assert found["ours"] < -65.0
    # What others do misses by far, so the comparison can fail.
    assert found["4 a second"] > -10.0


def test_the_frequency_of_a_passing_tone_is_shifted_by_its_speed():
    assert doppler_errors_percent(2000.0, 3.0).max() < 0.01


@pytest.mark.parametrize("seed", [2, 3])
def test_the_direct_sound_comes_from_where_the_path_is(seed):
    errors_deg = direction_errors_deg(seed, 1.5)
    assert np.median(errors_deg) < 0.3
    assert errors_deg.max() < 1.0


def test_the_late_level_has_no_dips_between_places():
    levels_db = late_levels_db(2, 4)
    assert np.abs(10.0 * np.log10(np.mean(10.0 ** (levels_db / 10.0), axis=0))).max() < 1.0
    assert np.abs(levels_db.mean(axis=0)).max() < 1.0


@pytest.mark.parametrize("path", [PASSING, STILL, Arc(START_M, RECEIVER_M[:2], -120.0, 0.3)])
@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.7])
def test_any_sound_on_any_path_is_finite_and_as_long_as_wanted(room, path, seconds):
    signal = noise(seconds, 2, None)
    sound = moved(room, signal, path, n_samples=signal.size + 3000)
    assert sound.samples.shape == sound.direct.shape == (4, signal.size + 3000)
    assert np.all(np.isfinite(sound.samples))
    assert (np.abs(sound.samples).max() > 0.1) == (seconds > 0.0)


def test_the_nearest_moment_is_the_loudest(room):
    """The source passes 0.3 m away, and there W has 1/r."""
    signal = np.sin(2.0 * np.pi * 1000.0 * np.arange(RATE // 2) / RATE).astype(np.float32)
    direct = moved(room, signal, PASSING).direct[0]
    assert np.abs(direct).max() == pytest.approx(1.0 / 0.3, rel=0.01)
    assert np.argmax(np.abs(direct)) / RATE == pytest.approx(0.25 + 0.3 / 343.0, abs=0.01)


def test_reverberation_goes_on_after_the_sound_and_is_cut_where_it_is_no_longer_wanted(room):
    signal = noise(0.3, 4)
    whole = moved(room, signal, PASSING, n_samples=2 * RATE)
    cut = moved(room, signal, PASSING, n_samples=signal.size)
    after = whole.samples[0, signal.size + RATE // 20 :]
    assert np.abs(after[: RATE // 10]).max() > 0.01
    assert not after[RATE + RATE // 4 :].any()
    assert residual_db(cut.samples, whole.samples[:, : signal.size]) < -100.0


def test_the_same_arguments_give_the_same_samples_and_another_seed_another_tail(room):
    signal = noise(0.2, 4)
    one, same, other = (moved(room, signal, PASSING, n_samples=RATE // 2, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.samples, same.samples)
    assert np.array_equal(one.direct, other.direct)
    assert not np.array_equal(one.samples, other.samples)


def test_lower_orders_are_part_of_higher_ones(room):
    signal = noise(0.2, 4)
    second = moved(room, signal, PASSING, order=2)
    assert second.samples.shape[0] == 9
    for order in (0, 1):
        channels = (order + 1) ** 2
        lower = moved(room, signal, PASSING, order=order)
        assert np.array_equal(lower.direct, second.direct[:channels])
        if order == 1:
            assert np.array_equal(lower.samples, second.samples[:channels])
        else:
            # How later places cross-fade depends on the first order, so W alone differs a little.
            assert residual_db(lower.samples, second.samples[:channels]) < -20.0


def test_what_cannot_be_rendered_is_refused(room):
    with pytest.raises(ValueError, match=r"meets the receiver|at one point"):
        moved(room, noise(1.0, 1), Line((2.0, 2.5, 1.5), (4.0, 2.5, 1.5), 1.0))
    with pytest.raises(ValueError, match="order 4"):
        moved(room, noise(0.1, 1), PASSING, order=4)
    with pytest.raises(ValueError, match="sample_rate 16000"):
        moved(room, noise(0.1, 1), PASSING, sample_rate=16_000)
