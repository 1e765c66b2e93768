"""Files on a disk of this machine; a file appears at once, by a rename."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path


def read(path: str, start: int = 0, length: int | None = None) -> bytes:
    """Reads `length` bytes from `start` on, or as many as there are; None is all.

    Raises:
        OSError: when the file cannot be read.
    """
    with open(path, "rb") as file:
        if start:
            file.seek(start)
        return file.read(-1 if length is None else length)


def write(path: str, data: bytes) -> None:
    """Writes a file beside its place and renames it.

    Raises:
        OSError: when it cannot be written; what was there before stays.
    """
    folder, name = os.path.split(path)
    # A worker that outlives a killed build may be writing the same file: each process has a partial of its own.
    partial = os.path.join(folder, f".{name}.{os.getpid()}.partial")
    try:
        file = open(partial, "wb")  # noqa: SIM115
    except FileNotFoundError:
        os.makedirs(folder, exist_ok=True)
        file = open(partial, "wb")  # noqa: SIM115
    try:
        with file:
            file.write(data)
        os.replace(partial, path)
    except OSError:
        with suppress(FileNotFoundError):
            os.unlink(partial)
        raise


def exists(path: str) -> bool:
    """Whether a file or folder is there."""
    return os.path.exists(path)


def sizes_below(folder: str) -> dict[str, int]:
    """Bytes of every file below a folder, by its name relative to it, sorted; a link counts as itself."""
    return dict(sorted(_sizes(folder)))


def remove(paths: Sequence[str]) -> None:
    """Removes files; one that is not there is fine.

    Raises:
        OSError: when one cannot be removed.
    """
    for path in paths:
        Path(path).unlink(missing_ok=True)


def remove_folder(folder: str) -> None:
    """Removes a folder and what is in it; a folder that is not there is fine."""
    # On network mounts a file that is still open, such as the log, stays under another name until it is closed.
    shutil.rmtree(folder, ignore_errors=True)


def _sizes(folder: str) -> Iterator[tuple[str, int]]:
    for base, _, names in os.walk(folder):
        for name in names:
            if name.startswith(".") and name.endswith(".partial"):
                continue
            path = os.path.join(base, name)
            # What was removed since the folder was read is not listed.
            with suppress(FileNotFoundError):
                yield os.path.relpath(path, folder), os.lstat(path).st_size
