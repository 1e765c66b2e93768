"""Which rows of a release can be used: no gap where a value is needed, numbers that are some, a file of its shard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transforms.shards.release_rows import ONE_PLACE_COLUMNS, ROW_COLUMNS, SCENE_COLUMNS, has_one_place
from transforms.shards.source_columns import SOURCES_TYPE
from transforms.shards.write_shard import METADATA
from transforms.words import VOCABULARY

#: Columns that may be null.
_MAY_BE_NULL = frozenset(
    (*VOCABULARY, "caption_prompt", "license", "attribution", "source_url", *(c.name for c in SCENE_COLUMNS))
)
_MAY_BE_NULL_IN_SOURCE = frozenset(
    ("label", "license", "attribution", "source_url", "direction", "elevation", "distance", "motion")
)
#: File systems take no longer name.
LONGEST_NAME_BYTES = 255
#: All numbers of a release are below this; what is not finite is not.
_LARGEST_NUMBER = 1e12


def unusable_row(values: Mapping[str, Any]) -> str | None:
    """Why a row cannot be used: a column is null, a number is none, its file leads elsewhere; None if it can.

    The columns of place are null where a row has more than one place.
    """
    sources = values["sources"]
    may_be_null = _MAY_BE_NULL if sources is None or has_one_place(sources) else _MAY_BE_NULL.union(ONE_PLACE_COLUMNS)
    for column in ROW_COLUMNS:
        value = values[column.name]
        if column.type == SOURCES_TYPE:
            problem = _unusable_sources(value)
            if problem is not None:
                return problem
            continue
        if value is None:
            if column.name not in may_be_null:
                return f"{column.name} is null"
            continue
        for part in value if isinstance(value, list) else (value,):
            if not _is_usable(part):
                return f"{column.name} holds {part}"
    name = values["file_name"]
    if len(name.encode()) > LONGEST_NAME_BYTES:
        return f"the name of its file has more than {LONGEST_NAME_BYTES} bytes"
    if name in ("", ".", "..", METADATA) or "/" in name or "\0" in name:
        return "leads out of its shard"
    return None


def _unusable_sources(sources: list[dict[str, Any] | None] | None) -> str | None:
    """Why the sources of a row cannot be used; None if they can, or an older release has none."""
    if sources is None:
        return None
    if not sources:
        return "sources is empty"
    for source in sources:
        if source is None:
            return "sources holds None"
        for name, value in source.items():
            if name == "path":
                if value is None or not all(point and all(map(_is_usable, point.values())) for point in value):
                    return "sources.path holds a gap"
            elif value is None:
                if name not in _MAY_BE_NULL_IN_SOURCE:
                    return f"sources.{name} is null"
            elif not all(map(_is_usable, value if isinstance(value, list) else [value])):
                return f"sources.{name} holds what is no value"
    return None


def _is_usable(part: Any) -> bool:
    return part is not None and not (isinstance(part, float) and not abs(part) < _LARGEST_NUMBER)
