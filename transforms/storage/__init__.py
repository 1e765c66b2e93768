"""Files on a local disk or behind a Beam file system (gs://, s3://): read, write at once, list, remove."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

from apache_beam.io.filesystem import BeamIOError
from apache_beam.io.filesystems import FileSystems

from transforms.errors import one_line
from transforms.storage import s3_objects


def is_remote(path: str) -> bool:
    """True for an address with a scheme, such as gs://bucket/folder."""
    return "://" in path


def join(base: str, *parts: str) -> str:
    """`parts` below `base`, on either kind of storage."""
    return "/".join([base.rstrip("/"), *parts]) if is_remote(base) else os.path.join(base, *parts)


def absolute(path: str) -> str:
    """The same place for a process that runs elsewhere on this machine; an address with a scheme is one already."""
    return path if is_remote(path) else os.path.abspath(path)


def read_bytes(path: str) -> bytes:
    """The whole file.

    Raises:
        OSError: when it cannot be read.
    """
    if not is_remote(path):
        return Path(path).read_bytes()
    if _is_s3(path):
        return s3_objects.read(path)
    with _told(path), FileSystems.open(path, compression_type="uncompressed") as file:
        return bytes(file.read())


def read_range(path: str, start: int, length: int) -> bytes:
    """`length` bytes of a file from `start` on, or as many as there are; of a remote file no others are fetched.

    Raises:
        OSError: when it cannot be read.
    """
    if _is_s3(path):
        return s3_objects.read(path, start, length)
    with _told(path), _opened_for(path, length) as file:
        file.seek(start)
        return bytes(file.read(length))


def write_bytes(path: str, data: bytes) -> None:
    """Writes a file that is either whole or not there.

    Local: beside, then renamed. Remote: the final name at once, because an object appears when its upload is complete
    and a rename would be a copy.
    """
    if _is_s3(path):
        s3_objects.write(path, data)
        return
    if is_remote(path):
        with _told(path), FileSystems.create(path, compression_type="uncompressed") as file:
            file.write(data)
        return
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    # A worker that outlives a killed build may be writing the same file: each process has a partial of its own.
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(data)
        os.replace(partial, target)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def exists(path: str) -> bool:
    """Whether a file is there.

    Raises:
        OSError: when a remote store does not say.
    """
    if not is_remote(path):
        return os.path.exists(path)
    if _is_s3(path):
        return s3_objects.exists(path)
    with _told(path):
        return bool(FileSystems.exists(path))


def list_sizes(folder: str) -> dict[str, int]:
    """Bytes of every file below a folder, by its name relative to it, sorted; one listing, not one call a file.

    A folder that is not there has none.

    Raises:
        OSError: when a remote store does not say.
    """
    if not is_remote(folder):
        return _local_sizes(folder)
    prefix = folder.rstrip("/") + "/"
    if _is_s3(folder):
        found = s3_objects.sizes_below(prefix)
    else:
        with _told(folder):
            (match,) = FileSystems.match([prefix + "**"])
            found = {metadata.path: metadata.size_in_bytes for metadata in match.metadata_list}
    return {path.removeprefix(prefix): size for path, size in sorted(found.items())}


def list_files(folder: str) -> list[str]:
    """Every file below a folder, relative to it and sorted; as `list_sizes`."""
    return list(list_sizes(folder)) if is_remote(folder) else sorted(_local_names(folder))


def remove_files(paths: Sequence[str]) -> None:
    """Removes files, a thousand a request where the store takes that; one that is not there is fine.

    Raises:
        OSError: when one cannot be removed.
    """
    s3 = [path for path in paths if _is_s3(path)]
    elsewhere = [path for path in paths if is_remote(path) and not _is_s3(path)]
    s3_objects.remove(s3)
    if elsewhere:
        with _told(elsewhere[0]):
            FileSystems.delete(elsewhere)
    for path in paths:
        if not is_remote(path):
            Path(path).unlink(missing_ok=True)


def remove_partials(folder: str) -> None:
    """Removes what a killed process left beside the files it was writing in this folder; not in those below it."""
    if not is_remote(folder):
        for partial in Path(folder).glob(".*.partial"):
            partial.unlink(missing_ok=True)


def remove_folder(folder: str) -> None:
    """Removes a folder and what is in it; a folder that is not there is fine."""
    if is_remote(folder):
        remove_files([join(folder, name) for name in list_files(folder)])
    else:
        shutil.rmtree(folder, ignore_errors=True)


def remove_folders(base: str, folders: Sequence[str]) -> None:
    """Removes folders below `base`, remote ones by one listing of them all; one that is not there is fine."""
    if not is_remote(base):
        for folder in folders:
            remove_folder(join(base, folder))
        return
    wanted = {folder.rstrip("/") for folder in folders}
    above = (name for name in list_files(base) if any(parent in wanted for parent in _parents(name)))
    remove_files([join(base, name) for name in above])


def _parents(name: str) -> Iterator[str]:
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


def _is_s3(path: str) -> bool:
    return path.startswith(s3_objects.SCHEME)


def _opened_for(path: str, length: int) -> BinaryIO:
    """The file, opened to read `length` bytes of it."""
    if not is_remote(path):
        return open(path, "rb")
    if path.startswith("gs://"):
        from apache_beam.io.gcp.gcsio import GcsIO

        # FileSystems would fetch 16 MB for the smallest read.
        store = GcsIO(pipeline_options=FileSystems._pipeline_options)
        return store.open(path, read_buffer_size=max(length, 1))
    return FileSystems.open(path, compression_type="uncompressed")


def _local_names(folder: str) -> Iterator[str]:
    for base, _, names in os.walk(folder):
        yield from (os.path.relpath(os.path.join(base, name), folder) for name in names)


def _local_sizes(folder: str) -> dict[str, int]:
    sizes = {}
    for name in sorted(_local_names(folder)):
        # What is gone by now was a partial, and has its own name.
        with suppress(FileNotFoundError):
            sizes[name] = os.lstat(os.path.join(folder, name)).st_size
    return sizes


@contextmanager
def _told(path: str) -> Iterator[None]:
    """What a client of another store raises as an OSError of one line that names the address."""
    try:
        yield
    except Exception as error:
        cause = _cause_of(error)
        if isinstance(cause, OSError):
            raise cause from error
        if isinstance(error, (ImportError, ValueError)):
            # Beam's way to say that no file system of this scheme is installed.
            scheme = path.partition("://")[0]
            wants = (
                "the extra gcp: pip install 'elsa-spatial-audio[gcp]'" if scheme == "gs" else "a file system of Beam's"
            )
            raise OSError(errno.ENOSYS, f"{scheme}:// needs {wants}", path) from error
        kind, code = (FileNotFoundError, errno.ENOENT) if _is_not_found(cause) else (OSError, errno.EIO)
        message = "not found" if kind is FileNotFoundError else one_line(cause)
        raise kind(code, message, path) from error


def _cause_of(error: Exception) -> Exception:
    """What happened to the one address that was asked about: Beam wraps it, twice at times."""
    while isinstance(error, BeamIOError):
        causes = [cause for cause in (error.exception_details or {}).values() if isinstance(cause, Exception)]
        if not causes:
            break
        error = causes[0]
    return error


def _is_not_found(error: Exception) -> bool:
    # A client of Google's has the status as a number, or in its words where an upload was refused.
    return getattr(error, "code", None) == HTTPStatus.NOT_FOUND or HTTPStatus.NOT_FOUND in error.args
