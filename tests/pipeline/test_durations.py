"""Durations as a person reads them."""

from __future__ import annotations

import pytest

from pipeline.durations import duration_text


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
        (4_444_000.0, "1,234 h"),
    ],
)
def test_durations_have_their_two_largest_units(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
