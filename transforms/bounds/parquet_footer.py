"""The sizes that a Parquet file states in its footer and in the headers of its pages, read before anything is decoded.

Arrow reads what a footer says and allocates for it. A page of a few bytes may stand for a billion nulls, and no
function of Arrow tells the sizes of pages beforehand. So this module reads the headers itself, which are structures of
Thrift's compact protocol: https://github.com/apache/parquet-format.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa

from transforms.bounds import Refused
from transforms.bounds.limits import (
    MOST_COLUMNS,
    MOST_FOOTER_BYTES,
    MOST_FOOTER_VALUES,
    MOST_PAGE_HEADER_BYTES,
    MOST_PAGES,
)

_MAGIC = b"PAR1"
_HEADER_WINDOW_BYTES = 1 << 12
_MOST_DEPTH = 16
_BOOLEANS, _NUMBERS, _DOUBLE, _BINARY, _LISTS, _MAP, _STRUCT = (1, 2), (4, 5, 6), 7, 8, (9, 10), 11, 12

#: Page types and encodings by their numbers in the format.
_DICTIONARY_PAGE, _PAGE_HEADERS = 2, {0: 5, 2: 7, 3: 8}
_BY_DICTIONARY, _BY_PREFIX = (2, 8), 7
BYTE_ARRAY = 6


class TableRefused(Refused, pa.ArrowInvalid):
    """A table that is damaged, or larger than its release, its file or a limit allows; one line for the user.

    It is an error of Arrow too, so that whoever handles a damaged table handles one that is too large.
    """


@dataclass(frozen=True)
class PageSizes:
    """The sum of the sizes of a column's pages in one row group."""

    column: tuple[str, ...]
    """The name of the column, and inside it the names down to the one that holds the values."""
    rows: int
    values: int
    """Values and nulls."""
    bytes: int
    """Of the pages when they are no longer compressed."""
    most_text_bytes: int
    """Texts are at most so long together. One text of a dictionary may stand for many values, so this may be far more
    than their real length; 0 for numbers."""


@dataclass(frozen=True)
class Footer:
    """The footer of a Parquet file."""

    rows: int
    columns: tuple[tuple[str, ...], ...]
    row_groups: tuple[dict[int, Any], ...]


def read_footer(file: BinaryIO) -> Footer:
    """Reads the footer.

    Raises:
        TableRefused: when there is none, or it is larger than any footer of a table.
        OSError: when the file cannot be read.
    """
    size = file.seek(0, 2)
    file.seek(max(size - 8, 0))
    tail = file.read(8)
    if size < 12 or tail[4:] != _MAGIC:
        raise TableRefused("not readable as Parquet: it does not end as a Parquet file does")
    length = int.from_bytes(tail[:4], "little")
    if length > min(size - 8, MOST_FOOTER_BYTES):
        raise TableRefused(f"its footer of {length} bytes is longer than the file or the limit of {MOST_FOOTER_BYTES}")
    file.seek(size - 8 - length)
    values = _Thrift(file.read(length)).read_struct()
    schema, rows, groups = values.get(2), values.get(3), values.get(4, [])
    if not isinstance(schema, list) or not isinstance(rows, int) or not isinstance(groups, list) or rows < 0:
        raise TableRefused("not readable as Parquet: its footer lacks the columns or the number of rows")
    if len(schema) > MOST_COLUMNS:
        raise TableRefused(f"it has {len(schema)} columns, more than {MOST_COLUMNS}")
    of_groups = [group.get(3) if isinstance(group, dict) else None for group in groups]
    if any(not isinstance(count, int) or count < 0 for count in of_groups) or sum(of_groups) != rows:  # type: ignore[arg-type]
        raise TableRefused("not readable as Parquet: the rows of its groups are not those of its footer")
    return Footer(rows, tuple(_leaves(schema)), tuple(groups))


def _leaves(schema: list[Any]) -> Iterator[tuple[str, ...]]:
    """The path of each column that holds values; the elements of a schema stand in the order of a walk."""
    # Names, each with the number of elements that are still to come inside it.
    above: list[list[Any]] = []
    for number, element in enumerate(schema):
        name, children = (element.get(4), element.get(5) or 0) if isinstance(element, dict) else (None, 0)
        if not isinstance(name, bytes) or not isinstance(children, int) or children < 0 or (number and not above):
            raise TableRefused("not readable as Parquet: its columns contradict each other")
        if above:
            above[-1][1] -= 1
        text = name.decode("utf-8", "replace")
        if children:
            above.append([text, children])
        else:
            # The first element is the table itself.
            yield (*(part for part, _ in above[1:]), text)
        while above and not above[-1][1]:
            above.pop()
    if above:
        raise TableRefused("not readable as Parquet: columns are missing in its footer")


