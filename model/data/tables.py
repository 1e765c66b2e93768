"""Reads the rows of a release from the Parquet tables of its shards, and checks them before any sound is decoded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePath

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from model.errors import ReleaseUnreadable, one_line
from model.folders import no_rows, shard_tables
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
        ("sample_rate", pa.int64()),
        ("azimuth_deg", pa.float64()),
        ("elevation_deg", pa.float64()),
        *((measure.column, pa.float64()) for measure in MEASURES),
        *((attribute, pa.string()) for attribute in VOCABULARY),
    ]
)
# A row without a value in one of these cannot be used.
_NEEDED = ("file_name", "id", "sample_rate", "azimuth_deg", "elevation_deg")


def read_shards(release: Path, split: str) -> Iterator[tuple[Path, pa.Table]]:
    """Yields the shards of a split with their rows, in the order of the shards' names.

    Raises:
        ReleaseUnreadable: no such release, no rows in the split, a table or column that is missing or broken, a file
            name that leads out of its shard, or a row without captions.
    """
    rows = 0
    for file in shard_tables(release, split):
        try:
            names = pq.read_schema(file).names
            missing = [name for name in COLUMNS.names if name not in names]
            if missing:
                raise ReleaseUnreadable(f"{file}: no column {missing[0]}")
            # Opened as a file, since pyarrow would read the name of its folder as a partition.
            table = _cast(pq.ParquetFile(file).read(columns=COLUMNS.names), file)
        except (OSError, pa.ArrowException) as error:
            raise ReleaseUnreadable(f"{file}: cannot be read: {one_line(error)}") from None
        _check(table, file)
        rows += len(table)
        yield file.parent, table
    if not rows:
        raise no_rows(release, split)


def _cast(table: pa.Table, file: Path) -> pa.Table:
    """Selects the columns of COLUMNS and converts them to its types."""
    columns = []
    for field in COLUMNS:
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
    for name, captions, originals in zip(
        table.column("file_name").to_pylist(),
        table.column("captions").to_pylist(),
        table.column("captions_original").to_pylist(),
        strict=True,
    ):
        # Links are allowed, since model hubs store the files of a data set behind links.
        if PurePath(name).is_absolute() or ".." in PurePath(name).parts:
            raise ReleaseUnreadable(f"{file}: file_name {name!r} leads out of the shard")
        if not captions or any(not (caption or "").strip() for caption in captions):
            raise ReleaseUnreadable(f"{file}: {name} has no captions, or an empty one")
        if not originals or None in originals or len(captions) != len(originals):
            raise ReleaseUnreadable(f"{file}: {name}: captions and captions_original do not pair up")
