"""Files on a local disk, on S3 or behind a Beam file system such as gs://: read, write at once, list, remove.

The scheme of an address chooses the module that reaches it. Beam and the client of S3 are imported with the first
address that needs them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Protocol

from transforms.storage import local_files


class Backend(Protocol):
    """What each kind of storage does; each raises an OSError of one line that names the address."""

    def read(self, path: str, start: int = 0, length: int | None = None) -> bytes:
        """Reads `length` bytes from `start` on, or as many as there are; None is all."""

    def write(self, path: str, data: bytes) -> None:
        """Writes a file that is either whole or not there."""

    def exists(self, path: str) -> bool:
        """Whether a file is there."""

    def sizes_below(self, folder: str) -> dict[str, int]:
        """Bytes of every file below a folder, by its name relative to it, sorted."""

    def remove(self, paths: Sequence[str]) -> None:
        """Removes files; one that is not there is fine."""


def is_remote(path: str) -> bool:
    """True for an address with a scheme, such as gs://bucket/folder."""
    return "://" in path


def _backend(path: str) -> Backend:
    if not is_remote(path):
        return local_files
    if path.startswith("s3://"):
        from transforms.storage import s3_objects

        return s3_objects
    from transforms.storage import beam_files

    return beam_files


def join(base: str, *parts: str) -> str:
    """The address of `parts` below `base`."""
    return "/".join([base.rstrip("/"), *parts]) if is_remote(base) else os.path.join(base, *parts)


def absolute(path: str) -> str:
    """The address for a process that runs in another folder of this machine."""
    return path if is_remote(path) else os.path.abspath(path)


def read_bytes(path: str) -> bytes:
    """The whole file.

    Raises:
        OSError: when it cannot be read.
    """
    return _backend(path).read(path)


def read_range(path: str, start: int, length: int) -> bytes:
    """`length` bytes of a file from `start` on, or as many as there are; of a remote file no others are fetched.

    Raises:
        OSError: when it cannot be read.
    """
    return _backend(path).read(path, start, length)


def write_bytes(path: str, data: bytes) -> None:
    """Writes a file that is either whole or not there, and the folders above it.

    Raises:
        OSError: when it cannot be written.
    """
    _backend(path).write(path, data)


def exists(path: str) -> bool:
    """Whether a file is there.

    Raises:
        OSError: when a remote store does not say.
    """
    return _backend(path).exists(path)


def list_sizes(folder: str) -> dict[str, int]:
    """Bytes of every file below a folder, by its name relative to it, sorted; one listing, not one call a file.

    A folder that does not exist has no files. A file that is just being written is not listed.

    Raises:
        OSError: when a remote store does not say.
    """
    return _backend(folder).sizes_below(folder)


def list_files(folder: str) -> list[str]:
    """The names of `list_sizes`."""
    return list(list_sizes(folder))


def remove_files(paths: Sequence[str]) -> None:
    """Removes files, a thousand a request where the store takes that; one that does not exist is fine.

    Raises:
        OSError: when one cannot be removed.
    """
    of_backend: dict[Backend, list[str]] = {}
    for path in paths:
        of_backend.setdefault(_backend(path), []).append(path)
    for backend, its_paths in of_backend.items():
        backend.remove(its_paths)


def remove_folder(folder: str) -> None:
    """Removes a folder and its files; a folder that does not exist is fine."""
    if is_remote(folder):
        remove_files([join(folder, name) for name in list_files(folder)])
    else:
        local_files.remove_folder(folder)


def remove_folders(base: str, folders: Sequence[str]) -> None:
    """Removes folders below `base`, remote ones by one listing of them all; one that does not exist is fine."""
    if not is_remote(base):
        for folder in folders:
            local_files.remove_folder(join(base, folder))
        return
    wanted = {folder.rstrip("/") for folder in folders}
    inside = (name for name in list_files(base) if any(parent in wanted for parent in _parents(name)))
    remove_files([join(base, name) for name in inside])


def _parents(name: str) -> Iterator[str]:
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name