def page_sizes(file: BinaryIO, footer: Footer, group: int, columns: frozenset[str] | None = None) -> list[PageSizes]:
    """The sizes of the pages of each column of a row group; `columns` names those that are read, None reads all.

    Raises:
        TableRefused: when the pages are not where the footer says, or contradict it.
        OSError: when the file cannot be read.
    """
    size = file.seek(0, 2)
    found = []
    values = footer.row_groups[group]
    chunks = values.get(1)
    if not isinstance(chunks, list) or len(chunks) != len(footer.columns):
        raise TableRefused("not readable as Parquet: a group of rows has other columns than the table")
    if not values[3]:
        return []
    pages = 0
    for path, chunk in zip(footer.columns, chunks, strict=True):
        if columns is not None and path[0] not in columns:
            continue
        try:
            start, end = _extent(chunk, size)
            kind = chunk[3][1]
        except (KeyError, TypeError, AttributeError) as error:
            raise TableRefused(f"not readable as Parquet: column {path[0]} is described in part") from error
        count = text_bytes = total = dictionary = 0
        for header in _page_headers(file, start, end):
            pages += 1
            if pages > MOST_PAGES:
                raise TableRefused(f"it has more than {MOST_PAGES} pages")
            inner = header.get(_PAGE_HEADERS.get(header[1], 0)) or {}
            its_bytes, its_values = header[2], inner.get(1, 0)
            if not isinstance(its_values, int) or its_values < 0:
                raise TableRefused(f"not readable as Parquet: a page of column {path[0]} has no number of values")
            total += its_bytes
            if header[1] == _DICTIONARY_PAGE:
                dictionary = max(dictionary, its_bytes)
                continue
            count += its_values
            encoding = inner.get(4 if header[1] == 3 else 2)
            longest = dictionary if encoding in _BY_DICTIONARY else its_bytes
            repeats = encoding in _BY_DICTIONARY or encoding == _BY_PREFIX
            text_bytes += its_values * longest if repeats else its_bytes
        found.append(PageSizes(path, values[3], count, total, text_bytes if kind == BYTE_ARRAY else 0))
    return found


def _extent(chunk: Any, file_bytes: int) -> tuple[int, int]:
    """Where the pages of a column begin and end."""
    described = chunk[3]
    start, of_dictionary, length = described[9], described.get(11) or 0, described[7]
    if 0 < of_dictionary < start:
        start = of_dictionary
    if chunk.get(1) is not None or start < len(_MAGIC) or length < 0 or start + length > file_bytes:
        raise TableRefused("not readable as Parquet: pages lie outside of the file")
    return start, start + length


def _page_headers(file: BinaryIO, start: int, end: int) -> Iterator[dict[int, Any]]:
    """The header of each page; every step goes forward by at least the bytes of a header."""
    while start < end:
        header, length = _read_header(file, start, end)
        stored, plain = header.get(3), header.get(2)
        if not isinstance(header.get(1), int) or not isinstance(stored, int) or not isinstance(plain, int):
            raise TableRefused("not readable as Parquet: a page has no sizes")
        if stored < 0 or plain < 0 or start + length + stored > end:
            raise TableRefused("not readable as Parquet: a page is longer than its column")
        yield header
        start += length + stored


def _read_header(file: BinaryIO, start: int, end: int) -> tuple[dict[int, Any], int]:
    window = min(_HEADER_WINDOW_BYTES, end - start)
    while True:
        file.seek(start)
        reader = _Thrift(file.read(window))
        try:
            return reader.read_struct(), reader.at
        except _EndReached:
            if window >= min(end - start, MOST_PAGE_HEADER_BYTES):
                raise
            window = min(end - start, MOST_PAGE_HEADER_BYTES)


class _EndReached(TableRefused):
    """The bytes end within a structure."""


class _Thrift:
    """Reads a structure of Thrift's compact protocol as a dictionary of its fields by their numbers."""

    def __init__(self, data: bytes) -> None:
        self.at = 0
        self._data = data
        self._left = MOST_FOOTER_VALUES

    def read_struct(self, depth: int = 0) -> dict[int, Any]:
        """The fields of a structure.

        Raises:
            TableRefused: when the bytes are no structure.
        """
        if depth > _MOST_DEPTH:
            raise TableRefused("not readable as Parquet: its footer is nested too deeply")
        fields: dict[int, Any] = {}
        number = 0
        try:
            while head := self._byte():
                delta, kind = head >> 4, head & 15
                number = number + delta if delta else self._integer()
                fields[number] = kind == 1 if kind in _BOOLEANS else self._value(kind, depth)
        except IndexError:
            raise _EndReached("not readable as Parquet: a header is cut") from None
        return fields

    def _byte(self) -> int:
        byte = self._data[self.at]
        self.at += 1
        return byte

    def _varint(self) -> int:
        byte = self._byte()
        value, shift = byte & 127, 7
        while byte & 128:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if shift > 70:
                raise TableRefused("not readable as Parquet: a number has more than 64 bits")
        return value

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _value(self, kind: int, depth: int) -> Any:
        self._left -= 1
        if self._left < 0:
            raise TableRefused(f"its footer holds more than {MOST_FOOTER_VALUES} values")
        if kind in _NUMBERS:
            return self._integer()
        if kind == _BINARY:
            return self._bytes(self._varint())
        if kind == _STRUCT:
            return self.read_struct(depth + 1)
        if kind in _LISTS:
            return self._list(depth)
        if kind == _DOUBLE:
            return struct.unpack("<d", self._bytes(8))[0]
        if kind == 3 or kind in _BOOLEANS:
            return self._byte()
        if kind == _MAP and not self._varint():
            return {}
        raise TableRefused(f"not readable as Parquet: a header holds a value of kind {kind}")

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        count, kind = head >> 4, head & 15
        count = self._varint() if count == 15 else count
        # Every value takes a byte.
        if count > len(self._data) - self.at:
            raise IndexError
        return [self._value(kind, depth + 1) for _ in range(count)]

    def _bytes(self, length: int) -> bytes:
        if length > len(self._data) - self.at:
            raise IndexError
        self.at += length
        return self._data[self.at - length : self.at]
