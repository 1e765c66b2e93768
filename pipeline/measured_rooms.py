"""The measured rooms of a recipe: read once in a process, and kept in a temporary folder until it ends."""

from __future__ import annotations

import atexit
import contextlib
from dataclasses import dataclass
from functools import lru_cache

from transforms.own_process import ProcessCrashed, call_in_own_process
from transforms.records import Rejection
from transforms.rooms.measured.files import MeasuredUnusable, measured_files
from transforms.rooms.measured.settings import Conventions
from transforms.rooms.responses.keep_measured import keep_measured
from transforms.rooms.responses.stored_responses import StoredResponses
from transforms.storage.temporary import temporary_folder

_INDEX = "responses.parquet"
_open_folders = contextlib.ExitStack()
atexit.register(_open_folders.close)


@dataclass(frozen=True)
class MeasuredRooms:
    """The responses of measured rooms, and what was rejected of their files."""

    responses: StoredResponses
    rejections: tuple[Rejection, ...]
    notes: tuple[str, ...]
    """Facts that reject nothing, such as what the directions cannot tell."""


@lru_cache(maxsize=2)
def read_measured_rooms(
    paths: tuple[str, ...], conventions: Conventions, shares: tuple[tuple[str, float], ...], seed: int
) -> MeasuredRooms:
    """Reads the responses in files and folders; the same arguments give the same object.

    Args:
        paths: the files and folders.
        conventions: what the recipe says of them.
        shares: the splits that take rooms, each with its share.
        seed: the recipe's seed.

    Raises:
        MeasuredUnusable: they cannot be used.
        OSError: the temporary folder cannot be written.
    """
    folder = _open_folders.enter_context(temporary_folder("rooms"))
    # A damaged file may crash the library of HDF5.
    try:
        kept = call_in_own_process(
            keep_measured, measured_files(paths), conventions, dict(shares), seed, folder, _INDEX
        )
    except ProcessCrashed as error:
        raise MeasuredUnusable(
            f"{', '.join(paths)}: one of the files is damaged; reading it crashes the library that reads it"
        ) from error
    return MeasuredRooms(*kept)
