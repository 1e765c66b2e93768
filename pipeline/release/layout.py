"""The layout of a release: its digest, its file names, and how its tables are read and gathered."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import pyarrow as pa

from pipeline.recipe import RECIPE
from pipeline.release.gathering import Gathered
from pipeline.stated_release import StatedRelease
from transforms import storage
from transforms.bounds import parquet_tables
from transforms.bounds.json_values import JsonRefused, as_model, parse_json
from transforms.bounds.limits import MOST_JSON_BYTES
from transforms.bounds.parquet_tables import TableRefused
from transforms.errors import reason_of
from transforms.records import SPLITS
from transforms.shards import workspace
from transforms.shards.release_rows import ROOM_SCHEMA, as_answers, row_digest
from transforms.shards.write_shard import METADATA
from transforms.storage import folder_files

ROOMS, ANSWERS, REJECTED = "rooms.parquet", "answers.parquet", "rejected.parquet"
RELEASE_JSON, CARD, CROISSANT = "release.json", "README.md", "croissant.json"
CITATION, ATTRIBUTION = "CITATION.cff", "attribution.csv"
#: The files at the root beside release.json, which states the SHA-256 of each.
ROOT_FILES = (RECIPE, ROOMS, ANSWERS, REJECTED, CARD, CROISSANT, CITATION, ATTRIBUTION)
REPORT_FOLDER = "report"


_BLOCK_BYTES = 1 << 20


class ReleaseError(ValueError):
    """A folder that is no release, or whose release cannot be used."""


class DigestBuilder:
    """SHA-256 over every row in the order of their ids; the order in which they are added does not matter."""

    def __init__(self) -> None:
        # One bytes object for each row, because a release may have a million rows.
        self._rows: list[bytes] = []

    def add_entries(self, entries: Iterable[bytes]) -> None:
        """Adds rows, given as `digest_entry` makes them."""
        self._rows += entries

    def hexdigest(self) -> str:
        """The digest so far; it covers each row's pcm_sha256, so the samples too."""
        digest = hashlib.sha256()
        self._rows.sort()
        for row in self._rows:
            digest.update(row)
        return digest.hexdigest()

    def repeated_ids(self) -> list[str]:
        """The ids that more than one row has, sorted."""
        self._rows.sort()
        names = (row[:-_ENTRY_TAIL] for row in self._rows)
        return sorted({first.decode() for first, second in itertools.pairwise(names) if first == second})


#: The length of an entry after the row's id: a null byte and a SHA-256.
_ENTRY_TAIL = 33


def digest_entry(values: Mapping[str, Any]) -> bytes:
    """The entry of a row in the digest: its id and the SHA-256 of its columns."""
    name: str = values["id"]
    return name.encode() + b"\0" + row_digest(values)


def metadata_paths(release: str) -> list[str]:
    """The metadata.parquet of every finished shard, relative to the release, sorted."""
    if not storage.is_remote(release):
        # The FLACs in these folders, perhaps a million, are not listed.
        named = (f"{split}/{shard}/{METADATA}" for split in SPLITS for shard in _shard_folders(release, split))
        return sorted(name for name in named if folder_files.exists(release, name))
    listed = ((split, folder_files.list_files(release, split)) for split in SPLITS)
    return sorted(f"{split}/{name}" for split, names in listed for name in names if name.endswith(f"/{METADATA}"))


def _shard_folders(release: str, split: str) -> list[str]:
    try:
        return [entry.name for entry in folder_files.entries_in(release, split) if entry.is_folder]
    except (FileNotFoundError, NotADirectoryError):
        return []


def read_table(
    release: str, name: str, columns: Sequence[str] | None = None, schema: pa.Schema | None = None
) -> pa.Table:
    """A Parquet file of the release, or some columns of it.

    Args:
        release: the folder or address of the release.
        name: the name of the file in it.
        columns: the columns that are read; None reads all.
        schema: the types that the columns have to have; None takes any.

    Raises:
        TableRefused: when it is damaged, or larger than a limit allows.
        OSError: when it cannot be read.
    """
    try:
        with folder_files.open_file(release, name) as file:
            return parquet_tables.read_table(file, schema, columns)
    except TableRefused as error:
        raise TableRefused(f"{name}: {error}") from error


