"""Parquet lists of any types: each value comes back, and a row that cannot be read is named."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transforms.sources import SourceUnusable
from transforms.sources.lists.captions import captions_of, text_of
from transforms.sources.lists.parquet_rows import read_parquet
from transforms.sources.lists.rows import BadRow, Columns, Row

COLUMNS = Columns(("file_name",), one_of=("caption", "captions"), also=("split",))
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)


def read(path: Path, **columns: Any) -> list[Row | BadRow]:
    pq.write_table(pa.table(columns), path / "l.parquet")
    return list(read_parquet(str(path / "l.parquet"), COLUMNS, "l.parquet"))


@given(rows=st.lists(st.tuples(TEXTS, st.lists(TEXTS, max_size=3)), min_size=1, max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
def test_what_pyarrow_writes_comes_back_as_it_was(rows: list[tuple[str, list[str]]], tmp_path: Path) -> None:
    names, captions = [name for name, _ in rows], [list(texts) for _, texts in rows]
    for text in (pa.string(), pa.large_string()):
        found = read(tmp_path, file_name=pa.array(names, text), captions=pa.array(captions, pa.large_list(text)))
        assert [row.cells for row in found if isinstance(row, Row)] == [
            {"file_name": name, "captions": texts} for name, texts in zip(names, captions, strict=True)
        ]


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.dictionary(pa.int8(), pa.string())]
)
def test_every_type_of_text_is_text(kind: pa.DataType, tmp_path: Path) -> None:
    plain = pa.array(["A dog", None, "Café"], pa.string())
    values = plain.dictionary_encode() if pa.types.is_dictionary(kind) else plain.cast(kind)
    found = read(tmp_path, file_name=values, caption=values)
    assert [str(row.where) for row in found] == ["l.parquet row 1", "l.parquet row 3"]
    cells = [row.cells for row in found if isinstance(row, Row)]
    assert [captions_of(cell["caption"]) for cell in cells] == [("A dog",), ("Café",)]
    assert [text_of(cell["file_name"]) for cell in cells] == ["A dog", "Café"]


@pytest.mark.parametrize("kind", [pa.list_(pa.binary()), pa.list_(pa.string(), 1), pa.large_list(pa.large_binary())])
def test_every_type_of_list_is_a_list(kind: pa.DataType, tmp_path: Path) -> None:
    (row,) = read(tmp_path, file_name=["a"], captions=pa.array([["A dog"]], kind))
    assert isinstance(row, Row)
    assert captions_of(row.cells["captions"]) == ("A dog",)


def test_a_text_that_is_no_text_costs_its_row(tmp_path: Path) -> None:
    broken = pa.StringArray.from_buffers(2, pa.py_buffer(b"\0\0\0\0\1\0\0\0\2\0\0\0"), pa.py_buffer(b"\xffb"))
    first, second = read(tmp_path, file_name=["a", "b"], caption=broken)
    assert isinstance(first, BadRow)
    assert str(first.where) == "l.parquet row 1"
    assert isinstance(second, Row)
    assert second.cells["caption"] == "b"


def test_rows_of_nulls_are_passed_over_and_counted(tmp_path: Path) -> None:
    names = pa.array([None] * 10_000 + ["a"], pa.string())
    (row,) = read(tmp_path, file_name=names, caption=names, other=list(range(10_001)))
    assert str(row.where) == "l.parquet row 10001"


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({"name": ["a"]}, "no column file_name; its columns are name"),
        ({"file_name": ["a"]}, "no column caption or captions"),
    ],
)
def test_a_list_without_its_columns_is_named(columns: dict[str, Any], named: str, tmp_path: Path) -> None:
    with pytest.raises(SourceUnusable, match=named):
        read(tmp_path, **columns)


def test_a_column_that_is_there_twice_and_a_broken_file_are_named(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["a"])] * 3, names=["file_name", "caption", "caption"])
    pq.write_table(table, tmp_path / "l.parquet")
    with pytest.raises(SourceUnusable, match="two columns that are called caption"):
        list(read_parquet(str(tmp_path / "l.parquet"), COLUMNS, "l"))
    (tmp_path / "l.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(SourceUnusable, match="cannot be read"):
        list(read_parquet(str(tmp_path / "l.parquet"), COLUMNS, "l"))


def test_a_time_that_python_has_not_costs_its_row(tmp_path: Path) -> None:
    times = pa.array([2**62, 0], pa.int64()).cast(pa.timestamp("us"))
    first, second = read(tmp_path, file_name=["a", "b"], caption=["A", "B"], split=times)
    assert isinstance(first, BadRow)
    assert isinstance(second, Row)
    assert second.cells["split"] == datetime.datetime(1970, 1, 1)


#: As many nulls take some kilobytes.
MANY = 4_000_000
HOSTILE = {
    "millions of nulls": ({"file_name": pa.nulls(MANY, pa.string()), "caption": pa.nulls(MANY, pa.string())}, "memory"),
    "millions of nulls in a cell": (
        {"file_name": ["a"], "captions": pa.ListArray.from_arrays([0, 2_000_000], pa.nulls(2_000_000, pa.string()))},
        "2000000 values in 1 rows",
    ),
    "a long text in each row": (
        {
            "file_name": [str(number) for number in range(4096)],
            "caption": pa.DictionaryArray.from_arrays(pa.array([0] * 4096, pa.int32()), ["y" * 500_000]),
        },
        "its texts are 20480",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_small_list_that_fills_memory_is_refused(name: str, tmp_path: Path) -> None:
    columns, message = HOSTILE[name]
    with pytest.raises(SourceUnusable, match=f"l.parquet cannot be read: .*{message}"):
        read(tmp_path, **columns)


def test_columns_that_nobody_reads_cost_no_memory(tmp_path: Path) -> None:
    audio = pa.DictionaryArray.from_arrays(pa.array([0] * 4096, pa.int32()), pa.array([b"y" * 500_000]))
    found = read(tmp_path, file_name=[str(number) for number in range(4096)], caption=["a"] * 4096, audio=audio)
    assert len(found) == 4096
