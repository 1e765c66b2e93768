"""Which rows of a release can be used: no gap where a value is needed, numbers that are some, a file of its shard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transforms.shards.release_rows import ROW_COLUMNS
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
