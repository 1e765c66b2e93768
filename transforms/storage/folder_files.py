"""The files of a folder that may come from anybody: a release, a folder of requests, a build that goes on.

Every function takes the folder that the user has named, and the name of a file below it, such as
`train/00000-of-00012/metadata.parquet`. The folder may be a link or an address such as gs://bucket/folder. What the
name leads to is a regular file inside the folder, or it is refused: no link is followed on the way, no device and no
pipe is opened, and no name is absolute or holds `..`. Names on a remote store, which has no links, are checked as text.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from transforms import storage
from transforms.bounds.limits import MOST_FILE_BYTES
from transforms.storage import below_folder
from transforms.storage.below_folder import Entry, NameRefused, plain_name

__all__ = [
    "Entry",
    "FileIn",
    "NameRefused",
    "create_file",
    "entries_in",
    "exists",
    "list_files",
    "list_sizes",
    "make_folder",
    "open_file",
    "open_for_writing",
    "open_listed",
    "open_listed_file",
    "plain_name",
    "read_bytes",
    "read_listed",
    "remove_files",
    "remove_folder",
    "remove_folders",
    "remove_partials",
    "rename",
    "sha256_from_here",
    "size_of",
    "write_bytes",
]

_HASHED_BYTES = 1 << 20


@dataclass(frozen=True)
class FileIn:
    """A file of a folder that may come from anybody, as it is handed on to workers."""

    folder: str
    name: str

    def open(self) -> BinaryIO:
        """The open file; see `open_file`."""
        return open_file(self.folder, self.name)

    def __str__(self) -> str:
        return storage.join(self.folder, self.name)


def open_file(folder: str, name: str) -> BinaryIO:
    """A regular file, opened to be read and sought; of a remote one, its bytes.

    Raises:
        NameRefused: when the name leads to anything else than a regular file inside the folder.
        OSError: when it cannot be read.
    """
    name = plain_name(name)
    if storage.is_remote(folder):
        return io.BytesIO(storage.read_bytes(storage.join(folder, name)))
    return open(below_folder.open_below(folder, name), "rb")


def read_bytes(folder: str, name: str, most_bytes: int = MOST_FILE_BYTES) -> bytes:
    """The whole file.

    Args:
        folder: the folder or address that the user has named.
        name: the name of the file below it.
        most_bytes: a longer file is not read.

    Raises:
        NameRefused: as for `open_file`.
        OSError: when it cannot be read, or is longer than `most_bytes`.
    """
    with open_file(folder, name) as file:
        return _read(file, os.path.join(folder, name), most_bytes)


def _read(file: BinaryIO, path: str, most_bytes: int) -> bytes:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    # A file that grows since then is read to the byte that shows it.
    data = file.read(size + 1) if size <= most_bytes else b""
    if max(size, len(data)) > most_bytes:
        raise OSError(errno.EFBIG, f"is larger than {most_bytes} bytes", path)
    return data


def size_of(folder: str, name: str) -> int:
    """The bytes of a file.

    Raises:
        NameRefused, OSError: as for `open_file`.
    """
    with open_file(folder, name) as file:
        return file.seek(0, os.SEEK_END)


def exists(folder: str, name: str) -> bool:
    """Whether there is a regular file of this name; a link is none.

    Raises:
        OSError: when a remote store does not say.
    """
    name = plain_name(name)
    if storage.is_remote(folder):
        return storage.exists(storage.join(folder, name))
    parent, _, last = name.rpartition("/")
    try:
        with below_folder.opened_folder(folder, parent) as above:
            return below_folder.is_file(last, above)
    except OSError:
        return False


def entries_in(folder: str, name: str = "") -> list[Entry]:
    """What is in one local folder, sorted by name; nothing is followed.

    Raises:
        NameRefused, OSError: when it cannot be listed.
    """
    return below_folder.entries_below(folder, plain_name(name) if name else "")


def list_sizes(folder: str, name: str = "") -> dict[str, int]:
    """Bytes of every file below the folder called `name`, by its name relative to that; a link counts as itself.

    A folder that does not exist has no files. A file that is just being written is not listed.

    Raises:
        NameRefused: when a link lies on the way.
        OSError: when a remote store does not say.
    """
    name = plain_name(name) if name else ""
    if storage.is_remote(folder):
        return storage.list_sizes(storage.join(folder, name) if name else folder)
    return below_folder.sizes_below(folder, name)


def list_files(folder: str, name: str = "") -> list[str]:
    """The names of `list_sizes`."""
    return list(list_sizes(folder, name))


def write_bytes(folder: str, name: str, data: bytes, *, make: bool = True) -> None:
    """Writes a file that is either whole or not there; a link of that name is replaced.

    Args:
        folder: the folder or address that the user has named.
        name: the name of the file below it.
        data: its content.
        make: whether missing folders above a local file are made.

    Raises:
        NameRefused: when a link lies on the way.
        OSError: when it cannot be written.
    """
    name = plain_name(name)
    if storage.is_remote(folder):
        storage.write_bytes(storage.join(folder, name), data)
    else:
        below_folder.write_below(folder, name, data, make=make)


def open_for_writing(folder: str, name: str, flags: int) -> int:
    """A descriptor of a local file that is made where it is missing, with the folders above it.

    Raises:
        NameRefused: when the name leads to anything else than a regular file inside the folder.
        OSError: when it cannot be opened.
    """
    return below_folder.open_below(folder, plain_name(name), flags | os.O_CREAT, make=True)


def create_file(folder: str, name: str) -> BinaryIO:
    """A new, empty local file, opened to be written.

    Raises:
        NameRefused, OSError: as for `open_for_writing`.
    """
    return open(open_for_writing(folder, name, os.O_RDWR | os.O_TRUNC), "wb")


def make_folder(folder: str, name: str = "") -> None:
    """Makes a local folder and those above it where they are missing.

    Raises:
        NameRefused: when a link lies on the way.
        OSError: when it cannot be made.
    """
    with below_folder.opened_folder(folder, plain_name(name) if name else "", make=True):
        pass


def rename(folder: str, old: str, new: str) -> None:
    """Gives a local file another name in the same folder; a file or a link of that name is replaced."""
    below_folder.replace_below(folder, plain_name(old), plain_name(new))


def remove_files(folder: str, names: Sequence[str]) -> None:
    """Removes files, and links themselves; one that does not exist is fine.

    Raises:
        OSError: when one cannot be removed.
    """
    names = [plain_name(name) for name in names]
    if storage.is_remote(folder):
        storage.remove_files([storage.join(folder, name) for name in names])
        return
    for name in names:
        below_folder.remove_below(folder, name)


def remove_folder(folder: str, name: str) -> None:
    """Removes a folder and its files; one that does not exist is fine."""
    remove_folders(folder, [name])


def remove_folders(folder: str, names: Iterable[str]) -> None:
    """Removes folders, remote ones by one listing of them all; one that does not exist is fine.

    Raises:
        NameRefused: when a link lies on the way.
    """
    names = [plain_name(name) for name in names]
    if storage.is_remote(folder):
        storage.remove_folders(folder, names)
        return
    for name in names:
        below_folder.remove_folder_below(folder, name)


def remove_partials(folder: str) -> None:
    """Removes what killed processes left of files that they were writing in this folder; not in the folders below."""
    if storage.is_remote(folder):
        return
    names = [entry.name for entry in entries_in(folder) if entry.name.startswith(".")]
    remove_files(folder, [name for name in names if name.endswith(".partial")])


def open_listed(path: str) -> int:
    """A descriptor of a local file of an input, by the path that `transforms.sources.input_tree` has listed.

    Such a path holds no link, because the listing resolves those that it allows. A link on the way has come since then.

    Raises:
        NameRefused: when a link lies on the way, or it is no regular file.
        OSError: when it is missing or cannot be opened.
    """
    return below_folder.open_resolved(path)


def open_listed_file(path: str) -> BinaryIO:
    """A file of an input, opened to be read and sought; of a remote one, its bytes. See `open_listed`.

    Raises:
        NameRefused, OSError: as for `open_listed`.
    """
    if storage.is_remote(path):
        return io.BytesIO(storage.read_bytes(path))
    return open(open_listed(path), "rb")


def read_listed(path: str, most_bytes: int) -> bytes:
    """The bytes of a file of an input, local or remote; see `open_listed`.

    Raises:
        NameRefused, OSError: as for `open_listed`, or when it is longer than `most_bytes`.
    """
    with open_listed_file(path) as file:
        return _read(file, path, most_bytes)


def sha256_from_here(file: BinaryIO) -> str:
    """SHA-256 of an open file from its position to its end, some of it at a time.

    Raises:
        OSError: when it cannot be read.
    """
    digest = hashlib.sha256()
    while chunk := file.read(_HASHED_BYTES):
        digest.update(chunk)
    return digest.hexdigest()
