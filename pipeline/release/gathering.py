"""Gathers many small tables into one sorted table without repeated rows, and without all of it in memory."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Iterable, Iterator
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from transforms.storage import folder_files

#: The number of rows that are sorted together, and of rows in a row group of a written file.
ROWS_TOGETHER = 65_536


class Gathered:
    """Tables of one schema, kept in a temporary file and returned in the order of their values.

    Equal rows are returned once. They are sorted by their columns, first column first and nulls last, so the number of
    the tables and their order do not matter.
    """

    def __init__(self, schema: pa.Schema, rows_together: int = ROWS_TOGETHER) -> None:
        self.schema = schema
        self._rows_together = rows_together
        # It has no name, so that a build that is killed leaves nothing behind.
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._writer: pa.RecordBatchFileWriter | None = pa.ipc.new_file(self._file, schema)
        self._first: list[pa.Array] = []

    def __enter__(self) -> Gathered:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()
        self._file.close()

    def add(self, table: pa.Table) -> None:
        """Adds rows; repeated rows are returned once."""
        assert self._writer is not None
        cast = table.cast(self.schema)
        self._writer.write_table(cast, max_chunksize=self._rows_together)
        self._first += cast.column(0).chunks

    def tables(self) -> Iterator[pa.Table]:
        """All rows in order, in tables of about `rows_together` rows; rows with the same first value stay together."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        bounds = _bounds(pa.chunked_array(self._first, self.schema.field(0).type), self._rows_together)
        self._first = []
        for low, high in zip([None, *bounds], [*bounds, None], strict=True):
            yield _sorted(pa.concat_tables(self._between(low, high)), self.schema)

    def _between(self, low: pa.Scalar | None, high: pa.Scalar | None) -> list[pa.Table]:
        found = [self.schema.empty_table()]
        # Read and not mapped, so that a batch does not stay in memory.
        batches = pa.ipc.open_file(self._file)
        for number in range(batches.num_record_batches):
            batch = batches.get_batch(number)
            found.append(pa.Table.from_batches([batch.filter(_is_between(batch.column(0), low, high))]))
        return found


def _bounds(values: pa.ChunkedArray, rows_together: int) -> list[pa.Scalar]:
    """Values of the first column that divide it into pieces of about so many rows."""
    pieces = -(-len(values) // rows_together)
    if pieces < 2:
        return []
    ordered = pc.array_sort_indices(values)
    at = [ordered[len(values) * piece // pieces].as_py() for piece in range(1, pieces)]
    bounds = {values[place].as_py() for place in at} - {None}
    return [pa.scalar(value, values.type) for value in sorted(bounds)]


def _is_between(values: pa.Array, low: pa.Scalar | None, high: pa.Scalar | None) -> pa.Array:
    """A mask of low ≤ value < high, where null is larger than every value."""
    inside = pa.array(np.ones(len(values), dtype=bool))
    if low is not None:
        inside = pc.fill_null(pc.greater_equal(values, low), True)
    if high is not None:
        inside = pc.and_(inside, pc.fill_null(pc.less(values, high), False))
    return inside


def _sorted(table: pa.Table, schema: pa.Schema) -> pa.Table:
    once = table.group_by(schema.names).aggregate([]).select(schema.names)
    return once.sort_by([(name, "ascending") for name in schema.names]).cast(schema)


class TableFile:
    """A Parquet file that is written table by table; its row groups have one size, whatever the tables' sizes."""

    def __init__(self, schema: pa.Schema, rows_together: int = ROWS_TOGETHER) -> None:
        self.rows = 0
        self._rows_together = rows_together
        self._buffer = io.BytesIO()
        self._writer = pq.ParquetWriter(self._buffer, schema, compression="zstd")
        self._waiting = schema.empty_table()

    def add(self, table: pa.Table) -> None:
        """Appends rows."""
        self.rows += table.num_rows
        self._waiting = pa.concat_tables([self._waiting, table])
        while self._waiting.num_rows >= self._rows_together:
            self._write(self._waiting.slice(0, self._rows_together))
            self._waiting = self._waiting.slice(self._rows_together)

    def save(self, release: str, name: str) -> str:
        """Writes the file at once and returns its SHA-256."""
        if self._waiting.num_rows or not self.rows:
            self._write(self._waiting)
        self._writer.close()
        data = self._buffer.getvalue()
        folder_files.write_bytes(release, name, data)
        return hashlib.sha256(data).hexdigest()

    def _write(self, table: pa.Table) -> None:
        self._writer.write_table(table.combine_chunks())


def save_tables(release: str, name: str, schema: pa.Schema, tables: Iterable[pa.Table]) -> tuple[int, str]:
    """Writes tables as one Parquet file; returns its number of rows and its SHA-256."""
    file = TableFile(schema)
    for table in tables:
        file.add(table)
    return file.rows, file.save(release, name)
