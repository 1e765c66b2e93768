"""Parquet files that tests damage."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def change_table(path: Path, column: str, change: Callable[[Any], Any], rows: Iterable[int] = (0,)) -> None:
    """Writes the table with other values of a column in these rows, of the same type."""
    table = pq.read_table(path)
    values = table[column].to_pylist()
    for row in rows:
        values[row] = change(values[row])
    field = table.schema.field(column)
    pq.write_table(table.set_column(table.schema.get_field_index(column), field, pa.array(values, field.type)), path)
