"""Totals, card, attribution and Croissant of a release count and name every sound of every row."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.build.finish import clips_of_rows
from pipeline.recipe import load_recipe
from pipeline.release.card import write_card
from pipeline.release.croissant import croissant_json
from pipeline.release.release_json import release_json
from pipeline.release.totals import Totals, sum_tallies, tally_shard
from tests.scene_rows import moving_row, plain_row, row_of_three, scene_row, sound
from transforms.shards.release_rows import ROW_SCHEMA, SCENE_COLUMNS, with_newer_columns
from transforms.shards.source_columns import SOURCE_TYPE

NO_SCENES = {column.name: None for column in SCENE_COLUMNS}


def totals_of(*shards: list[dict]) -> Totals:  # type: ignore[type-arg]
    return sum_tallies(tally_shard(f"train/{number}", "0", rows, None) for number, rows in enumerate(shards))


def card_of(totals: Totals) -> str:
    return write_card(
        load_recipe("folder"),
        totals,
        rooms=1,
        rejections=[],
        answers={"kept": 0, "refused": 0, "failed": 0},
        versions={"elsa-spatial-audio": "1"},
    )


def test_words_and_ranges_count_every_sound() -> None:
    totals = totals_of([row_of_three(), with_newer_columns(plain_row())])
    assert (totals.row_count, totals.scenes, totals.sources, totals.moving_sources) == (2, 1, 4, 1)
    assert totals.words["direction"] == {"front": 1, "left": 2, "right": 1, "back": 0, "": 0}
    assert totals.words["room_size"] == {"small": 2, "large": 0, "": 0}
    assert totals.ranges["azimuth_deg"] == (-90.0, 120.0)
    assert totals.hour_count == pytest.approx(2 * 6.0 / 3600, abs=1e-6)


def test_a_clip_that_sounds_in_two_shards_is_one_clip() -> None:
    shards = [row_of_three()], [scene_row([sound("car", license="CC-BY-4.0", attribution="Bo"), sound("owl")], "night")]
    totals = totals_of(*shards)
    assert totals.clips["train"] == 4
    assert totals.clip_licenses == {"CC-BY-4.0": 1, "CC0-1.0": 3}
    assert totals.licenses == {"CC-BY-4.0": 2, "CC0-1.0": 2}
    assert totals == totals_of(*shards)


def test_a_release_from_before_scenes_is_counted_as_it_was() -> None:
    row = {**plain_row(attribution=None), **NO_SCENES}
    totals = totals_of([row, {**row, "id": "train/dog#1"}])
    assert (totals.scenes, totals.sources, totals.clips["train"], totals.licenses) == (0, 2, 1, {"CC0-1.0": 2})
    assert totals.unattributed == {"CC0-1.0": 1}
    stated = release_json(
        load_recipe("folder"),
        totals,
        input_sha256="",
        rejected=0,
        rooms=1,
        answers={},
        variety=None,
        rendered_by={},
        files={},
    )
    assert "scenes" not in stated["counts"]
    assert "one static source" in card_of(totals)


def test_the_card_says_how_many_rows_are_scenes_and_shows_their_sounds() -> None:
    text = card_of(totals_of([row_of_three(), moving_row(), with_newer_columns(plain_row())]))
    assert "2 of the rows are scenes" in text
    assert "5 sounds are\nheard, of which 2 move" in text
    assert "rows.sources[0]" in text
    assert "static" not in text
    assert "| CC-BY-4.0 | 1 | 1 | 0 |" in text


def test_attribution_names_the_clips_of_every_sound() -> None:
    rows = pa.Table.from_pylist([row_of_three(), {**plain_row("owl"), **NO_SCENES}], ROW_SCHEMA)
    clips = {
        (clip["source_id"], clip["license"], clip["dataset"], clip["split"]) for clip in clips_of_rows(rows).to_pylist()
    }
    named = {("bell.wav", "CC0-1.0"), ("car.wav", "CC-BY-4.0"), ("dog.wav", "CC0-1.0"), ("owl.wav", "CC0-1.0")}
    # The row of three is named after the bell, and has its licence and author.
    assert clips == {(*clip, "generated", "train") for clip in named}


def test_croissant_reads_the_fields_of_each_sound(tmp_path) -> None:  # type: ignore[no-untyped-def]
    mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant is not installed")
    shard = tmp_path / "train" / "00000-of-00001"
    shard.mkdir(parents=True)
    row = row_of_three()
    pq.write_table(pa.Table.from_pylist([row, {**plain_row(), **NO_SCENES}], ROW_SCHEMA), shard / "metadata.parquet")
    files = dict.fromkeys(("rooms.parquet", "answers.parquet", "rejected.parquet", "attribution.csv"), "0" * 64)
    (tmp_path / "croissant.json").write_text(croissant_json(load_recipe("folder"), totals_of([row]), files))
    dataset = mlcroissant.Dataset(jsonld=str(tmp_path / "croissant.json"))
    assert dataset.metadata.issues.errors == dataset.metadata.issues.warnings == set()
    scene, plain = dataset.records("rows")
    assert scene["rows/azimuth_deg"] is None
    assert plain["rows/n_sources"] is None
    for found, source in zip(scene["rows/sources"], row["sources"], strict=True):
        read = {name.removeprefix("rows/sources/"): value for name, value in found.items()}
        assert read.keys() == {field.name for field in SOURCE_TYPE} - {"path"}
        assert read["onset_s"] == source["onset_s"]
        assert read["moving"] is source["moving"]
        assert [caption.decode() for caption in read["captions"]] == source["captions"]
        assert json.loads(json.dumps([name.decode() for name in read["stem"]])) == source["stem"]
