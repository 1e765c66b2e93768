"""The rows that a report shows in full: which rows it chooses, and how it draws their rooms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report.choice import choose_rows
from pipeline.report.room_drawing import View, draw_room
from pipeline.report.samples import RowUnknown, cards, measures
from pipeline.report.summary import summarise
from tests.pipeline.report.generated_release import all_rows, make_release
from transforms.records import SPLITS
from transforms.words import VOCABULARY


def test_the_choice_is_spread_and_does_not_depend_on_the_order_of_files(tmp_path: Path) -> None:
    made = make_release(tmp_path / "demo", 60, audio=False)
    summary = summarise(made)
    chosen = choose_rows(summary, 10)
    rows = [summary.rows.slice(index, 1).to_pylist()[0] for index in chosen]
    assert len(set(chosen)) == 10
    assert {row["split"] for row in rows} == set(SPLITS)
    assert {row["direction"] for row in rows} >= set(VOCABULARY["direction"])
    assert {row["reverberation"] for row in rows} >= {row["reverberation"] for row in all_rows(made)}
    for name in ("00000-of-00002", "00001-of-00002"):
        (made / "train" / name).rename(made / "train" / name.translate(str.maketrans("01", "ba")))
    again = summarise(made)
    assert [again.rows["id"][index].as_py() for index in choose_rows(again, 10)] == [row["id"] for row in rows]


def test_the_first_rows_differ_and_the_very_first_says_much_about_space(tmp_path: Path) -> None:
    made = make_release(tmp_path / "demo", 60, audio=False)
    summary = summarise(made)
    rows = [summary.rows.slice(index, 1).to_pylist()[0] for index in choose_rows(summary, 4)]
    words = [sum(row[attribute] is not None for attribute in VOCABULARY) for row in all_rows(made)]
    assert sum(rows[0][attribute] is not None for attribute in VOCABULARY) >= max(words) - 1
    assert "rewritten" in rows[0]["caption_status"]
    for column in ("source_id", "direction", "room_id"):
        assert len({row[column] for row in rows}) == 4, column


def test_a_choice_of_more_rows_than_there_are_is_all_rows(tmp_path: Path) -> None:
    assert sorted(choose_rows(summarise(make_release(tmp_path / "demo", 5, audio=False)), 50)) == list(range(5))


def test_rows_asked_for_come_first_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    made = make_release(tmp_path / "demo", 8, audio=False)
    summary, row_id = summarise(made), all_rows(made)[-1]["id"]
    assert cards(summary, 3, [row_id, row_id])[0].row["id"] == row_id
    with pytest.raises(RowUnknown, match="no row nobody"):
        cards(summary, 3, ["nobody"])


def test_measures_come_with_their_word_or_what_they_lie_between() -> None:
    values = {"azimuth_deg": -135.0, "elevation_deg": 45.0, "distance_m": 1.5, "floor_area_m2": 120.0, "t30_ms": None}
    words = {"direction": None, "elevation": "up", "distance": None, "room_size": "large", "reverberation": None}
    assert [(one.label, one.value, one.word or one.otherwise) for one in measures({**values, **words})] == [
        ("Azimuth", "−135°", "between right and back"),
        ("Elevation", "+45°", "up"),
        ("Distance", "1.50 m", "neither near nor far"),
        ("Floor", "120.0 m²", "large"),
        ("T30", "–", "not known"),
    ]


# --- Drawings -------------------------------------------------------------------------------------------------------


def _row(size_m: tuple[float, float, float], receiver: tuple[float, ...], source: tuple[float, ...]) -> dict[str, Any]:
    sides = zip(("room_length_m", "room_width_m", "room_height_m"), size_m, strict=True)
    points = [
        (f"{who}_{axis}_m", value)
        for who, point in (("receiver", receiver), ("source", source))
        for axis, value in zip("xyz", point, strict=True)
    ]
    return dict([*sides, *points])


@pytest.mark.parametrize(
    ("size_m", "units_per_m", "width", "height"),
    [
        # Two views of 4 m and the gap between them, beside each other.
        ((8.0, 4.0, 2.0), 34.25, 300.0, 274.0),
        # One below the other: a width of 8 m fills the canvas.
        ((4.0, 8.0, 2.0), 37.5, 300.0, 251.0),
    ],
)
def test_the_drawing_has_front_up_left_on_the_left_and_up_above(
    size_m: tuple[float, float, float], units_per_m: float, width: float, height: float
) -> None:
    drawn = draw_room(_row(size_m, (1.0, 1.0, 1.0), (3.5, 3.0, 1.5)))
    assert (drawn.width, drawn.height) == (width, height)
    # The source is 2.5 m ahead, 2 m to the left and 0.5 m higher.
    right, down = (drawn.above.source[at] - drawn.above.receiver[at] for at in (0, 1))
    assert (right, down) == pytest.approx((-2 * units_per_m, -2.5 * units_per_m), abs=0.2)
    right, down = (drawn.behind.source[at] - drawn.behind.receiver[at] for at in (0, 1))
    assert (right, down) == pytest.approx((-2 * units_per_m, -0.5 * units_per_m), abs=0.2)
    assert drawn.rings == pytest.approx((units_per_m, 2 * units_per_m), abs=0.1)


_SIDE = st.floats(2.4, 20.0)


@given(_SIDE, _SIDE, st.floats(2.2, 9.0), st.floats(0, 1), st.floats(0, 1))
def test_the_drawing_fills_its_canvas_and_keeps_within_it(
    length: float, width: float, height: float, across: float, along: float
) -> None:
    point = (along * length, across * width, across * height)
    drawn = draw_room(_row((length, width, height), point, (length / 2, width / 2, height / 2)))
    assert max(drawn.width, drawn.height) == pytest.approx(300.0, abs=1.0)
    views = (drawn.above, drawn.behind)
    assert max(view.x + view.width for view in views) == pytest.approx(drawn.width, abs=0.2)
    assert max(view.y + view.height for view in views) == pytest.approx(drawn.height, abs=0.2)
    for view in views:
        for x, y in (view.receiver, view.source):
            assert -0.1 <= x <= view.width + 0.1
            assert -0.1 <= y <= view.height + 0.1
    assert _apart(*views)


def _apart(one: View, other: View) -> bool:
    return other.y >= one.y + one.height or other.x >= one.x + one.width
