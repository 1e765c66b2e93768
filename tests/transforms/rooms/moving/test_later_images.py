"""Places along a path, and their cross-fade: its power is even whether their responses are equal or independent."""

import numpy as np
import pytest

from transforms.convolution import convolve
from transforms.paths import Line
from transforms.rooms.moving.later_images import MOST_PLACES, place_times_s, render_later_images
from transforms.rooms.moving.octave_signals import OctaveSignals

RATE = 48_000


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def rendered(responses: list[np.ndarray], seconds: float) -> np.ndarray:
    signal = noise(round(seconds * RATE))
    times_s = np.linspace(0.0, seconds, len(responses))
    octaves = OctaveSignals(signal, RATE)
    return render_later_images(octaves, responses, times_s, n_samples=signal.size, sample_rate=RATE)


def test_places_that_are_equal_give_one_convolution():
    response = noise(4, 800)
    exact = convolve(noise(2 * RATE), response)
    difference = rendered([response] * 4, 2.0) - exact
    assert 20.0 * np.log10(np.std(difference) / np.std(exact)) < -80.0


@pytest.mark.parametrize("likeness", [0.0, 0.5, 1.0, -1.0])
def test_power_is_even_between_places_however_much_their_responses_have_in_common(likeness):
    first, second, third = (noise(4, 4000, seed=seed) for seed in (1, 2, 3))
    middle = likeness * first + np.sqrt(1.0 - likeness**2) * second
    powers = np.square(rendered([first, middle, third], 4.0)).reshape(4, 16, -1)[:, 1:].mean(axis=(0, 2))
    levels_db = 10.0 * np.log10(powers / np.median(powers))
    # Two responses that cancel each other stay within a bound, and only they have a dip.
    assert np.abs(levels_db if likeness >= 0.0 else levels_db[7:]).max() < 0.5


def test_a_path_has_a_place_every_quarter_of_a_metre_and_its_two_ends():
    path = Line((1.0, 1.0, 1.0), (3.0, 1.0, 1.0), 4.0)
    assert place_times_s(path, 10.0) == pytest.approx(np.arange(9) / 2.0)
    assert place_times_s(path, 1.0) == pytest.approx([0.0, 0.5, 1.0])
    assert place_times_s(Line((0.0, 1.0, 1.0), (99.0, 1.0, 1.0), 60.0), 60.0).size == MOST_PLACES
    assert place_times_s(path, 0.0).tolist() == [0.0]
    assert place_times_s(Line((1.0, 1.0, 1.0), (1.0, 1.0, 1.0), 4.0), 10.0).tolist() == [0.0]
