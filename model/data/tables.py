"""Reads the rows of a release from the Parquet tables of its shards, and checks them before any sound is decoded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from model.data.parquet import read_columns
from model.errors import ReleaseUnreadable, one_line
from model.files import FileRefused, open_file, plain_parts
from model.folders import TABLE, no_rows, shard_names, stated_rows
from model.targets import MEASURES, VOCABULARY

#: The columns that are read, and their types.
COLUMNS = pa.schema(
    [
        ("file_name", pa.string()),
        ("id", pa.string()),
        ("source_id", pa.string()),
        ("augmentation", pa.int64()),
        ("captions", pa.list_(pa.string())),
        ("captions_original", pa.list_(pa.string())),
        ("duration_s", pa.float64()),
        ("sample_rate", pa.int64()),
        ("n_sources", pa.int64()),
        ("channels", pa.string()),
        ("azimuth_deg", pa.float64()),
        ("elevation_deg", pa.float64()),
        *((measure.column, pa.float64()) for measure in MEASURES),
        *((attribute, pa.string()) for attribute in VOCABULARY),
    ]
)
# Older releases lack these, which are then null.
_OPTIONAL = frozenset(("n_sources", "channels"))
# What the models hear. The files of higher degrees, beside those of the rows, are not read.
_CHANNELS = "WYZX"
# A row without a value in one of these cannot be used.
_NEEDED = ("file_name", "id", "duration_s", "sample_rate")
# They are null together in a row of several or moving sources, and in no other.
_DIRECTION = ("azimuth_deg", "elevation_deg")
_MOST_SOURCES = 1000
#: The range of a number in every row; without it, a row can ask for any amount of memory.
_RANGES = {"duration_s": (0.0, 86_400.0), "sample_rate": (1.0, 384_000.0)}


def read_shards(release: Path, split: str) -> Iterator[tuple[str, pa.Table]]:
    """Yields the names of a split's shards, such as ``train/00000-of-00012``, with their rows, in order.

    Raises:
        ReleaseUnreadable: no such release, no rows in the split, a table or column that is missing or broken, more rows
            than release.json states or the size of a table allows, a file name that leads out of its shard, or a row
            without captions.
    """
    shards, stated, rows = shard_names(release, split), stated_rows(release, split), 0
    for shard in shards:
        file = release / shard / TABLE
        try:
            with open_file(release, f"{shard}/{TABLE}") as opened:
                read = read_columns(opened, COLUMNS.names, None if stated is None else stated - rows)
        except FileRefused as error:
            raise ReleaseUnreadable(one_line(error)) from None
        # A table may hold anything, and pyarrow raises errors of its own and of Python for it.
        except (OSError, pa.ArrowException, ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise ReleaseUnreadable(f"{file}: cannot be read: {one_line(error)}") from None
        table = _cast(read, file)
        _check(table, file)
        rows += len(table)
        yield shard, table
    if not rows:
        raise no_rows(release, split)


def _cast(table: pa.Table, file: Path) -> pa.Table:
    """Selects the columns of COLUMNS and converts them to its types."""
    missing = [name for name in COLUMNS.names if name not in table.column_names and name not in _OPTIONAL]
    if missing:
        raise ReleaseUnreadable(f"{file}: no column {missing[0]}")
    columns = []
    for field in COLUMNS:
        if field.name not in table.column_names:
            columns.append(pa.nulls(len(table), field.type))
            continue
        if table.column_names.count(field.name) > 1:
            raise ReleaseUnreadable(f"{file}: two columns {field.name}")
        column = table.column(field.name)
        try:
            columns.append(column.cast(field.type))
        except pa.ArrowException:
            raise ReleaseUnreadable(f"{file}: column {field.name} is {column.type}, not {field.type}") from None
    return pa.Table.from_arrays(columns, schema=COLUMNS)


def _check(table: pa.Table, file: Path) -> None:
    for column in _NEEDED:
        usable = table.column(column).is_valid()
        if pa.types.is_floating(table.column(column).type):
            usable = pc.and_kleene(usable, pc.is_finite(table.column(column)))
        if not pc.all(usable, min_count=0).as_py():
            row = pc.index(usable, False).as_py()
            raise ReleaseUnreadable(f"{file}: row {row} has no {column}")
    _check_directions(table, file)
    channels = table.column("channels")
    row = pc.index(pc.fill_null(pc.not_equal(channels, _CHANNELS), False), True).as_py()
    if row >= 0:
        raise ReleaseUnreadable(
            f"{file}: row {row} has the channels {channels[row].as_py()[:80]}; the model hears ambisonics, {_CHANNELS}"
        )
    for column, (least, most) in _RANGES.items():
        values = table.column(column)
        _refuse_first(pc.or_(pc.less(values, least), pc.greater(values, most)), column, table, file)
    for measure in MEASURES:
        if measure.logarithmic:
            # NaN stands for no value, as null does.
            values = pc.if_else(pc.is_nan(table.column(measure.column)), None, table.column(measure.column))
            wrong = pc.or_(pc.less_equal(values, 0), pc.invert(pc.is_finite(values)))
            _refuse_first(pc.fill_null(wrong, False), measure.column, table, file)
    for attribute, words in VOCABULARY.items():
        values = table.column(attribute)
        known = pc.or_kleene(pc.is_null(values), pc.is_in(values, value_set=pa.array(words, pa.string())))
        row = pc.index(known, False).as_py()
        if row >= 0:
            found = repr(values[row].as_py())[:80]
            raise ReleaseUnreadable(f"{file}: row {row}: {attribute} is {found}, none of {', '.join(words)}")
    for name, captions, originals in zip(
        table.column("file_name").to_pylist(),
        table.column("captions").to_pylist(),
        table.column("captions_original").to_pylist(),
        strict=True,
    ):
        try:
            plain_parts(name)
        except FileRefused:
            raise ReleaseUnreadable(f"{file}: file_name {name!r} leads out of the shard") from None
        if not captions or any(not (caption or "").strip() for caption in captions):
            raise ReleaseUnreadable(f"{file}: {name} has no captions, or an empty one")
        if not originals or None in originals or len(captions) != len(originals):
            raise ReleaseUnreadable(f"{file}: {name}: captions and captions_original do not pair up")


def _check_directions(table: pa.Table, file: Path) -> None:
    """Refuses a row that lacks a direction which it should have, or has one and several sources."""
    sources = table.column("n_sources")
    _refuse_first(pc.or_(pc.less(sources, 1), pc.greater(sources, _MOST_SOURCES)), "n_sources", table, file)
    # A single source may move; a release of before has still sources alone.
    may_be_null, several = pc.is_valid(sources), pc.fill_null(pc.greater(sources, 1), False)
    given = [table.column(name).is_valid() for name in _DIRECTION]
    for column, own, other in zip(_DIRECTION, given, reversed(given), strict=True):
        is_number = pc.fill_null(pc.is_finite(table.column(column)), False)
        wrong = pc.if_else(own, pc.invert(is_number), pc.or_(pc.invert(may_be_null), other))
        row = pc.index(wrong, True).as_py()
        if row >= 0:
            raise ReleaseUnreadable(f"{file}: row {row} has no {column}")
        row = pc.index(pc.and_(several, own), True).as_py()
        if row >= 0:
            raise ReleaseUnreadable(f"{file}: row {row} has {sources[row].as_py()} sources and one {column}")


def _refuse_first(wrong: Any, column: str, table: pa.Table, file: Path) -> None:
    row = pc.index(wrong, True).as_py()
    if row >= 0:
        raise ReleaseUnreadable(f"{file}: row {row}: {column} is {table.column(column)[row].as_py()}")
