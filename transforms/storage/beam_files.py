"""Files behind a Beam file system, such as gs://."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import BinaryIO

from apache_beam.io.filesystem import BeamIOError, FileSystem
from apache_beam.io.filesystems import FileSystems

from transforms.errors import one_line


def read(path: str, start: int = 0, length: int | None = None) -> bytes:
    """Reads `length` bytes from `start` on, or as many as there are; None is all.

    Raises:
        OSError: when the file cannot be read.
    """
    with _as_os_error(path), _open(path, length) as file:
        if start:
            file.seek(start)
        return bytes(file.read() if length is None else file.read(length))


def write(path: str, data: bytes) -> None:
    """Writes a file under its final name: an object appears when its upload is complete, and a rename would be a copy.

    Raises:
        OSError: when it cannot be written.
    """
    with _as_os_error(path):
        file = FileSystems.create(path, compression_type="uncompressed")
        try:
            file.write(data)
            file.close()
        except BaseException:
            _abandon(file)
            raise


def exists(path: str) -> bool:
    """Whether a file is there.

    Raises:
        OSError: when the store does not say.
    """
    with _as_os_error(path):
        return bool(FileSystems.exists(path))


def sizes_below(folder: str) -> dict[str, int]:
    """Bytes of every file below a folder, by its name relative to it, sorted.

    Raises:
        OSError: when the store does not say.
    """
    prefix = folder.rstrip("/") + "/"
    with _as_os_error(folder):
        (match,) = FileSystems.match([prefix + "**"])
        found = {metadata.path.removeprefix(prefix): metadata.size_in_bytes for metadata in match.metadata_list}
    return dict(sorted(found.items()))


def remove(paths: Sequence[str]) -> None:
    """Removes files; one that is not there is fine.

    Raises:
        OSError: when one cannot be removed.
    """
    if paths:
        with _as_os_error(paths[0]):
            FileSystems.delete(list(paths))


def _open(path: str, length: int | None) -> BinaryIO:
    if length is not None and path.startswith("gs://"):
        from apache_beam.io.gcp.gcsio import GcsIO

        # FileSystems would fetch 16 MB for the smallest read.
        store = GcsIO(pipeline_options=FileSystems._pipeline_options)
        return store.open(path, read_buffer_size=max(length, 1))
    return FileSystems.open(path, compression_type="uncompressed")


def _abandon(file: BinaryIO) -> None:
    """Lets go of a file that could not be written.

    Google's writer keeps what it could not send. It would try again for two minutes when Python removes it from memory,
    whatever the program is doing then.
    """
    buffer = getattr(file, "_buffer", None)
    if buffer is not None:
        buffer.close()


@contextmanager
def _as_os_error(path: str) -> Iterator[None]:
    """Turns what the client of a store raises into an OSError of one line that names the address."""
    try:
        yield
    except Exception as error:
        cause = _cause_of(error)
        if isinstance(cause, OSError):
            raise cause from error
        scheme = path.partition("://")[0]
        has_file_system = any(known.scheme() == scheme for known in FileSystem.get_all_subclasses())
        if isinstance(error, ImportError) or not has_file_system:
            wants = (
                "the extra gcp: pip install 'elsa-spatial-audio[gcp]'" if scheme == "gs" else "a file system of Beam's"
            )
            raise OSError(errno.ENOSYS, f"{scheme}:// needs {wants}", path) from error
        kind, code = (FileNotFoundError, errno.ENOENT) if _is_not_found(cause) else (OSError, errno.EIO)
        message = "not found" if kind is FileNotFoundError else one_line(cause)
        raise kind(code, message, path) from error


def _cause_of(error: Exception) -> Exception:
    """The error of the one address that was asked about: Beam wraps it, at times twice."""
    while isinstance(error, BeamIOError):
        causes = [cause for cause in (error.exception_details or {}).values() if isinstance(cause, Exception)]
        if not causes:
            break
        error = causes[0]
    return error


def _is_not_found(error: Exception) -> bool:
    # A client of Google's has the status as a number, or among its arguments where an upload was refused.
    return getattr(error, "code", None) == HTTPStatus.NOT_FOUND or HTTPStatus.NOT_FOUND in error.args
