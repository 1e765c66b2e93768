"""Files on a local disk or behind a Beam file system (gs://, s3://): read, write at once, list, remove."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from apache_beam.io.filesystems import FileSystems


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
    with FileSystems.open(path, compression_type="uncompressed") as file:
        return bytes(file.read())


def write_bytes(path: str, data: bytes) -> None:
    """Writes a file that is either whole or not there.

    Local: beside, then renamed. Remote: the final name at once, because an object appears when its upload is complete
    and a rename would be a copy.
    """
    if is_remote(path):
        with FileSystems.create(path, compression_type="uncompressed") as file:
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
    """Whether a file is there."""
    return os.path.exists(path) if not is_remote(path) else FileSystems.exists(path)


def list_files(folder: str) -> list[str]:
    """Every file below a folder, relative to it and sorted; one listing, not one call a file."""
    if not is_remote(folder):
        base = Path(folder)
        return sorted(str(path.relative_to(base)) for path in base.rglob("*") if not path.is_dir())
    prefix = folder.rstrip("/") + "/"
    (match,) = FileSystems.match([prefix + "**"])
    return sorted(metadata.path.removeprefix(prefix) for metadata in match.metadata_list)


def remove_partials(folder: str) -> None:
    """Removes what a killed process left beside the files it was writing in this folder; not in those below it."""
    if not is_remote(folder):
        for partial in Path(folder).glob(".*.partial"):
            partial.unlink(missing_ok=True)


def remove_folder(folder: str) -> None:
    """Removes a folder and what is in it; a folder that is not there is fine."""
    if not is_remote(folder):
        shutil.rmtree(folder, ignore_errors=True)
        return
    found = [join(folder, name) for name in list_files(folder)]
    if found:
        FileSystems.delete(found)
