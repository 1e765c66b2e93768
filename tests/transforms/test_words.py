"""The words at every threshold of the paper's table and at its neighbours."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.words import (
    VOCABULARY,
    SpatialWords,
    direction_word,
    distance_word,
    elevation_word,
    reverberation_word,
    room_size_word,
)


def below(value: float) -> float:
    return math.nextafter(value, -math.inf)


def above(value: float) -> float:
    return math.nextafter(value, math.inf)


@pytest.mark.parametrize(
    ("distance_m", "word"),
    [(0.5, "near"), (below(1.0), "near"), (1.0, None), (1.5, None), (2.0, None), (above(2.0), "far"), (4.0, "far")],
)
def test_distance(distance_m: float, word: str | None) -> None:
    assert distance_word(distance_m) == word


@pytest.mark.parametrize(
    ("azimuth_deg", "word"),
    [
        (0.0, "front"),
        (35.0, "front"),
        (above(35.0), None),
        (below(55.0), None),
        (55.0, "left"),
        (90.0, "left"),
        (125.0, "left"),
        (above(125.0), None),
        (below(145.0), None),
        (145.0, "back"),
        (180.0, "back"),
        (-35.0, "front"),
        (below(-35.0), None),
        (above(-55.0), None),
        (-55.0, "right"),
        (-90.0, "right"),
        (-125.0, "right"),
        (below(-125.0), None),
        (above(-145.0), None),
        (-145.0, "back"),
        (above(-180.0), "back"),
    ],
)
def test_direction_counts_counter_clockwise_and_plus_90_is_left(azimuth_deg: float, word: str | None) -> None:
    assert direction_word(azimuth_deg) == word


@pytest.mark.parametrize(
    ("elevation_deg", "word"),
    [
        (48.7, "up"),
        (above(40.0), "up"),
        (40.0, None),
        (0.0, None),
        (-40.0, None),
        (below(-40.0), "down"),
        (-47.5, "down"),
    ],
)
def test_elevation(elevation_deg: float, word: str | None) -> None:
    assert elevation_word(elevation_deg) == word


@pytest.mark.parametrize(
    ("area_m2", "word"),
    [(13.3, "small"), (below(50.0), "small"), (50.0, None), (100.0, None), (above(100.0), "large"), (277.4, "large")],
)
def test_room_size(area_m2: float, word: str | None) -> None:
    assert room_size_word(area_m2) == word


@pytest.mark.parametrize(
    ("t30_ms", "word"),
    [
        (114.5, "dampened"),
        (below(200.0), "dampened"),
        (200.0, None),
        (1000.0, None),
        (above(1000.0), "reverberant"),
        (2671.9, "reverberant"),
    ],
)
def test_reverberation(t30_ms: float, word: str | None) -> None:
    assert reverberation_word(t30_ms) == word


@given(st.floats(min_value=-180, max_value=180, exclude_min=True))
def test_mirroring_left_and_right_swaps_their_words_and_no_others(azimuth_deg: float) -> None:
    mirrored = {"left": "right", "right": "left"}
    word = direction_word(azimuth_deg)
    assert direction_word(-azimuth_deg) == mirrored.get(word or "", word)


@given(st.floats(min_value=-180, max_value=180), st.floats(min_value=0, max_value=5000))
def test_every_word_is_in_the_vocabulary(azimuth_deg: float, other: float) -> None:
    assert direction_word(azimuth_deg) in {None, *VOCABULARY["direction"]}
    assert distance_word(other) in {None, *VOCABULARY["distance"]}
    assert reverberation_word(other) in {None, *VOCABULARY["reverberation"]}
    assert room_size_word(other) in {None, *VOCABULARY["room_size"]}


def test_present_words_keep_the_order_of_the_columns() -> None:
    words = SpatialWords(reverberation="dampened", direction="left", distance="near")
    assert list(words.present().items()) == [("direction", "left"), ("distance", "near"), ("reverberation", "dampened")]
