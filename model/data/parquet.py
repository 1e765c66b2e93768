"""Reads columns of a Parquet table whose sizes may lie: a few bytes of it can stand for gigabytes.

The table's metadata and then every batch of rows are compared with the size of the file. Texts stay encoded by a
dictionary, as they are in the file, until their length is known.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from io import BufferedIOBase
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

#: A table may be so many times as large as its file, and so many bytes larger. Those of releases are five times
#: as large.
MOST_TIMES, MOST_MORE_BYTES = 100, 16_000_000
#: Most bytes of a file, and of a table in memory.
MOST_BYTES = 1_000_000_000
#: Most bytes of a text in a cell. The longest captions have some hundred.
MOST_CELL_BYTES = 20_000
#: Most bytes of the metadata at the end of a file, and most row groups and columns that they name.
MOST_FOOTER_BYTES, MOST_GROUPS, MOST_COLUMNS = 16_000_000, 1000, 5000
#: Rows of a batch.
_BATCH = 1024
_END = struct.Struct("<I4s")


class TableRefused(ValueError):
    """A table that is larger than its file allows, or holds what no table of a release holds."""


def read_columns(file: BufferedIOBase, columns: Sequence[str], most_rows: int | None) -> pa.Table:
    """Reads some columns of a table.

    Args:
        file: an open Parquet file.
        columns: names. One that is missing is left out.
        most_rows: most rows of the table; None is any number that the size of the file allows.

    Raises:
        TableRefused: too many rows, columns or bytes for the file, or a text that is too long.
        OSError, pa.ArrowException: it is not a Parquet file, or broken.
    """
    size = file.seek(0, os.SEEK_END)
    if size > MOST_BYTES:
        raise TableRefused(f"a file of more than {MOST_BYTES:,} bytes")
    most_bytes = min(MOST_BYTES, MOST_TIMES * size + MOST_MORE_BYTES)
    _check_footer(file, size)
    file.seek(0)
    metadata = pq.read_metadata(file)
    texts = _check_metadata(metadata, columns, most_rows, most_bytes)
    file.seek(0)
    table = pq.ParquetFile(file, metadata=metadata, read_dictionary=texts)
    batches, total = [], 0
    schema = table.schema_arrow
    names = [name for name in columns if name in schema.names]
    for batch in table.iter_batches(batch_size=_BATCH, columns=names):
        # An invalid text or a wrong index is found here, and not by the code that uses it.
        batch.validate(full=True)
        # A table can have two columns of a name.
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            total += _check_column(column, name)
        if total > most_bytes:
            raise TableRefused(f"its rows have more than {most_bytes:,} bytes")
        batches.append(batch)
    if not batches:
        return table.read(columns=names)
    return pa.Table.from_batches(batches)


def _check_footer(file: BufferedIOBase, size: int) -> None:
    file.seek(max(0, size - _END.size))
    end = file.read(_END.size)
    if len(end) == _END.size and _END.unpack(end)[0] > MOST_FOOTER_BYTES:
        raise TableRefused(f"metadata of more than {MOST_FOOTER_BYTES:,} bytes")


def _check_metadata(
    metadata: pq.FileMetaData, columns: Sequence[str], most_rows: int | None, most_bytes: int
) -> list[str]:
    """Checks the sizes that the metadata state. Returns the paths of the text columns."""
    if most_rows is not None and metadata.num_rows > most_rows:
        raise TableRefused(f"{metadata.num_rows:,} rows; by release.json it has at most {most_rows:,}")
    if metadata.num_columns > MOST_COLUMNS or metadata.num_row_groups > MOST_GROUPS:
        raise TableRefused(f"more than {MOST_COLUMNS} columns or {MOST_GROUPS} row groups")
    texts: set[str] = set()
    values = stated = 0
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for column in map(group.column, range(group.num_columns)):
            if column.path_in_schema.partition(".")[0] not in columns:
                continue
            values += max(0, column.num_values)
            stated += max(0, column.total_uncompressed_size)
            if column.physical_type == "BYTE_ARRAY":
                texts.add(column.path_in_schema)
    # A number or a null takes eight bytes.
    if 8 * max(values, metadata.num_rows) > most_bytes or stated > most_bytes:
        raise TableRefused(f"{metadata.num_rows:,} rows with {values:,} values are too many for the size of the file")
    return sorted(texts)


def _check_column(column: Any, name: str) -> int:
    """Checks the texts of a column. Returns its bytes with every text written out."""
    kind = column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return 8 * len(column) + _check_column(column.flatten(), name)
    if not pa.types.is_dictionary(kind):
        return int(column.nbytes)
    # Texts are encoded, see above. Numbers have no dictionary here.
    if not len(column.dictionary):
        return 8 * len(column)
    lengths = pc.binary_length(column.dictionary)
    longest = pc.max(lengths).as_py() or 0
    if longest > MOST_CELL_BYTES:
        raise TableRefused(f"column {name} has a text of {longest:,} bytes, more than {MOST_CELL_BYTES:,}")
    return 8 * len(column) + (pc.sum(lengths.take(column.indices)).as_py() or 0)
