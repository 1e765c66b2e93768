"""Rows of JSON: one object a line, lists of objects of any length, and single objects; cut off or not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from transforms.errors import first_line, reason_of
from transforms.sources.lists.errors import SourceUnusable
from transforms.sources.lists.rows import BadRow, Columns, Row, Where
from transforms.sources.lists.text import decode_text, decoded_chunks, read_text, short
from transforms.sources.ranged_file import open_ranged

#: An object of a JSON list.
_MOST_OBJECT_CHARACTERS = 1 << 22


def read_json_lines(path: str, columns: Columns, name: str | None = None) -> list[Row | BadRow]:
    """The rows of a file with one JSON object a line; `name` is what the list is called in messages of its rows.

    Raises:
        SourceUnusable: when it cannot be read, holds no object, or lacks a column in every one.
    """
    return parse_json_lines(read_text(path), columns, path, name)


def parse_json_lines(text: str, columns: Columns, path: str, name: str | None = None) -> list[Row | BadRow]:
    """See `read_json_lines`."""
    name = re.split(r"[/\\]", path)[-1] if name is None else name
    rows: list[Row | BadRow] = []
    # Lines end at \n alone: other ends of lines may stand within a text as they are.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        where = Where(name, number)
        try:
            values = json.loads(line, object_pairs_hook=_once)
            problem = None if isinstance(values, dict) else "it is no JSON object"
        except (ValueError, RecursionError) as error:
            values, problem = None, _why(line, error)
        rows.append(Row(where, values) if problem is None else BadRow(where, "broken_json", problem))
    names = dict.fromkeys(name for row in rows if isinstance(row, Row) for name in row.cells)
    if not names:
        broken = next((row for row in rows if isinstance(row, BadRow)), None)
        why = "it is empty" if broken is None else f"line {broken.where.number}: {broken.detail}"
        raise SourceUnusable(f"{path} cannot be read: {why}")
    columns.check(path, sorted(names))
    return rows


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            raise ValueError(f"it holds {short(name)!r} twice")
        values[name] = value
    return values


def _why(text: str, error: BaseException) -> str:
    if "\0" in text:
        return "it holds a NUL byte"
    return "it is nested too deeply" if isinstance(error, RecursionError) else first_line(error)


def read_json_objects(path: str, size_bytes: int, name: str) -> Iterator[Row | BadRow]:
    """The objects of a JSON list, one at a time, so that a list of any length takes little memory.

    Takes `[{…}, …]`, `{…, "data": [{…}, …]}` and one object a line. What is no object is a row without values. A BadRow
    comes last, where no more can be read: the file is cut, or is no JSON from there on.

    Raises:
        SourceUnusable: when the file cannot be opened.
    """
    try:
        with open_ranged(path, size_bytes) as file:
            yield from parse_json_objects(decoded_chunks(file), name)
    except OSError as error:
        raise SourceUnusable(f"{path} cannot be read: {reason_of(error)}") from error


def parse_json_objects(chunks: Iterator[str], name: str) -> Iterator[Row | BadRow]:
    """See `read_json_objects`; the text comes in pieces."""
    decoder = json.JSONDecoder()
    buffer, position = next(chunks, ""), 0
    listed = ended = False
    line, entry = 1, 1
    opening = re.match(r"\s*\[", buffer) or re.match(r'\s*\{(?:(?!\{).)*?"data"\s*:\s*\[', buffer, re.DOTALL)
    if opening:
        position, listed = opening.end(), True
        line += buffer.count("\n", 0, position)
    while True:
        between = re.compile(r"[\s,]*").match(buffer, position)
        assert between is not None
        line += buffer.count("\n", position, between.end())
        position = between.end()
        where = Where(name, line, entry=entry)
        at_end = position >= len(buffer)
        if not at_end and listed and buffer[position] == "]":
            return
        if not at_end:
            try:
                value, end = decoder.raw_decode(buffer, position)
            except ValueError as error:
                if ended or len(buffer) - position > _MOST_OBJECT_CHARACTERS:
                    why = "cut or broken" if ended else f"no JSON in {_MOST_OBJECT_CHARACTERS:,} characters"
                    detail = _why(buffer[position : position + _MOST_OBJECT_CHARACTERS], error)
                    yield BadRow(where, "broken_json", f"{why}: {detail}")
                    return
            except RecursionError:
                yield BadRow(where, "broken_json", "it is nested too deeply")
                return
            else:
                line += buffer.count("\n", position, end)
                position = end
                entry += 1
                yield Row(where, value if isinstance(value, dict) else {})
                continue
        if ended:
            if listed:
                yield BadRow(where, "broken_json", "cut: the list is never closed")
            return
        more = next(chunks, None)
        if more is None:
            ended = True
        else:
            buffer, position = buffer[position:] + more, 0


def parse_json_object(data: bytes) -> dict[str, Any] | str:
    """One JSON object, in whatever encoding; where the bytes hold none, why."""
    text = decode_text(data)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return _why(text, error)
    return value if isinstance(value, dict) else "it is no JSON object"
