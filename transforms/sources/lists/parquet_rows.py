"""Rows of a Parquet list, of whatever types its columns are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from transforms.bounds.parquet_tables import OpenTable, open_table
from transforms.errors import first_line
from transforms.sources.lists.errors import SourceUnusable
from transforms.sources.lists.rows import BadRow, Columns, Row, Where
from transforms.storage import folder_files

_BATCH_ROWS = 4096

#: A value that Python cannot hold.
_NOT_PLAIN = (pa.ArrowException, ValueError, OverflowError)


def read_parquet(path: str, columns: Columns, name: str) -> Iterator[Row | BadRow]:
    """The rows of a Parquet file, without those that are null in each of the columns that are read.

    Raises:
        SourceUnusable: when it cannot be read, takes more memory than a limit allows, lacks a column, or has one twice.
    """
    try:
        with folder_files.open_listed_file(path) as file:
            table = open_table(file, columns=columns.all)
            columns.check(path, table.names)
            yield from _rows(table, name)
    except SourceUnusable:
        raise
    except (OSError, *_NOT_PLAIN) as error:
        raise SourceUnusable(f"{path} cannot be read: {first_line(error)}") from error


def _rows(table: OpenTable, name: str) -> Iterator[Row | BadRow]:
    number = 0
    for batch in table.batches(_BATCH_ROWS):
        if all(column.null_count == batch.num_rows for column in batch.columns):
            number += batch.num_rows
            continue
        for values in _values(batch):
            number += 1
            where = Where(name, number, "row")
            if isinstance(values, str):
                yield BadRow(where, "broken_row", values)
            elif any(value is not None for value in values.values()):
                yield Row(where, values)


def _values(batch: pa.RecordBatch) -> Sequence[dict[str, Any] | str]:
    """Each row as plain values, or why it has none."""
    try:
        return batch.to_pylist()
    # Text that is no UTF-8, or a time that Python has not: it costs its own row.
    except _NOT_PLAIN:
        return [_plain(batch, index) for index in range(batch.num_rows)]


def _plain(batch: pa.RecordBatch, index: int) -> dict[str, Any] | str:
    try:
        return {name: batch.column(name)[index].as_py() for name in batch.schema.names}
    except _NOT_PLAIN as error:
        return first_line(error)
