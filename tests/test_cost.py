"""docs/cost.md: every number on it follows from the rates that it states."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.cost import HOURS, PAPER_CPU_HOURS, RATES, ROWS, cpu_hours, lines, rate_lines, rates_of_page

PAGE = (Path(__file__).parents[1] / "docs" / "cost.md").read_text(encoding="utf-8")


def test_the_page_s_tables_follow_from_its_rates() -> None:
    rates = rates_of_page(PAGE)
    assert set(rates) == set(RATES)
    stated = PAGE.splitlines()
    for line in [*rate_lines(rates), *lines(rates)]:
        assert line in stated or not line, line


def test_the_sets_are_the_paper_s() -> None:
    assert ROWS == 890_038
    assert pytest.approx(4_738.65) == HOURS
    assert PAPER_CPU_HOURS == 14 * 24 * 96


def test_cpu_hours_are_counts_times_rates() -> None:
    rates = dict.fromkeys(RATES, 0.0) | {"respond_cpu_s_a_row": 0.36}
    hours = {name: value for name, (_, value) in cpu_hours(rates).items()}
    assert hours.pop("responses") == pytest.approx(89.0038)
    assert set(hours.values()) == {0.0}
