"""Gathered tables come back sorted and once, in whatever order and pieces they came; answers are counted."""

from __future__ import annotations

import itertools
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.release.answer_counts import AnswerCounter
from pipeline.release.gathering import Gathered, TableFile, save_tables
from pipeline.release.layout import gather
from transforms.captions.answer_budget import Price
from transforms.captions.answer_journal import read_answers
from transforms.shards import workspace
from transforms.shards.release_rows import ANSWER_SCHEMA, OLDER_ANSWER_SCHEMA

SCHEMA = pa.schema([("name", pa.string()), ("number", pa.int32())])
ROWS = st.lists(st.tuples(st.one_of(st.none(), st.sampled_from("abcdefgh")), st.one_of(st.none(), st.integers(0, 3))))


def table_of(rows: list[tuple[str | None, int | None]]) -> pa.Table:
    return pa.Table.from_pylist([{"name": name, "number": number} for name, number in rows], SCHEMA)


def gathered(pieces: list[list[tuple[str | None, int | None]]], together: int) -> list[tuple[str | None, int | None]]:
    with Gathered(SCHEMA, rows_together=together) as gathering:
        for piece in pieces:
            gathering.add(table_of(piece))
        tables = list(gathering.tables())
    return [(row["name"], row["number"]) for table in tables for row in table.to_pylist()]


def nulls_last(row: tuple[str | None, int | None]) -> tuple[bool, str, bool, int]:
    name, number = row
    return name is None, name or "", number is None, number or 0


@given(rows=ROWS, cuts=st.lists(st.integers(0, 20), max_size=4), together=st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_rows_come_back_sorted_and_once(
    rows: list[tuple[str | None, int | None]], cuts: list[int], together: int
) -> None:
    bounds = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    pieces = [rows[start:end] for start, end in itertools.pairwise(bounds)]
    assert gathered(pieces, together) == sorted(set(rows), key=nulls_last)


def test_a_first_value_is_in_one_piece_only() -> None:
    with Gathered(SCHEMA, rows_together=4) as gathering:
        gathering.add(table_of([(name, number) for name in "cab" for number in range(4)]))
        pieces = [set(table["name"].to_pylist()) for table in gathering.tables()]
    assert len(pieces) > 1
    assert sum(len(piece) for piece in pieces) == 3


def test_a_file_s_bytes_do_not_depend_on_the_pieces_it_came_in(tmp_path: Path) -> None:
    rows = [(f"{number:05d}", number) for number in range(100)]
    hashes = set()
    for size in (1, 7, 100):
        file = TableFile(SCHEMA, rows_together=16)
        for start in range(0, 100, size):
            file.add(table_of(rows[start : start + size]))
        hashes.add(file.save(str(tmp_path), f"{size}.parquet"))
    assert len(hashes) == 1
    assert pq.ParquetFile(tmp_path / "7.parquet").num_row_groups == 7
    assert pq.read_table(tmp_path / "7.parquet").to_pylist() == table_of(rows).to_pylist()
    assert save_tables(str(tmp_path), "none.parquet", SCHEMA, [])[0] == 0
    assert pq.read_table(tmp_path / "none.parquet").num_rows == 0


def answer(
    request: str, row: str, reason: str | None, tokens: int = 10, model: str = "m", asked: str = "writer"
) -> dict[str, object]:
    names = ("request_sha256", "row_id", "caption_index", "attempt", "text", "kept", "reason", "model", "prompt")
    values = (request, row, 0, 0, "text", reason is None, reason, model, "p")
    return {**dict(zip(names, values, strict=True)), "prompt_tokens": tokens, "completion_tokens": 1, "asked": asked}


ANSWERS = [
    answer("a", "row 1", None),
    answer("a", "row 2", None),
    answer("a", "row 3", "leak"),
    answer("b", "row 1", "empty"),
    answer("c", "row 4", "error: timeout"),
    answer("d", "row 5", "error: budget"),
]


@pytest.mark.parametrize("size", [1, 2, 6])
def test_a_question_of_several_rows_is_paid_once_however_the_tables_are_cut(size: int) -> None:
    counter = AnswerCounter({"m": Price(1.0, 2.0)})
    for start in range(0, len(ANSWERS), size):
        counter.add(pa.Table.from_pylist(ANSWERS[start : start + size], ANSWER_SCHEMA))
    assert counter.counts() == {
        "kept": 2,
        "refused": 2,
        "failed": 2,
        "requests": 2,
        "prompt_tokens": 20,
        "completion_tokens": 2,
        "cost_usd": round((20 * 1.0 + 2 * 2.0) / 1e6, 6),
    }
    assert any("1 captions (" in note for note in counter.notes())


def test_answers_of_a_judge_are_counted_beside_those_of_the_writer() -> None:
    counter = AnswerCounter({"m": Price(1.0, 2.0), "j": Price(3.0, 4.0)})
    judged = [
        answer("e", "row 6", None),
        answer("f", "row 6", None, model="j", asked="judge"),
        answer("g", "row 7", "judge_direction", model="j", asked="judge"),
        answer("h", "row 8", "error: timeout", model="j", asked="judge"),
    ]
    counter.add(pa.Table.from_pylist([*ANSWERS, *judged], ANSWER_SCHEMA))
    counts = counter.counts()
    assert {name: counts[name] for name in ("kept", "refused", "failed", "judged", "kept_by_judge", "requests")} == {
        "kept": 3,
        "refused": 2,
        "failed": 3,
        "judged": 2,
        "kept_by_judge": 1,
        "requests": 5,
    }
    assert counts["cost_usd"] == round((30 * 1.0 + 3 * 2.0 + 20 * 3.0 + 2 * 4.0) / 1e6, 6)


def test_an_older_table_of_answers_is_all_the_writers(tmp_path: Path) -> None:
    older = pa.Table.from_pylist(ANSWERS, OLDER_ANSWER_SCHEMA)
    pq.write_table(older, tmp_path / "answers.parquet")
    with gather(str(tmp_path), workspace.ANSWERS, ANSWER_SCHEMA, "answers.parquet") as gathered:
        (table,) = gathered.tables()
    assert table.schema == ANSWER_SCHEMA
    assert set(table["asked"].to_pylist()) == {"writer"}
    assert len(read_answers([str(tmp_path / "answers.parquet")])) == 2


def test_a_model_without_a_price_has_no_cost() -> None:
    counter = AnswerCounter({})
    counter.add(pa.Table.from_pylist(ANSWERS, ANSWER_SCHEMA))
    assert counter.counts()["cost_usd"] is None
