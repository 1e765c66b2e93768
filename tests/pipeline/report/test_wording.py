"""Measured values as a reader reads them."""

from __future__ import annotations

import pytest

from pipeline.report.wording import no_word_text, number, source_in_words, unbroken_duration


def test_durations_on_the_page_do_not_break() -> None:
    assert unbroken_duration(271.1) == "4\u00a0min\u00a031\u00a0s"
    assert unbroken_duration(4_444_000.0) == "1\u202f234\u00a0h"


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
