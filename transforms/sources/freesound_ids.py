"""Freesound's numbers, out of ids, addresses and lists of them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any

from transforms.errors import first_line, reason_of
from transforms.sources.lists.csv_rows import parse_csv
from transforms.sources.lists.rows import BadRow, Columns
from transforms.sources.lists.text import decode_text

#: Columns that hold a number, or an address that does.
_COLUMNS = ("sound_id", "freesound_id", "id", "sound_link", "url")

_ADDRESS = re.compile(r"freesound\.org/(?:people/[^/]+/sounds|s|apiv2/sounds|embed/sound/iframe)/(\d+)")
_PATH = re.compile(r"/people/[^/]+/sounds/(\d+)")


def freesound_id_of(text: object) -> str | None:
    """The number in "123", 123, "123.wav" or one of Freesound's addresses, without leading zeros; else None."""
    if isinstance(text, bool) or not isinstance(text, int | str):
        return None
    plain = str(text).strip()
    match = re.fullmatch(r"(\d{1,12})(?:\.[A-Za-z0-9]{2,4})?", plain) or _ADDRESS.search(plain) or _PATH.match(plain)
    return str(int(match.group(1))) if match else None


def read_ids(path: str) -> set[str]:
    """The Freesound ids that a file or a folder of Clotho's metadata lists names.

    A CSV file with one of the columns sound_id, freesound_id, id, sound_link or url (Clotho's clotho_metadata_*.csv),
    a JSON list or a mapping that holds lists (WavCaps' blacklists: the one called FreeSound alone), or a text file
    with an id or an address a line, # for comments.

    Raises:
        ValueError: when it cannot be read, or names no id; one line.
    """
    if os.path.isdir(path):
        found: set[str] = set()
        for base, folders, names in os.walk(path):
            folders.sort()
            for name in sorted(names):
                if name.startswith("clotho_metadata_") and name.endswith(".csv"):
                    found |= read_ids(os.path.join(base, name))
        if not found:
            raise ValueError(f"{path} holds no clotho_metadata_*.csv with an id")
        return found
    try:
        with open(path, "rb") as file:
            text = decode_text(file.read())
        ids = set(_ids(text, path))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {reason_of(error)}") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(first_line(error)) from error
    if not ids:
        raise ValueError(f"{path} names no Freesound id")
    return ids


def _ids(text: str, path: str) -> Iterator[str]:
    if path.lower().endswith(".json"):
        try:
            values = json.loads(text)
        except ValueError as error:
            raise ValueError(f"{path} cannot be read: {first_line(error)}") from error
        yield from _in_json(values)
        return
    header = (text.lstrip().splitlines() or [""])[0]
    columns = [name for name in _COLUMNS if re.search(rf'(^|[,;\t"]){name}($|[,;\t"])', header.strip())]
    if not columns:
        lines = (line.partition("#")[0].strip().strip(",;") for line in text.splitlines())
        yield from filter(None, map(freesound_id_of, lines))
        return
    for row in parse_csv(text, Columns(tuple(columns)), path):
        if isinstance(row, BadRow):
            raise ValueError(f"{path} cannot be read: line {row.where.number}: {row.detail}")
        # Clotho says "Not found" of some clips that have an address, and of some that have none.
        yield from list(filter(None, (freesound_id_of(row.cells[name]) for name in columns)))[:1]


def _in_json(values: Any) -> Iterator[str]:
    if isinstance(values, dict):
        freesound = next((values[name] for name in values if str(name).lower() == "freesound"), None)
        if freesound is not None:
            yield from _in_json(freesound)
        elif any(name in values for name in _COLUMNS):
            yield from list(filter(None, (freesound_id_of(values.get(name)) for name in _COLUMNS)))[:1]
        else:
            for value in values.values():
                if isinstance(value, list | dict):
                    yield from _in_json(value)
    elif isinstance(values, list):
        for value in values:
            number = freesound_id_of(value)
            if number is not None:
                yield number
            elif isinstance(value, list | dict):
                yield from _in_json(value)
