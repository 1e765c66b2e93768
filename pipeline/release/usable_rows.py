"""Which rows of a release can be used: no gap where a value is needed, numbers that are some, a file of its shard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pipeline.release.layout import read_table
from transforms.bounds.parquet_tables import TableRefused
from transforms.shards.release_rows import ROW_COLUMNS, ROW_SCHEMA
from transforms.shards.write_shard import METADATA
from transforms.words import VOCABULARY

#: Columns that may be null.
_MAY_BE_NULL = frozenset((*VOCABULARY, "caption_prompt", "license", "attribution", "source_url"))
#: File systems take no longer name.
LONGEST_NAME_BYTES = 255
#: All numbers of a release are below this; what is not finite is not.
_LARGEST_NUMBER = 1e12


def unusable_row(values: Mapping[str, Any]) -> str | None:
    """Why a row cannot be used: a column is null, a number is none, its file leads elsewhere; None if it can."""
    for column in ROW_COLUMNS:
        value = values[column.name]
        if value is None:
            if column.name not in _MAY_BE_NULL:
                return f"{column.name} is null"
            continue
        for part in value if isinstance(value, list) else (value,):
            if part is None or (isinstance(part, float) and not abs(part) < _LARGEST_NUMBER):
                return f"{column.name} holds {part}"
    name = values["file_name"]
    if len(name.encode()) > LONGEST_NAME_BYTES:
        return f"the name of its file has more than {LONGEST_NAME_BYTES} bytes"
    if name in ("", ".", "..", METADATA) or "/" in name or "\0" in name:
        return "leads out of its shard"
    return None


def unaskable_row(values: Mapping[str, Any]) -> str | None:
    """Why no model can be asked about a usable row: its columns contradict each other. None if one can."""
    counts = {len(values[column]) for column in ("captions", "captions_original", "caption_status")}
    if len(counts) > 1:
        return "captions, captions_original and caption_status are not of one length"
    for attribute, words in VOCABULARY.items():
        if values[attribute] is not None and values[attribute] not in words:
            return f"{attribute} is {values[attribute][:80]}, none of {', '.join(words)}"
    return None


def read_usable_rows(
    release: str, path: str, refuse: Callable[[Mapping[str, Any]], str | None] = lambda values: None
) -> list[dict[str, Any]]:
    """The rows of a shard's table, all of which can be used.

    Args:
        release: the folder or address of the release.
        path: the name of the table in it.
        refuse: says why a usable row is refused all the same; None if it is not.

    Raises:
        TableRefused: as for `read_table`, or when a row cannot be used.
        OSError: when the table cannot be read.
    """
    rows: list[dict[str, Any]] = read_table(release, path, schema=ROW_SCHEMA).to_pylist()
    for values in rows:
        problem = unusable_row(values) or refuse(values)
        if problem is not None:
            raise TableRefused(f"{path}: {problem}")
    return rows
