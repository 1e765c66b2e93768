"""Which rows of a release can be used: no gap where a value is needed, numbers that are some, a file of its shard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pipeline.release.layout import read_table
from pipeline.release.row_flacs import unusable_flacs
from transforms.bounds.parquet_tables import TableRefused
from transforms.scene_words import MOTIONS
from transforms.scenes.settings import MOST_SOURCES
from transforms.shards.release_rows import (
    ONE_PLACE_COLUMNS,
    RECEIVER_COLUMNS,
    ROW_COLUMNS,
    ROW_SCHEMA,
    SCENE_COLUMNS,
    UNTOLD_COLUMNS,
    UNTOLD_OF_SOURCE,
    has_one_place,
    with_newer_columns,
)
from transforms.shards.source_columns import SOURCES_TYPE
from transforms.shards.write_shard import METADATA
from transforms.sound.clip_audio import SAMPLE_RATE
from transforms.words import VOCABULARY

#: Columns that may be null.
_MAY_BE_NULL = frozenset(
    (
        *(*VOCABULARY, "caption_prompt", "license", "attribution", "source_url"),
        *(column.name for column in (*SCENE_COLUMNS, *RECEIVER_COLUMNS)),
    )
)
_MAY_BE_NULL_IN_SOURCE = frozenset(
    ("label", "license", "attribution", "source_url", "direction", "elevation", "distance", "motion")
)
#: The fields of a source that hold a word. A caption is made of the words of all sources.
_WORDS = {**{name: VOCABULARY[name] for name in ("direction", "elevation", "distance")}, "motion": MOTIONS}
#: File systems take no longer name.
LONGEST_NAME_BYTES = 255
#: All numbers of a release are below this; what is not finite is not.
_LARGEST_NUMBER = 1e12


def unusable_row(values: Mapping[str, Any]) -> str | None:
    """Why a row cannot be used: a column is null, a number is none, its file leads elsewhere; None if it can.

    The columns of place are null where a row has more than one place. In a measured room some are not known.
    """
    sources, is_measured = values["sources"], values["response_id"] is not None
    may_be_null = _MAY_BE_NULL if sources is None or has_one_place(sources) else _MAY_BE_NULL.union(ONE_PLACE_COLUMNS)
    if is_measured:
        may_be_null = may_be_null.union(UNTOLD_COLUMNS)
    for column in ROW_COLUMNS:
        value = values[column.name]
        if column.type == SOURCES_TYPE:
            problem = _unusable_sources(value, is_measured=is_measured)
            if problem is not None:
                return problem
            continue
        if value is None:
            if column.name not in may_be_null:
                return f"{column.name} is null"
            continue
        for part in value if isinstance(value, list) else (value,):
            if not _is_usable(part) and not (part is None and is_measured and column.name == "t30_bands_ms"):
                return f"{column.name} holds {part}"
    if values["sample_rate"] != SAMPLE_RATE:
        return f"sample_rate is {values['sample_rate']}, not {SAMPLE_RATE}"
    name = values["file_name"]
    if len(name.encode()) > LONGEST_NAME_BYTES:
        return f"the name of its file has more than {LONGEST_NAME_BYTES} bytes"
    if name in ("", ".", "..", METADATA) or "/" in name or "\0" in name:
        return "leads out of its shard"
    return unusable_flacs(values)


def _unusable_sources(sources: list[dict[str, Any] | None] | None, *, is_measured: bool) -> str | None:
    """Why the sources of a row cannot be used; None if they can, or an older release has none."""
    may_be_null = _MAY_BE_NULL_IN_SOURCE.union(UNTOLD_OF_SOURCE) if is_measured else _MAY_BE_NULL_IN_SOURCE
    if sources is None:
        return None
    if not 1 <= len(sources) <= MOST_SOURCES:
        return f"sources holds {len(sources)}, not 1 to {MOST_SOURCES}"
    for source in sources:
        if source is None:
            return "sources holds None"
        for name, value in source.items():
            if name == "path":
                if value is None or not all(point and all(map(_is_usable, point.values())) for point in value):
                    return "sources.path holds a gap"
            elif value is None:
                if name not in may_be_null:
                    return f"sources.{name} is null"
            elif not all(map(_is_usable, value if isinstance(value, list) else [value])):
                return f"sources.{name} holds what is no value"
            elif name in _WORDS and value not in _WORDS[name]:
                return f"sources.{name} is {str(value)[:80]}, which is no word of a release"
    return None


def _is_usable(part: Any) -> bool:
    return part is not None and not (isinstance(part, float) and not abs(part) < _LARGEST_NUMBER)


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
    """The rows of a shard's table, all of which can be used; those of older releases get the columns of scenes.

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
    return [with_newer_columns(values) for values in rows]
