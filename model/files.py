"""Opens and writes the files of releases, runs and evaluations, which may come from strangers.

The user types a folder, which may be a link. All names below it are data. A name leads to a regular file inside the
folder, or it is refused: it is relative and has no ``..``, no link is followed on the way, and no device or pipe is
opened. Only this module opens, writes and removes such files.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path

from model.documents import DocumentRefused
from model.errors import one_line, printable

#: Ending of a file that is being written.
PARTS = ".part"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Without O_NONBLOCK, opening a pipe would wait for its writer.
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class FileRefused(OSError):
    """A name that leads to something else than a regular file inside its folder, or to a file that is too large."""


@contextmanager
def unreadable_as(kind: type[ValueError], file: Path) -> Iterator[None]:
    """Turns what keeps a file of JSON or YAML from being read into one line of an error class that a command prints."""
    try:
        yield
    except DocumentRefused as error:
        raise kind(f"{file}: {one_line(error)}") from None
    except FileRefused as error:
        raise kind(one_line(error)) from None
    except OSError as error:
        raise kind(f"{file}: cannot be read: {error.strerror}") from None


def plain_parts(name: object) -> list[str]:
    """The parts of a name below a folder, such as ``train/00000-of-00002/metadata.parquet``.

    Raises:
        FileRefused: the name is no text, empty or absolute, or has an empty part, ``.`` or ``..``.
    """
    parts = name.split("/") if isinstance(name, str) else []
    if not parts or "\0" in str(name) or any(part in ("", ".", "..") for part in parts):
        raise FileRefused(f"{printable(repr(name))} is not the name of a file inside its folder")
    return parts


@contextmanager
def _folder(folder: Path, parts: list[str]) -> Iterator[int]:
    """A descriptor of a folder below the folder that the user typed."""
    descriptor = os.open(folder, _FOLDER)
    try:
        for number, part in enumerate(parts, 1):
            try:
                below = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=descriptor)
            except OSError as error:
                raise _refusal(error, part, descriptor, folder.joinpath(*parts[:number])) from None
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def _refusal(error: OSError, part: str, folder: int, path: Path) -> OSError:
    """The error for a name that cannot be opened: it says when the name is a link."""
    try:
        is_link = stat.S_ISLNK(os.stat(part, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        is_link = False
    if is_link:
        return FileRefused(f"{path}: a link, and links are not followed here; cp -rL copies a folder without links")
    return type(error)(error.errno, error.strerror, str(path))


def _open(folder: Path, name: str, flags: int) -> int:
    """A descriptor of a regular file, by its name below a folder."""
    *above, last = plain_parts(name)
    path = folder / name
    with _folder(folder, above) as parent:
        try:
            # Devices are not opened at all, because opening one can already do something.
            _check_regular(os.stat(last, dir_fd=parent, follow_symlinks=False), path)
            descriptor = os.open(last, flags | _FILE, dir_fd=parent)
        except FileRefused:
            raise
        except OSError as error:
            raise _refusal(error, last, parent, path) from None
    return _checked(descriptor, path)


def _checked(descriptor: int, path: Path) -> int:
    try:
        _check_regular(os.fstat(descriptor), path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_regular(status: os.stat_result, path: Path) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise FileRefused(f"{path}: a link, and links are not followed here; cp -rL copies a folder without links")
    if not stat.S_ISREG(status.st_mode):
        raise FileRefused(f"{path}: not a regular file")


def open_file(folder: Path, name: str) -> BufferedIOBase:
    """Opens a regular file below a folder, to read it.

    Raises:
        FileRefused: the name leads to something else.
        OSError: it does not exist, or cannot be opened.
    """
    return os.fdopen(_open(folder, name, os.O_RDONLY), "rb")


def open_to_change(folder: Path, name: str) -> BufferedIOBase:
    """Opens a regular file below a folder, to read and write it. It raises as ``open_file``."""
    return os.fdopen(_open(folder, name, os.O_RDWR), "r+b")


def open_typed(path: Path) -> BufferedIOBase:
    """Opens a file that the user typed. It may be a link, but must be a regular file.

    Raises:
        FileRefused: it is a device, a pipe or a folder.
        OSError: it does not exist, or cannot be opened.
    """
    _check_regular(path.stat(), path)
    return os.fdopen(_checked(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), path), "rb")


def read_bytes(folder: Path, name: str, most_bytes: int) -> bytes:
    """Reads a file below a folder.

    Raises:
        FileRefused: the name leads to something else, or the file has more bytes.
        OSError: it does not exist, or cannot be read.
    """
    with open_file(folder, name) as file:
        return read_at_most(file, folder / name, most_bytes)


def read_typed(path: Path, most_bytes: int) -> bytes:
    """Reads a file that the user typed. It raises as ``open_typed`` and ``read_bytes``."""
    with open_typed(path) as file:
        return read_at_most(file, path, most_bytes)


def read_at_most(file: BufferedIOBase, path: Path, most_bytes: int) -> bytes:
    """Reads an open file.

    Raises:
        FileRefused: the file has more bytes.
    """
    content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise FileRefused(f"{path}: larger than {most_bytes} bytes")
    return content


def is_file(folder: Path, name: str) -> bool:
    """Whether a name below a folder leads to a regular file. A link is none."""
    try:
        *above, last = plain_parts(name)
        with _folder(folder, above) as parent:
            return stat.S_ISREG(os.stat(last, dir_fd=parent, follow_symlinks=False).st_mode)
    except OSError:
        return False


def exists(folder: Path, name: str) -> bool:
    """Whether a folder has an entry of this name: a file, a folder, a link or anything else."""
    return os.path.lexists(folder / name)


def has_size(folder: Path, name: str, size: int) -> bool:
    """Whether a name in a folder is a regular file of so many bytes. A link is none."""
    return is_file(folder, name) and (folder / name).stat().st_size == size


def folders_in(folder: Path, name: str) -> list[str]:
    """The names of the folders in a folder below the folder that the user typed, sorted. Files are left out.

    Raises:
        FileRefused: a link in it, or on the way.
        OSError: it cannot be listed.
    """
    found = []
    with _folder(folder, plain_parts(name)) as descriptor, os.scandir(descriptor) as entries:
        for entry in entries:
            if entry.is_symlink():
                raise _refusal(OSError(), entry.name, descriptor, folder / name / entry.name)
            if entry.is_dir(follow_symlinks=False):
                found.append(entry.name)
    return sorted(found)


def descriptor_path(file: BufferedIOBase) -> str:
    """A path of an open file, for libraries that open files only by a path. It stays the same file under any name."""
    return f"/dev/fd/{file.fileno()}"


def clear(folder: Path, name: str) -> Path:
    """Removes what has a name in a folder, a link itself and a folder with its content.

    Returns:
        The path, under which a library may now write. No link can lead what it writes elsewhere.
    """
    (last,) = plain_parts(name)
    path = folder / last
    if path.is_dir() and not path.is_symlink():
        # It does not follow links.
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    return path


def create(folder: Path, name: str) -> BufferedIOBase:
    """Opens a new, empty file in a folder, to write and read it. What had its name is removed, a link itself."""
    path = clear(folder, name)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _FILE
    return os.fdopen(os.open(path, flags, 0o666), "w+b")


def write_bytes(folder: Path, name: str, content: bytes) -> None:
    """Writes a file in a folder, and replaces an older one at once."""
    with create(folder, name + PARTS) as file:
        file.write(content)
    finish(folder, name)


def write_text(folder: Path, name: str, text: str) -> None:
    """Writes a text file in a folder, and replaces an older one at once."""
    # A name may have bytes that are no text; Python keeps them as surrogates.
    write_bytes(folder, name, text.encode("utf-8", "backslashreplace"))


def finish(folder: Path, name: str) -> None:
    """Gives a file that was written under ``name.part`` its name. A link of that name is replaced."""
    # It must be on the disk first, or a power failure could leave an empty file under the name.
    with open_to_change(folder, name + PARTS) as file:
        os.fsync(file.fileno())
    os.replace(folder / (name + PARTS), folder / name)


def make_folder(folder: Path, name: str) -> Path:
    """Makes a folder in a folder if it does not exist.

    Raises:
        FileRefused: a link or a file has its name.
    """
    (last,) = plain_parts(name)
    path = folder / last
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise FileRefused(f"{path}: not a folder")
    path.mkdir(exist_ok=True)
    return path


def take_files(folder: Path, name: str) -> None:
    """Moves the files of a folder in a folder up into it, each at once, and removes the empty folder."""
    inner = folder / name
    for file in sorted(inner.iterdir()):
        with file.open("rb") as open_file:
            os.fsync(open_file.fileno())
        os.replace(file, folder / file.name)
    inner.rmdir()
