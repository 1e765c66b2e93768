"""Opening the file of a clip: the file itself, or a copy of one that is in a tar or on another machine."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator

from transforms import storage
from transforms.errors import reason_of
from transforms.records import Clip
from transforms.sound.isolated_decoder import in_memory
from transforms.sound.refusal import ClipRefused
from transforms.storage import folder_files
from transforms.storage.folder_files import NameRefused

#: The largest file in a tar or on another machine, which is held in memory twice. Five minutes of 16 channels at 48 kHz
#: and 32 bits have 1 GB.
MOST_FETCHED_BYTES = 1_000_000_000


def read_clip(clip: Clip) -> bytes:
    """Reads the encoded file of a clip; of a tar, only the part that holds it.

    Raises:
        ClipRefused: changed, not_a_file.
        OSError: the file cannot be read, or the tar ends before the clip does.
    """
    if storage.is_remote(clip.path):
        if clip.offset_bytes is None:
            return storage.read_bytes(clip.path)
        assert clip.size_bytes is not None
        data = storage.read_range(clip.path, clip.offset_bytes, clip.size_bytes)
    else:
        with open(_open(clip), "rb") as file:
            file.seek(clip.offset_bytes or 0)
            data = file.read() if clip.offset_bytes is None else file.read(clip.size_bytes)
    if clip.offset_bytes is not None and len(data) != clip.size_bytes:
        raise OSError(f"{clip.path} ends within {clip.member}")
    return data


@contextlib.contextmanager
def open_clip(clip: Clip) -> Iterator[int]:
    """Opens the encoded file of a clip and yields a descriptor that can be read and sought.

    Nothing is waited for, such as a pipe or a device under the name of a file. No link is followed that was not there
    when the input was listed, and no file is taken that was written since then.

    Raises:
        ClipRefused: missing, changed, not_a_file, unreadable, too_large.
    """
    if storage.is_remote(clip.path) or clip.offset_bytes is not None:
        with in_memory(_fetch(clip)) as descriptor:
            yield descriptor
        return
    try:
        descriptor = _open(clip)
    except FileNotFoundError as error:
        raise ClipRefused(
            "missing", "the file was there when the input was listed, and is not there any more"
        ) from error
    except OSError as error:
        raise ClipRefused("unreadable", reason_of(error)) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open(clip: Clip) -> int:
    """A descriptor of the local file that was listed, or of the tar."""
    try:
        descriptor = folder_files.open_listed(clip.target or clip.path)
    except NameRefused as error:
        raise ClipRefused("not_a_file", f"since the input was listed, it {error.strerror}") from error
    status = os.fstat(descriptor)
    is_other = clip.offset_bytes is None and clip.size_bytes not in (None, status.st_size)
    if is_other or clip.modified_ns not in (None, status.st_mtime_ns):
        os.close(descriptor)
        raise ClipRefused("changed", "the file was written, or another took its name, after the input was listed")
    return descriptor


def _fetch(clip: Clip) -> bytes:
    if clip.size_bytes is not None and clip.size_bytes > MOST_FETCHED_BYTES:
        size = f"{clip.size_bytes / 1e9:.1f} GB"
        raise ClipRefused("too_large", f"{size}; a file in a tar or on a remote store may have up to 1 GB")
    try:
        return read_clip(clip)
    except OSError as error:
        raise ClipRefused("unreadable", reason_of(error)) from error


def sha256_of(descriptor: int) -> str:
    """SHA-256 of a whole open file, whose position is moved.

    Raises:
        ClipRefused: unreadable.
    """
    try:
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            file.seek(0)
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ClipRefused("unreadable", reason_of(error)) from error
