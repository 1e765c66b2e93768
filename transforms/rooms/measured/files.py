"""The files of measured responses: found below what the user names, and opened through the gate."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from transforms.bounds import Refused
from transforms.errors import reason_of
from transforms.records import SPLITS
from transforms.storage import folder_files

CSV_NAME = "responses.csv"
#: The tables of TAU-SRIR: directions, and distances and sizes.
TABLES = ("rirdata.mat", "measinfo.mat")
_ENDINGS = (".sofa", ".mat")
#: The responses of one file or list; the largest sets have some ten thousands in all.
MOST_RESPONSES = 200_000


class MeasuredUnusable(Refused):
    """Measured responses cannot be used; the message is one line that names the file and what to do."""


@dataclass(frozen=True)
class MeasuredFile:
    """A SOFA file, a MAT file or a responses.csv."""

    name: str
    """Below the given path; unique."""
    path: str
    folder: str
    """The folder that the user has named, or that of the file that the user has named."""
    inner: str
    """The name below `folder`."""

    @property
    def kind(self) -> str:
        """`csv`, `sofa` or `mat`."""
        return os.path.splitext(self.inner)[1].lower().lstrip(".")

    @property
    def above(self) -> str:
        """The folder of the file, below `folder`; empty for that itself."""
        return self.inner.rpartition("/")[0]

    @property
    def split(self) -> str | None:
        """The split that a folder on the file's path is named after: the innermost, or the given folder itself."""
        folders = [os.path.basename(os.path.abspath(self.folder)), *self.name.split("/")[:-1]]
        return next((folder for folder in reversed(folders) if folder in SPLITS), None)

    def beside(self, name: str) -> str:
        """The name below `folder` of a file that is named relative to this one."""
        return f"{self.above}/{name}" if self.above else name

    def opened(self) -> BinaryIO:
        """The open file.

        Raises:
            MeasuredUnusable: it cannot be opened.
        """
        try:
            return folder_files.open_file(self.folder, self.inner)
        except OSError as error:
            raise MeasuredUnusable(f"{self.name} cannot be read: {reason_of(error)}") from error


def measured_files(paths: Sequence[str]) -> list[MeasuredFile]:
    """Finds every .sofa, .mat and responses.csv at or below these paths, sorted by name.

    Raises:
        MeasuredUnusable: no such file or folder, nothing of these in it, or two files of one name.
    """
    found: dict[str, MeasuredFile] = {}
    for path in paths:
        here = _files_at(path)
        if any(file.name in found and file.path != found[file.name].path for file in here):
            above = os.path.basename(os.path.abspath(here[0].folder))
            here = [MeasuredFile(f"{above}/{file.name}", file.path, file.folder, file.inner) for file in here]
        for file in here:
            other = found.setdefault(file.name, file)
            if os.path.abspath(other.path) != os.path.abspath(file.path):
                raise MeasuredUnusable(f"{other.path} and {file.path} have one name; give a folder above both")
    return [found[name] for name in sorted(found)]


def _files_at(path: str) -> list[MeasuredFile]:
    if os.path.isfile(path):
        folder, name = os.path.split(path)
        if not _is_measured(name):
            raise MeasuredUnusable(f"{path} is no .sofa, no .mat and no {CSV_NAME}")
        return [
            MeasuredFile(one, os.path.join(folder, one), folder or os.curdir, one) for one in _with_tables(folder, name)
        ]
    if not os.path.isdir(path):
        raise MeasuredUnusable(f"{path}: no such file or folder")
    try:
        names = [name for name in folder_files.list_files(path) if _is_measured(name.rpartition("/")[2])]
    except OSError as error:
        raise MeasuredUnusable(f"{path} cannot be listed: {reason_of(error)}") from error
    if not names:
        raise MeasuredUnusable(f"{path} holds no .sofa, no .mat and no {CSV_NAME}")
    return [MeasuredFile(name, os.path.join(path, name), path, name) for name in names]


def _with_tables(folder: str, name: str) -> list[str]:
    """A file that the user names, and the tables beside it that belong to a file of TAU-SRIR."""
    if not name.lower().endswith(".mat"):
        return [name]
    tables = [table for table in TABLES if table != name and os.path.isfile(os.path.join(folder, table))]
    return [name, *tables]


def _is_measured(name: str) -> bool:
    hidden = name.startswith(".")
    return not hidden and (name == CSV_NAME or name.lower().endswith(_ENDINGS))


def check_splits(rooms: dict[str, str | None], room_id: str, split: str | None) -> None:
    """Remembers the split of a room in `rooms`, and refuses a room of two splits.

    Raises:
        MeasuredUnusable: the room has responses of another split.
    """
    other = rooms.setdefault(room_id, split)
    if other != split:
        named = [one or "no split" for one in (other, split)]
        raise MeasuredUnusable(f"room {room_id!r} is in {named[0]} and in {named[1]}; a room has one split")
