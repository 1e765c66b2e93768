"""Measured values as a reader reads them."""

from __future__ import annotations

import pytest

from pipeline.report.wording import duration_text, no_word_text, number, source_in_words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (4.4, "4 s"),
        (59.6, "1 min 0 s"),
        (271.1, "4 min 31 s"),
        (3599.6, "1 h 0 min"),
        (4928.4, "1 h 22 min"),
        (359_999.0, "99 h 59 min"),
        (4_444_000.0, "1\u202f234 h"),
    ],
)
def test_durations_have_their_two_largest_units(seconds: float, text: str) -> None:
    assert duration_text(seconds).replace("\u00a0", " ") == text


def test_numbers_for_a_reader() -> None:
    assert [number(12345.6), number(-0.04, 1, True), number(-3.26, 1, True), number(2.0, 1, True)] == [
        "12\u202f346",
        "0.0",
        "−3.3",
        "+2.0",
    ]
    assert {number(None), number(float("nan")), number(float("-inf"))} == {"–"}


@pytest.mark.parametrize(
    ("azimuth_deg", "elevation_deg", "text"),
    [
        (90.0, 12.4, "90° to the left of front, 12° up, 1.50 m away"),
        (-35.0, -41.0, "35° to the right of front, 41° down, 1.50 m away"),
        (0.2, 0.0, "straight ahead, level, 1.50 m away"),
        (180.0, 0.0, "straight behind, level, 1.50 m away"),
    ],
)
def test_the_source_in_words(azimuth_deg: float, elevation_deg: float, text: str) -> None:
    assert source_in_words({"azimuth_deg": azimuth_deg, "elevation_deg": elevation_deg, "distance_m": 1.5}) == text


@pytest.mark.parametrize(
    ("azimuth_deg", "text"),
    [
        (45.0, "between front and left"),
        (-45.0, "between front and right"),
        (130.0, "between left and back"),
        (-140.0, "between right and back"),
        (None, "no word"),
    ],
)
def test_a_direction_without_a_word_lies_between_two(azimuth_deg: float | None, text: str) -> None:
    assert no_word_text("direction", azimuth_deg) == text
