"""The words that the model gives to measured values are those of releases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.words import direction_word, distance_word, elevation_word
from transforms import words as release_words


@given(st.floats(-180, 180), st.floats(-90, 90), st.floats(0, 10))
def test_words_are_those_of_releases(azimuth, elevation, distance):
    """The model imports nothing of the pipeline, so this test compares the two definitions."""
    assert direction_word(azimuth) == release_words.direction_word(azimuth)
    assert elevation_word(elevation) == release_words.elevation_word(elevation)
    assert distance_word(distance) == release_words.distance_word(distance)


@pytest.mark.parametrize("bound", [1.0, 2.0, 35.0, 40.0, 55.0, 125.0, 145.0, 180.0])
def test_words_at_the_bounds(bound):
    for value in (bound, np.nextafter(bound, 0), np.nextafter(bound, 360)):
        for signed in (value, -value):
            assert direction_word(signed) == release_words.direction_word(signed)
            assert elevation_word(signed) == release_words.elevation_word(signed)
        assert distance_word(value) == release_words.distance_word(value)
