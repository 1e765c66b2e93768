"""Scenes in the report: drawn from above and along the time, counted by their sounds, and bounded for a stranger's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.report import render_page
from pipeline.report.binaural import find_head
from pipeline.report.players import Players, write_players
from pipeline.report.samples import cards
from pipeline.report.scenes.scene_drawing import draw_scene
from pipeline.report.scenes.sounds import MOST_POINTS, MOST_SOUNDS, shown_sounds, sounds_in_words
from pipeline.report.scenes.time_line import time_line
from pipeline.report.summary import Summary, summarise
from pipeline.report.table import columns_of, texts_of
from tests.scene_rows import hostile_row, moving_row, plain_row, row_of_three, scene_row, sound
from transforms.shards.release_rows import ROW_SCHEMA, SCENE_COLUMNS, is_scene, with_newer_columns


def release_of(folder: Path, *rows: dict[str, Any]) -> Summary:
    shard = folder / "train" / "00000-of-00001"
    shard.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(list(rows), ROW_SCHEMA), shard / "metadata.parquet")
    return summarise(folder)


def page_of(summary: Summary) -> str:
    chosen = cards(summary, 10)
    sounds = [shown_sounds(card.row) if is_scene(card.row) else () for card in chosen]
    players = [Players(None, None, tuple(("a.mp3",) * len(one.stems) for one in of_row)) for of_row in sounds]
    return render_page(summary, chosen, players, find_head(None))


def older(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, **{column.name: None for column in SCENE_COLUMNS}}


def test_only_several_or_moving_sounds_are_a_scene() -> None:
    assert [is_scene(row) for row in (plain_row(), older(plain_row()), with_newer_columns(plain_row()))] == [False] * 3
    assert is_scene(moving_row())
    assert [sounds_in_words(row) for row in (moving_row(), row_of_three())] == [
        "1 sound, 1 moving",
        "3 sounds, 1 moving",
    ]
    assert sounds_in_words(scene_row([sound("a"), sound("b")])) == "2 sounds"


def test_a_caption_may_say_where_a_motion_ends() -> None:
    (walker,) = shown_sounds(moving_row())
    assert (walker.words, walker.said) == (("left",), ("left", "front", "left"))
    assert shown_sounds(hostile_row())[0].said == shown_sounds(hostile_row())[0].words


def test_the_drawing_from_above_has_left_at_the_left_and_a_path_through_the_back() -> None:
    row = row_of_three()
    drawing = draw_scene(row, shown_sounds(row))
    assert drawing is not None
    bell, car, dog = drawing.sounds
    # The room is 6 m long and 5 m wide, so a metre has 50 units; the receiver is in the middle.
    assert (drawing.width, drawing.height, drawing.receiver) == (250.0, 300.0, (125.0, 150.0))
    assert bell.start == (125.0, 75.0)
    assert dog.start == (200.0, 150.0)
    assert (bell.path, dog.path) == ("", "")
    points = [tuple(map(float, point.split(","))) for point in car.path.split()]
    assert points[0][0] < 125.0 < points[-1][0]
    # From azimuth 120° to 240° it is always behind the receiver, and straight behind it half-way.
    assert all(y > 150.0 for _, y in points)
    assert max(y for _, y in points) == pytest.approx(225.0, abs=0.5)
    assert car.arrow.startswith(f"translate({points[-1][0]:g} {points[-1][1]:g}) rotate(-")


def test_a_bar_goes_from_the_onset_to_the_end_of_its_sound() -> None:
    line = time_line(6.0, shown_sounds(row_of_three()))
    assert [(bar.x, bar.width) for bar in line.bars if bar] == [(0.0, 50.0), (25.0, 50.0), (50.0, 50.0)]
    assert [second for _, second in line.ticks] == ["0", "1", "2", "3", "4", "5", "6"]
    assert line.ticks[-1][0] == 100.0


@pytest.mark.parametrize("duration_s", [None, 0.0, -1.0, float("nan"), float("inf"), 1e300])
def test_a_row_without_a_length_has_no_bars(duration_s: float | None) -> None:
    assert time_line(duration_s, shown_sounds(moving_row())).bars == (None,)


def test_words_clips_licences_and_plots_take_every_sound(tmp_path: Path) -> None:
    summary = release_of(tmp_path, row_of_three(), older(plain_row("owl")), moving_row())
    direction = next(of for of in summary.words if of.attribute == "direction")
    assert (dict(direction.counts), direction.gap) == ({"front": 1, "left": 3, "right": 1, "back": 0}, 0)
    assert summary.total.clips == 5
    assert {of.licence: (of.clips, of.rows, of.duration_s) for of in summary.licences} == {
        "CC0-1.0": (4, 3, 18.0),
        "CC-BY-4.0": (1, 1, 6.0),
    }
    assert sorted(summary.of_sounds.numbers("azimuth_deg")) == [-90.0, 0.0, 90.0, 90.0, 120.0]
    assert summary.rows.column("sounds").to_pylist() == ["3 sounds, 1 moving", "1 sound", "1 sound, 1 moving"]


def test_a_release_from_before_scenes_is_shown_without_them(tmp_path: Path) -> None:
    summary = release_of(tmp_path, older(plain_row()), older(plain_row("owl", azimuth_deg=0.0)))
    assert not summary.has_scenes
    assert [facet["name"] for facet in columns_of(summary)["facets"]].count("sounds") == 0
    assert [(card.scene, card.drawing is None) for card in cards(summary, 2)] == [(None, False)] * 2


def test_the_first_card_is_a_scene_with_its_sounds_in_colours(tmp_path: Path) -> None:
    summary = release_of(tmp_path, *(older(plain_row(f"owl {number}")) for number in range(5)), row_of_three())
    assert cards(summary, 3)[0].row["id"] == "train/street#0"
    page = page_of(summary)
    card = page[page.index('class="card first scene"') : page.index('id="more"')]
    assert re.findall(r'<g class="spot (s\d)"', card) == ["s1", "s2", "s3"]
    assert card.count('<rect class="sounding"') == 3
    assert card.count("<polyline") == 1
    assert all(caption in card for caption in ("A bell.", "A car.", "A dog."))
    assert "Sound 3 alone, in the room" in card
    facet = next(facet for facet in columns_of(summary)["facets"] if facet["name"] == "sounds")
    assert facet["values"] == ["1 sound", "3 sounds, 1 moving"]


def test_an_opened_row_has_its_sounds_with_a_few_points_each() -> None:
    rows = pa.Table.from_pylist([row_of_three(), older(plain_row())], ROW_SCHEMA)
    of_scene, of_plain = texts_of(rows)["sounds"]
    assert of_plain is None
    assert [caption for caption, *_ in of_scene] == ["A bell.", "A car.", "A dog."]
    assert [len(points) for _, _, points, *_ in of_scene] == [1, 12, 1]
    assert of_scene[2][2] == [[1.5, 0.0]]


def test_a_hostile_scene_is_bounded_and_stays_text(tmp_path: Path) -> None:
    row = hostile_row()
    sounds = shown_sounds(row)
    assert len(sounds) == MOST_SOUNDS
    assert max(len(one.offsets_m) for one in sounds) <= MOST_POINTS
    nothing = {**scene_row([]), "id": "train/nothing#0", "room_length_m": None}
    summary = release_of(tmp_path, row, nothing, older(plain_row()))
    page = page_of(summary)
    assert "<script>alert" not in page
    assert "4,992 more sounds are not shown." in page.replace("\u202f", ",")
    assert len(page) < 2_000_000
    players = write_players(
        [{**row, "shard": "train/00000-of-00001"}], str(tmp_path), head=find_head(None), original_of=None
    )
    assert players[0].stems[0] == (None,)
    assert len(texts_of(pa.Table.from_pylist([row, nothing], ROW_SCHEMA))["sounds"][0]) == MOST_SOUNDS


def test_every_sound_of_a_scene_is_credited_and_not_the_row_s_own_clip_alone(tmp_path: Path) -> None:
    assert [sound.credit for sound in shown_sounds(row_of_three())] == ["Ann, CC0-1.0", "Bo, CC-BY-4.0", "Ann, CC0-1.0"]
    page = page_of(release_of(tmp_path, row_of_three()))
    for name in ("bell", "car", "dog"):
        assert f'<a href="https://example.org/{name}" rel="noreferrer noopener">source</a>' in page
    assert page.count("Bo, CC-BY-4.0") == page.count("example.org/bell") == 1
    texts = texts_of(pa.Table.from_pylist([row_of_three()], ROW_SCHEMA))
    assert texts["sounds"][0][1][3:] == ["Bo, CC-BY-4.0", "https://example.org/car"]


def test_texts_of_a_sound_are_bounded_and_its_link_is_one_of_the_web() -> None:
    long = dict.fromkeys(("label", "motion", "direction", "attribution", "license"), "x" * 100_000)
    (shown,) = shown_sounds(scene_row([sound("dog", 0.0, 0.0, 90.0, **long, source_url="javascript:alert(1)")]))
    assert max(map(len, (shown.label or "", shown.motion or "", *shown.words))) == 200
    assert (len(shown.credit), shown.link) == (402, None)


@pytest.mark.parametrize(
    ("motion", "said"),
    [
        ("right to back", "moves from the right to the back at 0.8 m/s"),
        ("nearer", "comes nearer at 0.8 m/s"),
        ("up", "rises at 0.8 m/s"),
        (None, "moves at 0.8 m/s"),
    ],
)
def test_a_motion_is_said_in_words(motion: str | None, said: str) -> None:
    (shown,) = shown_sounds(scene_row([sound("dog", 0.0, 0.0, 90.0, motion=motion)]))
    assert shown.movement == said
