"""Rows of CSV files as people write them; a line that cannot be read is named, and takes no other line with it."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from transforms.bounds.limits import MOST_LIST_COLUMNS
from transforms.sources.lists.errors import SourceUnusable
from transforms.sources.lists.rows import BadRow, Columns, Row, Where
from transforms.sources.lists.text import read_text, stripped

#: One cell of a list: longer than any caption, shorter than a file that a lost quotation mark swallows.
_MOST_CHARACTERS = 1 << 20

_DELIMITERS = ",;\t|"

#: Excel's own first line, which names the delimiter.
_SEPARATOR = re.compile(r'\s*"?sep=(?P<delimiter>[^\w\s"]|\t)"?\s*', re.IGNORECASE)

#: Excel looks at so many rows at once, the header among them, and writes no empty cells at their ends.
_EXCEL_ROWS = 16

#: A space and a quotation mark at a cell's beginning: the writer meant a quoted cell.
_SPACED_QUOTE = re.compile(' +"')


@dataclass(frozen=True, slots=True)
class _Record:
    """The cells that begin in a line, or why they cannot be told."""

    line: int
    cells: Sequence[str] = ()
    problem: str | None = None


def read_csv(path: str, columns: Columns, name: str | None = None) -> list[Row | BadRow]:
    """The rows of a CSV file, every cell as text: a caption "NA" or an id "-007" is neither a gap nor a number.

    Commas, semicolons, tabs or bars part the columns, whichever gives the columns that are asked for; \\r, \\n and
    \\r\\n end a line. Rows whose cells are all empty are passed over. Each other line is part of a row or of a BadRow:
    a quotation mark that is not closed costs its own line, and a row has as many cells as the header, but for

    - cells past the header that are empty;
    - text of a last column of captions that holds commas and is not quoted (`a.ogg,A rooster crows, then a dog barks`);
    - empty cells that Excel leaves out at the ends of sixteen rows at once.

    Args:
        path: the file, local or remote.
        columns: what is read of it.
        name: what the list is called in messages of its rows; None is the file's own name.

    Raises:
        SourceUnusable: when it cannot be read, lacks a column, or has one twice.
    """
    return parse_csv(read_text(path), columns, path, name)


def parse_csv(text: str, columns: Columns, path: str, name: str | None = None) -> list[Row | BadRow]:
    """See `read_csv`."""
    # Other readers have other limits, and this one is the process's own.
    csv.field_size_limit(_MOST_CHARACTERS)
    name = re.split(r"[/\\]", path)[-1] if name is None else name
    lines = list(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    first = next((number for number, line in enumerate(lines) if line.strip()), None)
    if first is None:
        raise SourceUnusable(f"{path} cannot be read: it is empty")
    separator = _SEPARATOR.fullmatch(lines[first])
    delimiter = separator["delimiter"] if separator else _delimiter(lines, first, columns, path)
    records = _records(lines, first + (separator is not None), delimiter, columns)
    header = _header(next(records, None), path)
    columns.check(path, header)
    wanted = [(column, header.index(column)) for column in columns.all if column in header]
    rows: list[Row | BadRow] = []
    for record in _levelled(list(records), header, columns, delimiter):
        where = Where(name, record.line)
        if record.problem is not None:
            rows.append(BadRow(where, "broken_row", record.problem))
        elif any(map(stripped, record.cells)):
            rows.append(Row(where, {column: record.cells[index] for column, index in wanted}))
    return rows


def _header(record: _Record | None, path: str) -> list[str]:
    if record is not None and record.problem is not None:
        raise SourceUnusable(f"{path} cannot be read: line {record.line}: {record.problem}")
    cells = record.cells if record is not None else ()
    if len(cells) > MOST_LIST_COLUMNS:
        raise SourceUnusable(f"{path} cannot be read: it has {len(cells)} columns, more than {MOST_LIST_COLUMNS}")
    return [stripped(cell) for cell in cells]


def _delimiter(lines: Sequence[str], first: int, columns: Columns, path: str) -> str:
    """The one delimiter that gives the columns which are asked for."""
    tops = {sign: next(_records(lines, first, sign, columns), None) for sign in _DELIMITERS}
    headers = {sign: _header(top, path) for sign, top in tops.items() if top is None or top.problem is None}
    fitting = [sign for sign in headers if columns.lacking(headers[sign]) is None]
    if any(headers[sign] != headers[fitting[0]] for sign in fitting):
        raise SourceUnusable(f"{path} cannot be read: what parts its columns is not certain")
    if fitting:
        return fitting[0]
    for sign in _DELIMITERS:
        if sign in lines[first]:
            _header(tops[sign], path)
    # The one that comes nearest is named.
    return max(headers, key=lambda sign: len(set(headers[sign]) & set(columns.all)), default=_DELIMITERS[0])


def _records(lines: Sequence[str], first: int, delimiter: str, columns: Columns) -> Iterator[_Record]:
    """Every record from line `first` on; one that cannot be read costs its first line, the next line begins anew."""
    header: list[str] = []
    begin = first
    while begin < len(lines):
        start = begin
        reader = csv.reader((lines[number] for number in range(start, len(lines))), delimiter=delimiter, strict=True)
        while begin < len(lines):
            problem = None
            cells: list[str] = []
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                problem = _why(error)
            end = start + reader.line_num
            if problem is None and any(map(_SPACED_QUOTE.match, cells)):
                cells, problem = _with_spaces("".join(lines[begin:end]), cells, delimiter)
            if problem is None and any("\0" in cell for cell in cells):
                problem = "it holds a NUL byte"
            if problem is None and end - begin > 1 and header:
                problem = _swallowed(cells, lines, begin + 1, end, header, columns, delimiter)
                if problem is None and len(cells) != len(header):
                    problem = _uneven(len(cells), header)
            if problem is not None:
                yield _Record(begin + 1, problem=problem)
                begin += 1
                break
            if cells:
                yield _Record(begin + 1, cells)
                header = header or [stripped(cell) for cell in cells]
            begin = end


def _why(error: csv.Error) -> str:
    text = str(error)
    if "end of data" in text:
        return "a quotation mark is opened and never closed"
    if "expected after" in text:
        return "a quotation mark stands alone, or is followed by more than the end of its cell"
    return text


def _with_spaces(text: str, cells: list[str], delimiter: str) -> tuple[list[str], str | None]:
    """The cells of a record in which spaces may stand before the quotation marks of a cell."""
    lines = io.StringIO(text, newline="")
    try:
        found = list(csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True))
    except csv.Error as error:
        return cells, _why(error)
    if len(found) != 1:
        return cells, "a quotation mark is opened and never closed"
    # The same but for spaces: the marks are of the text itself, which is quoted as it should be.
    same = [cell.lstrip(" ") for cell in cells] == [cell.lstrip(" ") for cell in found[0]]
    return (cells if same else found[0]), None


def _swallowed(
    record: Sequence[str],
    lines: Sequence[str],
    begin: int,
    end: int,
    header: Sequence[str],
    columns: Columns,
    delimiter: str,
) -> str | None:
    """Says so where a line within a quoted cell of a record is a row of its own by its looks."""
    looks = columns.looks or {}
    if not looks or any(name not in header for name in looks):
        return None
    patterns = {header.index(name): re.compile(pattern, re.IGNORECASE) for name, pattern in looks.items()}
    last = max(1, *patterns)
    # The names of a list end alike, also where they end in nothing that is known.
    key = min(patterns)
    ending = re.search(r"\A[^\n]+(\.\w{1,5})\Z", record[key]) if key < len(record) else None
    for number in range(begin, end):
        cells = [cell.strip().strip('"') for cell in lines[number].split(delimiter)]
        alike = last < len(cells) and ending is not None and cells[key].endswith(ending[1])
        if alike or (last < len(cells) and all(pattern.fullmatch(cells[index]) for index, pattern in patterns.items())):
            return f"a quotation mark that it opens would swallow line {number + 1}"
    return None


def _levelled(records: Sequence[_Record], header: Sequence[str], columns: Columns, delimiter: str) -> Iterator[_Record]:
    """The records with as many cells as the header; what has more or fewer and cannot be mended is said to."""
    needed = max(header.index(name) for name in (*columns.need, *columns.one_of) if name in header)
    for index, record in enumerate(records):
        count = len(record.cells)
        if record.problem is not None or count == len(header) or not any(map(stripped, record.cells)):
            yield record
        else:
            # The header is Excel's first row.
            block = (index + 1) // _EXCEL_ROWS * _EXCEL_ROWS - 1
            beside = records[block : block + _EXCEL_ROWS] if block > 0 else []
            cells = _joined(record.cells, header, delimiter)
            if needed < count < len(header) and beside and all(len(one.cells) == count for one in beside):
                cells = [*record.cells, *[""] * (len(header) - count)]
            yield _Record(record.line, cells or (), None if cells else _uneven(count, header))


def _uneven(count: int, header: Sequence[str]) -> str:
    which, mend = (
        ("more", "a cell that holds the delimiter needs quotation marks")
        if count > len(header)
        else ("fewer", "an empty cell needs its delimiter too")
    )
    return f"{count} cell{'s' * (count != 1)}, {which} than the header's {len(header)}: {mend}"


def _joined(cells: Sequence[str], header: Sequence[str], delimiter: str) -> list[str] | None:
    """The cells, where those past the header are empty, or are the rest of a caption's text."""
    count = len(header)
    if len(cells) < count:
        return None
    if not any(map(stripped, cells[count:])):
        return list(cells[:count])
    tail = cells[count - 1 :]
    prose = all(
        part[:1].isspace() or (re.match(r"\d{3}(?!\d)", part) and before[-1:].isdigit())
        for before, part in itertools.pairwise(tail)
    )
    if not header[-1].startswith("caption") or not prose:
        return None
    return [*cells[: count - 1], delimiter.join(tail)]
