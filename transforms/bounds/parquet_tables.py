"""Reads Parquet tables that may come from anybody: rows, columns and cells are counted before they are decoded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from transforms.bounds.limits import (
    EXPANSION,
    EXPANSION_FREE_BYTES,
    MOST_VALUES_OF_A_CELL,
    ROW_BYTES,
    TABLE_BYTES,
    VALUE_BYTES,
)
from transforms.bounds.parquet_footer import Footer, PageSizes, TableRefused, page_sizes, read_footer
from transforms.errors import one_line

__all__ = ["OPTIONAL", "OpenTable", "TableRefused", "most_file_bytes", "open_table", "read_table"]

#: What the metadata of a field in a schema says where a table may lack the column; a reader then finds nulls.
OPTIONAL = {"optional": "yes"}


def most_file_bytes(rows: int) -> int:
    """The most bytes of a file that holds so many rows."""
    return TABLE_BYTES + ROW_BYTES * rows


def read_table(
    file: BinaryIO, schema: pa.Schema | None = None, columns: Sequence[str] | None = None, rows: int | None = None
) -> pa.Table:
    """A whole table; the arguments are those of `open_table`.

    Raises:
        TableRefused: as for `open_table`, or a page is damaged.
        OSError: when the file cannot be read.
    """
    table = open_table(file, schema, columns, rows)
    return table.read()


def open_table(
    file: BinaryIO, schema: pa.Schema | None = None, columns: Sequence[str] | None = None, rows: int | None = None
) -> OpenTable:
    """Opens a table and measures it; nothing is decoded yet.

    Args:
        file: the file; it stays open as long as the table is read.
        schema: the columns that are known. Those that are read have these types, and one that is OPTIONAL may be
            missing, which is read as null; None takes any columns.
        columns: the columns that are read; None reads those of `schema`, or all.
        rows: a table of more rows is refused; None takes any number that the limits allow.

    Raises:
        TableRefused: when it is no Parquet file, lacks a column, has a column of another type, or is larger than its
            file, its number of rows or a limit allows.
        OSError: when the file cannot be read.
    """
    footer = read_footer(file)
    if rows is not None and footer.rows > rows:
        raise TableRefused(f"it has {footer.rows} rows, more than {rows}")
    wanted = columns if columns is not None else schema.names if schema is not None else None
    named = None if wanted is None else frozenset(wanted)
    groups = [page_sizes(file, footer, group, named) for group in range(len(footer.row_groups))]
    most = min(most_file_bytes(footer.rows), EXPANSION_FREE_BYTES + EXPANSION * file.seek(0, 2))
    texts = _texts_to_measure(groups, most)
    file.seek(0)
    try:
        opened = pq.ParquetFile(file, read_dictionary=[".".join(path) for path in texts])
    except (pa.ArrowException, ValueError, OSError) as error:
        raise _refusal(error) from error
    table = OpenTable(opened, footer, tuple(wanted) if wanted is not None else None, most)
    if schema is not None:
        table.check_types(schema)
    return table


class OpenTable:
    """An open table whose sizes are known; its row groups are decoded one at a time."""

    def __init__(self, file: pq.ParquetFile, footer: Footer, columns: tuple[str, ...] | None, most_bytes: int) -> None:
        self.rows = footer.rows
        self.names: list[str] = file.schema_arrow.names
        self.schema = _plain_schema(file.schema_arrow)
        self._file = file
        self._groups = len(footer.row_groups)
        self._columns = columns
        # These are Arrow's dictionaries: as the table was written, or to measure the texts of a column.
        self._has_dictionaries = not self.schema.equals(file.schema_arrow)
        self._most_bytes = most_bytes
        self._absent: list[tuple[int, pa.Field]] = []
        """Optional columns that the table lacks, with their positions."""

    def check_types(self, schema: pa.Schema) -> None:
        """Raises TableRefused when a column that is read is missing or has another type than in `schema`."""
        for position, name in enumerate(self._columns or schema.names):
            count = self.names.count(name)
            if not count and _is_optional(schema.field(name)):
                self._absent.append((position, schema.field(name)))
                continue
            if count != 1:
                raise TableRefused(f"it has no column {name}" if not count else f"it has the column {name} twice")
            found, expected = self.schema.field(name).type, schema.field(name).type
            if found != expected:
                raise TableRefused(f"its column {name} is of the type {str(found)[:60]}, not {expected}")

    def groups(self) -> Iterator[pa.Table]:
        """The rows in tables of a row group each; texts are checked to be UTF-8.

        Raises:
            TableRefused: when a page is damaged, or texts are longer than a limit allows.
            OSError: when the file cannot be read.
        """
        for number in range(self._groups):
            try:
                table = self._file.read_row_group(number, columns=self._present())
                if self._has_dictionaries:
                    table = self._with_plain_texts(table)
                table.validate(full=True)
            except TableRefused:
                raise
            except (pa.ArrowException, ValueError, OverflowError, MemoryError, OSError) as error:
                raise _refusal(error) from error
            yield self._with_absent(table)

    def batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        """The rows in batches of at most so many. Texts may be no UTF-8, so that each row can be taken on its own.

        Raises:
            TableRefused, OSError: as for `groups`.
        """
        try:
            for batch in self._file.iter_batches(rows, columns=self._columns):
                if self._has_dictionaries:
                    yield from self._with_plain_texts(pa.Table.from_batches([batch])).to_batches()
                else:
                    yield batch
        except TableRefused:
            raise
        except (pa.ArrowException, ValueError, OverflowError, MemoryError, OSError) as error:
            raise _refusal(error) from error

    def read(self) -> pa.Table:
        """All rows in one table; see `groups`."""
        found = list(self.groups())
        if found:
            return pa.concat_tables(found)
        names = self._present() or self.names
        return self._with_absent(pa.schema([self.schema.field(name) for name in names]).empty_table())

    def _present(self) -> list[str] | None:
        """The columns that are read of those that the table has; None for all."""
        absent = {field.name for _, field in self._absent}
        return None if self._columns is None else [name for name in self._columns if name not in absent]

    def _with_absent(self, table: pa.Table) -> pa.Table:
        for position, field in self._absent:
            table = table.add_column(position, field, pa.nulls(table.num_rows, field.type))
        return table

    def _with_plain_texts(self, table: pa.Table) -> pa.Table:
        """The table with texts in place of the numbers of a dictionary's texts, if they are short enough together."""
        total = sum(_text_bytes(column) for column in table.columns)
        if total > self._most_bytes:
            raise TableRefused(f"its texts are {total} bytes long, more than {self._most_bytes}")
        return table.cast(_plain_schema(table.schema))


