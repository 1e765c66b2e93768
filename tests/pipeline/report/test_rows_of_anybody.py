"""Rows of anybody on the page: any number may be missing, infinite, or larger than any room."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.report.columns import column_numbers
from pipeline.report.room_drawing import draw_room
from pipeline.report.samples import _card
from pipeline.report.table import _sounds_of
from tests.scene_rows import plain_row
from transforms.shards.source_columns import NUMBER_FIELDS, PATH_FIELDS

_NUMBER = st.one_of(st.none(), st.floats(), st.floats(-200, 200))
_TEXT = st.one_of(st.none(), st.text(max_size=20), st.just("<script>" * 5000))
_POINT = st.one_of(st.none(), st.fixed_dictionaries(dict.fromkeys(PATH_FIELDS, _NUMBER)))
_SOURCE = st.fixed_dictionaries(
    {
        **dict.fromkeys(("source_id", "label", "license", "attribution", "source_url"), _TEXT),
        **dict.fromkeys(("motion", "direction", "elevation", "distance"), _TEXT),
        **dict.fromkeys(NUMBER_FIELDS, _NUMBER),
        "captions": st.one_of(st.none(), st.lists(_TEXT, max_size=2)),
        "moving": st.sampled_from([None, True, False]),
        "path": st.one_of(st.none(), st.lists(_POINT, max_size=4)),
        "stem": st.one_of(st.none(), st.lists(_TEXT, max_size=2)),
    }
)
_SIZES = ("room_length_m", "room_width_m", "room_height_m")
_PLACES = (*(f"{who}_{axis}_m" for who in ("receiver", "source") for axis in "xyz"), "azimuth_deg", "distance_m")
_NUMBERS_OF_A_ROW = (*_SIZES, *_PLACES, "duration_s", "t30_ms", "ambience_snr_db")


# No deadline, because the machine can be busy.
@settings(deadline=None, max_examples=100)
@given(
    st.one_of(st.none(), st.lists(st.one_of(st.none(), _SOURCE), max_size=3)),
    st.fixed_dictionaries(dict.fromkeys(_NUMBERS_OF_A_ROW, _NUMBER)),
)
def test_a_card_of_any_row_is_drawn_in_finite_numbers(sources: list[Any] | None, numbers: dict[str, Any]) -> None:
    card = _card({**plain_row(), **numbers, "shard": "s", "sources": sources}, 0)
    _sounds_of(sources)
    if card.drawing is not None:
        for view in (card.drawing.above, card.drawing.behind):
            assert all(map(math.isfinite, (view.x, view.y, view.width, view.height, *view.receiver, *view.source)))
    if card.scene is not None and card.scene.drawing is not None:
        drawing = card.scene.drawing
        assert all(map(math.isfinite, (drawing.width, drawing.height, *drawing.receiver, *drawing.rings)))
        for sound in drawing.sounds:
            assert all(map(math.isfinite, sound.start))
            assert "nan" not in sound.path + sound.arrow
            assert "inf" not in sound.path + sound.arrow


@pytest.mark.parametrize("size_m", [0.0, -3.0, math.inf, math.nan, 1e300])
def test_a_room_of_a_size_that_no_room_has_is_not_drawn(size_m: float) -> None:
    assert draw_room(plain_row()) is not None
    for name in _SIZES:
        assert draw_room({**plain_row(), name: size_m}) is None


def test_a_number_that_no_release_has_is_missing_in_plots() -> None:
    table = pa.table({"distance_m": [1.5, None, 1e300, -math.inf, math.nan]})
    np.testing.assert_array_equal(column_numbers(table, "distance_m"), [1.5, *[np.nan] * 4])
