"""The page on limits states those of the module."""

from __future__ import annotations

import re
from pathlib import Path

from transforms.bounds import limits

PAGE = Path(__file__).parents[3] / "docs" / "limits.md"
UNITS = {"": 1, " KiB": 1 << 10, " MiB": 1 << 20}


def test_the_page_states_the_limits_of_the_code() -> None:
    rows = re.findall(r"\| ([\d,]+)( KiB| MiB|) \| `(\w+)` \|", PAGE.read_text(encoding="utf-8"))
    assert len(rows) > 20
    assert {name: int(number.replace(",", "")) * UNITS[unit] for number, unit, name in rows} == {
        name: getattr(limits, name) for _, _, name in rows
    }
