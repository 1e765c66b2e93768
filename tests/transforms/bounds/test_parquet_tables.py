"""A table is measured before it is decoded: what it would take, and not what its file takes, decides."""

from __future__ import annotations

import contextlib
import io
import random
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from transforms.bounds import parquet_footer
from transforms.bounds.parquet_tables import TableRefused, open_table, read_table

MANY = 2_000_000
SCHEMA = pa.schema([("text", pa.string()), ("texts", pa.list_(pa.string())), ("number", pa.float64())])


def packed(table: pa.Table, **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    pq.write_table(table, file, **{"compression": "zstd", **options})
    return file


def plain_table(rows: int = 60) -> pa.Table:
    values = [["x", None, ""][number % 3] for number in range(rows)]
    texts = [[["a", "b"], None, []][number % 3] for number in range(rows)]
    return pa.table({"text": values, "texts": texts, "number": np.arange(rows) / 2}, schema=SCHEMA)


def one_text(count: int, length: int) -> pa.Table:
    """A column in which one long text of a dictionary stands in each row."""
    codes = pa.array(np.zeros(count, dtype=np.int32))
    return pa.table({"text": pa.DictionaryArray.from_arrays(codes, ["y" * length])})


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "none", "use_dictionary": False},
        {"data_page_version": "2.0", "row_group_size": 7},
        {"compression": "snappy", "data_page_size": 64, "write_page_index": True},
        {"use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY", "texts.list.element": "PLAIN"}},
    ],
)
def test_an_honest_table_is_read_as_pyarrow_reads_it(options: dict[str, Any]) -> None:
    file = packed(plain_table(), **options)
    assert read_table(file, SCHEMA, rows=60).equals(pq.read_table(file))
    assert read_table(file).equals(pq.read_table(file))
    assert read_table(file, SCHEMA, ["number"]).equals(pq.read_table(file, columns=["number"]))


def test_a_table_without_rows_has_its_columns() -> None:
    assert read_table(packed(plain_table(0)), SCHEMA, ["text"]).schema.names == ["text"]
    assert read_table(packed(plain_table(0).slice(0, 0)), SCHEMA).schema.equals(SCHEMA)


HOSTILE: dict[str, tuple[Callable[[], io.BytesIO], str]] = {
    "nulls": (lambda: packed(pa.table({"text": pa.nulls(MANY, pa.string())})), "bytes of memory"),
    "nulls in one cell": (
        lambda: packed(pa.table({"texts": pa.ListArray.from_arrays([0, MANY], pa.nulls(MANY, pa.string()))})),
        "2000000 values in 1 rows",
    ),
    "a long text in each row": (lambda: packed(one_text(20_000, 900_000)), "its texts are 18000000000 bytes long"),
    "no file": (lambda: io.BytesIO(b""), "does not end as a Parquet file"),
    "no footer": (lambda: io.BytesIO(b"PAR1" + b"\xff" * 4 + b"PAR1"), "longer than the file"),
    "a footer of zeros": (lambda: io.BytesIO(b"PAR1" + b"\0" * 8 + b"\x08\0\0\0PAR1"), "lacks the columns"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_small_file_that_fills_memory_is_refused(name: str) -> None:
    make, message = HOSTILE[name]
    file = make()
    tracemalloc.start()
    before = pa.total_allocated_bytes()
    with pytest.raises(TableRefused, match=message):
        read_table(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50 << 20
    assert pa.total_allocated_bytes() - before < 50 << 20


def test_a_table_has_no_more_columns_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_footer, "MOST_COLUMNS", 40)
    with pytest.raises(TableRefused, match="42 columns, more than 40"):
        read_table(packed(pa.table({f"c{i}": [1] for i in range(41)})))


def test_a_table_has_no_more_rows_than_its_release_says() -> None:
    assert read_table(packed(plain_table()), rows=60).num_rows == 60
    with pytest.raises(TableRefused, match="60 rows, more than 3"):
        read_table(packed(plain_table()), rows=3)


def test_columns_that_are_not_read_are_not_measured() -> None:
    table = pa.table({"text": ["a"] * 100_000, "texts": pa.nulls(100_000, pa.list_(pa.string()))})
    wide = table.append_column("long", one_text(100_000, 900_000)["text"])
    assert read_table(packed(wide), SCHEMA, ["text"]).num_rows == 100_000


def test_short_texts_of_a_dictionary_with_a_long_one_are_read() -> None:
    codes = pa.array([0, 1] * 50_000, pa.int32())
    texts = pa.DictionaryArray.from_arrays(codes, ["short", "also short"])
    lists = pa.ListArray.from_arrays(np.arange(0, 100_001, 2, dtype=np.int32), texts)
    lone = pa.DictionaryArray.from_arrays(codes[:50_000], ["short", "z" * 900])
    file = packed(pa.table({"text": lone, "texts": lists}))
    found = read_table(file)
    assert found.schema.types == [pa.string(), pa.list_(pa.string())]
    assert found["texts"][7].as_py() == ["short", "also short"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pa.table({"number": [1.0]}), "no column text"),
        (pa.table({"text": [1], "texts": [["a"]], "number": [1.0]}), "column text is of the type int64, not string"),
        (pa.table([["a"], ["b"], [["a"]], [1.0]], ["text", "text", "texts", "number"]), "column text twice"),
    ],
)
def test_other_columns_than_those_of_a_release_are_named(table: pa.Table, message: str) -> None:
    with pytest.raises(TableRefused, match=message):
        read_table(packed(table), SCHEMA)


def test_bytes_that_are_no_text_are_refused() -> None:
    broken = pa.array([b"\xff\xfe"], pa.binary())
    table = pa.table({"text": pa.Array.from_buffers(pa.string(), 1, broken.buffers())})
    with pytest.raises(TableRefused, match="UTF8"):
        read_table(packed(table), SCHEMA, ["text"])


def test_a_damaged_table_is_read_or_refused() -> None:
    # Each damage is one byte; the footer and the headers of pages are hit most often, because the table is small.
    data = packed(plain_table(4), row_group_size=2).getvalue()
    draw = random.Random(0)
    for _ in range(300):
        damaged = bytearray(data)
        damaged[draw.randrange(len(data))] = draw.randrange(256)
        with contextlib.suppress(TableRefused):
            open_table(io.BytesIO(damaged), SCHEMA, rows=4).read()
