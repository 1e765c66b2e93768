"""What release.json states of the variety of captions is read, and anything else is left out."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.report.variety import read_variety
from tests.pipeline.report.generated_release import stated_variety


def test_the_writers_are_read_and_all_captions_where_there_are_two() -> None:
    stated = stated_variety()
    assert [one.key for one in read_variety(stated)] == ["rewritten", "template", "all"]
    assert [one.variety.as_json() for one in read_variety(stated)] == [
        stated[name] for name in ("rewritten", "template", "all")
    ]
    del stated["rewritten"]
    assert [one.key for one in read_variety(stated)] == ["template"]


@pytest.mark.parametrize("stated", [None, 7, [], {}, {"all": 7}, {"all": {"frames": 1}}])
def test_values_of_no_release_are_left_out(stated: Any) -> None:
    assert read_variety(stated) == ()


@pytest.mark.parametrize("change", [{"frames": None}, {"frames": "<b>"}, {"begins_with_place": True}, {"odd": 1}])
def test_a_value_of_another_kind_is_left_out(change: dict[str, Any]) -> None:
    whole = stated_variety()["all"]
    assert read_variety({"template": {**whole, **change}}) == ()
