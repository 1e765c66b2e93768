"""Opens names below a folder of this machine, one component at a time: no link is followed, nothing is waited for.

The folder itself may be a link, because the user has named it. What lies below it may come from anybody.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

#: Opens a folder to look below it; with O_PATH the folder need not be readable.
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
#: Without O_NONBLOCK, opening a pipe waits until somebody writes to it.
_NO_LINK = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
#: Errors that a link, a device or a socket gives when it is opened as a file or as a folder.
_MAY_BE_SPECIAL = (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO, errno.EMLINK, errno.ENODEV)
_LONGEST_SHOWN_CHARS = 200


class NameRefused(OSError):
    """A name that came from outside and that is not opened: a link, a device, or a name that leads out."""


class Entry(NamedTuple):
    """A name in a folder; a link is neither a folder nor a file."""

    name: str
    is_folder: bool
    is_file: bool


def plain_name(name: object) -> str:
    """The name, if it is a relative one without `.`, `..` and empty parts.

    Raises:
        NameRefused: for any other name.
    """
    if not isinstance(name, str) or not name or "\0" in name:
        raise _refusal("is no name of a file", name)
    if any(part in ("", ".", "..") for part in name.split("/")):
        raise _refusal("leads out of its folder", name)
    try:
        os.fsencode(name)
    except UnicodeEncodeError as error:
        raise _refusal("is no name of a file", name) from error
    return name


def _refusal(why: str, name: object, code: int = errno.EINVAL) -> NameRefused:
    return NameRefused(code, why, ascii(name)[1:-1][:_LONGEST_SHOWN_CHARS] if isinstance(name, str) else repr(name))


@contextmanager
def opened_folder(folder: str, name: str = "", *, make: bool = False, path: str | None = None) -> Iterator[int]:
    """A descriptor of the folder called `name` below `folder`; "" is the folder itself.

    Args:
        folder: the folder that the user has named.
        name: a name as `plain_name` returns it, or "".
        make: whether folders that are missing are made.
        path: what an error names; None is the folder that is opened.

    Raises:
        NameRefused: when a link lies on the way.
        OSError: when a folder is missing or cannot be entered.
    """
    if make:
        os.makedirs(folder or os.curdir, exist_ok=True)
    descriptor = os.open(folder or os.curdir, _FOLDER)
    try:
        for part in name.split("/") if name else ():
            below = _enter(part, descriptor, path or os.path.join(folder, name), make=make)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def open_below(folder: str, name: str, flags: int = os.O_RDONLY, *, make: bool = False) -> int:
    """A descriptor of a regular file.

    Args:
        folder: the folder that the user has named.
        name: a name as `plain_name` returns it.
        flags: how the file is opened.
        make: whether folders that are missing are made.

    Raises:
        NameRefused: when a link lies on the way, or it is no regular file.
        OSError: when it is missing or cannot be opened.
    """
    path = os.path.join(folder, name)
    parent, _, last = name.rpartition("/")
    with opened_folder(folder, parent, make=make, path=path) as above:
        descriptor = _open(last, flags | _NO_LINK, above, path)
    kind = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(kind):
        os.close(descriptor)
        raise _refusal(_what(kind), path)
    return descriptor


def _enter(part: str, above: int, path: str, *, make: bool) -> int:
    if make:
        try:
            os.mkdir(part, dir_fd=above)
        except FileExistsError:
            pass
        except OSError as error:
            raise OSError(error.errno, error.strerror, path) from error
    return _open(part, _FOLDER | os.O_NOFOLLOW, above, path)


def _open(part: str, flags: int, above: int, path: str) -> int:
    try:
        return os.open(part, flags, 0o644, dir_fd=above)
    except OSError as error:
        kind = _kind(part, above) if error.errno in _MAY_BE_SPECIAL else None
        # A file where a folder should be is an error like any other.
        if kind is not None and not stat.S_ISREG(kind):
            raise _refusal(_what(kind), path, errno.ELOOP) from error
        raise OSError(error.errno, error.strerror, path) from error


def _kind(part: str, above: int) -> int | None:
    try:
        return os.stat(part, dir_fd=above, follow_symlinks=False).st_mode
    except OSError:
        return None


def _what(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "is a link, not a file"
    return "is a folder, not a file" if stat.S_ISDIR(mode) else "is a pipe, a socket or a device, not a file"


def write_below(folder: str, name: str, data: bytes, *, make: bool = True) -> None:
    """Writes a file under another name beside it and renames it; `make` makes the folders above it.

    Raises:
        NameRefused: when a link lies on the way. A link at the name itself is replaced.
        OSError: when it cannot be written; what was there before stays.
    """
    parent, _, last = name.rpartition("/")
    # A worker that outlives a killed build may be writing the same file: each process has a partial of its own.
    partial = f".{last}.{os.getpid()}.partial"
    with opened_folder(folder, parent, make=make) as above:
        try:
            with suppress(FileNotFoundError):
                os.unlink(partial, dir_fd=above)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with open(os.open(partial, flags | _NO_LINK, 0o666, dir_fd=above), "wb") as file:
                file.write(data)
            os.replace(partial, last, src_dir_fd=above, dst_dir_fd=above)
        except OSError as error:
            with suppress(OSError):
                os.unlink(partial, dir_fd=above)
            raise OSError(error.errno, error.strerror, os.path.join(folder, name)) from error


def replace_below(folder: str, old: str, new: str) -> None:
    """Renames a file within one folder below `folder`."""
    parent, _, last = new.rpartition("/")
    with opened_folder(folder, parent) as above:
        os.replace(old.rpartition("/")[2], last, src_dir_fd=above, dst_dir_fd=above)


def is_file(last: str, above: int) -> bool:
    """Whether an open folder holds a regular file of this name."""
    kind = _kind(last, above)
    return kind is not None and stat.S_ISREG(kind)


def entries_below(folder: str, name: str = "") -> list[Entry]:
    """What is in one folder, sorted by name; nothing is followed."""
    with opened_folder(folder, name) as above:
        readable = os.open(os.curdir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=above)
    try:
        with os.scandir(readable) as listed:
            return sorted(
                Entry(entry.name, entry.is_dir(follow_symlinks=False), entry.is_file(follow_symlinks=False))
                for entry in listed
            )
    finally:
        os.close(readable)


def sizes_below(folder: str, name: str = "") -> dict[str, int]:
    """Bytes of every file below a folder, by its name relative to it, sorted; a link counts as itself.

    A folder that is not there has no files. A file that is just being written is not listed.
    """
    found: dict[str, int] = {}
    with suppress(FileNotFoundError, NotADirectoryError), opened_folder(folder, name) as top:
        for base, folders, names, here in os.fwalk(os.curdir, dir_fd=top):
            # Links to folders are among the folders, and are not entered.
            for one in (*folders, *names):
                if one.startswith(".") and one.endswith(".partial"):
                    continue
                # What was removed since the folder was read is not listed.
                with suppress(FileNotFoundError):
                    status = os.stat(one, dir_fd=here, follow_symlinks=False)
                    if not stat.S_ISDIR(status.st_mode):
                        found[os.path.normpath(os.path.join(base, one))] = status.st_size
    return dict(sorted(found.items()))


def remove_below(folder: str, name: str) -> None:
    """Removes a file, or a link itself; one that is not there is fine."""
    parent, _, last = name.rpartition("/")
    with suppress(FileNotFoundError, NotADirectoryError), opened_folder(folder, parent) as above:
        os.unlink(last, dir_fd=above)


def remove_folder_below(folder: str, name: str) -> None:
    """Removes a folder and what is in it; one that is not there is fine, and a link to one stays."""
    parent, _, last = name.rpartition("/")
    with suppress(FileNotFoundError, NotADirectoryError), opened_folder(folder, parent) as above:
        # On network mounts a file that is still open, such as the log, stays under another name until it is closed.
        shutil.rmtree(last, ignore_errors=True, dir_fd=above)


def open_resolved(path: str) -> int:
    """A descriptor of the regular file at a path on which there was no link when it was resolved.

    Raises:
        NameRefused: when a link lies on the way now, or it is no regular file.
        OSError: when it is missing or cannot be opened.
    """
    absolute = os.path.isabs(path)
    name = os.path.normpath(path).lstrip("/") if absolute else path
    return open_below("/" if absolute else "", plain_name(name))