def _is_optional(field: pa.Field) -> bool:
    return (field.metadata or {}).get(b"optional") == b"yes"


def _refusal(error: Exception) -> Exception:
    """What is raised for an error of Arrow, which raises an OSError without a number for what it cannot read."""
    if isinstance(error, OSError) and error.errno is not None:
        return error
    return TableRefused(f"not readable as Parquet: {one_line(error)[:300]}")


def _texts_to_measure(groups: Iterable[Sequence[PageSizes]], most: int) -> list[tuple[str, ...]]:
    """The columns whose texts may be too long together, so that their dictionaries have to be measured.

    Raises:
        TableRefused: when values and pages alone take more than `most` bytes.
    """
    total = texts = 0
    repeated: dict[tuple[str, ...], None] = {}
    for group in groups:
        for column in group:
            total += VALUE_BYTES * column.values + column.bytes
            texts += column.most_text_bytes
            if column.most_text_bytes > column.bytes:
                repeated[column.column] = None
            if column.values > MOST_VALUES_OF_A_CELL * max(column.rows, 1):
                raise TableRefused(f"its column {column.column[0]} has {column.values} values in {column.rows} rows")
    if total > most:
        raise TableRefused(f"it would take {total} bytes of memory, more than {most} for a table of its size")
    return list(repeated) if total + texts > most else []


def _text_bytes(column: pa.ChunkedArray) -> int:
    """The length of all texts of a column, of which many may be one and the same in a dictionary."""
    total = 0
    for chunk in column.chunks:
        total += _text_bytes_of_array(chunk)
    return total


def _text_bytes_of_array(array: pa.Array) -> int:
    while pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        array = array.flatten()
    if pa.types.is_struct(array.type):
        return sum(map(_text_bytes_of_array, array.flatten()))
    if not pa.types.is_dictionary(array.type):
        return 0
    lengths = pc.cast(pc.binary_length(array.dictionary), pa.int64())
    return pc.sum(pc.take(lengths, array.indices)).as_py() or 0


def _plain_schema(schema: pa.Schema) -> pa.Schema:
    return pa.schema([field.with_type(_plain_type(field.type)) for field in schema], metadata=schema.metadata)


def _plain_type(kind: pa.DataType) -> Any:
    """The type with texts in place of dictionaries."""
    if pa.types.is_dictionary(kind):
        return kind.value_type
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_plain_type(kind.value_type)))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_plain_type(field.type)) for field in kind])
    return kind