def read_answers(release: str, name: str = ANSWERS) -> pa.Table:
    """A table of answers of the release, with all columns of answers.

    Raises:
        TableRefused: as for `read_table`, or when it holds no answers.
        OSError: when it cannot be read.
    """
    table = read_table(release, name)
    try:
        return as_answers(table)
    except (ValueError, KeyError) as error:
        raise TableRefused(f"{name}: its columns are not those of answers") from error


def sha256_of(file: BinaryIO, most_bytes: int) -> str:
    """The SHA-256 of an open file, read a block at a time; its position is at the end afterwards.

    Raises:
        OSError: when the file is larger than `most_bytes`; one that is empty but for its length would take hours.
    """
    digest = hashlib.sha256()
    if file.seek(0, os.SEEK_END) > most_bytes:
        raise OSError(errno.EFBIG, f"is larger than {most_bytes} bytes")
    file.seek(0)
    while block := file.read(_BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()


def read_rows(release: str, paths: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The rows of these metadata files, as plain values."""
    for path in paths:
        yield from read_table(release, path).to_pylist()


def read_release_json(release: str) -> dict[str, Any]:
    """The content of release.json.

    Raises:
        ReleaseError: if there is none, or it is not JSON.
    """
    path = storage.join(release, RELEASE_JSON)
    try:
        values = parse_json(folder_files.read_bytes(release, RELEASE_JSON, MOST_JSON_BYTES))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ReleaseError(
            f"{release} holds no {RELEASE_JSON}: it is not a release, or one that is not whole"
        ) from error
    except (ValueError, OSError) as error:
        raise ReleaseError(f"{path} cannot be read: {reason_of(error)}") from error
    if not isinstance(values, dict):
        raise ReleaseError(f"{path} is not a JSON object")
    return values


def stated_release(release: str) -> StatedRelease:
    """The keys of release.json that identify a release, with their types.

    Raises:
        ReleaseError: if there is none, it is not JSON, or a key holds a value of another type.
    """
    try:
        return as_model(StatedRelease, read_release_json(release))
    except JsonRefused as error:
        raise ReleaseError(f"{storage.join(release, RELEASE_JSON)}: {error}") from error


@contextmanager
def gather(
    release: str, kind: str, schema: pa.Schema, root_name: str, more: Iterable[dict[str, Any]] = ()
) -> Iterator[Gathered]:
    """One table of all shards' tables of a kind, the table of an earlier build at the root, and further rows.

    Args:
        release: the folder or address of the release.
        kind: workspace.ANSWERS or workspace.REJECTED.
        schema: the columns of the tables.
        root_name: the name of the table at the root.
        more: further rows.
    """
    folder = workspace.folder_of(kind)
    complete = as_answers if kind == workspace.ANSWERS else _unchanged
    with Gathered(schema) as gathered:
        gathered.add(pa.Table.from_pylist(list(more), schema))
        for name in folder_files.list_files(release, folder):
            if name.endswith(".parquet"):
                with _other_columns_refused(f"{folder}/{name}"):
                    gathered.add(complete(read_table(release, f"{folder}/{name}")))
        if folder_files.exists(release, root_name):
            with folder_files.open_file(release, root_name) as file, _other_columns_refused(root_name):
                for table in parquet_tables.open_table(file).groups():
                    gathered.add(complete(table))
        yield gathered


@contextmanager
def _other_columns_refused(name: str) -> Iterator[None]:
    """Turns what a table of other columns raises into a TableRefused that names the table."""
    try:
        yield
    except TableRefused:
        raise
    except (pa.ArrowException, ValueError, KeyError, TypeError) as error:
        raise TableRefused(f"{name}: its columns are not those of a release") from error


def _unchanged(table: pa.Table) -> pa.Table:
    return table


def gather_rooms(release: str) -> pa.Table:
    """The rooms that this build and earlier ones have measured, sorted by id.

    Raises:
        TableRefused: when a table holds no rooms.
    """
    found: dict[str, dict[str, Any]] = {}
    names = [f"{workspace.ROOMS}/{name}" for name in folder_files.list_files(release, workspace.ROOMS)]
    if folder_files.exists(release, ROOMS):
        names.append(ROOMS)
    for name in names:
        for room in read_table(release, name, schema=ROOM_SCHEMA).to_pylist():
            if room["room_id"] is None:
                raise TableRefused(f"{name}: a room has no room_id")
            found[room["room_id"]] = room
    return pa.Table.from_pylist([found[name] for name in sorted(found)], ROOM_SCHEMA)
