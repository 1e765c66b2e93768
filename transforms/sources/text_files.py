"""Text as people have it: CSV, JSON and plain lists in one encoding or another, cut off or not."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from transforms import storage
from transforms.sources.input_tree import Place, SourceUnusable
from transforms.sources.ranged_file import open_ranged

#: One cell of a list: longer than any caption, shorter than a file that a lost quotation mark swallows.
_MOST_CHARACTERS = 1 << 20

#: An object of a JSON list, and what is read at once.
_MOST_OBJECT_CHARACTERS, _CHUNK_BYTES = 1 << 22, 1 << 20

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def printable(text: str) -> str:
    """`text` without what no Parquet file or terminal takes: half characters become a question mark, NULs go."""
    if text.isascii():
        return text.replace("\0", "") if "\0" in text else text
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")


def one_line(error: BaseException) -> str:
    """The first line of an error, or its kind where it has no words."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def decode_text(data: bytes) -> str:
    """Bytes as text: by their byte order mark, else UTF-8, else Latin-1, which takes any byte; NULs are dropped."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace").replace("\0", "")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.replace("\0", "")


def read_text(path: str) -> str:
    """A text file, local or remote.

    Raises:
        SourceUnusable: when it cannot be read.
    """
    try:
        return decode_text(storage.read_bytes(path))
    except OSError as error:
        raise SourceUnusable(f"{path} cannot be read: {error.strerror or one_line(error)}") from error


def read_csv(path: str, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a CSV file, every cell as text: a caption "NA" or an id "-007" is neither a gap nor a number.

    A missing cell is empty, cells past the last column are dropped. Commas, semicolons or tabs part the columns,
    whichever gives those that are asked for; \\r, \\n and \\r\\n end a line.

    Raises:
        SourceUnusable: when it cannot be read, lacks one of `columns`, or a quotation mark is never closed.
    """
    return parse_csv(read_text(path), columns, path)


def parse_csv(text: str, columns: Sequence[str], path: str) -> list[dict[str, str]]:
    """See `read_csv`; `path` names the file in messages."""
    # Other readers have other limits, and this one is the process's own.
    csv.field_size_limit(_MOST_CHARACTERS)
    header: list[str] = []
    for delimiter in ",;\t":
        header = [name.strip() for name in next(_rows(text, delimiter, path), [])]
        if all(name in header for name in columns):
            break
    else:
        header = [name.strip() for name in next(_rows(text, ",", path), [])]
        if not header:
            raise SourceUnusable(f"{path} cannot be read: it is empty")
        lacking = next(name for name in columns if name not in header)
        raise SourceUnusable(f"{path} has no column {lacking}; its columns are {', '.join(map(printable, header))}")
    rows = _rows(text, delimiter, path)
    next(rows)
    return [dict(zip(header, [*cells, *[""] * (len(header) - len(cells))], strict=False)) for cells in rows if cells]


def _rows(text: str, delimiter: str, path: str) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=None), delimiter=delimiter)
    rows = iter(reader)
    last: list[str] = []
    while True:
        try:
            cells = next(rows)
        except StopIteration:
            break
        except csv.Error as error:
            raise SourceUnusable(f"{path} cannot be read: line {reader.line_num}: {error}") from error
        last = cells
        yield cells
    if any("\n" in cell for cell in last) and _ends_in_quotes(text, delimiter):
        raise SourceUnusable(f"{path} cannot be read: a quotation mark is never closed, so lines would be lost")


def _ends_in_quotes(text: str, delimiter: str) -> bool:
    """Whether the last cell begins with a quotation mark that nothing closes."""
    # A mark that is put behind the end tells: it is either a cell of its own line, or part of the open cell.
    *_, last = csv.reader(io.StringIO(text + '\n"\n', newline=None), delimiter=delimiter)
    return last != ["\n"]


def read_json_objects(place: Place) -> Iterator[dict[str, Any] | str]:
    """The objects of a JSON list, one at a time, so that a list of any length takes little memory.

    Takes `[{…}, …]`, `{…, "data": [{…}, …]}` and one object a line. A string that is yielded last tells why no more
    could be read: the file is cut, or is no JSON from there on.

    Raises:
        SourceUnusable: when the file cannot be opened.
    """
    try:
        with open_ranged(place.path, place.size_bytes) as file:
            start = file.read(4)
            encoding = next((name for mark, name in _MARKS if start.startswith(mark)), "utf-8")
            file.seek(0)
            decoder = codecs.getincrementaldecoder(encoding)("replace")
            yield from parse_json_objects(_decoded(file, decoder))
    except OSError as error:
        raise SourceUnusable(f"{place.path} cannot be read: {error.strerror or one_line(error)}") from error


def _decoded(file: Any, decoder: codecs.IncrementalDecoder) -> Iterator[str]:
    while True:
        data = file.read(_CHUNK_BYTES)
        yield decoder.decode(data, final=not data)
        if not data:
            return


def parse_json_objects(chunks: Iterator[str]) -> Iterator[dict[str, Any] | str]:
    """See `read_json_objects`; the text comes in pieces."""
    decoder = json.JSONDecoder()
    buffer, position = next(chunks, ""), 0
    listed = False
    opening = re.match(r"\s*\[", buffer) or re.match(r'\s*\{(?:(?!\{).)*?"data"\s*:\s*\[', buffer, re.DOTALL)
    if opening:
        position, listed = opening.end(), True
    ended = False
    while True:
        between = re.compile(r"[\s,]*").match(buffer, position)
        assert between is not None
        position = between.end()
        at_end = position >= len(buffer)
        if not at_end and listed and buffer[position] == "]":
            return
        if not at_end:
            try:
                value, position = decoder.raw_decode(buffer, position)
            except ValueError as error:
                if ended or len(buffer) - position > _MOST_OBJECT_CHARACTERS:
                    yield f"no JSON after object {one_line(error)}" if not ended else f"cut or broken: {error}"
                    return
            except RecursionError:
                yield "nested too deeply"
                return
            else:
                yield value if isinstance(value, dict) else {}
                continue
        if ended:
            if listed:
                yield "cut: the list is never closed"
            return
        more = next(chunks, None)
        if more is None:
            ended = True
        else:
            buffer, position = buffer[position:] + more, 0


def parse_json_object(data: bytes) -> dict[str, Any] | None:
    """One JSON object, in whatever encoding; None where the bytes hold none."""
    try:
        value = json.loads(decode_text(data))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
