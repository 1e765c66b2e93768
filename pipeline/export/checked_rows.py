"""Reads the rows of a release for an export, from tables whose SHA-256 is the one in release.json."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pipeline.check.verify import stated_shards
from pipeline.release.layout import ReleaseError, read_release_json, sha256_of
from pipeline.release.usable_rows import unusable_row
from transforms.bounds.parquet_tables import TableRefused, most_file_bytes, read_table
from transforms.shards.release_rows import ROW_SCHEMA, with_newer_columns
from transforms.shards.write_shard import METADATA
from transforms.storage import folder_files


class ReleaseDamaged(ValueError):
    """A file of the release differs from what the release states; one line for the user."""


def whole_shards(release: Path) -> tuple[list[dict[str, Any]], str | None]:
    """The shards that release.json states, and the release's digest.

    Raises:
        ReleaseError: when the folder has no release.json whose shards can be read.
    """
    stated = read_release_json(str(release))
    shards, problems = stated_shards(stated)
    if problems:
        raise ReleaseError(f"{problems[0]}; elsa verify {release} names every problem")
    return shards, stated.get("digest")


def checked_rows(release: Path, shards: Iterable[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields (folder of the shard, row) for each row; those of older releases get the columns of scenes.

    Raises:
        ReleaseDamaged: when a table is not the one in release.json, or a row of it cannot be used.
        OSError: when a table cannot be read.
    """
    for shard in shards:
        name = f"{shard['path']}/{METADATA}"
        with folder_files.open_file(str(release), name) as file:
            if sha256_of(file, most_file_bytes(shard["rows"])) != shard["metadata_sha256"]:
                raise ReleaseDamaged(f"{name}: its SHA-256 is not the one in release.json")
            try:
                rows = read_table(file, ROW_SCHEMA, rows=shard["rows"]).to_pylist()
            except TableRefused as error:
                raise ReleaseDamaged(f"{name}: {error}") from error
        for values in rows:
            problem = unusable_row(values)
            if problem is not None:
                raise ReleaseDamaged(f"{name}: {problem}")
            yield shard["path"], with_newer_columns(values)
